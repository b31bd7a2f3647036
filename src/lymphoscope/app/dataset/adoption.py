"""A public collection made a data set in nnU-Net's layout: one grid a case, one class, folds by patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.app.dataset.assembly import SPLITS, data_set_name
from lymphoscope.app.dataset.folds import folds, known_folds, splits_json
from lymphoscope.app.dataset.members import read_table
from lymphoscope.app.dataset.parts import for_test, known_parts, require_share
from lymphoscope.app.dataset.quality import quality
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import agreement
from lymphoscope.image.resample import labels_on, resample
from lymphoscope.io.case import require_apart
from lymphoscope.io.dataset.cases import UNITS
from lymphoscope.io.dataset.public import PublicCase, PublicLayout, find_public, public_layout
from lymphoscope.io.dataset.tables import read_patients, read_splits
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti


@dataclass(frozen=True)
class Choice:
    """What of a collection is taken.

    Attributes:
        labels: Numbers of the masks that are lesion; all when empty.
        diagnoses: Diagnoses in the collection's table; every patient when empty.
        force: Replace the data set that is there.
        table: CSV that says of patients whether they are for a last test.
        test_share: Share of the other patients that is kept for a last test, 0 to less than 1.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another share.
    """

    labels: tuple[int, ...] = ()
    diagnoses: tuple[str, ...] = ()
    force: bool = False
    table: Path | None = None
    test_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_share(self.test_share)

    @classmethod
    def of(cls, labels: str, diagnoses: str, **others: Any) -> Choice:
        """From what was written, with commas.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` for labels that are no numbers.
        """
        words = [word.strip() for word in labels.split(",") if word.strip()]
        if not all(word.isdecimal() for word in words):
            raise LymphoscopeError("USE-E-VALUE", "labels are numbers with commas, such as 1,2", "--labels")
        named = tuple(word.strip() for word in diagnoses.split(",") if word.strip())
        return cls(tuple(map(int, words)), named, **others)


@dataclass
class _Account:
    """What became of the cases, filled one by one; `test` holds the patients kept for a last test."""

    test: frozenset[str]
    written: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, LymphoscopeError] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def training(self) -> dict[str, str]:
        """Patient of each case to train on."""
        return {case: patient for case, patient in self.written.items() if patient not in self.test}


def adopt(
    tree: Path, name: str, out: Path, choice: Choice | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Make a data set of a collection.

    Images come to the grid of the first (of PET/CT the PET's): the others linearly, masks by the larger half of each
    voxel. Cases without a lesion stay; a case that cannot be used is left out and told.

    Args:
        tree: Where the collection lies; it is never written to.
        name: Of the collection, such as ``autopet``.
        out: Folder of the data set.
        choice: What is taken.
        progress: Told of each case.

    Returns:
        Number of cases, of those kept for a last test, and of patients; cases left out with code and reason; codes of
        warnings.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for another collection, ``DATA-E-TABLE``, ``DATA-E-SPLIT``, those of
            `find_public` and `write_nnunet`.
    """
    choice, layout = choice or Choice(), public_layout(name)
    require_apart(out, tree)
    there = find_public(tree, layout)
    cases = [case for case in there if _wanted(case, choice)]
    if not cases:
        raise LymphoscopeError("DATA-E-EMPTY", "no case has one of the diagnoses", "--diagnosis")
    known = known_folds(read_splits(out), read_patients(out)) if choice.force else {}
    account = _Account(_for_test(cases, {case.patient for case in there}, choice, out))

    def tables() -> Mapping[str, bytes]:
        by_patient = folds(account.training.values(), known)
        return {SPLITS: splits_json(account.training, by_patient)} if by_patient else {}

    about = About(data_set_name(out), layout.channels, description=layout.title)
    write_nnunet(out, _read(cases, layout, choice, account, progress), about, choice.force, tables)
    return {
        "collection": layout.title,
        "cases": len(account.written),
        "test": len(account.written) - len(account.training),
        "patients": len(set(account.written.values())),
        "left_out": {case: {"code": e.code, "what": e.message.what} for case, e in account.left_out.items()},
        "codes": dict(sorted(account.codes.items())),
    }


def _wanted(case: PublicCase, choice: Choice) -> bool:
    words = {word.casefold() for word in choice.diagnoses}
    return not words or str(case.outcome.get("diagnosis", "")).casefold() in words


def _for_test(cases: Sequence[PublicCase], patients: set[str], choice: Choice, out: Path) -> frozenset[str]:
    """Patients kept for a last test; a patient stays in the part where it was."""
    table = read_table(choice.table) if choice.table else {}
    if strangers := sorted(set(table) - patients):
        what = f"{len(strangers)} patients of the table are not in the collection, such as {strangers[0]}"
        raise LymphoscopeError("DATA-E-TABLE", what, "--table", "Name patients as the collection does.")
    wanted = {patient: row["part"] for patient, row in table.items() if row.get("part")}
    known = known_parts(out) if choice.force else {}
    return for_test((case.patient for case in cases), wanted, known, choice.test_share, ())


def _read(
    cases: Sequence[PublicCase], layout: PublicLayout, choice: Choice, account: _Account, progress: Progress
) -> Iterator[NewCase]:
    """The cases one at a time; what cannot be used is written down instead."""
    for number, case in enumerate(cases, 1):
        notes = Notes()
        try:
            volumes, labels = _on_one_grid(case, layout, choice, notes)
        except LymphoscopeError as error:
            account.left_out[case.id] = error
        else:
            account.written[case.id] = case.patient
            account.codes.update({message.code for message in notes})
            yield NewCase(case.id, volumes, labels, case.patient, case.outcome, case.patient in account.test)
        progress("cases", number, len(cases))


def _on_one_grid(
    case: PublicCase, layout: PublicLayout, choice: Choice, notes: Notes
) -> tuple[dict[str, Volume], Volume]:
    """Images and mask on the grid of the first image, and whether they belong together."""
    missing = [role for role in layout.channels if role not in case.images]
    if missing or not case.masks:
        what = f"there is no image {missing[0]}" if missing else "there is no mask"
        raise LymphoscopeError("DATA-E-MISSING", what, f"case {case.id}")
    read = {role: read_nifti(case.images[role], UNITS[role], notes) for role in layout.channels}
    odd = [role for role, volume in read.items() if not np.isfinite(volume.array).all()]
    if odd:
        raise LymphoscopeError("SUV-E-NONFINITE", f"image {odd[0]} holds values that are not finite", f"case {case.id}")
    first = read[layout.channels[0]]
    inside = np.zeros(first.geometry.shape, dtype=np.int32)
    for path in case.masks:
        inside |= _mask_on(read_mask(path, notes), first.geometry, choice, notes).foreground
    mask = LesionMask(inside, first.geometry, "published")
    if "pet:suv" in read and "ct:hu" in read:
        fit = agreement(read["pet:suv"], read["ct:hu"])
        quality(read["pet:suv"], read["ct:hu"], fit, mask, notes)
        try:
            notes.items.extend(fit.messages)
        except LymphoscopeError as error:  # what was published stays, and is told
            notes.add("GEO-W-ALIGN", error.message.what)
    volumes = {role: resample(volume, first.geometry) for role, volume in read.items()}
    return volumes, Volume(inside.astype(np.uint8), first.geometry, Unit.LABEL)


def _mask_on(mask: LesionMask, grid: Geometry, choice: Choice, notes: Notes) -> LesionMask:
    chosen = np.isin(mask.labels, choice.labels) if choice.labels else mask.foreground
    there, messages = labels_on(LesionMask(chosen.astype(np.int32), mask.geometry, mask.source), grid)
    notes.items.extend(messages)
    return there
