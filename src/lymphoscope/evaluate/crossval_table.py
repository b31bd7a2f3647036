"""The table of a cross-validation as nnU-Net's users print it: a row a fold, and means both ways.

A fold's row holds means over its cases (Dice and IoU of cases where neither side holds anything are left out, their
voxels are not). The mean of the rows weighs folds equally; the mean of the cases weighs cases equally.

Reference: LymphAtlas (2025), tables 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.summary_json import CaseCounts, foreground_means, metrics_of

COLUMNS = ("Dice", "IoU", "FN", "FP", "TP", "n_pred", "n_ref", "TN")
"""The seven columns that are printed, and the voxels in neither."""

Row = Mapping[str, float]


@dataclass(frozen=True)
class CrossValidation:
    """The table.

    Attributes:
        folds: Row of each fold by its name.
        mean_of_folds: Unweighted mean of the rows.
        mean_of_cases: Mean over all cases.
        sd_of_cases: Standard deviation over all cases (n − 1); NaN for a single one.
        cases: Number of cases in each fold.
    """

    folds: Mapping[str, Row]
    mean_of_folds: Row
    mean_of_cases: Row
    sd_of_cases: Row
    cases: Mapping[str, int]


def mean_of_rows(rows: Sequence[Row]) -> dict[str, float]:
    """Unweighted mean of rows, column by column; a column that a row does not have is left out.

    Raises:
        LymphoscopeError: ``EVAL-E-SUMMARY`` without a row.
    """
    if not rows:
        raise LymphoscopeError("EVAL-E-SUMMARY", "there is no fold to average")
    return {c: _mean([row[c] for row in rows]) for c in COLUMNS if all(c in row for row in rows)}


def crossval_table(folds: Mapping[str, Sequence[CaseCounts]]) -> CrossValidation:
    """Make the table.

    Args:
        folds: What was counted in the cases of each fold, by its name.

    Raises:
        LymphoscopeError: ``EVAL-E-SUMMARY`` for no fold, or one without a case.
    """
    empty = [name for name, cases in folds.items() if not cases]
    if empty:
        raise LymphoscopeError("EVAL-E-SUMMARY", "a fold has no case", empty[0])
    rows = {name: {c: foreground_means(cases)[c] for c in COLUMNS} for name, cases in folds.items()}
    by_case = [_case(found) for cases in folds.values() for found in _grouped(cases).values()]
    return CrossValidation(
        rows,
        mean_of_rows(list(rows.values())),
        {c: _mean([case[c] for case in by_case]) for c in COLUMNS},
        {c: _sd([case[c] for case in by_case]) for c in COLUMNS},
        {name: len(_grouped(cases)) for name, cases in folds.items()},
    )


def _grouped(cases: Sequence[CaseCounts]) -> dict[tuple[str, str], list[CaseCounts]]:
    """What was counted, by case, without the background."""
    found: dict[tuple[str, str], list[CaseCounts]] = {}
    for case in cases:
        if case.label != "0":
            found.setdefault((case.reference_file, case.prediction_file), []).append(case)
    return found


def _case(found: Sequence[CaseCounts]) -> Row:
    metrics = [metrics_of(case.counts) for case in found]
    return {c: _mean([m[c] for m in metrics]) for c in COLUMNS}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _sd(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
