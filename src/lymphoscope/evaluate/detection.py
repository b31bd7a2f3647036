"""Scored candidates against lesions: FROC and average precision over cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

RATES = MappingProxyType(
    {
        "ln4": (0.5, 1.0, 2.0, 4.0),
        "cam6": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        "luna7": (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
    }
)
"""False positives a case at which sensitivity is read, as for nodes, in CAMELYON16 and in LUNA16."""

FALSE, DUPLICATE = -1, -2

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The scored candidates of one case.

    Attributes:
        scores: (n,), higher is surer.
        closeness: How well each candidate fits each lesion, such as IoU, (n, lesions); decides between lesions.
        hits: Which candidate may stand for which lesion, by any criterion, (n, lesions).
    """

    scores: Floats
    closeness: Floats
    hits: NDArray[np.bool_]

    @property
    def lesions(self) -> int:
        """Number of lesions of the case."""
        return int(self.hits.shape[1])

    @cached_property
    def given(self) -> NDArray[np.intp]:
        """What `greedy` gives each candidate; computed once, as a bootstrap asks often."""
        return greedy(self)


def greedy(case: Candidates) -> NDArray[np.intp]:
    """Give each candidate, surest first, the nearest lesion it hits that is still free.

    Returns:
        (n,) the lesion's column; `DUPLICATE` where all lesions hit were taken, `FALSE` where none was hit.

    Reference:
        Catalogue of node systems, ME08.
    """
    given = np.full(case.scores.size, FALSE, dtype=np.intp)
    free = np.ones(case.lesions, bool)
    hitting = np.asarray(case.hits.any(axis=1))
    for n in np.argsort(-case.scores, kind="stable"):
        if not hitting[n]:
            continue
        given[n] = DUPLICATE
        open_lesions = np.flatnonzero(case.hits[n] & free)
        if open_lesions.size:
            given[n] = open_lesions[np.argmax(case.closeness[n, open_lesions])]
            free[given[n]] = False
    return given


@dataclass(frozen=True, eq=False)
class Froc:
    """Sensitivity against false positives a case, one point a distinct score, strictest first.

    Attributes:
        thresholds: Lowest score kept.
        false_positives: A case.
        sensitivity: Lesions found / all lesions.
    """

    thresholds: Floats
    false_positives: Floats
    sensitivity: Floats

    def at(self, rate: float) -> float:
        """Highest sensitivity with at most `rate` false positives a case (no interpolation)."""
        return float(self.sensitivity[self.false_positives <= rate].max(initial=0.0))

    def mean(self, rates: str = "luna7") -> float:
        """Mean sensitivity at a named set of rates; see `RATES`."""
        return float(np.mean([self.at(rate) for rate in RATES[rates]]))


def froc(cases: Sequence[Candidates]) -> Froc | None:
    """Make the FROC curve of some cases. A second candidate on a lesion is ignored and no false positive.

    Returns:
        The curve, or None without lesions.

    Reference:
        Catalogue of node systems, ME11; specification E3.
    """
    lesions = sum(case.lesions for case in cases)
    if not lesions:
        return None
    scores, given = _pooled(cases)
    last, true, false = _steps(scores, given >= 0, given == FALSE)
    return Froc(scores[last], false[last] / len(cases), true[last] / lesions)


def average_precision(cases: Sequence[Candidates]) -> float | None:
    """Area under precision against recall over all cases, all points, each precision the best at that recall or more.

    A second candidate on a lesion is a false positive, as in COCO. Candidates of one score count together.

    Returns:
        AP, 0–1, or None without lesions.

    Reference:
        Catalogue of node systems, ME10; specification E3.
    """
    lesions = sum(case.lesions for case in cases)
    if not lesions:
        return None
    scores, given = _pooled(cases)
    if not scores.size:
        return 0.0
    last, true, false = _steps(scores, given >= 0, given < 0)
    recall = true[last] / lesions
    precision = true[last] / (true[last] + false[last])
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def _pooled(cases: Sequence[Candidates]) -> tuple[Floats, NDArray[np.intp]]:
    """Scores, highest first, and what each candidate was given in its case."""
    scores = np.concatenate([case.scores for case in cases])
    given = np.concatenate([case.given for case in cases])
    order = np.argsort(-scores, kind="stable")
    return scores[order], given[order]


def _steps(
    scores: Floats, true: NDArray[np.bool_], false: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Where each distinct score ends, and how many were true and false up to every candidate."""
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)) if scores.size else np.empty(0, np.intp)
    return last, np.cumsum(true, dtype=np.int64), np.cumsum(false, dtype=np.int64)
