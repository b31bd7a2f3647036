"""The cases a data set is put together of, with what the user's table says of their patients."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.app.dataset.parts import PARTS
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.image.likeness import alike_pairs
from lymphoscope.io.deid.identifiers import Identifiers

OLDEST = 90
"""Ages from here on are given as this one: so few are as old that they might be recognised."""

_MOST_LETTERS = 80
_DATA_SET = re.compile(r"Dataset\d{3}_[A-Za-z0-9_-]+")


@dataclass(frozen=True, repr=False)
class Member:
    """A case that was made.

    Attributes:
        case: Its id.
        patient: Pseudonym of its patient.
        facts: What everybody may know of it.
        record: What the crosswalk knows.
        diagnosis: As the table has it; empty where it says nothing.
        data_set: Name of the data set it goes to; empty for the one that is built.
        part: ``train`` or ``test``, as the table has it; empty where it says nothing.
    """

    case: str
    patient: str
    facts: Mapping[str, Any]
    record: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: str = ""
    data_set: str = ""
    part: str = ""

    @property
    def marked(self) -> bool:
        """Whether there is a mask."""
        return bool(self.facts["marked"])

    @property
    def row(self) -> tuple[str, ...]:
        """Day moved by the patient's days, sex, age, diagnosis."""
        own = self.record["own"]
        day = date.fromisoformat(own["scanned"]) + timedelta(days=self.record["days"]) if own["scanned"] else None
        age = "" if own["age_years"] is None else str(min(int(own["age_years"]), OLDEST))
        return (day.isoformat() if day else "", own["sex"] or "", age, self.diagnosis)

    @property
    def likeness(self) -> NDArray[np.int16]:
        """What its PET looks like from afar."""
        return np.frombuffer(base64.b64decode(self.record["own"]["likeness"]), dtype="<i2").astype(np.int16)


def without_copies(members: Iterable[Member], before: Sequence[str]) -> tuple[list[Member], dict[str, Message]]:
    """Leave out cases whose PET is voxel for voxel that of another; what is in the data set already stays.

    Args:
        members: All cases.
        before: Ids of the cases that were in before, in their order.

    Returns:
        Those that stay, the ones from before first, then those with masks, then by id; and why each other goes.
    """
    place = {case: number for number, case in enumerate(before)}
    stay: dict[str, Member] = {}
    gone: dict[str, Message] = {}
    for member in sorted(members, key=lambda m: (place.get(m.case, len(place)), not m.marked, m.case)):
        first = stay.setdefault(member.record["own"]["pet_sha256"], member)
        if first is not member:
            gone[member.case] = Message("DATA-E-COPY", f"its PET is that of case {first.case}")
    return list(stay.values()), gone


def alike(members: Sequence[Member]) -> list[tuple[Member, Member, float]]:
    """Pairs of different patients whose PETs look like one examination, with their correlation."""
    if not members:
        return []
    found = alike_pairs(np.stack([member.likeness for member in members]))
    pairs = [(members[a], members[b], correlation) for a, b, correlation in found]
    return [(one, other, by) for one, other, by in pairs if one.patient != other.patient]


def read_table(path: Path) -> Mapping[str, Mapping[str, str]]:
    """What a table says of each patient.

    Args:
        path: CSV with the columns ``patient`` (PatientID), and by choice ``diagnosis``, ``dataset`` (DatasetNNN_NAME),
            ``part`` (train or test).

    Raises:
        LymphoscopeError: ``DATA-E-TABLE`` where it cannot be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file, strict=True)]
    except (OSError, UnicodeDecodeError, csv.Error, AttributeError):
        raise LymphoscopeError("DATA-E-TABLE", "the table cannot be read", "--table") from None
    if not rows or "patient" not in rows[0]:
        raise LymphoscopeError("DATA-E-TABLE", "the table has no row, or no column named patient", "--table")
    found: dict[str, Mapping[str, str]] = {}
    for number, row in enumerate(rows, 2):
        if found.setdefault(row["patient"], row) != row:
            raise LymphoscopeError("DATA-E-TABLE", f"line {number} says something else of a patient", "--table")
        if row.get("dataset") and not _DATA_SET.fullmatch(row["dataset"]):
            what = f"the data set in line {number} is not named like Dataset501_NAME"
            raise LymphoscopeError("DATA-E-TABLE", what, "--table")
        if row.get("part") and row["part"] not in PARTS:
            raise LymphoscopeError("DATA-E-TABLE", f"the part in line {number} is not train or test", "--table")
    return found


def with_table(members: Iterable[Member], table: Mapping[str, Mapping[str, str]]) -> list[Member]:
    """The cases with what the table says of their patients.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE`` where a diagnosis holds what identifies its patient.
    """
    found = []
    for member in members:
        row = table.get(member.record["patient_id"], {})
        diagnosis = " ".join(row.get("diagnosis", "").split())[:_MOST_LETTERS]
        known = Identifiers(frozenset(member.record["inside"]), frozenset(member.record["alone"]))
        if known.in_text(diagnosis):
            what = f"the diagnosis of case {member.case} holds what identifies the patient"
            raise LymphoscopeError("DATA-E-TABLE", what, "--table", "Write the diagnosis alone.")
        found.append(replace(member, diagnosis=diagnosis, data_set=row.get("dataset", ""), part=row.get("part", "")))
    return found
