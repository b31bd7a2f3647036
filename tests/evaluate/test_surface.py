from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from lymphoscope.evaluate.surface import SurfaceDistances, surface, surface_distances

SPACING = (3.0, 2.0, 2.0)


def cube(at: int = 10) -> np.ndarray:
    mask = np.zeros((40, 40, 40), bool)
    mask[10:20, 10:20, at : at + 10] = True
    return mask


def ball(radius: float) -> np.ndarray:
    z, y, x = np.indices((60, 70, 70))
    return ((z - 30) * 3) ** 2 + ((y - 35) * 2) ** 2 + ((x - 35) * 2) ** 2 <= radius**2


def measured(prediction: np.ndarray, reference: np.ndarray) -> SurfaceDistances:
    found = surface_distances(prediction, reference, SPACING)
    assert found is not None
    return found


def test_a_shifted_cube_has_the_numbers_of_the_specification() -> None:
    found = measured(cube(13), cube())
    assert found.hausdorff_mm() == found.hausdorff_mm(95) == 6.0
    assert found.assd_mm == pytest.approx(2.204918, abs=1e-6)
    assert found.nsd(2.0) == pytest.approx(0.622951, abs=1e-6)


def test_one_far_voxel_moves_the_hausdorff_distance_only() -> None:
    far = cube()
    far[30, 30, 30] = True
    found = measured(far, cube())
    assert found.hausdorff_mm() == pytest.approx(45.354, abs=1e-3)
    assert found.hausdorff_mm(95) == 0.0


def test_balls_have_the_numbers_of_the_specification() -> None:
    found = measured(ball(24), ball(20))
    assert found.hausdorff_mm() == pytest.approx(6.0)
    assert found.hausdorff_mm(95) == pytest.approx(5.0)
    assert found.pooled_percentile_mm(95) == pytest.approx(4.4721, abs=1e-4)
    assert found.assd_mm == pytest.approx(3.669895, abs=1e-6)
    assert found.nsd(4.0) == pytest.approx(0.760128, abs=1e-6)


def test_the_mean_of_directed_means_is_not_the_pooled_mean() -> None:
    one, two = ball(24), ball(12)
    found = measured(one, two)
    there, back = found.from_prediction.mean(), found.from_reference.mean()
    assert found.ahd_mm == pytest.approx((there + back) / 2)
    assert found.ahd_mm != pytest.approx(found.assd_mm, abs=0.01)
    assert measured(two, one).ahd_mm == pytest.approx(found.ahd_mm), "symmetric"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shift_by_one_voxel_is_that_far(axis: int) -> None:
    assert measured(np.roll(cube(), 1, axis), cube()).hausdorff_mm() == SPACING[axis]


def test_boundary_f1_is_one_for_any_tolerance_that_is_large_enough() -> None:
    found = measured(ball(24), ball(12))
    assert found.boundary_f1(1e9) == found.nsd(1e9) == 1.0
    assert found.boundary_f1(0.1) == 0.0
    assert measured(cube(), cube()).boundary_f1(0.0) == 1.0


def test_an_empty_mask_has_no_distance() -> None:
    empty = np.zeros_like(cube())
    assert surface_distances(empty, cube(), SPACING) is None
    assert surface_distances(cube(), empty, SPACING) is None


MASKS = arrays.arrays(bool, (5, 6, 7), elements=st.booleans())


@given(MASKS)
@settings(max_examples=40, deadline=None)
def test_the_surface_is_the_mask_minus_its_erosion(mask: np.ndarray) -> None:
    eroded = ndimage.binary_erosion(mask)  # beyond the border is outside
    assert np.array_equal(surface(mask), np.argwhere(mask & ~eroded))


@given(MASKS, MASKS)
@settings(max_examples=40, deadline=None)
def test_distances_are_those_of_a_distance_transform(one: np.ndarray, two: np.ndarray) -> None:
    found = surface_distances(one, two, SPACING)
    if found is None:
        assert not one.any() or not two.any()
        return
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (one, two)]
    far = ndimage.distance_transform_edt(~edges[1], SPACING)
    assert found.from_prediction == pytest.approx(far[edges[0]], abs=1e-9)
