"""What somebody drew, region by region, each on as small a piece of its grid as holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Region:
    """One segment, region of interest or label.

    Attributes:
        number: Its number in the file.
        name: What the file calls it. Written by others: it may hold anything, so it goes into no message.
        inside: True inside, (z, y, x), on `geometry`.
        geometry: The piece of the file's grid that holds the region.
    """

    number: int
    name: str
    inside: NDArray[np.bool_]
    geometry: Geometry

    @property
    def voxels(self) -> int:
        """Number of voxels inside."""
        return int(np.count_nonzero(self.inside))


def cropped(number: int, name: str, inside: NDArray[np.bool_], geometry: Geometry) -> Region:
    """A region on the smallest piece of its grid that holds it; one voxel where it is empty."""
    box = bounding_box(inside)
    return Region(number, name, np.ascontiguousarray(inside[box]), geometry.part(box))


def bounding_box(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices that hold all that is True; the first voxel where nothing is."""
    box = []
    for axis in range(inside.ndim):
        others = tuple(a for a in range(inside.ndim) if a != axis)
        hit = np.flatnonzero(inside.any(axis=others))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 1))
    return tuple(box)


def share_inside(regions: Iterable[Region], grid: Geometry) -> float:
    """Share of the regions' voxels whose centres lie in a grid; 1 when there are none."""
    total = inside = 0
    size = np.array(grid.shape)
    for region in regions:
        where = grid.to_index(region.geometry.to_lps(np.argwhere(region.inside)))
        inside += int(((where >= -0.5) & (where <= size - 0.5)).all(axis=1).sum())
        total += region.voxels
    return inside / total if total else 1.0
