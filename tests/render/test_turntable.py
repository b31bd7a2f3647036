"""The turning projection: what it shows, what is picked in it, and the shadows of regions from every side."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Reading, Region, voxel_set
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.projections import View, mip
from lymphoscope.render.turntable import FRAMES, Turntable

AXIAL = Geometry.axial((30, 40, 44), (5.0, 4.0, 4.0), (-86.0, -78.0, 0.0))
SAGITTAL = Geometry((44, 30, 40), np.array(AXIAL.affine)[:, [2, 0, 1, 3]])
"""The same voxels, stored as sagittal slices."""


def body(grid: Geometry, radius: float = 22.0) -> tuple[Turntable, Reading]:
    """A ball of SUV 8 at the patient's left front in a body of SUV 1, as PET and as region 3."""
    place = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    far = np.linalg.norm(place - np.array([35.0, -30.0, 70.0]), axis=-1)
    suv = np.where(far <= radius, 8.0, np.where(np.hypot(place[..., 0], place[..., 1]) < 75, 1.0, 0.0))
    region = Region(3, voxel_set(np.flatnonzero(far <= radius)), "include")
    return Turntable(Volume(suv.astype(np.float32), grid, Unit.SUV_BW)), Reading(grid.shape, {3: region})


def area(line: list[tuple[float, float]], size: tuple[int, int]) -> float:
    rows, columns = (np.array(line) * size).T
    return abs(float(np.sum(rows * np.roll(columns, 1) - columns * np.roll(rows, 1)))) / 2


@pytest.mark.parametrize("grid", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])
@pytest.mark.parametrize("frame", range(0, FRAMES, 5))
def test_a_ball_throws_a_disc_without_gaps_where_it_is_seen_and_picked(grid: Geometry, frame: int) -> None:
    turntable, reading = body(grid)
    degrees = 360.0 / FRAMES * frame
    picture = np.asarray(Image.open(io.BytesIO(turntable.frame(degrees))))
    (row, column), (line,) = turntable.shadows(reading, degrees)[3]
    pixels = area(line, picture.shape)
    assert pixels * 16.0 == pytest.approx(np.pi * 22.0**2, rel=0.12), "pixels of 4 mm"
    inside = np.argwhere(picture < 128)
    assert np.abs(inside.mean(axis=0) + 0.5 - np.array([row, column]) * picture.shape).max() < 1.0
    assert len(inside) == pytest.approx(pixels, rel=0.2), "the shadow is the one that is seen"
    assert turntable.pet.array[turntable.pick(degrees, row, column)] == 8.0


def test_frame_nought_is_the_anterior_projection() -> None:
    turntable, _ = body(AXIAL)
    front = np.asarray(Image.open(io.BytesIO(turntable.frame(0.0))))
    straight = mip(turntable.pet, View.ANTERIOR).image
    assert front.min() == 255 - int(straight.max() / 10 * 255)
    assert np.argwhere(front < 128)[:, 1].mean() > front.shape[1] / 2, "the patient's left is at the picture's right"
