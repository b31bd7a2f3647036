"""One lesion cut out of its image: what every measurement starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry, require_same
from lymphoscope.core.volume import LesionMask, Volume


@dataclass(frozen=True, eq=False)
class Region:
    """The voxels of one lesion, with the image around them.

    Attributes:
        number: Number in the mask.
        image: The whole image.
        corner: Index (z, y, x) of the crop's first voxel in the image.
        inside: The lesion within its bounding box, (z, y, x) bool; size 0 when the number is not in the mask.
    """

    number: int
    image: Volume
    corner: tuple[int, int, int]
    inside: NDArray[np.bool_]

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """Image index (z, y, x) of every voxel, (n, 3) in C order."""
        return np.argwhere(self.inside) + np.array(self.corner, dtype=np.intp)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Value of every voxel in the same order, (n,).

        Raises:
            LymphoscopeError: ``SUV-E-NONFINITE`` when one is not a number.
        """
        return finite(self.crop(self.image.array)[self.inside], f"lesion {self.number}")

    @property
    def geometry(self) -> Geometry:
        """Grid of the crop."""
        box = [slice(a, a + n) for a, n in zip(self.corner, self.inside.shape, strict=True)]
        return self.image.geometry.part(box)

    @property
    def volume_ml(self) -> float:
        """Number of voxels times voxel volume, mL."""
        return len(self.index) * self.image.geometry.voxel_ml

    def crop(self, array: NDArray[Any]) -> NDArray[Any]:
        """The bounding box of an array on the image's grid."""
        return array[tuple(slice(c, c + n) for c, n in zip(self.corner, self.inside.shape, strict=True))]


def finite(values: NDArray[Any], where: str) -> NDArray[np.float64]:
    """Values as float64, provided that all are numbers.

    Raises:
        LymphoscopeError: ``SUV-E-NONFINITE`` when one is not.
    """
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        count = int(np.count_nonzero(~np.isfinite(values)))
        raise LymphoscopeError("SUV-E-NONFINITE", f"{count} of {values.size} voxel values are not finite", where)
    return values


def regions(image: Volume, mask: LesionMask) -> tuple[Region, ...]:
    """Cut out every lesion, number 1 to the highest, in one pass over the mask.

    Args:
        image: The image to measure.
        mask: Lesions on the same grid.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the grids differ.
    """
    require_same(image.geometry, mask.geometry, "lesion mask and image")
    return tuple(_cut(image, mask, number, box) for number, box in enumerate(_boxes(mask), start=1))


def _boxes(mask: LesionMask) -> list[tuple[slice, ...] | None]:
    """Bounding box of each number from the voxels inside, which are few beside those of the grid."""
    numbers = mask.labels.reshape(-1)[mask.voxels]
    order = np.argsort(numbers, kind="stable")
    present, start = np.unique(numbers[order], return_index=True)
    boxes: list[tuple[slice, ...] | None] = [None] * mask.count
    if present.size:
        places = [axis[order] for axis in np.unravel_index(mask.voxels, mask.geometry.shape)]
        low, high = ([f.reduceat(p, start) for p in places] for f in (np.minimum, np.maximum))
        for k, number in enumerate(present):
            boxes[int(number) - 1] = tuple(slice(int(a[k]), int(b[k]) + 1) for a, b in zip(low, high, strict=True))
    return boxes


def region(image: Volume, mask: LesionMask, number: int) -> Region:
    """Cut out one lesion.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the grids differ.
    """
    require_same(image.geometry, mask.geometry, "lesion mask and image")
    boxes = ndimage.find_objects(mask.labels, max_label=number)
    return _cut(image, mask, number, boxes[number - 1] if len(boxes) >= number else None)


def _cut(image: Volume, mask: LesionMask, number: int, box: tuple[slice, ...] | None) -> Region:
    if box is None:
        return Region(number, image, (0, 0, 0), np.zeros((0, 0, 0), dtype=bool))
    z, y, x = (int(s.start) for s in box)
    return Region(number, image, (z, y, x), np.asarray(mask.labels[box] == number))
