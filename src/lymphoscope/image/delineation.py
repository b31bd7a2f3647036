"""What every delineation rule is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import Geometry, require_same
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.components import Labels, connectivity_structure
from lymphoscope.image.crop import Voxels, grouped
from lymphoscope.image.sphere import sphere, sphere_means

T = TypeVar("T")


class ReferenceUptake(Protocol):
    """Uptake of a reference organ, SUVbw g/mL."""

    @property
    def mean(self) -> float:
        """Mean over the reference region."""

    @property
    def sd(self) -> float:
        """Standard deviation over the reference region."""

    @property
    def max(self) -> float:
        """Highest voxel of the reference region."""


@dataclass(frozen=True, eq=False)
class Seed:
    """A lesion region to start from.

    Attributes:
        number: Its label.
        voxels: Its voxels, physiological uptake left out.
        suvmax: Highest SUV in it, g/mL.
        tops: Its voxels of that SUV.
    """

    number: int
    voxels: Voxels
    suvmax: float
    tops: Voxels


@dataclass(frozen=True, eq=False, repr=False)
class Context:
    """A PET with what is known of it when lesions are delineated.

    Attributes:
        suv: The PET in SUVbw, on its native grid.
        seeds: Lesion regions kept from the preselection (SUV ≥ 4.0, physiological uptake removed), or None to take
            every region that a threshold yields.
        rivals: Voxels of physiological uptake, (z, y, x) bool, or None. They compete with the seeds for the voxels
            around, and neither they nor what they win is ever part of a lesion. Give all uptake that a low threshold
            could flood into: what was removed from the preselection, and organ masks such as the liver's.
        reference: Uptake of reference organs by name (``liver``, ``blood_pool``), SUVbw.
        connectivity: 6, 18 or 26.
        sul_factor: SUVlbm / SUVbw of this patient; used to state thresholds in SUL.
    """

    suv: Volume
    seeds: LesionMask | None = None
    rivals: NDArray[np.bool_] | None = None
    reference: Mapping[str, ReferenceUptake] = field(default_factory=dict)
    connectivity: int = 18
    sul_factor: float | None = None
    _memo: dict[Any, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Refuse another unit, another grid and a connectivity that does not exist."""
        self.suv.values(Unit.SUV_BW)
        connectivity_structure(self.connectivity)
        if self.seeds is not None:
            require_same(self.suv.geometry, self.seeds.geometry, "lesion regions and PET")
        if self.rivals is not None and self.rivals.shape != self.suv.geometry.shape:
            shape = self.rivals.shape
            raise LymphoscopeError("GEO-E-MASKGRID", f"physiological uptake has {shape} voxels, another size than PET")
        object.__setattr__(self, "reference", MappingProxyType(dict(self.reference)))

    @property
    def geometry(self) -> Geometry:
        """The PET grid."""
        return self.suv.geometry

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        return self.suv.geometry.shape

    @cached_property
    def values(self) -> NDArray[np.floating[Any]]:
        """SUV, (z, y, x), contiguous, in the precision it came in."""
        array = self.suv.array
        return np.ascontiguousarray(array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float32))

    @cached_property
    def owner(self) -> Labels:
        """Seed number of each voxel, −1 for physiological uptake, 0 for neither; flat int32."""
        owner = np.zeros(self.shape, np.int32) if self.seeds is None else np.array(self.seeds.labels, np.int32)
        if self.rivals is not None:
            owner[np.asarray(self.rivals, bool)] = -1
        return owner.reshape(-1)

    @cached_property
    def starts(self) -> tuple[Seed, ...]:
        """The seeds by number."""
        voxels = np.flatnonzero(self.owner > 0)
        suv = self.values.reshape(-1)
        seeds = []
        for number, own in grouped(voxels, self.owner[voxels]):
            highest = suv[own].max()
            seeds.append(Seed(number, own, float(highest), own[suv[own] == highest]))
        return tuple(seeds)

    @cached_property
    def seniority(self) -> tuple[int, ...]:
        """Seed numbers, the hottest first: who wins a tie."""
        return tuple(s.number for s in sorted(self.starts, key=lambda s: (-s.suvmax, s.number)))

    @cached_property
    def peaks(self) -> Mapping[int, float]:
        """SUVpeak by seed: the highest mean in a 1 mL sphere centred on one of its voxels, partial weights.

        At most the seed's SUVmax: a mean above it is that of a hotter neighbour within the sphere, such as the
        bladder, and would set a threshold that the lesion cannot reach.
        """
        offsets, weights = sphere(self.geometry)
        peaks = {}
        for seed in self.starts:
            indices = np.stack(np.unravel_index(seed.voxels, self.shape), axis=1)
            peaks[seed.number] = min(float(sphere_means(self.values, indices, offsets, weights).max()), seed.suvmax)
        return peaks

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """The value of `make`, computed on the first call with this key only."""
        if key not in self._memo:
            self._memo[key] = make()
        found: T = self._memo[key]
        return found


@dataclass(frozen=True, eq=False)
class Delineation:
    """Lesions drawn by one rule. Held as a list of voxels, so that many rules side by side cost little memory.

    Attributes:
        shape: The grid, (z, y, x).
        voxels: Voxels inside a lesion.
        numbers: Lesion number of each of them: the number of its seed, or 1, 2, … by volume without seeds.
        words: The rule's threshold in words, with the numbers of this patient.
        thresholds: SUV threshold by lesion number, g/mL; empty for rules without one.
        messages: What was noted.
    """

    shape: tuple[int, int, int]
    voxels: Voxels
    numbers: NDArray[np.int32]
    words: str
    thresholds: Mapping[int, float] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Make everything read-only."""
        self.voxels.flags.writeable = False
        self.numbers.flags.writeable = False
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))

    @property
    def labels(self) -> Labels:
        """Lesion number of each voxel, 0 outside, (z, y, x) int32; a new array at each call."""
        labels = np.zeros(self.shape, np.int32)
        labels.reshape(-1)[self.voxels] = self.numbers
        return labels

    @property
    def counts(self) -> dict[int, int]:
        """Number of voxels by lesion number, for lesions with any."""
        found, counts = np.unique(self.numbers, return_counts=True)
        return {int(n): int(c) for n, c in zip(found, counts, strict=True)}

    def to_mask(self, geometry: Geometry, source: str) -> LesionMask:
        """The lesions as a mask on the PET grid, under the numbers of the seeds.

        Args:
            geometry: The PET grid.
            source: Method id, such as ``max41``.
        """
        return LesionMask(self.labels, geometry, source)


def at_least(values: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.bool_]:
    """``values >= threshold`` in the precision of the image.

    A threshold such as 0.41 × 10 is rounded to that precision first, so that a voxel which holds the same number as
    the threshold counts as reaching it.
    """
    return np.asarray(values >= values.dtype.type(threshold))
