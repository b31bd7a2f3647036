"""An earlier scan is laid over a later one: a known movement is found again, whatever its field of view."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.followup import placed
from lymphoscope.image.phantom import Imaging, Shape, image

BODY = (
    Shape("body", "ellipsoid", (160, 96, 96), (150, 60, 88), suv=0.6, hu=40),
    Shape("lung", "ellipsoid", (200, 90, 130), (45, 30, 22), suv=0.3, hu=-800),
    Shape("other lung", "ellipsoid", (200, 90, 62), (45, 30, 22), suv=0.3, hu=-800),
    Shape("liver", "ellipsoid", (130, 90, 60), (25, 35, 40), suv=2.2, hu=60),
    Shape("spine", "ellipsoid", (160, 135, 96), (140, 10, 10), suv=1.2, hu=280),
)
LESIONS = (
    Shape("node", "ellipsoid", (140, 80, 120), (10, 10, 10), suv=9.0, hu=40),
    Shape("mass", "ellipsoid", (100, 90, 110), (16, 16, 16), suv=7.0, hu=40),
)
LANDMARKS = np.array([[60.0, 80.0, 130.0], [120.0, 90.0, 140.0], [96.0, 135.0, 200.0]])


def moved(slices: slice, shift: tuple[float, float, float], degrees: float) -> tuple[Volume, np.ndarray]:
    """An earlier scan with lesions that are gone by now, of some slices, on a coarser grid, moved in space."""
    whole = image((*BODY, *LESIONS), Geometry.axial((64, 40, 40), (5.0, 5.0, 5.0)), Imaging())
    matrix, angle = np.eye(4), np.deg2rad(degrees)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    affine = whole.geometry.affine.copy()
    affine[:3, 3] = whole.geometry.to_lps((slices.start, 0, 0))
    array = np.ascontiguousarray(whole.array[slices])
    return Volume(array, Geometry(array.shape, matrix @ affine, "2.25.9"), Unit.SUV_BW), matrix


@pytest.mark.parametrize(
    ("slices", "shift", "degrees"), [(slice(0, 64), (30, -20, 400), 3), (slice(0, 46), (-8, 5, -700), -2)]
)
def test_a_known_movement_is_found_again(slices: slice, shift: tuple[float, float, float], degrees: float) -> None:
    now = image(BODY, Geometry.axial((80, 50, 50), (4.0, 4.0, 4.0)), Imaging())
    before, matrix = moved(slices, shift, degrees)
    place = placed(now, before)
    there = LANDMARKS @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(place.here(there) - LANDMARKS).max() < 3.0, "within 3 mm, on voxels of 4 and 5 mm"
    assert np.allclose(place.there(place.here(there)), there)
    assert place.refusal == ""
    assert place.dice > 0.95
    assert place.covered > (0.95 if slices.stop == 64 else 0.6)


def test_a_scan_without_a_body_is_refused() -> None:
    now = image(BODY, Geometry.axial((40, 25, 25), (8.0, 8.0, 8.0)), Imaging())
    with pytest.raises(LymphoscopeError) as error:
        placed(now, Volume(np.zeros_like(now.array), now.geometry, Unit.SUV_BW))
    assert error.value.code == "GEO-E-REGISTER"


@pytest.mark.long
def test_another_body_is_refused() -> None:
    now = image(BODY, Geometry.axial((40, 25, 25), (8.0, 8.0, 8.0)), Imaging())
    arm = (Shape("arm", "ellipsoid", (160, 40, 40), (150, 16, 16), suv=0.6, hu=40),)
    assert "could not be laid" in placed(now, image(arm, now.geometry, Imaging())).refusal
