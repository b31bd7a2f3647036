from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.overlap import Confusion, dice_with_empty_as_one, pooled, probability_error


def cube(at: int = 10, side: int = 10, shape: tuple[int, int, int] = (40, 40, 40)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[10 : 10 + side, 10 : 10 + side, at : at + side] = True
    return mask


EMPTY = np.zeros((40, 40, 40), bool)


def test_a_cube_shifted_by_three_voxels_has_the_numbers_of_the_specification() -> None:
    counts = Confusion.of(cube(13), cube(10))
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (700, 300, 300, 40**3 - 1300)
    assert counts.dice == pytest.approx(0.7, abs=1e-12)
    assert counts.iou == pytest.approx(0.53846, abs=1e-5)
    assert counts.sensitivity == counts.precision == pytest.approx(0.7)
    assert counts.specificity == pytest.approx((40**3 - 1300) / (40**3 - 1000))
    assert counts.accuracy == pytest.approx((40**3 - 600) / 40**3)
    assert counts.relative_volume_difference == 0


def test_one_far_voxel_hardly_moves_dice() -> None:
    far = cube()
    far[39, 39, 39] = True
    assert Confusion.of(far, cube()).dice == pytest.approx(0.99950, abs=1e-5)


@pytest.mark.parametrize(
    ("prediction", "reference", "dice", "as_one", "sensitivity", "precision"),
    [
        (EMPTY, EMPTY, None, 1.0, None, None),
        (cube(), EMPTY, None, 0.0, None, 0.0),
        (EMPTY, cube(), 0.0, 0.0, 0.0, None),
        (cube(), cube(), 1.0, 1.0, 1.0, 1.0),
    ],
)
def test_empty_masks_follow_the_convention(
    prediction: np.ndarray,
    reference: np.ndarray,
    dice: float | None,
    as_one: float,
    sensitivity: float | None,
    precision: float | None,
) -> None:
    counts = Confusion.of(prediction, reference)
    assert counts.dice == counts.iou == dice
    assert dice_with_empty_as_one(counts) == as_one
    assert (counts.sensitivity, counts.precision) == (sensitivity, precision)
    assert counts.specificity == (1.0 if precision != 0.0 else pytest.approx(1 - 1000 / 40**3))


def test_doubling_the_volume_is_a_difference_of_one() -> None:
    counts = Confusion.of(cube(10, 10) | cube(20, 10), cube(10, 10))
    assert counts.relative_volume_difference == pytest.approx(1.0)
    assert Confusion.of(cube(), EMPTY).relative_volume_difference is None


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4))
def test_dice_follows_from_iou(numbers: list[int]) -> None:
    counts = Confusion(*numbers)
    if counts.iou is not None:
        assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou), abs=1e-12)


def test_pooled_counts_weigh_cases_by_their_voxels() -> None:
    whole = pooled([Confusion(90, 10, 10, 0), Confusion(0, 0, 10, 0)])
    assert whole.dice == pytest.approx(180 / (180 + 30))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(LymphoscopeError) as refused:
        Confusion.of(EMPTY, EMPTY[1:])
    assert refused.value.code == "GEO-E-MASKGRID"


def test_dispersion_is_not_error() -> None:
    reference = cube()
    shifted = probability_error(np.full(reference.shape, 0.3), reference)
    assert shifted is not None
    assert shifted.mad == pytest.approx(0.0, abs=1e-12), "of a constant it is 0"
    share = 1000 / 40**3
    assert shifted.mae == pytest.approx(0.3 * (1 - share) + 0.7 * share)
    assert shifted.mse == pytest.approx(0.09 * (1 - share) + 0.49 * share)
    inside = probability_error(np.full(reference.shape, 0.3), reference, reference)
    assert inside is not None
    assert inside.mae == pytest.approx(0.7)
    assert probability_error(np.zeros(reference.shape), reference, EMPTY) is None
