from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.region import Dice
from lymphoscope.learn.losses.sources import Concordance, Each

SIZE = (2, 1, 4, 4, 4)


def logits(lesion: Tensor) -> Tensor:
    p = torch.cat([1 - lesion, lesion], dim=1).clamp(min=1e-7)
    return p.log()


def batch(labels: Tensor) -> Batch:
    return Batch(torch.zeros(SIZE), labels)


def test_sources_that_agree_cost_nothing_and_opposite_ones_all() -> None:
    torch.manual_seed(0)
    mask = (torch.rand(SIZE) > 0.5).float()
    shown = batch(mask.long())
    assert float(Concordance()({"each": [logits(mask), logits(mask)]}, shown)) == pytest.approx(0, abs=1e-5)
    assert float(Concordance()({"each": [logits(mask), logits(1 - mask)]}, shown)) == pytest.approx(1, abs=1e-4)
    empty = torch.zeros(SIZE)
    assert float(Concordance()({"each": [logits(empty), logits(empty)]}, shown)) == pytest.approx(0, abs=1e-5)


def test_nobody_has_to_agree_where_nobody_marked() -> None:
    mask = torch.zeros(SIZE)
    mask[..., :2] = 1
    labels = mask.long()
    labels[..., 2:] = IGNORE
    other = torch.ones(SIZE)
    assert float(Concordance()({"each": [logits(mask), logits(other)]}, batch(labels))) == pytest.approx(0, abs=1e-5)


def test_each_source_is_taught() -> None:
    torch.manual_seed(1)
    mask = (torch.rand(SIZE) > 0.5).long()
    said = [torch.randn(2, 2, 4, 4, 4, requires_grad=True) for _ in range(2)]
    found = Each(Dice())({"each": said}, batch(mask))
    torch.testing.assert_close(found, Dice()(said[0], mask) + Dice()(said[1], mask))
    found.backward()
    assert all(one.grad is not None and float(one.grad.abs().sum()) > 0 for one in said)
