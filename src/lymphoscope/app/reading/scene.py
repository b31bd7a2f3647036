"""What acts rest on besides the regions: the PET, the organs found in it, and what a method may refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lymphoscope.app.references import Level
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading, Voxels
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.image.crop import Crop
from lymphoscope.image.delineation import Context
from lymphoscope.image.threshold import fixed
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.shelf import apply

_REACH_MM = 60.0
"""How far beyond a region another threshold is followed; a region that goes on beyond is drawn on the whole image."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The unchanging part of a case that is read.

    Attributes:
        pet: SUVbw on its native grid.
        organs: Organ regions on that grid, by name.
        references: Uptake of reference organs, for thresholds that rest on them.
        connectivity: 6, 18 or 26.
        lean: SUVlbm / SUVbw of the patient, or None.
    """

    pet: Volume
    organs: Mapping[str, Array] = field(default_factory=dict)
    references: Mapping[str, Level] = field(default_factory=dict)
    connectivity: int = 18
    lean: float | None = None

    @property
    def suv(self) -> Array:
        """SUV, (z, y, x)."""
        return self.pet.array

    def place(self, index: object, what: str = "a place") -> tuple[int, int, int]:
        """A voxel of the PET from what a log or a page says.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` for anything else than three whole numbers inside the image.
        """
        if isinstance(index, list | tuple) and len(index) == 3 and all(type(i) is int for i in index):
            z, y, x = index
            if all(0 <= i < n for i, n in zip((z, y, x), self.suv.shape, strict=True)):
                return z, y, x
        raise LymphoscopeError("READ-E-ACT", f"{what} is three whole numbers inside the image")

    def redrawn(self, reading: Reading, number: int, method: str, at: float | None) -> Voxels:
        """Voxels of a region by another method or threshold; all other regions keep theirs.

        Args:
            reading: The regions.
            number: The region to draw again. What was shed from it is free.
            method: Method id, or empty.
            at: Fixed threshold, SUV g/mL, or None.

        Raises:
            LymphoscopeError: ``USE-E-NAME`` for an unknown method, ``SEG-E-REFERENCE``.
        """
        seed = reading[number].voxels
        others = reading.owned(but=(number, *(r.number for r in reading if r.shed_from == number)))
        margin = int(np.ceil(_REACH_MM / min(self.pet.geometry.spacing)))
        while True:
            crop = Crop.around(seed, self.suv.shape, margin)
            found = self._drawn(crop, seed, others, method, at)
            if not crop.cuts(found):
                return crop.flat(found)
            margin *= 2

    def _drawn(self, crop: Crop, seed: Voxels, others: Voxels, method: str, at: float | None) -> Array:
        grid = self.pet.geometry
        part = grid.part(crop.box)
        rivals = np.zeros(self.suv.shape, bool)
        rivals.reshape(-1)[others] = True
        context = Context(
            Volume(np.ascontiguousarray(self.suv[crop.box]), part, self.pet.unit),
            LesionMask(crop.mask(seed).astype(np.int32), part, "reader"),
            rivals[crop.box],
            self.references,
            self.connectivity,
            self.lean,
        )
        drawn = fixed(context, at=at) if at is not None else apply(METHODS[method], context)
        return drawn.labels > 0
