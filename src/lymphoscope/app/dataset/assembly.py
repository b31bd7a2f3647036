"""Cases put together to data sets in nnU-Net's layout, with folds, clinical table, versions and a card."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lymphoscope.app.dataset.card import card, figures
from lymphoscope.app.dataset.folds import folds, known_folds, splits_json
from lymphoscope.app.dataset.making import CANDIDATES_FILE, LABELS_FILE, Making
from lymphoscope.app.dataset.members import Member
from lymphoscope.app.dataset.versions import VERSIONS, changes_page, next_version, read_versions, versions_json
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing
from lymphoscope.io.dataset.placing import ReadyCase, place_nnunet
from lymphoscope.io.dataset.tables import read_patients, read_splits
from lymphoscope.io.dataset.writing import About
from lymphoscope.render.table import cell

CLINICAL, SPLITS = "clinical.csv", "splits_final.json"
_COLUMNS = ("number", "case", "patient", "date", "sex", "age", "data", "diagnosis")
_DATA = "CT, PET, mask"
_NNUNET_NAME = re.compile(r"Dataset\d{3}_(.+)")


def data_set_name(folder: Path) -> str:
    """Name of a data set: what follows ``DatasetNNN_``."""
    match = _NNUNET_NAME.fullmatch(folder.resolve().name)
    return match[1] if match else folder.resolve().name


def cases_before(out: Path, table: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Ids of the cases that the data sets hold already, in the order in which they came."""
    names = {row["dataset"] for row in table.values() if row.get("dataset")}
    return [case for place in (out, *(out.with_name(n) for n in sorted(names))) for case in _numbers(place)]


def assemble(
    out: Path, members: Sequence[Member], alike: Iterable[tuple[Member, Member, float]], made: Path, making: Making
) -> list[dict[str, Any]]:
    """Write the data sets.

    Args:
        out: The data set of cases of which the table does not name one; others lie beside it.
        members: All cases.
        alike: Pairs of cases whose patients a split must not part.
        made: Folder of the cases.
        making: How they were made.

    Returns:
        Name, version, number of cases, and of those added and removed now, for each data set.

    Raises:
        LymphoscopeError: ``DATA-E-EMPTY`` without a case, ``DATA-E-SPLIT``, ``DATA-E-LAYOUT``, ``USE-E-OUTPUT``,
            ``IO-E-WRITE``.
    """
    if not members:
        raise LymphoscopeError("DATA-E-EMPTY", "no study became a case", fix="See status.jsonl for the reasons.")
    together = [(one.patient, other.patient) for one, other, _ in alike]
    names = sorted({member.data_set or out.name for member in members})
    return [
        _one(out.with_name(name), [m for m in members if (m.data_set or out.name) == name], together, made, making)
        for name in names
    ]


def _one(
    folder: Path, members: Sequence[Member], together: Iterable[tuple[str, str]], made: Path, making: Making
) -> dict[str, Any]:
    known = known_folds(read_splits(folder), read_patients(folder) if folder.is_dir() else {})
    patients = {member.patient for member in members}
    by_patient = folds(patients, known, [pair for pair in together if set(pair) <= patients])
    tables = {CLINICAL: _clinical(members, _numbers(folder))}
    if by_patient:
        tables[SPLITS] = splits_json({m.case: m.patient for m in members}, by_patient)
    before = read_versions(folder)
    versions = next_version(before, {m.case: _files_sha256(_ready(m, made, making)) for m in members}, tables)
    number = len(versions["versions"])
    name = data_set_name(folder)
    texts = {"README.md": card(name, number, members, by_patient), "CHANGES.md": changes_page(versions)}
    more = tables | {n: text.encode() for n, text in texts.items()} | figures(members, made)
    place_nnunet(
        folder,
        (_ready(member, made, making) for member in sorted(members, key=lambda m: m.case)),
        About(name, tuple(making.images), description=_description(making)),
        more | {VERSIONS: versions_json(versions)},
    )
    new = versions["versions"][-1] if number > len(before["versions"]) else {}
    changed = {word: len(new.get(word, ())) for word in ("added", "changed", "removed")}
    return {"name": folder.name, "version": number, "cases": len(members), **changed}


def _description(making: Making) -> str:
    values = f"; values normalised ({making.normalise}), not SUV and HU" if making.normalise else ""
    return f"FDG PET/CT, de-identified, made by Lymphoscope{values}"


def _ready(member: Member, made: Path, making: Making) -> ReadyCase:
    place = made / member.case
    images = {role: place / name for role, name in making.images.items()}
    further = {"candidates": place / CANDIDATES_FILE} if making.candidates else {}
    return ReadyCase(member.case, images, place / LABELS_FILE, member.patient, further)


def _numbers(folder: Path) -> dict[str, int]:
    """Number of each case in the clinical table that is there."""
    try:
        with (folder / CLINICAL).open(encoding="utf-8", newline="") as file:
            return {row["case"]: int(row["number"]) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError):
        return {}


def _clinical(members: Sequence[Member], before: Mapping[str, int]) -> bytes:
    """The clinical table: a case keeps its number, a new one gets the next."""
    numbers, following = dict(before), max(before.values(), default=0)
    for member in sorted(members, key=lambda m: m.case):
        if member.case not in numbers:
            numbers[member.case] = following = following + 1
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for member in sorted(members, key=lambda m: numbers[m.case]):
        day, sex, age, diagnosis = member.row
        row = (str(numbers[member.case]), member.case, member.patient, day, sex, age, _DATA, cell(diagnosis))
        writer.writerow(row)
    return stream.getvalue().encode()


def _files_sha256(case: ReadyCase) -> str:
    state = hashlib.sha256()
    with writing():
        for path in (*case.images.values(), *([case.labels] if case.labels else []), *case.further.values()):
            with path.open("rb") as file:
                state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()
