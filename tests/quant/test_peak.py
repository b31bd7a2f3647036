"""SUVpeak against the specification's kernels, analytic spheres and the mean over the whole image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image import sphere as image_sphere
from lymphoscope.quant.peak import PeakRule, qpet_peak, sphere, sphere_means, suv_peak
from lymphoscope.quant.region import Region, region

CENTRE = PeakRule(weights="centre")
PARTIAL = PeakRule()


def one(array: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float] = (4.0, 4.0, 4.0)) -> Region:
    geometry = Geometry.axial(array.shape, spacing)
    image = Volume(np.asarray(array, dtype=np.float32), geometry, Unit.SUV_BW)
    return region(image, LesionMask(inside.astype(np.int32), geometry, "t"), 1)


def dense(offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    reach = np.abs(offsets).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((offsets + reach).T)] = weights
    return kernel


def test_the_sphere_holds_one_millilitre() -> None:
    assert PARTIAL.radius_mm == pytest.approx(6.2035, abs=5e-5)
    assert 4 / 3 * math.pi * PARTIAL.radius_mm**3 == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("spacing", "voxels", "volume_ml"),
    [((4.0, 4.0, 4.0), 19, 1.216), ((5.0, 5.47, 5.47), 7, 1.0472), ((2.03, 4.07, 4.07), 39, 1.311)],
)
def test_voxel_centre_kernels_of_the_specification(
    spacing: tuple[float, float, float], voxels: int, volume_ml: float
) -> None:
    geometry = Geometry.axial((9, 9, 9), spacing)
    _, weights = sphere(geometry, CENTRE)
    assert len(weights) == voxels
    assert len(weights) * geometry.voxel_ml == pytest.approx(volume_ml, abs=5e-4)
    _, partial = sphere(geometry, PARTIAL)
    assert partial.sum() * geometry.voxel_ml == pytest.approx(1.0, abs=0.015)
    assert 0 < partial.min() <= partial.max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.floats(1.2, 6.0)] * 3), st.floats(-3, 3), st.floats(-3, 3))
def test_a_turned_grid_has_the_same_sphere(spacing: tuple[float, float, float], a: float, b: float) -> None:
    plain = Geometry.axial((5, 5, 5), spacing)
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    turn = np.eye(4)
    turn[:3, :3] = about_z @ about_x
    turned = Geometry((5, 5, 5), turn @ plain.affine)
    left, right = (dense(*sphere(g, PARTIAL)) for g in (plain, turned))
    assert left.shape == right.shape
    # sub-voxels on the surface may change sides by rounding
    assert np.abs(left - right).max() <= 0.05
    assert left.sum() == pytest.approx(right.sum(), rel=5e-3)
    assert left.sum() * plain.voxel_ml == pytest.approx(1.0, abs=0.05)


def test_sheared_grid_measures_a_sphere_in_the_patient() -> None:
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 2.0], [0, 2.0, 0], [2.0, 0, 1.0]]  # each step along x rises by 1 mm
    geometry = Geometry((9, 9, 9), affine)
    offsets, weights = sphere(geometry, CENTRE)
    assert (np.linalg.norm(offsets @ affine[:3, :3].T, axis=1) <= CENTRE.radius_mm).all()
    assert len(weights) * geometry.voxel_ml == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("weights", ["partial", "centre"])
def test_the_lesion_rules_use_the_same_sphere(weights: str) -> None:
    """`lymphoscope.image.sphere` was written independently: both must agree."""
    rng = np.random.default_rng(5)
    array = rng.random((12, 14, 16))
    index = np.argwhere(np.ones(array.shape, bool))
    for spacing in ((4.0, 4.0, 4.0), (3.27, 2.73, 2.73), (2.0, 4.07, 4.07)):
        geometry = Geometry.axial(array.shape, spacing)
        ours = sphere_means(array, index, *sphere(geometry, PeakRule(weights=weights)))
        theirs = image_sphere.sphere_means(array, index, image_sphere.sphere_weights(spacing, mode=weights))
        assert np.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_means_equal_the_normalised_convolution_everywhere() -> None:
    """Every voxel of an image, the border too, against a dense convolution of image and coverage."""
    rng = np.random.default_rng(1)
    array = rng.random((9, 11, 10)).astype(np.float32)
    offsets, weights = sphere(Geometry.axial(array.shape, (3.0, 4.0, 2.5)), PARTIAL)
    kernel = dense(offsets, weights)
    wanted = signal.convolve(array.astype(np.float64), kernel, "same", "direct")
    wanted /= signal.convolve(np.ones(array.shape), kernel, "same", "direct")
    index = np.argwhere(np.ones(array.shape, bool))
    found = sphere_means(array, index, offsets, weights).reshape(array.shape)
    assert np.allclose(found, wanted, rtol=0, atol=1e-12)
    inner = index[(index >= 4).all(axis=1) & (index < np.array(array.shape) - 4).all(axis=1)]
    assert np.allclose(sphere_means(array, inner, offsets, weights), wanted[tuple(inner.T)], rtol=0, atol=1e-12)


def test_uniform_image_is_uniform_also_at_the_border() -> None:
    array = np.full((6, 6, 6), 7.5)
    inside = np.zeros(array.shape, bool)
    inside[0, 0, 0] = True
    for rule in (PARTIAL, CENTRE, PeakRule("centred")):
        assert suv_peak(one(array, inside), rule) == pytest.approx(7.5)


def test_highest_is_not_always_at_the_maximum() -> None:
    array = np.ones((12, 12, 12))
    array[2, 2, 2] = 9.0
    array[7:10, 7:10, 7:10] = 8.0
    inside = array > 4
    found = one(array, inside)
    assert suv_peak(found, PARTIAL) == pytest.approx(8.0)
    centred = suv_peak(found, PeakRule("centred"))
    _, weights = sphere(found.image.geometry, PARTIAL)
    assert centred == pytest.approx((weights.sum() + 8.0) / weights.sum())


def test_of_equal_maxima_the_one_with_the_highest_mean_counts() -> None:
    array = np.ones((12, 12, 12))
    array[2, 2, 2] = array[8, 8, 8] = 9.0
    array[8, 8, 9] = 8.0
    found = one(array, array > 4)
    _, weights = sphere(found.image.geometry, PARTIAL)
    offsets, _ = sphere(found.image.geometry, PARTIAL)
    beside = float(weights[(offsets == (0, 0, 1)).all(axis=1)][0])
    assert suv_peak(found, PeakRule("centred")) == pytest.approx((weights.sum() + 8 + 7 * beside) / weights.sum())
    assert qpet_peak(found) == pytest.approx((9 + 8 + 1 + 1) / 4)


def test_qpet_takes_face_and_edge_neighbours_only() -> None:
    array = np.ones((7, 7, 7))
    array[3, 3, 3] = 10.0
    array[3, 3, 4], array[3, 4, 4], array[4, 4, 4] = 6.0, 5.0, 9.0  # face, edge, corner
    found = one(array, array == 10)
    assert qpet_peak(found) == pytest.approx((10 + 6 + 5 + 1) / 4)


def test_qpet_at_the_border_of_a_thin_image() -> None:
    array = np.array([[[3.0, 6.0, 2.0]]])
    assert qpet_peak(one(array, array == 6)) == pytest.approx((6 + 3 + 2) / 3)
    single = np.array([[[6.0]]])
    assert qpet_peak(one(single, single == 6)) == 6.0


def test_peak_of_nothing() -> None:
    array = np.ones((4, 4, 4))
    nothing = one(array, np.zeros(array.shape, bool))
    assert suv_peak(nothing) is None
    assert qpet_peak(nothing) is None


@pytest.mark.parametrize("wrong", [{"place": "warmest"}, {"weights": "half"}, {"volume_ml": 0.0}])
def test_unknown_rules_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        PeakRule(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "USE-E-VALUE"
    assert PARTIAL.label == "highest/partial/1 mL"
