"""What a reader works on: regions with a state each, and the acts that change them, all of it plain data.

A reading never changes: an act makes a new one, which shares every region that the act did not touch. So undo costs
nothing, and replaying the same acts gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError

Voxels = NDArray[np.int64]
"""Flat voxel numbers of a (z, y, x) grid in C order, ascending, each once."""

COUNTED = ("include", "doubt-in")


def voxel_set(voxels: Any) -> Voxels:
    """Sorted voxel numbers, each once, read-only."""
    found = np.unique(np.asarray(voxels, dtype=np.int64))
    found.flags.writeable = False
    return found


@dataclass(frozen=True, eq=False)
class Region:
    """A candidate region with what became of it. Its number is printed for people and never given again.

    Attributes:
        number: Its number, 1 or more.
        voxels: Its voxels; no two regions of a reading share one.
        action: ``include``, ``remove``, ``doubt-in`` or ``doubt-out``, as in `lymphoscope.core.measure.Decision`.
        stage: Stage of the benchmark workflow that the decision belongs to, 0–4.
        organ: Organ concerned, or empty.
        overlap: Fraction inside the organ, 0–1, or None.
        rule: Name of the rule or of the reader's act.
        why: The reason in words.
        actor: Who decided.
        read: True where a reader decided.
        site: Site in words, or empty.
        nodal: True nodal, False extranodal, None not said.
        shed_from: Number of the region that these voxels were taken off, 0 for none.
        new: True where a reader says that it was not there in the earlier scan, False that it was, None not said.
    """

    number: int
    voxels: Voxels
    action: str
    stage: int = 0
    organ: str = ""
    overlap: float | None = None
    rule: str = ""
    why: str = ""
    actor: str = "rules"
    read: bool = False
    site: str = ""
    nodal: bool | None = None
    shed_from: int = 0
    new: bool | None = None

    @property
    def counted(self) -> bool:
        """True where its volume is in the TMTV."""
        return self.action in COUNTED

    @property
    def doubtful(self) -> bool:
        """True where a reader should still decide."""
        return self.action.startswith("doubt")

    @cached_property
    def place(self) -> str:
        """SHA-256 over its voxels alone."""
        return hashlib.sha256(np.ascontiguousarray(self.voxels, dtype="<i8").data).hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over voxels and everything said of them."""
        left_out = {"voxels", "digest", "place"} | ({"new"} if self.new is None else set())  # older logs know no "new"
        said = {name: value for name, value in vars(self).items() if name not in left_out}
        found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        found.update(np.ascontiguousarray(self.voxels, dtype="<i8").tobytes())
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Reading:
    """All regions of a study at one moment of its reading.

    Attributes:
        shape: The PET grid, (z, y, x).
        regions: Regions by number.
        last: Highest number that was ever given.
    """

    shape: tuple[int, int, int]
    regions: Mapping[int, Region] = field(default_factory=dict)
    last: int = 0

    def __post_init__(self) -> None:
        """Order the regions by number and make the mapping read-only."""
        ordered = {number: self.regions[number] for number in sorted(self.regions)}
        object.__setattr__(self, "regions", MappingProxyType(ordered))
        object.__setattr__(self, "last", max(self.last, *ordered, 0))

    def __iter__(self) -> Iterator[Region]:
        """Iterate over the regions by number."""
        return iter(self.regions.values())

    def __getitem__(self, number: int) -> Region:
        """Find a region.

        Raises:
            LymphoscopeError: ``READ-E-REGION`` where there is none of that number.
        """
        if number not in self.regions:
            raise LymphoscopeError("READ-E-REGION", f"there is no region L{number:02d} in this version")
        return self.regions[number]

    @cached_property
    def head(self) -> str:
        """SHA-256 over the regions: equal for equal voxels and decisions, however they came about."""
        parts = [list(self.shape), *([r.number, r.digest] for r in self)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @cached_property
    def places(self) -> str:
        """SHA-256 over which voxels belong to which region: equal while acts change decisions only."""
        parts = [list(self.shape), *([r.number, r.place] for r in self)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def counted_voxels(self) -> int:
        """Voxels in the TMTV."""
        return sum(r.voxels.size for r in self if r.counted)

    def labels(self) -> NDArray[np.int32]:
        """Region number of each voxel, 0 outside, (z, y, x); a new array at each call."""
        found = np.zeros(self.shape, np.int32)
        flat = found.reshape(-1)
        for region in self:
            flat[region.voxels] = region.number
        return found

    def owned(self, but: Iterable[int] = ()) -> Voxels:
        """Voxels of all regions except some."""
        left_out = set(but)
        parts = [r.voxels for r in self if r.number not in left_out]
        return voxel_set(np.concatenate(parts) if parts else [])

    def with_regions(self, *regions: Region) -> Reading:
        """The same with some regions new or changed; a region without voxels goes."""
        found = {**self.regions, **{r.number: r for r in regions}}
        kept = {number: region for number, region in found.items() if region.voxels.size}
        return Reading(self.shape, kept, max(self.last, *(r.number for r in regions), 0))

    def without(self, *numbers: int) -> Reading:
        """The same without some regions; their numbers stay used."""
        return Reading(self.shape, {n: r for n, r in self.regions.items() if n not in numbers}, self.last)

    def numbered_from(self, other: Reading) -> Reading:
        """The same regions, with the numbers that another reading has used up taken as used."""
        return replace(self, last=max(self.last, other.last))


@dataclass(frozen=True)
class Act:
    """One thing a reader does to a reading: an operation and its words, JSON-able.

    Attributes:
        op: Name of the operation, such as ``remove``.
        words: What it is done to and how; places are PET storage indices (z, y, x).
        reason: The reader's reason, free text.
    """

    op: str
    words: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def as_record(self) -> dict[str, Any]:
        """Plain data, for the log."""
        return {"op": self.op, "words": dict(self.words), "reason": self.reason}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Act:
        """The act that a log tells.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` where it is none.
        """
        op, words, reason = record.get("op"), record.get("words", {}), record.get("reason", "")
        if not (isinstance(op, str) and isinstance(words, Mapping) and isinstance(reason, str)):
            raise LymphoscopeError("READ-E-ACT", "an act has an operation, words and a reason")
        return cls(op, MappingProxyType(dict(words)), reason)
