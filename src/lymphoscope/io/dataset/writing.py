"""Write a data set in nnU-Net's layout, as its version 2 wants it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.atomic import claim, draft, writing
from lymphoscope.io.dataset.cases import LESIONS, UNMARKED, Fact
from lymphoscope.io.gzipped import gzipped
from lymphoscope.io.nifti import to_nifti_bytes

CHANNEL_NAMES: Mapping[str, str] = {
    "ct:hu": "CT", "pet:suv": "PET", "mr:t1": "T1", "mr:t1ce": "T1CE", "mr:t2": "T2", "mr:flair": "FLAIR",
    "ct:normalised": "CT_normalised", "pet:normalised": "PET_normalised",
}  # fmt: skip
"""Names of the channels in dataset.json; from the name ``CT`` nnU-Net concludes how to normalise."""

NNUNET_FILES = (
    "dataset.json", "patients.csv", "outcome.csv", "splits_final.json", "imagesTr", "labelsTr", "imagesTs", "labelsTs",
    "imagesUn", "candidatesTr", "candidatesTs", "candidatesUn", "clinical.csv", "versions.json", "CHANGES.md",
    "README.md", "figures",
)  # fmt: skip
"""What a data set in nnU-Net's layout may hold at its top."""

_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, eq=False)
class NewCase:
    """A case to be written.

    Attributes:
        id: Letters, digits, ``. _ -``.
        volumes: Images by role, all on one grid.
        labels: Classes of the voxels on that grid, `UNMARKED` where nothing is said.
        patient: Whose it is; the case's own id when empty.
        outcome: Facts by name.
        held_out: Kept for a last test.
        day: On which it was scanned, days from any day of the patient's; None where nobody needs to know.
    """

    id: str
    volumes: Mapping[str, Volume]
    labels: Volume | None
    patient: str = ""
    outcome: Mapping[str, Fact] = field(default_factory=dict)
    held_out: bool = False
    day: float | None = None


@dataclass(frozen=True)
class About:
    """What is said of a data set.

    Attributes:
        name: Its name.
        channels: Roles in the order of their files: the first is ``_0000``.
        labels: Classes by name.
        ignore: Whether there are voxels about which nothing is said; the label after the last class is theirs.
        description: What it is, with source and licence.
    """

    name: str
    channels: tuple[str, ...] = ("ct:hu", "pet:suv")
    labels: Mapping[str, int] = field(default_factory=lambda: dict(LESIONS))
    ignore: bool = False
    description: str = ""


def write_nnunet(
    folder: Path,
    cases: Iterable[NewCase],
    about: About,
    force: bool = False,
    more: Callable[[], Mapping[str, bytes]] | None = None,
) -> Path:
    """Write a data set; it appears whole or not at all.

    Args:
        folder: Its folder, by nnU-Net's custom named ``DatasetNNN_NAME``.
        cases: Taken one at a time, so that no two need to be in memory.
        about: What is said of it.
        force: Replace the data set that is there.
        more: Gives other files by name, when all cases are written.

    Returns:
        The folder.

    Raises:
        LymphoscopeError: ``DATA-E-DUPLICATE``, ``DATA-E-MISSING``, ``DATA-E-GRID``, ``DATA-E-LABELS``,
            ``DATA-E-EMPTY``, ``USE-E-VALUE`` for an id that is none, ``USE-E-OUTPUT`` or ``IO-E-WRITE``.
    """
    with claim(Path(folder), force, lambda entry: entry.name in NNUNET_FILES) as held, draft(held, False) as new:
        written: dict[str, NewCase] = {}
        for case in cases:
            _require_sound(case, about, written)
            _write_case(new, case, about)
            written[case.id.lower()] = replace(case, volumes={}, labels=None)
        write_facts(new, list(written.values()), about)
        with writing():
            for name, content in (more() if more else {}).items():
                (new / name).write_bytes(content)
    return held.folder


def require_id(case: str, written: Mapping[str, Any]) -> None:
    """Refuse an id that is none, or that was written before (in small letters).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``DATA-E-DUPLICATE``.
    """
    if not _CASE_ID.fullmatch(case):
        raise LymphoscopeError("USE-E-VALUE", f"{case!r} is no case id: letters, digits, dots, dashes, underscores")
    if case.lower() in written:
        raise LymphoscopeError("DATA-E-DUPLICATE", "two cases have the same id", f"case {case}")


def _require_sound(case: NewCase, about: About, written: Mapping[str, NewCase]) -> None:
    where = f"case {case.id}"
    require_id(case.id, written)
    for role in about.channels:
        if role not in case.volumes:
            raise LymphoscopeError("DATA-E-MISSING", f"there is no image {role}", where)
    if case.labels is None and not case.held_out:
        raise LymphoscopeError("DATA-E-MISSING", "a training case has no mask", where)
    first = case.volumes[about.channels[0]].geometry
    others = [case.volumes[role].geometry for role in about.channels[1:]]
    for grid in [*others, *([case.labels.geometry] if case.labels else [])]:
        difference = first.difference(grid)
        if difference:
            raise LymphoscopeError("DATA-E-GRID", f"an image is not on the first one's grid: {difference}", where)
    if case.labels is not None:
        allowed = {*about.labels.values(), *([UNMARKED] if about.ignore else [])}
        strange = set(np.unique(case.labels.values(Unit.LABEL)).tolist()) - allowed
        if strange:
            raise LymphoscopeError("DATA-E-LABELS", f"label {min(strange)} has no name", where)


def _write_case(new: Path, case: NewCase, about: About) -> None:
    part = "Ts" if case.held_out else "Tr"
    for number, role in enumerate(about.channels):
        _write_image(new / f"images{part}" / f"{case.id}_{number:04d}.nii.gz", case.volumes[role])
    if case.labels is not None:
        labels = case.labels.array
        marked = np.where(labels == UNMARKED, len(about.labels), labels).astype(np.uint8)
        _write_image(new / f"labels{part}" / f"{case.id}.nii.gz", case.labels.with_array(marked))


def _write_image(path: Path, image: Volume) -> None:
    with writing():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzipped(to_nifti_bytes(image)))


def write_facts(new: Path, cases: Sequence[NewCase], about: About) -> None:
    """Write dataset.json and the tables of cases, whose images are not looked at.

    Raises:
        LymphoscopeError: ``DATA-E-EMPTY`` without a case to train on, ``IO-E-WRITE``.
    """
    training = sum(not case.held_out for case in cases)
    if not training:
        raise LymphoscopeError("DATA-E-EMPTY", "there is no case to train on")
    labels = dict(about.labels) | ({"ignore": len(about.labels)} if about.ignore else {})
    channels = {str(n): CHANNEL_NAMES[role] for n, role in enumerate(about.channels)}
    record: dict[str, Any] = {
        "name": about.name,
        "description": about.description,
        "channel_names": channels,
        "labels": labels,
        "numTraining": training,
        "file_ending": ".nii.gz",
        **_words_of_version_1(new, cases, channels),
    }
    with writing():
        (new / "dataset.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        days = any(case.day is not None for case in cases)
        when = {case.id: ["" if case.day is None else f"{case.day:g}"] if days else [] for case in cases}
        columns = ["case", "patient", *(["scanned"] if days else [])]
        _write_table(new / "patients.csv", columns, [[c.id, c.patient or c.id, *when[c.id]] for c in cases])
        facts = list(dict.fromkeys(name for case in cases for name in case.outcome))
        if facts:
            rows = [[case.id, *(case.outcome.get(name, "") for name in facts)] for case in cases]
            _write_table(new / "outcome.csv", ["case", *facts], rows)


def _words_of_version_1(new: Path, cases: Sequence[NewCase], channels: Mapping[str, str]) -> dict[str, Any]:
    """What nnU-Net's first version and readers of its layout look for; its second passes it over."""
    test = [case.id for case in cases if (new / "imagesTs" / f"{case.id}_0000.nii.gz").is_file()]
    images = [case.id for case in cases if not case.held_out]
    return {
        "modality": dict(channels),
        "numTest": len(test),
        "training": [{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in images],
        "test": [f"./imagesTs/{i}.nii.gz" for i in test],
    }


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
