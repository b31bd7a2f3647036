from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.sphere import PEAK_RADIUS_MM, sphere_means, sphere_weights


def test_the_radius_is_that_of_one_millilitre() -> None:
    assert 4 / 3 * np.pi * PEAK_RADIUS_MM**3 == pytest.approx(1000.0, rel=5e-5)


@pytest.mark.parametrize(
    ("spacing", "voxels", "ml"),
    [((4.0, 4.0, 4.0), 19, 1.216), ((5.0, 5.47, 5.47), 7, 1.047), ((2.03, 4.07, 4.07), None, 1.311)],
)
def test_voxel_centre_rule(spacing: tuple[float, float, float], voxels: int | None, ml: float) -> None:
    weights = sphere_weights(spacing, mode="centre")
    assert set(np.unique(weights)) <= {0.0, 1.0}
    if voxels is not None:
        assert weights.sum() == voxels
    assert weights.sum() * np.prod(spacing) / 1000 == pytest.approx(ml, abs=6e-4)


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (5.0, 5.47, 5.47), (2.03, 4.07, 4.07), (1.0, 1.65, 1.65)])
def test_partial_weights_hold_one_millilitre_and_are_symmetric(spacing: tuple[float, float, float]) -> None:
    weights = sphere_weights(spacing)
    assert weights.sum() * np.prod(spacing) / 1000 == pytest.approx(1.0, rel=0.02)
    for axis in range(3):
        np.testing.assert_array_equal(weights, np.flip(weights, axis))
    assert all(n % 2 for n in weights.shape)


def test_peak_of_the_gaussian_blob_of_the_specification() -> None:
    z, y, x = np.meshgrid(*[np.arange(41) * 4.0 - 80.0] * 3, indexing="ij")
    blob = 10 * np.exp(-(z**2 + y**2 + x**2) / 2 / 12**2)
    middle = np.array([[20, 20, 20]])
    for mode, value in (("partial", 9.1603), ("centre", 9.1652)):
        found = sphere_means(blob, middle, sphere_weights((4.0, 4.0, 4.0), mode=mode))
        assert found[0] == pytest.approx(value, abs=5e-5)


def test_a_sphere_that_leaves_the_image_is_renormalised() -> None:
    weights = sphere_weights((4.0, 4.0, 4.0))
    corners = np.array([[0, 0, 0], [9, 9, 9], [0, 5, 9], [5, 5, 5]])
    np.testing.assert_allclose(sphere_means(np.full((10, 10, 10), 3.5, np.float32), corners, weights), 3.5)


def test_means_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((8, 9, 10))
    weights = sphere_weights((3.0, 4.0, 5.0))
    half = np.array(weights.shape) // 2
    padded = np.pad(image, [(h, h) for h in half])
    inside = np.pad(np.ones(image.shape), [(h, h) for h in half])
    places = np.argwhere(image > 0.7)
    expected = []
    for z, y, x in places:
        box = (slice(z, z + weights.shape[0]), slice(y, y + weights.shape[1]), slice(x, x + weights.shape[2]))
        expected.append((padded[box] * weights).sum() / (inside[box] * weights).sum())
    np.testing.assert_allclose(sphere_means(image, places, weights), expected)


@pytest.mark.parametrize(
    ("radius", "mode"), [(0.0, "partial"), (-1.0, "centre"), (6.0, "cubic"), (float("nan"), "partial")]
)
def test_nonsense_is_refused(radius: float, mode: str) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        sphere_weights((4.0, 4.0, 4.0), radius, mode)
    assert caught.value.code == "USE-E-VALUE"
