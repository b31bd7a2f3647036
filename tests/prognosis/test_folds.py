from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import Entry
from lymphoscope.learn.folds import made
from lymphoscope.prognosis.folds import fold_table, stratified

LIU = ((18, 35), (18, 36), (17, 37), (17, 37), (19, 35))
"""Events and others of the folds of Liu et al. 2022, Table 1."""


def test_the_fold_table_of_liu_is_made_from_its_folds_and_holds_all_269_patients() -> None:
    event = np.concatenate([np.r_[np.ones(yes), np.zeros(no)] for yes, no in LIU])
    fold = np.repeat(range(5), [yes + no for yes, no in LIU])
    assert fold_table(event, fold) == list(LIU)
    assert (int(event.sum()), event.size) == (89, 269)


def test_dealt_folds_are_as_even_as_can_be_where_those_of_liu_are_not() -> None:
    event = np.repeat([True, False], [89, 180])
    table = fold_table(event, stratified(event.tolist(), 5))
    assert sorted(table) == sorted([(18, 36)] * 4 + [(17, 36)])


def test_the_folds_are_those_that_networks_are_trained_in() -> None:
    rng = np.random.default_rng(0)
    event = rng.random(36) < 0.4
    entries = [Entry(f"case_{n:03}", f"p{n:03}", {}, outcome={"event": float(e)}) for n, e in enumerate(event)]
    of_networks = made(entries, 5, by="event")
    ours = stratified([float(e) for e in event], 5)
    for number, fold in enumerate(of_networks):
        assert [entry.id for entry, own in zip(entries, ours, strict=True) if own == number] == list(fold.val)


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(LymphoscopeError, match="3 patients cannot be divided into 5 folds"):
        stratified([0, 1, 0], 5)
