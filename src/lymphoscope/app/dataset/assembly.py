"""Cases put together to data sets in nnU-Net's layout, with folds, clinical table, versions and a card."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.app.dataset.card import card, figures
from lymphoscope.app.dataset.folds import folds, known_folds, splits_json
from lymphoscope.app.dataset.making import CANDIDATES_FILE, LABELS_FILE, Making
from lymphoscope.app.dataset.members import Member
from lymphoscope.app.dataset.parts import for_test, known_parts
from lymphoscope.app.dataset.versions import VERSIONS, changes_page, next_version, read_versions, versions_json
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing
from lymphoscope.io.dataset.placing import ReadyCase, place_nnunet
from lymphoscope.io.dataset.tables import read_patients, read_splits
from lymphoscope.io.dataset.writing import About
from lymphoscope.render.table import cell

CLINICAL, SPLITS = "clinical.csv", "splits_final.json"
_COLUMNS = ("number", "case", "patient", "date", "sex", "age", "data", "diagnosis")
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
    out: Path, members: Sequence[Member], alike: Iterable[tuple[Member, Member, float]], made: Path, wish: Wish
) -> list[dict[str, Any]]:
    """Write the data sets.

    Args:
        out: The data set of cases of which the table does not name one; others lie beside it.
        members: All cases.
        alike: Pairs of cases whose patients a split must not part.
        made: Folder of the cases.
        wish: How they were made, and what share is kept for a test.

    Returns:
        Name, version, number of cases, and of those added and removed now, for each data set.

    Raises:
        LymphoscopeError: ``DATA-E-EMPTY`` without a case, ``DATA-E-SPLIT``, ``DATA-E-LAYOUT``, ``USE-E-OUTPUT``,
            ``IO-E-WRITE``.
    """
    if not members:
        raise LymphoscopeError("DATA-E-EMPTY", "no study became a case", fix="See status.jsonl for the reasons.")
    together = [(one.patient, other.patient) for one, other, _ in alike]
    by_name: dict[str, list[Member]] = {}
    for member in members:
        by_name.setdefault(member.data_set or out.name, []).append(member)
    known = {p: part for name in sorted(by_name) for p, part in known_parts(out.with_name(name)).items()}
    wanted = {member.patient: member.part for member in members if member.part}
    test = for_test((m.patient for m in members), wanted, known, wish.test_share, together)
    return [_one(out.with_name(n), _Parts(by_name[n], test), together, made, wish.making) for n in sorted(by_name)]


@dataclass(frozen=True)
class _Parts:
    """The cases of one data set.

    Attributes:
        members: All of them.
        test: Patients kept for a last test.
    """

    members: Sequence[Member]
    test: frozenset[str]

    @property
    def training(self) -> list[Member]:
        """Those to train on."""
        return [member for member in self.members if self.of(member) == "Tr"]

    def of(self, member: Member) -> str:
        """Part of nnU-Net's layout, or ``Un``: patients to train on, and no mask."""
        return "Ts" if member.patient in self.test else "Tr" if member.marked else "Un"


def _one(
    folder: Path, parts: _Parts, together: Iterable[tuple[str, str]], made: Path, making: Making
) -> dict[str, Any]:
    known = known_folds(read_splits(folder), read_patients(folder) if folder.is_dir() else {})
    members, training = parts.members, parts.training
    by_patient = folds({member.patient for member in training}, known, together)
    tables = {CLINICAL: _clinical(members, _numbers(folder))}
    if by_patient:
        tables[SPLITS] = splits_json({m.case: m.patient for m in training}, by_patient)
    ready = {m.case: _ready(m, parts.of(m), made, making) for m in sorted(members, key=lambda m: m.case)}
    before = read_versions(folder)
    versions = next_version(before, {case: _files_sha256(files) for case, files in ready.items()}, tables)
    number, name = len(versions["versions"]), data_set_name(folder)
    page = card(name, number, members, by_patient, parts.test)
    texts = {"README.md": page, "CHANGES.md": changes_page(versions)}
    more = tables | {n: text.encode() for n, text in texts.items()} | figures(members, made)
    about = About(name, tuple(making.images), description=_description(making))
    place_nnunet(folder, ready.values(), about, more | {VERSIONS: versions_json(versions)})
    new = versions["versions"][-1] if number > len(before["versions"]) else {}
    changed = {word: len(new.get(word, ())) for word in ("added", "changed", "removed")}
    count = {"cases": len(members), "test": sum(case.part == "Ts" for case in ready.values())}
    return {"name": folder.name, "version": number, **count, **changed}


def _description(making: Making) -> str:
    values = f"; values normalised ({making.normalise}), not SUV and HU" if making.normalise else ""
    return f"FDG PET/CT, de-identified, made by Lymphoscope{values}"


def _ready(member: Member, part: str, made: Path, making: Making) -> ReadyCase:
    place = made / member.case
    images = {role: place / name for role, name in making.images.items()}
    further = {"candidates": place / CANDIDATES_FILE} if making.candidates else {}
    labels = place / LABELS_FILE if member.marked else None
    return ReadyCase(member.case, images, labels, member.patient, part, further)


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
        data = "CT, PET, mask" if member.marked else "CT, PET"
        row = (str(numbers[member.case]), member.case, member.patient, day, sex, age, data, cell(diagnosis))
        writer.writerow(row)
    return stream.getvalue().encode()


def _files_sha256(case: ReadyCase) -> str:
    state = hashlib.sha256()
    with writing():
        for path in (*case.images.values(), *([case.labels] if case.labels else []), *case.further.values()):
            with path.open("rb") as file:
                state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()
