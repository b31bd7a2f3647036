"""Work on a part of the grid: boxes round what matters, and the way back to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]
Voxels = NDArray[np.int64]
"""Flat voxel numbers of a (z, y, x) grid in C order, ascending."""


def bounding_box(mask: NDArray[Any]) -> Box | None:
    """Smallest box that holds every true voxel, or None for an empty mask.

    Args:
        mask: Any array; zero is outside.
    """
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if not hit.size:
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)


def widened(box: Box, margin: int | Sequence[int], shape: Sequence[int]) -> Box:
    """The box with `margin` voxels more on every side (one number, or one an axis), within the grid."""
    margins = [margin] * len(box) if isinstance(margin, int) else margin
    return tuple(
        slice(max(0, s.start - m), min(int(n), s.stop + m)) for s, m, n in zip(box, margins, shape, strict=True)
    )


@dataclass(frozen=True)
class Crop:
    """A box of a grid, with voxel numbers translated both ways.

    Attributes:
        box: Slices along (z, y, x).
        whole: Shape of the grid it was cut from.
    """

    box: Box
    whole: tuple[int, ...]

    @classmethod
    def around(cls, voxels: Voxels, whole: tuple[int, ...], margin: int = 0) -> Crop:
        """Box round some voxels (at least one) with a margin in voxels."""
        places = np.unravel_index(voxels, whole)
        box = tuple(slice(int(p.min()), int(p.max()) + 1) for p in places)
        return cls(widened(box, margin, whole), whole)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (z, y, x) inside the box."""
        return tuple(s.stop - s.start for s in self.box)

    def local(self, voxels: Voxels) -> Voxels:
        """Voxel numbers in the box of voxels of the whole grid; all must lie in the box."""
        places = np.unravel_index(voxels, self.whole)
        inside = tuple(p - s.start for p, s in zip(places, self.box, strict=True))
        return np.asarray(np.ravel_multi_index(inside, self.shape), dtype=np.int64)

    def flat(self, mask: NDArray[np.bool_]) -> Voxels:
        """Voxel numbers in the whole grid of the true voxels of a mask of the box, ascending."""
        places = np.nonzero(mask)
        outside = tuple(p + s.start for p, s in zip(places, self.box, strict=True))
        return np.asarray(np.ravel_multi_index(outside, self.whole), dtype=np.int64)

    def mask(self, voxels: Voxels) -> NDArray[np.bool_]:
        """Mask of the box that is true at some voxels of the whole grid."""
        mask = np.zeros(self.shape, bool)
        mask.reshape(-1)[self.local(voxels)] = True
        return mask

    def cuts(self, mask: NDArray[np.bool_]) -> bool:
        """True where the mask reaches a face of the box that is not a face of the whole grid."""
        for axis, (part, n) in enumerate(zip(self.box, self.whole, strict=True)):
            if part.start > 0 and mask.take(0, axis).any():
                return True
            if part.stop < n and mask.take(-1, axis).any():
                return True
        return False


def grouped(voxels: Voxels, numbers: NDArray[Any]) -> list[tuple[int, Voxels]]:
    """Voxels by their number, in the order of the numbers; within a number they stay in order."""
    if not voxels.size:
        return []
    order = np.argsort(numbers, kind="stable")
    found, where = np.unique(numbers[order], return_index=True)
    return list(zip(found.tolist(), np.split(voxels[order], where[1:]), strict=True))
