from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.evaluate.size import BY_SHORT_AXIS, BY_VOLUME, Strata, short_axis_mm

GRID = Geometry.axial((40, 60, 60), (3.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("volume", "name"),
    [
        (0.0, "< 1 mL"),
        (0.999, "< 1 mL"),
        (1.0, "1–3 mL"),
        (1.0 - 1e-9, "1–3 mL"),
        (3.0, "3–10 mL"),
        (29.9, "10–30 mL"),
        (30.0, "≥ 30 mL"),
    ],
)
def test_a_limit_belongs_to_the_class_above(volume: float, name: str) -> None:
    assert BY_VOLUME.of(volume) == name


def test_classes_are_named_by_their_limits() -> None:
    assert BY_SHORT_AXIS.names == ("< 5 mm", "5–10 mm", "10–15 mm", "≥ 15 mm")
    assert Strata("volume", "mL", (2.0,)).names == ("< 2 mL", "≥ 2 mL")


def ellipsoid(a: float, b: float, c: float, turned: float = 0.0) -> np.ndarray:
    """Half axes in mm along the lesion's own x, y and z, turned about z."""
    z, y, x = (np.indices(GRID.shape) - np.array([20, 30, 30])[:, None, None, None]) * np.array(GRID.spacing)[
        :, None, None, None
    ]
    u, v = x * np.cos(turned) + y * np.sin(turned), y * np.cos(turned) - x * np.sin(turned)
    return (u / a) ** 2 + (v / b) ** 2 + (z / c) ** 2 <= 1


@pytest.mark.parametrize("turned", [0.0, 0.4, np.pi / 2])
def test_an_ellipsoid_has_twice_its_smaller_axial_half_axis(turned: float) -> None:
    assert short_axis_mm(ellipsoid(30, 16, 40, turned), GRID) == pytest.approx(32, abs=2.5)


def test_the_long_axis_along_the_patient_does_not_count() -> None:
    assert short_axis_mm(ellipsoid(12, 12, 55), GRID) == pytest.approx(24, abs=2.5)


def test_one_voxel_is_as_wide_as_a_voxel() -> None:
    one = np.zeros(GRID.shape, bool)
    assert short_axis_mm(one, GRID) == 0.0
    one[5, 6, 7] = True
    assert short_axis_mm(one, GRID) == pytest.approx(2.0)
    one[5, 6, 7:12] = True
    assert short_axis_mm(one, GRID) == pytest.approx(2.0)


def test_axial_is_told_by_the_grid() -> None:
    coronal = Geometry(GRID.shape, GRID.affine[:, [1, 0, 2, 3]])
    mask = np.zeros(GRID.shape, bool)
    mask[10:14, 10:30, 10:16] = True  # the second axis runs to the head: 4 rows of 2 mm by 6 columns of 2 mm
    assert short_axis_mm(mask, coronal) == pytest.approx(np.hypot(8, 12) * 0.78, abs=2.0)
