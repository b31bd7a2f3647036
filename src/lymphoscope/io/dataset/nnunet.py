"""nnU-Net's layout: dataset.json, imagesTr, labelsTr, and by choice imagesTs, labelsTs and imagesUn.

``imagesUn`` is ours: images nobody drew a mask for, to be used by methods that learn from such. A case of ``imagesTr``
without a mask is refused, because there it is a mask that was lost.

Reference: nnU-Net 2.5.2, documentation/dataset_format.md; of version 1 the words ``modality`` and labels by number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.io.dataset.courses import in_order
from lymphoscope.io.dataset.tables import (
    read_days,
    read_json,
    read_outcomes,
    read_patients,
    read_splits,
    require_known,
)

DATASET_JSON = "dataset.json"

_ROLES = {
    "ct": "ct:hu", "hu": "ct:hu", "pet": "pet:suv", "pt": "pet:suv", "suv": "pet:suv", "fdg": "pet:suv",
    "t1": "mr:t1", "t1ce": "mr:t1ce", "t1c": "mr:t1ce", "t2": "mr:t2", "flair": "mr:flair",
    "ct_normalised": "ct:normalised", "pet_normalised": "pet:normalised",
}  # fmt: skip
_ENDINGS = (".nii.gz", ".nii")
_CHANNEL = re.compile(r"(.+)_(\d{4})")


@dataclass(frozen=True)
class _Facts:
    """What dataset.json says."""

    roles: tuple[str, ...]
    labels: Mapping[str, int]
    ignore: int | None
    ending: str
    count: int | None


def open_nnunet(folder: Path) -> DataSet:
    """Find the cases of a data set in nnU-Net's layout.

    Raises:
        LymphoscopeError: ``DATA-E-LAYOUT``, ``DATA-E-CHANNEL``, ``DATA-E-LABELS``, ``DATA-E-EMPTY``,
            ``DATA-E-MISSING``, ``DATA-E-DUPLICATE``, ``DATA-E-TABLE``, ``DATA-E-COURSE`` or ``DATA-E-SPLIT``.
    """
    facts = _facts(folder)
    training = {c: (_images(folder, "imagesTr", c, facts), _mask(folder, c, facts)) for c in _ids(folder, "Tr", facts)}
    _require_all_there(folder, training, facts)
    without = {c: (_images(folder, "imagesUn", c, facts), None) for c in _ids(folder, "Un", facts)}
    test = {}
    for case in _ids(folder, "Ts", facts):
        mask = folder / "labelsTs" / f"{case}{facts.ending}"
        test[case] = (_images(folder, "imagesTs", case, facts), mask if mask.is_file() else None)
    names = [*training, *without, *test]
    twice = sorted({case for case in names if names.count(case) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise LymphoscopeError(
            "DATA-E-DUPLICATE", "a case is in two of imagesTr, imagesUn, imagesTs", f"case {twice[0]}"
        )
    patients, outcomes = read_patients(folder), read_outcomes(folder)
    for table, named in (("patients.csv", patients), ("outcome.csv", outcomes)):
        require_known(named, dict.fromkeys(names), table)

    found = {**training, **without, **test}
    entries = {
        case: Entry(case, patients.get(case, case), *found[case], outcomes.get(case, {})) for case in sorted(names)
    }
    entries = in_order(entries, read_days(folder))
    return DataSet(
        tuple(entry for case, entry in entries.items() if case not in test),
        facts.labels,
        folder,
        facts.ignore,
        held_out=tuple(entry for case, entry in entries.items() if case in test),
        splits=read_splits(folder),
    )


def _facts(folder: Path) -> _Facts:
    try:
        record = read_json(folder / DATASET_JSON)
    except ValueError:
        raise LymphoscopeError("DATA-E-LAYOUT", "the file is not JSON", DATASET_JSON) from None
    channels = record.get("channel_names", record.get("modality")) if isinstance(record, dict) else None
    if not isinstance(channels, dict) or not isinstance(record.get("labels"), dict):
        raise LymphoscopeError("DATA-E-LAYOUT", "the file does not name channels and labels", DATASET_JSON)
    if "dataset" in record:
        what, fix = (
            "the file lists images by case, which is not read",
            "Put the images into imagesTr, without the list.",
        )
        raise LymphoscopeError("DATA-E-LAYOUT", what, DATASET_JSON, fix)
    ending = record.get("file_ending", ".nii.gz")
    if ending not in _ENDINGS:
        fix = "Convert the images to NIfTI."
        raise LymphoscopeError("DATA-E-LAYOUT", f"images of type {ending!r} cannot be read", DATASET_JSON, fix)
    count = record.get("numTraining")
    labels, ignore = _labels(record["labels"])
    return _Facts(_roles(channels), labels, ignore, ending, count if isinstance(count, int) else None)


def _roles(channels: Mapping[str, Any]) -> tuple[str, ...]:
    if sorted(channels) != sorted(str(n) for n in range(len(channels))):
        raise LymphoscopeError("DATA-E-CHANNEL", "the channels are not numbered 0, 1, …", DATASET_JSON)
    roles = []
    for number in range(len(channels)):
        name = str(channels[str(number)])
        role = _ROLES.get(name.strip().lower())
        if role is None:
            raise LymphoscopeError("DATA-E-CHANNEL", f"channel {number} is named {name!r}", DATASET_JSON)
        if role in roles:
            raise LymphoscopeError("DATA-E-CHANNEL", f"two channels are {role}", DATASET_JSON)
        roles.append(role)
    return tuple(roles)


def _labels(written: Mapping[str, Any]) -> tuple[dict[str, int], int | None]:
    """Classes by name and the label for unknown; names and numbers stand the other way round in version 1."""
    if any(isinstance(value, list) for value in written.values()):
        what, fix = "labels are regions, made of several numbers", "Write one number for each class."
        raise LymphoscopeError("DATA-E-LABELS", what, DATASET_JSON, fix)
    turned = all(name.isdigit() for name in written)
    pairs = ((str(value), name) if turned else (name, value) for name, value in written.items())
    labels = {name: int(number) if str(number).isdigit() else -1 for name, number in pairs}
    if min(labels.values(), default=0) < 0:
        raise LymphoscopeError("DATA-E-LABELS", "a label is not a whole number", DATASET_JSON)
    ignore = labels.pop("ignore", None)
    if labels.get("background") != 0 or sorted(labels.values()) != list(range(len(labels))):
        raise LymphoscopeError("DATA-E-LABELS", "labels are not background 0 and classes 1, 2, …", DATASET_JSON)
    if ignore is not None and ignore != len(labels):
        raise LymphoscopeError("DATA-E-LABELS", "the label ignore does not follow the last class", DATASET_JSON)
    return labels, ignore


def _ids(folder: Path, part: str, facts: _Facts) -> list[str]:
    """Ids of the cases that have any image in a part."""
    found = {}
    images = folder / f"images{part}"
    for path in sorted(images.iterdir()) if images.is_dir() else ():
        if path.name.endswith(facts.ending) and not path.name.startswith("."):
            match = _CHANNEL.fullmatch(path.name.removesuffix(facts.ending))
            if match is None:
                what = "the name does not end in the number of a channel, such as _0000"
                raise LymphoscopeError("DATA-E-LAYOUT", what, f"{images.name}/{path.name}")
            found[match[1]] = True
    return list(found)


def _images(folder: Path, part: str, case: str, facts: _Facts) -> dict[str, Path]:
    images = {}
    for number, role in enumerate(facts.roles):
        path = folder / part / f"{case}_{number:04d}{facts.ending}"
        if not path.is_file():
            raise LymphoscopeError("DATA-E-MISSING", f"there is no image {role}", f"{part}/{path.name}")
        images[role] = path
    beyond = folder / part / f"{case}_{len(facts.roles):04d}{facts.ending}"
    if beyond.is_file():
        raise LymphoscopeError("DATA-E-CHANNEL", "dataset.json names no such channel", f"{part}/{beyond.name}")
    return images


def _mask(folder: Path, case: str, facts: _Facts) -> Path:
    path = folder / "labelsTr" / f"{case}{facts.ending}"
    if not path.is_file():
        fix = "Add the mask, or move the images to imagesUn."
        raise LymphoscopeError("DATA-E-MISSING", "a case has no mask", f"labelsTr/{path.name}", fix)
    return path


def _require_all_there(folder: Path, training: Mapping[str, Any], facts: _Facts) -> None:
    if not training:
        raise LymphoscopeError("DATA-E-EMPTY", "there is no image in imagesTr")
    for path in sorted((folder / "labelsTr").iterdir()):
        case = path.name.removesuffix(facts.ending)
        if path.name.endswith(facts.ending) and not path.name.startswith(".") and case not in training:
            raise LymphoscopeError("DATA-E-MISSING", "a mask has no images", f"labelsTr/{path.name}")
    if facts.count is not None and facts.count != len(training):
        what = f"{len(training)} cases were found, and numTraining says {facts.count}"
        fix = "Complete the data set, or correct numTraining."
        raise LymphoscopeError("DATA-E-MISSING", what, DATASET_JSON, fix)
