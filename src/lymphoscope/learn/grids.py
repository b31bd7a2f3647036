"""Where a stage works: the grid of its first input, one of a stated spacing over the same place, or a box in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume

Grid = Callable[[Volume], Geometry]
"""The first input to the grid that is worked on."""

CENTRES = ("image", "body")


def native() -> Grid:
    """Work where the image was made."""
    return lambda volume: volume.geometry


def spacing(mm: Sequence[float]) -> Grid:
    """Work on voxels of one size; the centre of the image stays, and its field is covered.

    Args:
        mm: Voxel size (z, y, x), mm.
    """
    wanted = np.asarray(mm, float)

    def grid(volume: Volume) -> Geometry:
        geometry = volume.geometry
        have = np.asarray(geometry.spacing)
        if np.allclose(have, wanted, rtol=1e-4):
            return geometry
        field = np.asarray(geometry.shape) * have
        shape = np.maximum(1, np.round(field / wanted)).astype(int).tolist()
        return _round(geometry, (np.asarray(geometry.shape) - 1) / 2, shape, wanted)

    return grid


def boxed(mm: Sequence[float], shape: Sequence[int], centre: str = "image", above: float = 0.5) -> Grid:
    """Work on a box of one size in mm, made of so many voxels; what lies outside is cut off.

    Args:
        mm: Sides of the box along (z, y, x), mm.
        shape: Voxels along (z, y, x).
        centre: ``image``, or ``body``: the middle of the box round all that takes up more than `above`.
        above: SUV, g/mL.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another word.

    Reference:
        Liu et al., IEEE Access 2022;10: 247 × 80 × 64 voxels of 3.3 × 5.5 × 5.5 mm made 224 × 64 × 64. Where the box
        lies is not stated.
    """
    if centre not in CENTRES:
        raise LymphoscopeError("USE-E-VALUE", f"a box is centred on one of {', '.join(CENTRES)}, not {centre!r}")

    def grid(volume: Volume) -> Geometry:
        middle = (np.asarray(volume.geometry.shape) - 1) / 2
        inside = np.argwhere(volume.array > above) if centre == "body" else ()
        if len(inside):
            middle = (np.min(inside, axis=0) + np.max(inside, axis=0)) / 2
        return _round(volume.geometry, middle, shape, np.asarray(mm, float) / np.asarray(shape))

    return grid


def _round(geometry: Geometry, middle: ArrayLike, shape: Sequence[int], mm: NDArray[np.float64]) -> Geometry:
    """A grid round a place of another, along its axes."""
    z, y, x = (int(n) for n in shape)
    steps = geometry.direction * mm
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = geometry.to_lps(middle) - steps @ ((np.array([z, y, x]) - 1) / 2)
    return Geometry((z, y, x), affine, geometry.frame)
