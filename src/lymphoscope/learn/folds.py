"""Folds of cross-validation. A patient is never in two parts of one fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import DataSet, Entry, Fact
from lymphoscope.recipes.planning import Fold

NNUNET_SEED = 12345
_SPLITS = "splits_final.json"


def folds(data: DataSet, count: int = 5, seed: int = NNUNET_SEED, by: str = "") -> tuple[Fold, ...]:
    """The folds of a data set: those it brings in ``splits_final.json``, else made ones.

    Args:
        data: The data set.
        count: Folds to make.
        seed: Of the shuffling.
        by: Outcome whose values are spread evenly over the folds.

    Raises:
        LymphoscopeError: ``DATA-E-SPLIT``, ``USE-E-VALUE``.
    """
    return given(data) if data.splits else made(data.cases, count, seed, by)


def given(data: DataSet) -> tuple[Fold, ...]:
    """The folds that a data set brings, checked.

    Raises:
        LymphoscopeError: ``DATA-E-SPLIT`` where a fold names a case that is not there, nothing to train or validate on,
            or a patient both to train and to validate on.
    """
    patients = {entry.id: entry.patient for entry in data.cases}
    for number, (train, val) in enumerate(data.splits):
        strangers = [case for case in (*train, *val) if case not in patients]
        if strangers:
            raise LymphoscopeError("DATA-E-SPLIT", f"fold {number} names {strangers[0]}, which is no case", _SPLITS)
        if not train or not val:
            raise LymphoscopeError("DATA-E-SPLIT", f"fold {number} has nothing to train or to validate on", _SPLITS)
        both = {patients[case] for case in train} & {patients[case] for case in val}
        if both:
            what = f"fold {number} has patient {min(both)} both to train and to validate on"
            raise LymphoscopeError("DATA-E-SPLIT", what, _SPLITS)
    return tuple(Fold(train, val) for train, val in data.splits)


def withheld(division: Sequence[Fold], data: DataSet, share: float, seed: int = 0) -> tuple[Fold, ...]:
    """The folds, with the masks of some training patients kept back, to see what a method makes of cases without.

    Args:
        division: The folds.
        data: Whose cases they are.
        share: Of the training patients that keep their masks, above 0 to 1. Those of a smaller share are among those of
            a larger one.
        seed: Of the choice.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another share.
    """
    if not 0 < share <= 1:
        raise LymphoscopeError(
            "USE-E-VALUE", f"the share of patients with masks is above 0 and at most 1, not {share:g}"
        )
    patients = {entry.id: entry.patient for entry in data.cases}

    def lot(patient: str) -> str:
        return sha256(f"{seed} {patient}".encode()).hexdigest()

    result = []
    for fold in division:
        drawn = sorted({patients[case] for case in fold.train}, key=lot)
        kept = set(drawn[: max(1, round(share * len(drawn)))])
        result.append(replace(fold, withheld=tuple(case for case in fold.train if patients[case] not in kept)))
    return tuple(result)


def made(entries: Sequence[Entry], count: int = 5, seed: int = NNUNET_SEED, by: str = "") -> tuple[Fold, ...]:
    """Make folds so that every case is validated once.

    Patients are taken in the order of their first case and shuffled. Where each patient has one case, these are the
    folds of nnU-Net and of scikit-learn's ``KFold(count, shuffle=True, random_state=seed)`` over sorted ids.

    Args:
        entries: The cases.
        count: Folds.
        seed: Of the shuffling.
        by: Outcome whose values are dealt evenly to the folds; a patient's is that of the first case that has one.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for fewer patients than folds, or an outcome of too many values to deal.

    Reference: nnU-Net 2.5.2, nnunetv2/utilities/crossval_split.py.
    """
    entries = sorted(entries, key=lambda entry: entry.id)
    patients = list(dict.fromkeys(entry.patient for entry in entries))
    if not 2 <= count <= len(patients):
        what = f"{len(patients)} patients cannot be divided into {count} folds"
        raise LymphoscopeError("USE-E-VALUE", what, fix="Name the folds in splits_final.json beside the data.")
    order = np.arange(len(patients))
    np.random.RandomState(seed).shuffle(order)
    shuffled = [patients[n] for n in order]
    parts = _dealt(shuffled, entries, count, by) if by else [part.tolist() for part in np.array_split(shuffled, count)]
    result = []
    for part in parts:
        val = tuple(entry.id for entry in entries if entry.patient in set(part))
        result.append(Fold(tuple(entry.id for entry in entries if entry.id not in set(val)), val))
    return tuple(result)


def _dealt(patients: Sequence[str], entries: Sequence[Entry], count: int, by: str) -> list[list[str]]:
    """Patients dealt to folds value by value, so that in every fold a value is as frequent as in another, but for 1."""
    values: dict[str, Fact | None] = dict.fromkeys(patients)
    for entry in entries:
        if values[entry.patient] is None:
            values[entry.patient] = entry.outcome.get(by)
    kinds = sorted(set(values.values()), key=str)
    if kinds == [None]:
        raise LymphoscopeError("USE-E-VALUE", f"no case has an outcome {by!r}")
    if len(kinds) * count > len(patients):
        what = f"outcome {by!r} has {len(kinds)} values, too many to deal {len(patients)} patients to {count} folds"
        raise LymphoscopeError("USE-E-VALUE", what, fix="Give an outcome of few values.")
    ordered = sorted(patients, key=lambda patient: kinds.index(values[patient]))
    return [ordered[n::count] for n in range(count)]
