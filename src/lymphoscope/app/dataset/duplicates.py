"""Examinations that lie twice in a data set or in several: the same PET to the voxel, or one that looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.progress import Progress, silent
from lymphoscope.image.likeness import alike_pairs, likeness
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.io.dataset.opening import open_dataset

PET = "pet:suv"
COPY, ALIKE = "copy", "alike"


@dataclass(frozen=True)
class Place:
    """Where a case lies.

    Attributes:
        data_set: Name of its data set's folder; its path where two have one name.
        case: Its id.
        patient: Whose it is, as that data set has it.
        part: ``fold N``, ``training`` where there are no folds, ``test``, or ``no mask``.
    """

    data_set: str
    case: str
    patient: str
    part: str


@dataclass(frozen=True)
class Pair:
    """Two cases of one examination, as it seems.

    Attributes:
        one: The first.
        other: The second.
        kind: ``copy`` for the same PET to the voxel, else ``alike``.
        correlation: Of their likenesses; see `image.likeness`.
    """

    one: Place
    other: Place
    kind: str
    correlation: float

    @property
    def leaks(self) -> bool:
        """Whether a network may be tested on what it was trained on: parts or data sets differ."""
        return (self.one.data_set, self.one.part) != (self.other.data_set, self.other.part)


@dataclass(frozen=True)
class Duplicates:
    """What data sets hold twice.

    Attributes:
        cases: Number of cases compared.
        pairs: Pairs found.
        left_out: Cases that could not be read, and why.
    """

    cases: int
    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[Place, Message], ...] = ()

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "cases": self.cases,
            "pairs": [{**asdict(pair), "leaks": pair.leaks} for pair in self.pairs],
            "left_out": [{**asdict(place), "code": why.code, "what": why.what} for place, why in self.left_out],
        }


@dataclass
class _Seen:
    """Cases with what tells them apart, filled one by one."""

    places: list[Place] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    likenesses: list[NDArray[np.int16]] = field(default_factory=list)
    left_out: list[tuple[Place, Message]] = field(default_factory=list)


def find_duplicates(folders: Sequence[Path], progress: Progress = silent) -> Duplicates:
    """Find what data sets hold twice, whatever their cases are called; of one PET at a time the voxels are held.

    Two cases of one patient of one data set that look alike and are no copies are not told: the patient was scanned
    twice.

    Args:
        folders: Data sets with PET in SUV, in nnU-Net's layout or of case folders.
        progress: Told of each case.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a folder given twice, those of `open_dataset`.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise LymphoscopeError("USE-E-VALUE", "a data set was given twice", fix="Name each once.")
    names = [folder.resolve().name for folder in folders]
    cases = [
        (
            data,
            entry,
            Place(name if names.count(name) == 1 else str(folder), entry.id, entry.patient, _part(data, entry)),
        )
        for folder, name in zip(folders, names, strict=True)
        for data in [open_dataset(folder)]
        for entry in (*data.cases, *data.held_out)
    ]
    seen = _Seen()
    for number, (data, entry, place) in enumerate(cases, 1):
        _look(data, entry, place, seen)
        progress("cases", number, len(cases))
    return Duplicates(len(seen.places), tuple(_pairs(seen)), tuple(seen.left_out))


def _part(data: DataSet, entry: Entry) -> str:
    if any(entry.id == case.id for case in data.held_out):
        return "test"
    if entry.mask is None:
        return "no mask"
    return next((f"fold {n}" for n, (_, held_out) in enumerate(data.splits) if entry.id in held_out), "training")


def _look(data: DataSet, entry: Entry, place: Place, seen: _Seen) -> None:
    try:
        pet = data.read(Entry(entry.id, entry.patient, entry.images), [PET]).volumes[PET]
    except LymphoscopeError as error:
        seen.left_out.append((place, error.message))
        return
    seen.places.append(place)
    seen.hashes.append(sha256(repr(pet.geometry.shape).encode() + pet.array.astype("<f4").tobytes()).hexdigest())
    seen.likenesses.append(likeness(pet))


def _pairs(seen: _Seen) -> list[Pair]:
    if not seen.places:
        return []
    by_hash: dict[str, list[int]] = {}
    for number, content in enumerate(seen.hashes):
        by_hash.setdefault(content, []).append(number)
    copies = {(a, b): 1.0 for same in by_hash.values() for n, a in enumerate(same) for b in same[n + 1 :]}
    alike = {(a, b): correlation for a, b, correlation in alike_pairs(np.stack(seen.likenesses))}
    found = []
    for a, b in sorted({**alike, **copies}):
        one, other = seen.places[a], seen.places[b]
        one_patient = (one.data_set, one.patient) == (other.data_set, other.patient)
        if (a, b) in copies:
            found.append(Pair(one, other, COPY, 1.0))
        elif not one_patient:
            found.append(Pair(one, other, ALIKE, alike[a, b]))
    return found
