"""A tree of our own case folders as a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import LESIONS, DataSet, Entry
from lymphoscope.io.dataset.courses import in_order
from lymphoscope.io.dataset.tables import read_days, read_outcomes, read_patients, read_splits, require_known

PET, CT, LESION_FILE = "pet.nii.gz", "ct.nii.gz", "lesions.nii.gz"


def open_case_folders(folder: Path) -> DataSet:
    """Find the cases below a folder: every folder with a ``pet.nii.gz``, at any depth.

    The id of a case is its path below the folder, with ``_`` between the parts. Its patient is what ``patients.csv``
    says; else the folder it lies in, where cases lie in several folders; else the case itself.

    Raises:
        LymphoscopeError: ``DATA-E-EMPTY``, ``DATA-E-DUPLICATE``, ``DATA-E-TABLE``, ``DATA-E-COURSE`` or
            ``DATA-E-SPLIT``.
    """
    places = {place: place.relative_to(folder) for place in _cases_below(folder)}
    if not places:
        raise LymphoscopeError("DATA-E-EMPTY", f"no folder with a {PET} was found")
    above = {relative.parent for relative in places.values()}
    patients, outcomes = read_patients(folder), read_outcomes(folder)
    entries: dict[str, Entry] = {}
    for place, relative in places.items():
        case = "_".join(relative.parts) or folder.resolve().name
        if case in entries:
            raise LymphoscopeError("DATA-E-DUPLICATE", "two case folders would have the same id", f"case {case}")
        own = "_".join(relative.parent.parts) if len(above) > 1 else ""
        entries[case] = _entry(place, case, patients.get(case, own or case), outcomes.get(case, {}))
    for table, named in (("patients.csv", patients), ("outcome.csv", outcomes)):
        require_known(named, entries, table)
    entries = in_order(entries, read_days(folder))
    cases = tuple(entries[case] for case in sorted(entries))
    return DataSet(cases, dict(LESIONS), folder, numbered=True, one_grid=False, splits=read_splits(folder))


def _entry(place: Path, case: str, patient: str, outcome: dict[str, float | str]) -> Entry:
    images = {"pet:suv": place / PET} | ({"ct:hu": place / CT} if (place / CT).is_file() else {})
    mask = place / LESION_FILE
    return Entry(case, patient, images, mask if mask.is_file() else None, outcome)


def _cases_below(folder: Path) -> Iterator[Path]:
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if PET in files:
            below.clear()
            yield Path(place)
