"""Which patients are kept for a last test: as a table says, as it was, or by a share; no patient is in two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from lymphoscope.app.dataset.folds import Pairs, groups
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.tables import read_patients

TRAIN, TEST = "train", "test"
PARTS = (TRAIN, TEST)
_FIX = "Correct the table; or remove the data set's folder and build again: cases are not made again."


def known_parts(folder: Path) -> dict[str, str]:
    """Part of each patient in a data set that was written before; empty where there is none.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE``.
    """
    patients = read_patients(folder) if folder.is_dir() else {}
    return {
        patient: TEST if (folder / "imagesTs" / f"{case}_0000.nii.gz").is_file() else TRAIN
        for case, patient in patients.items()
    }


def share_of(patient: str) -> float:
    """Where a patient stands between 0 and 1; anybody can work it out. Below the share wanted it is a test patient."""
    return int.from_bytes(hashlib.sha256(f"test {patient}".encode()).digest()[:8], "big") / 2**64


def require_share(share: float) -> None:
    """Refuse a share of patients that would leave none to train on.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if not 0 <= share < 1:
        raise LymphoscopeError("USE-E-VALUE", "the share for a test is 0 to less than 1", "--test-share")


def for_test(
    patients: Iterable[str], wanted: Mapping[str, str], known: Mapping[str, str], share: float, together: Pairs
) -> frozenset[str]:
    """Patients kept for a last test.

    A patient stays where it was. A new one goes where the table says, else with a patient whose cases look like its
    own, else to the test when its hash lies below the share.

    Args:
        patients: All patients.
        wanted: Part by patient, as the table has it.
        known: Part by patient, as it was.
        share: Of patients of whom nothing is said.
        together: Pairs of patients that must not be parted.

    Raises:
        LymphoscopeError: ``DATA-E-SPLIT`` where the table moves a patient to the other part.
    """
    for patient, part in sorted(wanted.items()):
        if known.get(patient, part) != part:
            what = f"the table has patient {patient} for {part}, and an earlier version for {known[patient]}"
            raise LymphoscopeError("DATA-E-SPLIT", what, "--table", _FIX)
    said = {**known, **wanted}
    found: set[str] = set()
    for group in groups(sorted(set(patients)), together):
        parts = {said[p] for p in group if p in said}
        usual = TEST if parts == {TEST} or (not parts and share_of(group[0]) < share) else TRAIN
        found.update(p for p in group if said.get(p, usual) == TEST)
    return frozenset(found)
