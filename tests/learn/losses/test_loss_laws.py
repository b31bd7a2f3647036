"""What every loss on the shelf keeps, and what the specification says of each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.parts import made
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.spec import Use, use

SETTINGS = {"structure": {"window": 5}}
OF_LABELS = [
    *(use(name, **SETTINGS.get(name, {})) for name in LOSSES if LOSSES[name].facts["of"] == "labels"),
    use("boundary", form="bidirectional"),
    use("cosine_sine", plain=True),
    use("dice", squared=True, background=True, batchwise=True),
]
BELOW_ZERO = {"boundary"}


ONLY_OUTLINES = (use("boundary", form="bidirectional"), use("boundary_gradient"), use("irregularity"))
"""What these see of the inverse is what they see of the label."""
HEARD = {"boundary": 0.9, "prior_shift": 0.5, "boundary_gradient": 0.1, "irregularity": 0.2}
"""Least share of known voxels that get a gradient, where it is not all."""


def _wrong(loss: Use, labels: Tensor) -> Tensor:
    """Everything wrong; for what looks at outlines alone moved by three voxels, or full of holes."""
    if loss not in ONLY_OUTLINES:
        return (labels == 0).long()
    place = torch.arange(labels.shape[-1])
    return labels * (place % 2) if loss.name == "irregularity" else labels.roll(3, -1)


def _name(loss: Use) -> str:
    return "-".join([loss.name, *map(str, loss.params)])


def _labels(dims: int = 3, side: int = 10) -> Tensor:
    labels = torch.zeros(2, 1, *(side,) * dims, dtype=torch.int64)
    labels[(0, 0, *(slice(2, 6),) * dims)] = 1
    labels[(1, 0, *(slice(5, 8),) * dims)] = 1
    return labels


def _logits(labels: Tensor, seed: int = 0, classes: int = 2) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(labels.shape[0], classes, *labels.shape[2:], generator=chance)


def _sure(labels: Tensor, classes: int = 2, by: float = 20.0) -> Tensor:
    return by * torch.cat([(labels == c).float() for c in range(classes)], 1)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
def test_right_costs_less_than_wrong(loss: Use, dims: int) -> None:
    labels = _labels(dims)
    module = made("loss", loss)
    right, wrong = (module(_sure(seen), labels).item() for seen in (labels, _wrong(loss, labels)))
    unsure = module(_logits(labels), labels).item()
    assert right < wrong
    assert right < unsure
    assert unsure < wrong or loss in ONLY_OUTLINES
    assert right >= 0 or loss.name in BELOW_ZERO


@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
def test_every_known_voxel_is_heard_and_no_other(loss: Use) -> None:
    labels = _labels()
    labels[:, :, 0] = IGNORE
    labels[0, 0, 3, 3, 3] = IGNORE
    logits = _logits(labels).requires_grad_()
    made("loss", loss)(logits, labels).backward()
    assert logits.grad is not None
    heard = logits.grad.abs().sum(1, keepdim=True)
    assert float(heard[labels == IGNORE].max()) == 0
    assert torch.isfinite(heard).all()
    share = float((heard[labels != IGNORE] > 0).float().mean())
    assert share > HEARD.get(loss.name, 0.999)


@pytest.mark.parametrize("loss", [loss for loss in OF_LABELS if loss not in ONLY_OUTLINES[:2]], ids=_name)
def test_what_is_unknown_does_not_matter(loss: Use) -> None:
    labels = _labels()
    labels[:, :, :2] = IGNORE
    logits = _logits(labels)
    other = logits.clone()
    other[:, :, :2] = _logits(labels, seed=1)[:, :, :2]
    assert torch.equal(made("loss", loss)(logits, labels), made("loss", loss)(other, labels))


@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
@pytest.mark.parametrize("fill", [0, IGNORE])
def test_a_batch_without_lesion_or_label_is_finite(loss: Use, fill: int) -> None:
    labels = torch.full((2, 1, 8, 8, 8), fill)
    for seen in (_logits(labels), _sure(torch.zeros_like(labels), by=200.0)):
        logits = seen.requires_grad_()
        value = made("loss", loss)(logits, labels)
        value.backward()
        assert torch.isfinite(value)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        if fill == IGNORE:
            assert float(logits.grad.abs().max()) == 0


@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
def test_logits_of_half_precision_are_summed_in_full(loss: Use) -> None:
    labels = _labels()
    logits = _logits(labels).bfloat16()
    found = made("loss", loss)(logits, labels)
    assert found.dtype == torch.float32
    assert torch.equal(found, made("loss", loss)(logits.float(), labels))


@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
def test_several_lesion_classes(loss: Use) -> None:
    labels = _labels()
    labels[1] = torch.where(labels[1] == 1, 2, 0)
    settings = {"classes": 3} if loss.name == "prior_shift" else {}
    module = made("loss", Use(loss.name, {**loss.params, **settings}))
    swapped = _wrong(loss, labels) if loss in ONLY_OUTLINES else torch.where(labels == 0, 0, 3 - labels)
    right, wrong = (module(_sure(seen, classes=3), labels).item() for seen in (labels, swapped))
    assert right < wrong


@pytest.mark.parametrize("loss", OF_LABELS, ids=_name)
def test_confident_errors_stay_finite(loss: Use) -> None:
    labels = _labels()
    logits = _sure(1 - labels, by=500.0).requires_grad_()
    value = made("loss", loss)(logits, labels)
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
