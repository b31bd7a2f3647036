"""Folds that stay as they are when cases are added: by a hash of the patient, and by what was written before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from lymphoscope.core.errors import LymphoscopeError

FOLDS = 5

Pairs = Iterable[tuple[str, str]]


def known_folds(splits: Sequence[tuple[Sequence[str], Sequence[str]]], patients: Mapping[str, str]) -> dict[str, int]:
    """Fold of each patient in splits that were written before.

    Args:
        splits: Ids of training and validation cases by fold.
        patients: Patient of each case.

    Raises:
        LymphoscopeError: ``DATA-E-SPLIT`` for splits that are not five: they are somebody's own.
    """
    if len(splits) not in (0, FOLDS):
        what = f"the data set has {len(splits)} folds, not {FOLDS}"
        raise LymphoscopeError("DATA-E-SPLIT", what, "splits_final.json", "Keep your own folds elsewhere.")
    return {patients[case]: n for n, (_, held_out) in enumerate(splits) for case in held_out if case in patients}


def fold_of(patient: str) -> int:
    """Fold of a patient about whom nothing was written before; anybody can work it out."""
    return int.from_bytes(hashlib.sha256(f"fold {patient}".encode()).digest()[:8], "big") % FOLDS


def folds(patients: Iterable[str], known: Mapping[str, int], together: Pairs = ()) -> dict[str, int]:
    """Fold of each patient.

    A patient keeps the fold it had. A new one gets that of a patient whose cases look like its own, else that of its
    hash. While a fold is empty, the new group of the smallest hash in the fullest fold moves there, so that few
    patients give five folds too.

    Args:
        patients: All patients.
        known: Folds from before.
        together: Pairs of patients that must not be parted.

    Returns:
        Empty for less than five groups of patients, which cannot be parted into five.
    """
    found_groups = groups(sorted(set(patients)), together)
    if len(found_groups) < FOLDS:
        return {}
    found = {group: next((known[p] for p in group if p in known), fold_of(group[0])) for group in found_groups}
    free = sorted((g for g in found_groups if not any(p in known for p in g)), key=lambda g: _rank(g[0]))
    while empty := sorted(set(range(FOLDS)) - set(found.values())):
        count = [sum(fold == n for fold in found.values()) for n in range(FOLDS)]
        movable = [g for g in free if count[found[g]] > 1]
        if not movable:
            break
        fullest = max(count[found[g]] for g in movable)
        found[next(g for g in movable if count[found[g]] == fullest)] = empty[0]
    return {patient: known.get(patient, fold) for group, fold in found.items() for patient in group}


def splits_json(cases: Mapping[str, str], by_patient: Mapping[str, int]) -> bytes:
    """nnU-Net's ``splits_final.json``.

    Args:
        cases: Patient of each case.
        by_patient: Fold of each patient.
    """
    splits = []
    for number in range(FOLDS):
        held_out = sorted(case for case, patient in cases.items() if by_patient[patient] == number)
        splits.append({"train": sorted(set(cases) - set(held_out)), "val": held_out})
    return (json.dumps(splits, indent=1) + "\n").encode()


def _rank(patient: str) -> str:
    return hashlib.sha256(f"rank {patient}".encode()).hexdigest()


def groups(patients: Sequence[str], together: Pairs) -> list[tuple[str, ...]]:
    """Patients with those they must not be parted from.

    Args:
        patients: All patients, sorted.
        together: Pairs of some of them; others are left out of account.
    """
    group = {patient: {patient} for patient in patients}
    for a, b in together:
        if a in group and b in group and group[a] is not group[b]:
            group[a] |= group[b]
            for patient in group[b]:
                group[patient] = group[a]
    return sorted({tuple(sorted(members)) for members in group.values()})
