from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import LESIONS, DataSet, Entry
from lymphoscope.learn.folds import Fold, folds, given, made, withheld

# printed by nnunetv2 2.5.2, generate_crossval_split([f"STS_{n:03d}" for n in range(1, 37)]), validation part
NNUNET_36 = [
    [1, 3, 4, 5, 6, 22, 26, 29],
    [9, 13, 16, 20, 21, 25, 32],
    [7, 8, 11, 12, 14, 27, 33],
    [10, 15, 17, 19, 24, 28, 31],
    [2, 18, 23, 30, 34, 35, 36],
]
# the same for 13 cases, seed 7, 3 folds
NNUNET_13 = [[0, 2, 5, 8, 10], [1, 7, 11, 12], [3, 4, 6, 9]]


def entry(case: str, patient: str = "", **outcome: float) -> Entry:
    return Entry(case, patient or case, {}, None, outcome)


def data(*entries: Entry, splits: object = ()) -> DataSet:
    return DataSet(entries, LESIONS, Path(), splits=splits)  # type: ignore[arg-type]


def test_one_case_a_patient_gives_the_folds_of_nnunet() -> None:
    cases = [entry(f"STS_{n:03d}") for n in range(1, 37)]
    for order in (cases, cases[::-1]):
        assert [[int(case[-3:]) for case in fold.val] for fold in made(order)] == NNUNET_36
    few = [entry(f"c{n:02d}", f"p{99 - n}") for n in range(13)]  # the names of the patients do not matter
    assert [[int(case[1:]) for case in fold.val] for fold in made(few, 3, seed=7)] == NNUNET_13


def test_every_case_is_validated_once_and_no_patient_is_parted() -> None:
    cases = [entry(f"c{n:02d}", f"p{n // 3}") for n in range(30)]
    patient = {case.id: case.patient for case in cases}
    parts = made(cases, 4, seed=1)
    assert sorted(case for fold in parts for case in fold.val) == sorted(patient)
    for fold in parts:
        assert sorted((*fold.train, *fold.val)) == sorted(patient)
        assert not {patient[case] for case in fold.train} & {patient[case] for case in fold.val}
        assert len({patient[case] for case in fold.val}) in (2, 3)
    assert parts == made(cases, 4, seed=1)
    assert parts != made(cases, 4, seed=2)


def test_an_outcome_is_spread_evenly() -> None:
    cases = [entry(f"c{n:02d}", dead=float(n < 7)) for n in range(25)]
    cases += [entry(f"d{n}", f"c{n:02d}") for n in range(5)]  # second cases, without an outcome of their own
    dead = {f"c{n:02d}" for n in range(7)}
    parts = made(cases, 5, by="dead")
    assert sorted(len(dead & set(fold.val)) for fold in parts) == [1, 1, 1, 2, 2]
    assert [sum(case.startswith("c") for case in fold.val) for fold in parts] == [5] * 5


@pytest.mark.parametrize(("count", "by"), [(1, ""), (7, ""), (2, "age"), (2, "none")])
def test_folds_that_cannot_be_made_are_refused(count: int, by: str) -> None:
    cases = [entry(f"c{n}", age=float(n)) for n in range(6)]
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        made(cases, count, by=by)


def test_the_folds_of_the_data_set_are_honoured() -> None:
    cases = (entry("a", "P"), entry("b", "P"), entry("c"), entry("d"))
    mine = ((("a", "b"), ("c",)), (("c", "d"), ("a",)))
    assert folds(data(*cases, splits=mine)) == (Fold(("a", "b"), ("c",)), Fold(("c", "d"), ("a",)))
    assert len(folds(data(*cases), 3)) == 3


@pytest.mark.parametrize(
    ("split", "says"),
    [((("a", "c"), ("b",)), "patient P"), ((("a", "q"), ("c",)), "names q"), ((("a",), ()), "nothing"),
     ((("a", "c"), ("c",)), "patient c")],
)  # fmt: skip
def test_folds_that_leak_are_refused(split: object, says: str) -> None:
    found = replace(data(entry("a", "P"), entry("b", "P"), entry("c")), splits=(split,))  # type: ignore[arg-type]
    with pytest.raises(LymphoscopeError, match="DATA-E-SPLIT") as caught:
        given(found)
    assert says in str(caught.value)


def test_masks_are_withheld_by_patient_and_smaller_shares_lie_in_larger_ones() -> None:
    cases = data(*(entry(f"c{n:02d}", f"p{n // 2}") for n in range(40)))
    division = made(cases.cases, 5)
    assert withheld(division, cases, 1.0) == division
    few, half = (withheld(division, cases, share) for share in (0.25, 0.5))
    for plain, little, more in zip(division, few, half, strict=True):
        assert set(more.withheld) < set(little.withheld) < set(plain.train)
        kept = {int(case[1:]) // 2 for case in set(plain.train) - set(little.withheld)}
        assert len(kept) == 4
        assert not kept & {int(case[1:]) // 2 for case in little.withheld}
    assert withheld(division, cases, 0.01)[0].withheld != division[0].train
    assert withheld(division, cases, 0.5, seed=1) != half
    for share in (0.0, 1.1):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            withheld(division, cases, share)
