"""One mask of several readers': majority by counting, STAPLE against its own formula."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.consensus import agreed

SHAPE = (12, 12, 12)


def cube(start: int, stop: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[start:stop, start:stop, start:stop] = True
    return mask


def test_majority_is_more_than_half() -> None:
    small, middle, large = cube(4, 6), cube(3, 7), cube(2, 9)
    assert np.array_equal(agreed([small, middle, large], "majority"), middle)
    assert np.array_equal(agreed([small, large], "majority"), small), "of two what both drew"


def by_hand(masks: list[np.ndarray]) -> np.ndarray:
    """Expectation and maximisation of Warfield's equations, on the voxels given."""
    drawn = np.stack([m.ravel() for m in masks]).astype(float)
    prior = drawn.mean()
    p = q = np.full(len(masks), 0.99999)
    for _ in range(200):
        a = prior * np.prod(np.where(drawn == 1, p[:, None], 1 - p[:, None]), axis=0)
        b = (1 - prior) * np.prod(np.where(drawn == 0, q[:, None], 1 - q[:, None]), axis=0)
        w = a / (a + b)
        p, q = (drawn * w).sum(1) / w.sum(), ((1 - drawn) * (1 - w)).sum(1) / (1 - w).sum()
    return (w > 0.5).reshape(masks[0].shape)


def test_staple_is_that_of_its_paper_and_trusts_who_agrees() -> None:
    draw = np.random.default_rng(5)
    truth = cube(3, 8)
    good = [truth ^ (draw.random(SHAPE) < 0.01) for _ in range(2)]
    bad = [truth ^ (draw.random(SHAPE) < 0.4) for _ in range(3)]
    masks = [*good, *bad]  # drawn over the whole box, which is then what is looked at
    found = agreed(masks, "staple")
    assert np.array_equal(found, by_hand(masks))
    assert (found != truth).mean() < (agreed(masks, "majority") != truth).mean() / 3


def test_what_cannot_be() -> None:
    assert not agreed([cube(0, 0), cube(0, 0)], "staple").any()
    assert np.array_equal(agreed([cube(2, 5)] * 3, "staple"), cube(2, 5))
    with pytest.raises(LymphoscopeError, match="USE-E-NAME"):
        agreed([cube(2, 5)], "vote")
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKGRID"):
        agreed([cube(2, 5), np.zeros((2, 2, 2), bool)], "staple")
