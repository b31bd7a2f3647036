from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.fuzzy import LabelledFuzzyCMeans, MumfordShah, RobustFuzzyCMeans


def logits(u: Tensor) -> Tensor:
    return u.clamp(min=1e-12).log()


def halves() -> Tensor:
    """A lesion that fills half of a box: (1, 1, 4, 4, 4)."""
    mask = torch.zeros(1, 1, 4, 4, 4)
    mask[..., 2:] = 1
    return mask


def sure(mask: Tensor) -> Tensor:
    return torch.cat([1 - mask, mask], dim=1)


def test_a_perfect_image_of_two_levels_costs_nothing_without_neighbours() -> None:
    mask = halves()
    batch = Batch(0.1 + 0.4 * mask, None)
    assert float(RobustFuzzyCMeans(beta=0.0)({"logits": [logits(sure(mask))]}, batch)) == pytest.approx(0, abs=1e-9)
    assert float(MumfordShah(mu=0.0)({"logits": [logits(sure(mask))]}, batch)) == pytest.approx(0, abs=1e-9)


def test_it_does_not_know_which_class_is_the_lesion() -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 2, 4, 4, 4).softmax(dim=1)
    batch = Batch(torch.rand(2, 1, 4, 4, 4), None)
    for loss in (RobustFuzzyCMeans(beta=0.1), MumfordShah(mu=0.1)):
        torch.testing.assert_close(
            loss({"logits": [logits(u)]}, batch), loss({"logits": [logits(u.flip(1))]}, batch), rtol=1e-5, atol=1e-7
        )


def test_neighbours_are_counted_one_by_one() -> None:
    torch.manual_seed(1)
    u = torch.randn(1, 3, 3, 4, 5).softmax(dim=1)
    batch = Batch(torch.zeros(1, 1, 3, 4, 5), None)
    powers, wanted = u[0].square(), 0.0
    for z, y, x in torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(5)).tolist():
        for dz, dy, dx in torch.cartesian_prod(*[torch.arange(-1, 2)] * 3).tolist():
            a, b, c = z + dz, y + dy, x + dx
            if (dz, dy, dx) != (0, 0, 0) and 0 <= a < 3 and 0 <= b < 4 and 0 <= c < 5:
                near = powers[:, a, b, c]
                wanted += float((powers[:, z, y, x] * (near.sum() - near)).sum())
    found = RobustFuzzyCMeans(beta=1.0)({"logits": [logits(u)]}, batch)
    assert float(found) == pytest.approx(wanted / 60, rel=1e-5)


@pytest.mark.parametrize(("lesion", "cost"), [(1.0, 0.0), (0.0, 0.5), (0.5, 0.125)])
def test_the_labelled_loss_has_the_numbers_of_the_specification(lesion: float, cost: float) -> None:
    mask = torch.ones(1, 1, 4, 4, 4)
    u = sure(mask * lesion)
    assert float(LabelledFuzzyCMeans()(logits(u), mask.long())) == pytest.approx(cost, abs=1e-6)


def test_voxels_that_nobody_marked_teach_nothing() -> None:
    said = torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    labels = torch.full((1, 1, 4, 4, 4), IGNORE)
    labels[..., 0] = 1
    LabelledFuzzyCMeans()(said, labels).backward()
    assert said.grad is not None
    assert float(said.grad[..., 1:].abs().max()) == 0
    assert float(said.grad[..., 0].abs().min()) > 0
    assert float(LabelledFuzzyCMeans()(said.detach(), torch.full_like(labels, IGNORE))) == 0


def test_a_border_costs_its_area() -> None:
    batch = Batch(torch.zeros(1, 1, 4, 4, 4), None)
    found = MumfordShah(mu=1.0)({"logits": [logits(sure(halves()))]}, batch)
    assert float(found) == pytest.approx(2 * 16 / 64, rel=1e-5)
