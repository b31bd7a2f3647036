"""The sphere behind SUVpeak against the specification's kernels, plain loops and turned grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.image.sphere import PEAK_RADIUS_MM, Sphere, sphere, sphere_means

SPACINGS = [(4.0, 4.0, 4.0), (5.0, 5.47, 5.47), (2.03, 4.07, 4.07), (1.0, 1.65, 1.65)]


def dense(found: Sphere) -> np.ndarray:
    offsets, weights = found
    reach = np.abs(offsets).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((offsets + reach).T)] = weights
    return kernel


def test_the_sphere_holds_one_millilitre() -> None:
    assert pytest.approx(6.2035, abs=5e-5) == PEAK_RADIUS_MM
    assert 4 / 3 * math.pi * PEAK_RADIUS_MM**3 == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("spacing", "voxels", "ml"), [(SPACINGS[0], 19, 1.216), (SPACINGS[1], 7, 1.0472), (SPACINGS[2], 39, 1.311)]
)
def test_voxel_centre_kernels_of_the_specification(spacing: tuple[float, float, float], voxels: int, ml: float) -> None:
    geometry = Geometry.axial((9, 9, 9), spacing)
    _, weights = sphere(geometry, weights="centre")
    assert len(weights) == voxels and set(weights) == {1.0}
    assert len(weights) * geometry.voxel_ml == pytest.approx(ml, abs=5e-4)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("weights", ["partial", "centre"])
def test_weights_equal_a_dense_sum_over_sub_voxels(spacing: tuple[float, float, float], weights: str) -> None:
    n = 10 if weights == "partial" else 1
    found = dense(sphere(Geometry.axial((5, 5, 5), spacing), weights=weights))
    squares = []
    for step, size in zip(spacing, found.shape, strict=True):
        offsets = (np.arange(n) + 0.5) / n - 0.5
        squares.append(((np.arange(size)[:, None] - size // 2 + offsets) * step) ** 2)
    z, y, x = squares
    far = z[:, None, None, :, None, None] + y[None, :, None, None, :, None] + x[None, None, :, None, None, :]
    np.testing.assert_allclose(found, (far <= PEAK_RADIUS_MM**2).mean(axis=(3, 4, 5)), rtol=0, atol=1e-12)
    for axis in range(3):
        np.testing.assert_array_equal(found, np.flip(found, axis))
    if weights == "partial":
        assert found.sum() * np.prod(spacing) / 1000 == pytest.approx(1.0, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.floats(1.2, 6.0)] * 3), st.floats(-3, 3), st.floats(-3, 3))
def test_a_turned_grid_has_the_same_sphere(spacing: tuple[float, float, float], a: float, b: float) -> None:
    plain = Geometry.axial((5, 5, 5), spacing)
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    turn = np.eye(4)
    turn[:3, :3] = about_z @ about_x
    turned = Geometry((5, 5, 5), turn @ plain.affine)
    left, right = dense(sphere(plain)), dense(sphere(turned))
    assert left.shape == right.shape
    # sub-voxels on the surface may change sides by rounding
    assert np.abs(left - right).max() <= 0.05
    assert left.sum() == pytest.approx(right.sum(), rel=5e-3)
    assert left.sum() * plain.voxel_ml == pytest.approx(1.0, abs=0.05)


def test_sheared_grid_measures_a_sphere_in_the_patient() -> None:
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 2.0], [0, 2.0, 0], [2.0, 0, 1.0]]  # each step along x rises by 1 mm
    geometry = Geometry((9, 9, 9), affine)
    offsets, weights = sphere(geometry, weights="centre")
    assert (np.linalg.norm(offsets @ affine[:3, :3].T, axis=1) <= PEAK_RADIUS_MM).all()
    assert len(weights) * geometry.voxel_ml == pytest.approx(1.0, abs=0.1)


def test_peak_of_the_gaussian_blob_of_the_specification() -> None:
    z, y, x = np.meshgrid(*[np.arange(41) * 4.0 - 80.0] * 3, indexing="ij")
    blob = 10 * np.exp(-(z**2 + y**2 + x**2) / 2 / 12**2)
    grid = Geometry.axial(blob.shape, (4.0, 4.0, 4.0))
    for weights, value in (("partial", 9.1603), ("centre", 9.1652)):
        found = sphere_means(blob, np.array([[20, 20, 20]]), *sphere(grid, weights=weights))
        assert found[0] == pytest.approx(value, abs=5e-5)


def test_means_equal_the_normalised_convolution_everywhere() -> None:
    """Every voxel of an image, the border too, against a dense convolution of image and coverage."""
    rng = np.random.default_rng(1)
    array = rng.random((9, 11, 10)).astype(np.float32)
    offsets, weights = sphere(Geometry.axial(array.shape, (3.0, 4.0, 2.5)))
    kernel = dense((offsets, weights))
    wanted = signal.convolve(array.astype(np.float64), kernel, "same", "direct")
    wanted /= signal.convolve(np.ones(array.shape), kernel, "same", "direct")
    index = np.argwhere(np.ones(array.shape, bool))
    found = sphere_means(array, index, offsets, weights).reshape(array.shape)
    assert np.allclose(found, wanted, rtol=0, atol=1e-12)
    inner = index[(index >= 4).all(axis=1) & (index < np.array(array.shape) - 4).all(axis=1)]
    assert np.allclose(sphere_means(array, inner, offsets, weights), wanted[tuple(inner.T)], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("radius", "weights"), [(0.0, "partial"), (-1.0, "centre"), (6.0, "cubic"), (float("nan"), "partial")]
)
def test_nonsense_is_refused(radius: float, weights: str) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        sphere(Geometry.axial((5, 5, 5), (4.0, 4.0, 4.0)), radius, weights)
    assert caught.value.code == "USE-E-VALUE"
