"""The box that the body fills, and an image cut to it."""

from __future__ import annotations

import numpy as np

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_box import body_box

GRID = Geometry.axial((30, 40, 50), (3.0, 4.0, 5.0), (-7.0, 3.0, 11.0))


def test_the_box_holds_the_body_and_not_what_is_small_beside_it() -> None:
    suv = np.zeros(GRID.shape, np.float32)
    suv[4:20, 10:30, 20:40] = 1.0
    suv[25, 35:37, 2:4] = 5.0
    pet = Volume(suv, GRID, Unit.SUV_BW)
    box = body_box(pet, margin=2)
    assert box == (slice(2, 22), slice(8, 32), slice(18, 42))
    part = pet.part(box)
    assert np.array_equal(part.array, suv[box])
    assert np.allclose(part.geometry.to_lps([1, 2, 3]), GRID.to_lps([3, 10, 21]))
    assert part.geometry.spacing == GRID.spacing


def test_without_a_body_the_box_is_the_whole_grid() -> None:
    pet = Volume(np.zeros(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    assert pet.part(body_box(pet)).geometry.difference(GRID) == ""
