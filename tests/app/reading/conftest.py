"""Cases to read: a small PET with three lesions and an organ, made in memory."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Reading, Region, voxel_set
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.components import components

GRID = Geometry.axial((16, 20, 24), (4.0, 4.0, 4.0), (-46.0, -38.0, 0.0))


def made_scene() -> Scene:
    """Two hills that touch, one node below 3 mL, a cold rest, an organ over half of the first hill."""
    z, y, x = np.indices(GRID.shape)
    suv = np.full(GRID.shape, 1.0, np.float32)
    for (cz, cy, cx), top, width in (((5, 6, 6), 9.0, 2.2), ((5, 6, 11), 8.0, 2.0), ((11, 14, 18), 5.5, 1.2)):
        hill = top * np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
        suv = np.maximum(suv, hill.astype(np.float32))
    organ = np.zeros(GRID.shape, bool)
    organ[3:8, 3:10, 2:9] = True
    return Scene(Volume(suv, GRID, Unit.SUV_BW), {"bladder": organ})


def made_reading(scene: Scene) -> Reading:
    labels = components(scene.suv >= 4.0, 18)
    return Reading(
        scene.suv.shape,
        {n: Region(n, voxel_set(np.flatnonzero(labels == n)), "include") for n in range(1, int(labels.max()) + 1)},
    )


@pytest.fixture(scope="session")
def scene() -> Scene:
    return made_scene()


@pytest.fixture(scope="session")
def reading(scene: Scene) -> Reading:
    return made_reading(scene)
