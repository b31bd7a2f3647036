"""Form of a lesion against analytic bodies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.region import region
from lymphoscope.quant.shape import axial_diameter_mm, centre_shift, form, mesh, principal_axes


def ball(radius: float, spacing: tuple[float, float, float]) -> tuple[np.ndarray, Geometry]:
    shape = tuple(2 * int(radius / s + 2) + 1 for s in spacing)
    z, y, x = (np.arange(n) - n // 2 for n in shape)
    square = (
        (z[:, None, None] * spacing[0]) ** 2 + (y[None, :, None] * spacing[1]) ** 2 + (x[None, None] * spacing[2]) ** 2
    )
    return square <= radius**2, Geometry.axial(shape, spacing)  # type: ignore[arg-type]


def test_box_of_voxels_is_known_exactly() -> None:
    """The 0.5 surface of a box runs half a voxel out of its outer centres; its edges and corners are cut off."""
    inside = np.zeros((9, 10, 11), bool)
    inside[2:6, 2:7, 2:8] = True
    geometry = Geometry.axial(inside.shape, (4.0, 3.0, 2.0))
    found = mesh(inside, geometry)
    assert found.volume_ml < 4 * 5 * 6 * 24 / 1000
    assert found.volume_ml > 3 * 4 * 5 * 24 / 1000
    assert found.diameter_mm == pytest.approx(pdist(found.vertices @ found.matrix.T).max(), rel=1e-12)
    # outline in the axial plane: 5 × 6 pixels of 3 × 2 mm, corners cut by half a pixel
    assert axial_diameter_mm(inside, geometry) == pytest.approx(math.hypot(5 * 3.0, 5 * 2.0))


def test_one_voxel_is_an_octahedron() -> None:
    found = mesh(np.ones((1, 1, 1), bool), Geometry.axial((1, 1, 1), (4.0, 4.0, 4.0)))
    assert found.volume_ml == pytest.approx(64 / 6 / 1000)
    assert found.area_cm2 == pytest.approx(8 * math.sqrt(3) / 4 * 8 / 100)
    assert found.diameter_mm == pytest.approx(4.0)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (3.0, 2.0, 2.0), (1.5, 2.5, 2.5)])
def test_ball(spacing: tuple[float, float, float]) -> None:
    inside, geometry = ball(20.0, spacing)
    image = Volume(inside.astype(np.float32), geometry, Unit.SUV_BW)
    found = form(region(image, LesionMask(inside.astype(np.int32), geometry, "t"), 1))
    assert found["volume_mesh_ml"] == pytest.approx(4 / 3 * math.pi * 8.0, rel=0.03)
    # the surface of a binary mask is stepped: 8 to 11 % larger than the smooth one, on any grid
    assert found["surface_cm2"] == pytest.approx(4 * math.pi * 4.0, rel=0.12)
    assert 0.88 < found["sphericity"] < 1.0
    assert found["max3d_mm"] == pytest.approx(40.0, abs=max(spacing))
    assert axial_diameter_mm(inside, geometry) == pytest.approx(40.0, abs=max(spacing))
    # a solid ball of radius r has the variance r²/5 along each axis
    for name in ("major_axis_mm", "minor_axis_mm", "least_axis_mm"):
        assert found[name] == pytest.approx(4 * 20 / math.sqrt(5), rel=0.02)
    assert found["elongation"] == pytest.approx(1.0, abs=0.03)
    assert found["com_shift_mm"] == pytest.approx(0.0, abs=1e-9)
    assert found["a_over_v_per_cm"] == pytest.approx(found["surface_cm2"] / found["volume_mesh_ml"])


def test_mesh_closes_at_the_border_of_the_image() -> None:
    inside = np.ones((3, 4, 5), bool)
    geometry = Geometry.axial(inside.shape, (2.0, 2.0, 2.0))
    padded = np.pad(inside, 2)
    wide = Geometry.axial(padded.shape, (2.0, 2.0, 2.0))
    assert mesh(inside, geometry).volume_ml == pytest.approx(mesh(padded, wide).volume_ml, rel=1e-12)
    assert mesh(inside, geometry).area_cm2 == pytest.approx(mesh(padded, wide).area_cm2, rel=1e-12)


def test_hole_takes_volume_and_adds_surface() -> None:
    solid, geometry = ball(20.0, (2.0, 2.0, 2.0))
    hollow = solid.copy()
    middle = tuple(n // 2 for n in solid.shape)
    hollow[middle] = False
    one = mesh(np.ones((1, 1, 1), bool), Geometry.axial((1, 1, 1), (2.0, 2.0, 2.0)))
    full, holed = mesh(solid, geometry), mesh(hollow, geometry)
    assert holed.volume_ml == pytest.approx(full.volume_ml - one.volume_ml, rel=1e-9)
    assert holed.area_cm2 == pytest.approx(full.area_cm2 + one.area_cm2, rel=1e-9)


def test_axial_is_across_the_patients_long_axis() -> None:
    inside = np.zeros((6, 30, 30), bool)
    inside[1:5, 10:14, 3:27] = True  # long along x
    axial = Geometry.axial(inside.shape, (3.0, 2.0, 2.0))
    assert axial_diameter_mm(inside, axial) == pytest.approx(math.hypot(24 * 2.0, 3 * 2.0))
    # a coronal stack: slices run to the back, rows to the feet
    affine = np.array([[0, 0, 2.0, 0], [3.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1]])
    coronal = Geometry(inside.shape, affine)
    assert axial_diameter_mm(inside, coronal) == pytest.approx(math.hypot(24 * 2.0, 3 * 3.0))
    assert axial_diameter_mm(np.zeros((3, 3, 3), bool), axial) == 0


def test_axes_of_an_ellipsoid() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200_000, 3))
    points *= (rng.random(len(points)) ** (1 / 3) / np.linalg.norm(points, axis=1))[:, None]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = principal_axes(points * [30.0, 20.0, 10.0] @ turn)
    assert found["elongation"] == pytest.approx(2 / 3, rel=0.01)
    assert found["flatness"] == pytest.approx(1 / 3, rel=0.01)
    assert found["major_axis_mm"] == pytest.approx(4 * 30 / math.sqrt(5), rel=0.01)


def test_flat_and_straight_lesions_have_axes_of_zero() -> None:
    row = np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]])
    found = principal_axes(row)
    assert found["major_axis_mm"] == pytest.approx(8.0)
    assert (found["minor_axis_mm"], found["least_axis_mm"]) == pytest.approx((0.0, 0.0), abs=1e-12)
    pair = principal_axes(row[:2])
    assert pair["flatness"] == 0
    assert principal_axes(row[:1])["elongation"] is None


def test_weighted_centre() -> None:
    points = np.array([[0.0, 0, 0], [10.0, 0, 0]])
    assert centre_shift(points, np.array([1.0, 3.0])) == pytest.approx(2.5)
    assert centre_shift(points, np.array([0.0, 0.0])) is None
