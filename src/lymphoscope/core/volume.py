"""Voxels that know their grid and their unit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit

Array = NDArray[Any]


def _frozen(array: Array, geometry: Geometry) -> Array:
    if array.shape != geometry.shape:
        raise LymphoscopeError("GEO-E-MASKGRID", f"array of {array.shape} voxels on a grid of {geometry.shape}")
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image.

    Attributes:
        array: Values, (z, y, x); read-only.
        geometry: The grid.
        unit: The unit of the values.
    """

    array: Array
    geometry: Geometry
    unit: Unit

    def __post_init__(self) -> None:
        """Check the size and make the array read-only."""
        object.__setattr__(self, "array", _frozen(self.array, self.geometry))

    def with_array(self, array: Array, unit: Unit | None = None) -> Volume:
        """Other values on the same grid."""
        return Volume(array, self.geometry, unit or self.unit)

    def part(self, box: Sequence[slice]) -> Volume:
        """A part of the image, in its place; slices along (z, y, x), without steps."""
        return Volume(np.ascontiguousarray(self.array[tuple(box)]), self.geometry.part(box), self.unit)

    def values(self, *units: Unit) -> Array:
        """The array, provided the unit is one of those asked for.

        Raises:
            LymphoscopeError: ``GEO-E-UNIT`` when it is another.
        """
        if self.unit not in units:
            wanted = " or ".join(u.value for u in units)
            raise LymphoscopeError("GEO-E-UNIT", f"an image in {self.unit.value} was given where {wanted} is needed")
        return self.array


@dataclass(frozen=True, eq=False)
class LesionMask:
    """Numbered lesions (or any numbered regions) on a grid.

    Attributes:
        labels: 0 outside, 1…n inside, (z, y, x) int32; read-only. Number 1 is the largest.
        geometry: The grid.
        source: Method or file that drew it, such as ``suv4.0``.
        ignore: Voxels about which nothing is said (not covered), or None.
    """

    labels: Array
    geometry: Geometry
    source: str
    ignore: Array | None = None

    def __post_init__(self) -> None:
        """Check size and type and make the arrays read-only."""
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise LymphoscopeError("GEO-E-MASKLABELS", f"a mask of {self.labels.dtype} values is not a label map")
        object.__setattr__(self, "labels", _frozen(self.labels.astype(np.int32, copy=False), self.geometry))
        if self.ignore is not None:
            object.__setattr__(self, "ignore", _frozen(self.ignore, self.geometry))

    @classmethod
    def at(cls, voxels: NDArray[np.int64], numbers: Array, geometry: Geometry, source: str) -> LesionMask:
        """Make a mask of voxels that are known, so that they need not be searched for again.

        Args:
            voxels: Flat voxel numbers, none twice, in any order.
            numbers: The number of each in the mask, 1 or more.
            geometry: The grid.
            source: As the attribute.
        """
        labels = np.zeros(geometry.shape, np.int32)
        labels.reshape(-1)[voxels] = numbers
        made = cls(labels, geometry, source)
        inside = np.sort(voxels).astype(np.int64, copy=False)
        inside.flags.writeable = False
        vars(made)["voxels"] = inside
        return made

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """Flat numbers of all voxels inside, ascending: few beside those of the grid, and most sums need only them."""
        found = np.flatnonzero(self.labels).astype(np.int64, copy=False)
        found.flags.writeable = False
        return found

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over size, matrix and labels: the same mask on the same grid has the same hash."""
        digest = hashlib.sha256(json.dumps(self.geometry.shape).encode())
        digest.update(np.ascontiguousarray(self.geometry.affine, dtype="<f8").data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i4").data)
        return digest.hexdigest()

    @property
    def count(self) -> int:
        """Highest lesion number."""
        return int(self.labels.reshape(-1)[self.voxels].max(initial=0))

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """Voxels inside any lesion, (z, y, x)."""
        return np.asarray(self.labels > 0)

    @property
    def volume_ml(self) -> float:
        """Volume of all lesions, mL."""
        return float(self.voxels.size) * self.geometry.voxel_ml
