"""LymphAtlas' printed rows give its printed means; cases give rows and both means, by hand."""

from __future__ import annotations

import math

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.crossval_table import COLUMNS, crossval_table, mean_of_rows
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.summary_json import CaseCounts

HL = (
    (0.92680, 0.86647, 376.0, 202.11, 2937.22, 3139.33, 3313.22),
    (0.86459, 0.77393, 484.0, 157.11, 3386.11, 3543.22, 3870.11),
    (0.88970, 0.81010, 541.5, 411.25, 4166.25, 4577.50, 4707.75),
    (0.91597, 0.85095, 209.5, 225.75, 2634.00, 2859.75, 2843.50),
    (0.95014, 0.90646, 1152.5, 192.25, 9778.38, 9970.63, 10930.88),
)
HL_MEAN = (0.90944, 0.84158, 552.70, 237.69, 4580.39, 4818.09, 5133.09)
NHL = (
    (0.90943, 0.84392, 1447.86, 648.68, 9488.23, 10136.91, 10936.09),
    (0.91741, 0.85881, 928.48, 353.19, 10512.76, 10865.95, 11441.24),
    (0.94253, 0.89363, 1001.52, 229.33, 9892.10, 10121.43, 10893.62),
    (0.89886, 0.84325, 409.62, 2953.52, 10393.52, 13347.05, 10803.14),
    (0.85919, 0.79910, 875.24, 587.86, 9513.10, 10100.95, 10388.33),
)
NHL_MEAN = (0.90548, 0.84774, 932.54, 954.52, 9959.94, 10914.46, 10892.48)


@pytest.mark.parametrize(("rows", "printed"), [(HL, HL_MEAN), (NHL, NHL_MEAN)])
def test_the_printed_rows_give_the_printed_means(rows: tuple, printed: tuple) -> None:
    found = mean_of_rows([dict(zip(COLUMNS, row, strict=False)) for row in rows])
    assert list(found) == list(COLUMNS[:7])
    for column, value in zip(COLUMNS, printed, strict=False):
        assert found[column] == pytest.approx(value, abs=1.01e-5 if column in ("Dice", "IoU") else 0.0101)


def case(name: str, tp: int, fp: int, fn: int, label: str = "1") -> CaseCounts:
    return CaseCounts(f"r/{name}", f"p/{name}", label, Confusion(tp, fp, fn, 1000))


def test_both_means_by_hand() -> None:
    folds = {"fold 0": [case("a", 8, 2, 2), case("b", 0, 0, 0)], "fold 1": [case("c", 0, 4, 0)]}
    table = crossval_table(folds)
    assert table.cases == {"fold 0": 2, "fold 1": 1}
    first = table.folds["fold 0"]
    assert (first["Dice"], first["IoU"]) == pytest.approx((0.8, 8 / 12)), "a case with nothing has no Dice"
    assert (first["TP"], first["FP"], first["n_ref"]) == (4, 1, 5), "and its voxels count"
    assert table.folds["fold 1"]["Dice"] == 0
    assert table.mean_of_folds["Dice"] == pytest.approx(0.4)
    assert table.mean_of_folds["FP"] == pytest.approx((1 + 4) / 2)
    assert table.mean_of_cases["FP"] == pytest.approx((2 + 0 + 4) / 3)
    assert table.sd_of_cases["Dice"] == pytest.approx(0.8 / math.sqrt(2))
    assert table.mean_of_folds["n_pred"] == table.mean_of_folds["TP"] + table.mean_of_folds["FP"]


def test_several_labels_and_the_background() -> None:
    folds = {"0": [case("a", 8, 2, 2), case("a", 5, 0, 5, "2"), case("a", 900, 1, 1, "0")]}
    table = crossval_table(folds)
    assert table.cases == {"0": 1}
    assert table.mean_of_cases["Dice"] == pytest.approx((0.8 + 10 / 15) / 2) == table.folds["0"]["Dice"]
    assert math.isnan(table.sd_of_cases["Dice"])
    for nothing in ({}, {"0": []}):
        with pytest.raises(LymphoscopeError, match="EVAL-E-SUMMARY"):
            crossval_table(nothing)
