"""Where a stage works: the grid of its first input, or one of a stated spacing over the same place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lymphoscope.core.geometry import Geometry

Grid = Callable[[Geometry], Geometry]
"""The grid of the first input to the grid that is worked on."""


def native() -> Grid:
    """Work where the image was made."""
    return lambda geometry: geometry


def spacing(mm: Sequence[float]) -> Grid:
    """Work on voxels of one size; the centre of the image stays, and its field is covered.

    Args:
        mm: Voxel size (z, y, x), mm.
    """
    wanted = np.asarray(mm, float)

    def grid(geometry: Geometry) -> Geometry:
        have = np.asarray(geometry.spacing)
        if np.allclose(have, wanted, rtol=1e-4):
            return geometry
        field = np.asarray(geometry.shape) * have
        shape = np.maximum(1, np.round(field / wanted)).astype(int)
        centre = geometry.to_lps((np.asarray(geometry.shape) - 1) / 2)
        steps = geometry.direction * wanted
        affine = np.eye(4)
        affine[:3, :3] = steps
        affine[:3, 3] = centre - steps @ ((shape - 1) / 2)
        z, y, x = (int(n) for n in shape)
        return Geometry((z, y, x), affine, geometry.frame)

    return grid
