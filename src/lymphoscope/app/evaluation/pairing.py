"""Which prediction belongs to which reference: by name, one to one, or refused."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.case import Pair
from lymphoscope.io.boxes import read_boxes
from lymphoscope.io.files import is_nifti
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti

MASK, PROBABILITY, PET, BOXES = "mask", "probability", "pet", "boxes"
_IN_CASE_FOLDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        MASK: ("lesions", "SEG", "seg", "mask", "PET_mask"),
        PROBABILITY: ("probability",),
        PET: ("pet", "SUV", "PET_image"),
    }
)
"""Names without ending that are looked for in a case's own folder, the first that is there."""

_ENDINGS = (".nii.gz", ".nii")
_MOST_NAMED = 3


@dataclass(frozen=True)
class CaseFiles:
    """Files of one case."""

    case: str
    prediction: Path
    reference: Path
    probability: Path | None = None
    pet: Path | None = None
    boxes: Path | None = None


@dataclass(frozen=True)
class Folders:
    """Where the files of all cases are.

    Attributes:
        predictions: Label maps as files, or a folder a case.
        references: The same.
        probabilities: Probability maps, or None.
        pet: PET images in SUV, or None.
        boxes: Tables of scored boxes ``CASE.csv``, or None.
    """

    predictions: Path
    references: Path
    probabilities: Path | None = None
    pet: Path | None = None
    boxes: Path | None = None


def cases_in(folder: Path, kind: str = MASK) -> dict[str, Path]:
    """Files of a folder by the name of their case: NIfTI files, or else one in each case's own folder.

    Args:
        folder: Files ``CASE.nii.gz``, or folders ``CASE`` (such as case folders), or a batch's output.
        kind: `MASK`, `PROBABILITY` or `PET`.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without such a folder, ``EVAL-E-PAIR`` when a name comes twice.
    """
    if not folder.is_dir():
        raise LymphoscopeError("IO-E-PATH", "there is no such folder", f"the folder of {_plural(kind)}")
    flat = [path for path in sorted(folder.iterdir()) if path.is_file() and is_nifti(path)]
    if not flat:
        folder = folder / "cases" if (folder / "cases").is_dir() else folder
        own = ((path.name, _own_file(path, kind)) for path in sorted(folder.iterdir()) if path.is_dir())
        return {name: file for name, file in own if file is not None}
    found: dict[str, Path] = {}
    for path in flat:
        if (name := case_name(path)) in found:
            raise LymphoscopeError("EVAL-E-PAIR", f"{name} is there twice", f"the folder of {_plural(kind)}")
        found[name] = path
    return found


def tables_in(folder: Path) -> dict[str, Path]:
    """Tables ``CASE.csv`` of a folder by the name of their case.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without such a folder.
    """
    if not folder.is_dir():
        raise LymphoscopeError("IO-E-PATH", "there is no such folder", f"the folder of {_plural(BOXES)}")
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}


def case_name(path: Path) -> str:
    """A file's name without its ending."""
    return next((path.name[: -len(end)] for end in _ENDINGS if path.name.lower().endswith(end)), path.stem)


def _own_file(folder: Path, kind: str) -> Path | None:
    named = (folder / f"{stem}{ending}" for stem in _IN_CASE_FOLDER[kind] for ending in _ENDINGS)
    return next((path for path in named if path.is_file()), None)


def _plural(kind: str) -> str:
    return {MASK: "masks", PROBABILITY: "probability maps", PET: "PET images", BOXES: "boxes"}[kind]


def pair_up(folders: Folders) -> tuple[CaseFiles, ...]:
    """Find the files of every case.

    Raises:
        LymphoscopeError: ``EVAL-E-PAIR`` when a file is missing on either side, or there is none; ``IO-E-PATH``.
    """
    references = cases_in(folders.references)
    others = {
        "prediction": cases_in(folders.predictions),
        "probability map": cases_in(folders.probabilities, PROBABILITY) if folders.probabilities else None,
        "PET": cases_in(folders.pet, PET) if folders.pet else None,
        "table of boxes": tables_in(folders.boxes) if folders.boxes else None,
    }
    if not references:
        raise LymphoscopeError("EVAL-E-PAIR", "there is no label map", "the folder of references")
    for what, found in others.items():
        if found is not None:
            _require_each(references, found, what)
    strangers = sorted(set(others["prediction"] or {}) - set(references))
    if strangers:
        raise LymphoscopeError("EVAL-E-PAIR", f"{_named(strangers)} without a reference", "the folder of predictions")
    prediction, probability, pet, boxes = (found or {} for found in others.values())
    return tuple(
        CaseFiles(case, prediction[case], reference, probability.get(case), pet.get(case), boxes.get(case))
        for case, reference in references.items()
    )


def _require_each(references: Iterable[str], found: Mapping[str, Path], what: str) -> None:
    lacking = [case for case in references if case not in found]
    if lacking:
        raise LymphoscopeError("EVAL-E-PAIR", f"{_named(lacking)} without a {what}", "the folder of references")


def _named(cases: list[str]) -> str:
    more = f" and {len(cases) - _MOST_NAMED} more" if len(cases) > _MOST_NAMED else ""
    return f"{', '.join(cases[:_MOST_NAMED])}{more}"


def read_pair(files: CaseFiles) -> Pair:
    """Read the images of a case.

    Raises:
        LymphoscopeError: ``GEO-E-MASKLABELS``, ``EVAL-E-PROBABILITY``, ``IO-E-BOXES`` and those of `read_nifti`,
            naming the case.
    """
    with naming(f"the prediction of {files.case}"):
        prediction = read_mask(files.prediction)
    with naming(f"the reference of {files.case}"):
        reference = read_mask(files.reference)
    probability = pet = None
    if files.probability is not None:
        with naming(f"the probability map of {files.case}"):
            probability = _read_probability(files.probability)
    if files.pet is not None:
        with naming(f"the PET of {files.case}"):
            pet = read_nifti(files.pet, Unit.SUV_BW)
    boxes = None if files.boxes is None else read_boxes(files.boxes)
    return Pair(files.case, prediction, reference, probability, pet, boxes)


def _read_probability(path: Path) -> Volume:
    volume = read_nifti(path, Unit.PROBABILITY)
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (np.isfinite(low) and np.isfinite(high) and low >= 0 and high <= 1):
        raise LymphoscopeError("EVAL-E-PROBABILITY", f"values run from {low:g} to {high:g}")
    return volume


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Give an error that knows no place the name of the case it arose in."""
    try:
        yield
    except LymphoscopeError as error:
        message = error.message
        raise LymphoscopeError(message.code, message.what, where, message.fix) from None


def read_groups(path: Path | None, cases: Iterable[str]) -> dict[str, str]:
    """The patient of each case: from a CSV with the columns ``case`` and ``patient``, else each case its own.

    Raises:
        LymphoscopeError: ``EVAL-E-GROUP`` when the table cannot be read, has other columns or leaves a case out.
    """
    if path is None:
        return {case: case for case in cases}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = {row["case"].strip(): row["patient"].strip() for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, AttributeError, csv.Error):
        raise LymphoscopeError("EVAL-E-GROUP", "the table cannot be read", "--group") from None
    lacking = [case for case in cases if not found.get(case)]
    if lacking:
        raise LymphoscopeError("EVAL-E-GROUP", f"{_named(lacking)} without a patient", "--group")
    return {case: found[case] for case in cases}
