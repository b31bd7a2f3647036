from __future__ import annotations

from itertools import pairwise

import monai.transforms
import numpy as np
import pytest
import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.losses.outline import BoundaryGradient, Irregularity, boundary_irregularity, steepness

SIDE = 64


def _shapes() -> dict[str, Tensor]:
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    shapes = {
        "disc": radius < 20,
        "square": (abs(y) < 18) & (abs(x) < 18),
        "star": radius < 20 + 6 * np.cos(14 * angle),
    }
    return {name: torch.from_numpy(shape).long()[None, None] for name, shape in shapes.items()}


def _sure(mask: Tensor, by: float = 40.0) -> Tensor:
    return by * torch.cat([1 - mask.float(), mask.float()], 1)


def test_outlines_are_the_less_regular_the_more_smoothing_takes_away() -> None:
    found = {name: boundary_irregularity(shape.float(), 2.0).item() for name, shape in _shapes().items()}
    assert found["disc"] < found["square"] < found["star"]
    assert found["disc"] == pytest.approx(0.081, abs=0.01)
    assert found["star"] == pytest.approx(0.233, abs=0.01)
    assert boundary_irregularity(torch.zeros(8, 8), 2.0).item() == pytest.approx(0)


def test_irregularity_is_that_beyond_the_label() -> None:
    shapes = _shapes()
    loss = Irregularity()
    assert loss(_sure(shapes["star"]), shapes["star"]).item() == pytest.approx(0, abs=1e-9)
    index = {name: boundary_irregularity(shape.float(), 2.0).item() for name, shape in shapes.items()}
    too_rough = loss(_sure(shapes["star"]), shapes["disc"]).item()
    assert too_rough == pytest.approx((index["star"] - index["disc"]) ** 2, rel=1e-4)
    assert loss(_sure(shapes["disc"]), shapes["star"]).item() == pytest.approx(too_rough, rel=1e-4)


def test_a_volume_is_its_slices_with_lesion() -> None:
    shapes = _shapes()
    empty = torch.zeros_like(shapes["disc"])
    volume, seen = (
        torch.stack(list(slices), 2) for slices in ((shapes["disc"], empty, shapes["star"]), (shapes["star"],) * 3)
    )
    flat = [Irregularity()(_sure(shapes["star"]), shapes[name]).item() for name in ("disc", "star")]
    assert Irregularity()(_sure(seen), volume).item() == pytest.approx(np.mean(flat), rel=1e-5)


def test_the_slope_of_irregularity_by_differences() -> None:
    chance = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 12, 12, generator=chance) * 2
    labels = torch.zeros(1, 1, 12, 12, dtype=torch.int64)
    labels[0, 0, 3:9, 4:9] = 1
    seen = logits.clone().requires_grad_()
    loss = Irregularity(1.0)
    loss(seen, labels).backward()
    assert seen.grad is not None
    steps = torch.randn(logits.shape, generator=chance)
    wide = 3e-3
    difference = (loss(logits + wide * steps, labels) - loss(logits - wide * steps, labels)).item() / (2 * wide)
    assert (seen.grad * steps).sum().item() == pytest.approx(difference, rel=0.01)


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(LymphoscopeError, match="above 0"):
        Irregularity(0.0)


def test_a_unit_step_is_half_steep() -> None:
    for dims in (2, 3):
        step = torch.zeros(1, 1, *(8,) * dims)
        step[..., 4:] = 1
        assert steepness(step)[0, 0].flatten(0, -2)[5].tolist() == pytest.approx([0, 0, 0, 0.5, 0.5, 0, 0, 0], abs=1e-5)


def test_steepness_is_that_of_monai() -> None:
    image = torch.rand(1, 1, 9, 11, generator=torch.Generator().manual_seed(1))
    theirs = monai.transforms.SobelGradients(normalize_kernels=True, padding_mode="replicate")(image[0])
    assert torch.allclose(steepness(image)[0, 0], theirs.norm(dim=0), atol=1e-5)


def test_the_gradient_on_the_band_is_0_when_right_and_grows_with_a_shift() -> None:
    for shape in (_shapes()["disc"], torch.zeros(1, 1, 16, 16, 16, dtype=torch.int64)):
        if shape.ndim == 5:
            shape[0, 0, 5:11, 5:11, 5:11] = 1
        costs = [BoundaryGradient()(_sure(shape.roll(by, -1)), shape).item() for by in range(3)]
        assert costs[0] == pytest.approx(0, abs=1e-6)
        assert all(first < second for first, second in pairwise(costs))


def test_only_the_band_is_judged() -> None:
    disc = _shapes()["disc"]
    far = _sure(disc)
    far[0, 1, :6, :6] = 100.0
    assert BoundaryGradient()(far, disc).item() == pytest.approx(0, abs=1e-6)
