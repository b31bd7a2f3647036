"""A lesion as grey levels on an even grid: what texture is counted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.quant.region import Region, finite

_SAME_MM = 1e-3
_SAME_BIN = 1e-9
_SPLINE_MARGIN = 8


@dataclass(frozen=True)
class TextureSettings:
    """How a lesion is resampled and discretised before texture is counted.

    Attributes:
        spacing_mm: Even spacing to resample to; None keeps the image's own grid.
        order: 1 trilinear, 3 cubic B-spline.
        bin_width: Width of a grey level, in the image's unit.
        lowest: Value where grey level 1 begins; lower values are counted as level 1.
        neighbourhood: 26 or 18: which voxels at distance 1 are neighbours.
        min_voxels: Fewest voxels after resampling that texture is given for.
    """

    spacing_mm: float | None = 4.0
    order: Literal[1, 3] = 1
    bin_width: float = 0.25
    lowest: float = 0.0
    neighbourhood: int = 26
    min_voxels: int = 64

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        sizes = (self.bin_width, self.spacing_mm if self.spacing_mm is not None else 1.0)
        if self.order not in (1, 3) or self.neighbourhood not in (18, 26) or not min(sizes) > 0:
            raise LymphoscopeError(
                "USE-E-VALUE",
                "texture settings are out of range",
                fix="Order is 1 or 3, neighbourhood 18 or 26, spacing and bin width positive.",
            )

    @property
    def label(self) -> str:
        """The settings as they are printed beside a number."""
        grid = "native grid" if self.spacing_mm is None else f"{self.spacing_mm:g} mm {_ORDER[self.order]}"
        return f"{grid}, bins {self.bin_width:g} from {self.lowest:g}, {self.neighbourhood} neighbours"


_ORDER = {1: "linear", 3: "B-spline"}


@dataclass(frozen=True, eq=False)
class GreyLevels:
    """A lesion ready for texture.

    Attributes:
        levels: Grey level of each voxel, 1 and up; 0 outside; (z, y, x) int32.
        values: Values before discretisation on the same grid, (z, y, x).
        matrix: Index to mm, (3, 3).
        neighbourhood: 26 or 18.
    """

    levels: NDArray[np.int32]
    values: NDArray[np.float64]
    matrix: NDArray[np.float64]
    neighbourhood: int = 26

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The lesion, (z, y, x)."""
        return np.asarray(self.levels > 0)

    @property
    def steps(self) -> NDArray[np.intp]:
        """Index offsets of the neighbours, (26 or 18, 3); each and its opposite."""
        steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        reach = np.abs(steps).sum(axis=1)
        return np.asarray(steps[(reach > 0) & (reach <= (3 if self.neighbourhood == 26 else 2))])


def grey_levels(region: Region, settings: TextureSettings) -> GreyLevels:
    """Resample a lesion and turn its values into grey levels of fixed width.

    Args:
        region: The lesion, with at least one voxel.
        settings: Grid and bins.

    Raises:
        LymphoscopeError: ``SUV-E-NONFINITE`` when values in or beside the lesion are not finite.

    Reference: IBSI reference manual, sections 2.4 (grid centres aligned, 3WE3) and 2.7 (fixed bin size, Q3RU).
    """
    values, inside, matrix = _resampled(region, settings)
    levels = np.zeros(inside.shape, dtype=np.int32)
    found = finite(values[inside], f"lesion {region.number}")
    # a value on the edge of two bins belongs to the upper one, however interpolation rounded it
    bins = np.floor((found - settings.lowest) / settings.bin_width + _SAME_BIN)
    levels[inside] = np.maximum(bins, 0).astype(np.int32) + 1
    return GreyLevels(levels, values, matrix, settings.neighbourhood)


def _resampled(
    region: Region, settings: TextureSettings
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    grid = region.image.geometry
    matrix = np.asarray(grid.affine[:3, :3])
    spacing = settings.spacing_mm
    if spacing is None or all(abs(s - spacing) < _SAME_MM for s in grid.spacing):
        return np.asarray(region.crop(region.image.array), dtype=np.float64), region.inside, matrix
    margin = 2 if settings.order == 1 else _SPLINE_MARGIN
    start = np.maximum(np.array(region.corner) - margin, 0)
    stop = np.minimum(np.array(region.corner) + region.inside.shape + margin, grid.shape)
    image = region.image.array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    around = np.array(region.corner) - start
    mask = np.zeros(image.shape, dtype=np.float64)
    mask[tuple(slice(a, a + n) for a, n in zip(around, region.inside.shape, strict=True))] = region.inside
    ratio = spacing / np.array(grid.spacing)
    first, count = _new_grid(np.array(grid.shape), ratio, region)

    def there(array: NDArray[np.float64], order: Literal[1, 3]) -> NDArray[np.float64]:
        size = tuple(int(n) for n in count)
        return ndimage.affine_transform(array, ratio, first - start, size, order=order, mode="nearest")

    # half a voxel inside counts as inside; rounding must not decide exact halves
    inside = there(mask, 1) >= 0.5 - 1e-6
    return there(image.astype(np.float64), settings.order), inside, matrix * ratio


def _new_grid(
    shape: NDArray[np.intp], ratio: NDArray[np.float64], region: Region
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """First position (in old indices) and number of new voxels that cover the lesion.

    The new grid is laid out for the whole image with both centres aligned, so that a lesion's texture does not depend
    on its bounding box.
    """
    size = np.ceil(np.round(shape / ratio, 6))
    origin = (shape - 1) / 2 - (size - 1) / 2 * ratio
    low = np.maximum(np.floor((np.array(region.corner) - 1 - origin) / ratio), 0)
    high = np.minimum(np.ceil((np.array(region.corner) + region.inside.shape - origin) / ratio), size - 1)
    return origin + low * ratio, (high - low + 1).astype(np.intp)
