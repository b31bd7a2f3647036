"""Yes or no, a case at a time: ROC with DeLong's intervals, McNemar's test, Wilson's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.integrate import trapezoid

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""Indices closer than this are equal: 2/3 + 1 and 1 + 2/3 are not always the same number."""


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve with DeLong's standard error and 95 % interval (cut to 0–1)."""

    value: float
    se: float
    low: float
    high: float


def auc(event: ArrayLike, score: ArrayLike) -> Auc | None:
    """Area under the ROC curve: the Mann–Whitney statistic, ties counting half, which equals the trapezoid's area.

    Args:
        event: (n,).
        score: (n,), higher for events.

    Returns:
        The area, or None with one class only.

    Reference:
        DeLong et al., Biometrics 1988;44:837, by midranks.
    """
    parts = _placements(np.asarray(event, bool), np.asarray(score, np.float64)[None, :])
    if parts is None:
        return None
    value, se = float(parts.areas[0]), math.sqrt(max(0.0, float(parts.covariance[0, 0])))
    half = float(stats.norm.ppf(0.975)) * se
    return Auc(value, se, max(0.0, value - half), min(1.0, value + half))


@dataclass(frozen=True)
class AucTest:
    """Two areas on the same cases and DeLong's test of their difference."""

    first: float
    second: float
    z: float
    p: float


def delong_test(event: ArrayLike, first: ArrayLike, second: ArrayLike) -> AucTest | None:
    """Compare two scores on the same cases; None with one class only."""
    scores = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])
    parts = _placements(np.asarray(event, bool), scores)
    if parts is None:
        return None
    one, two = (float(a) for a in parts.areas)
    variance = float(parts.covariance[0, 0] + parts.covariance[1, 1] - 2 * parts.covariance[0, 1])
    if variance <= 0:
        return AucTest(one, two, 0.0, 1.0)
    z = (one - two) / math.sqrt(variance)
    return AucTest(one, two, z, float(2 * stats.norm.sf(abs(z))))


@dataclass(frozen=True, eq=False)
class _Placements:
    areas: Floats
    covariance: Floats


def _placements(event: NDArray[np.bool_], scores: Floats) -> _Placements | None:
    """Areas of each row of scores, and their covariance."""
    m, n = int(event.sum()), int((~event).sum())
    if not m or not n:
        return None
    yes, no = scores[:, event], scores[:, ~event]
    together = stats.rankdata(np.concatenate([yes, no], axis=1), axis=1)
    of_yes = (together[:, :m] - stats.rankdata(yes, axis=1)) / n
    of_no = 1 - (together[:, m:] - stats.rankdata(no, axis=1)) / m
    covariance = _covariance(of_yes) / m + _covariance(of_no) / n
    return _Placements(of_yes.mean(axis=1), covariance)


def _covariance(rows: Floats) -> Floats:
    """Covariance (n − 1) of rows; zero for a single column."""
    off = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(off @ off.T / max(1, rows.shape[1] - 1))


@dataclass(frozen=True, eq=False)
class Roc:
    """The ROC curve, strictest threshold first; it begins at (0, 0) with an infinite threshold.

    Attributes:
        thresholds: A case is called positive at this score or more.
        sensitivity: At each threshold.
        specificity: At each threshold.
    """

    thresholds: Floats
    sensitivity: Floats
    specificity: Floats

    @property
    def youden(self) -> tuple[float, float]:
        """Greatest sensitivity + specificity − 1 and its threshold (the strictest of equals)."""
        j = self.sensitivity + self.specificity - 1
        best = int(np.flatnonzero(j >= j.max() - _ROUNDING)[0])
        return float(j[best]), float(self.thresholds[best])

    @property
    def area(self) -> float:
        """Area by the trapezoidal rule."""
        return float(trapezoid(self.sensitivity, 1 - self.specificity))


def roc(event: ArrayLike, score: ArrayLike) -> Roc | None:
    """The ROC curve of a score; None with one class only."""
    y, s = np.asarray(event, bool), np.asarray(score, np.float64)
    if y.all() or not y.any():
        return None
    order = np.argsort(-s, kind="stable")
    last = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    true, false = np.cumsum(y[order])[last], np.cumsum(~y[order])[last]
    return Roc(
        np.concatenate([[np.inf], s[order][last]]),
        np.concatenate([[0.0], true / y.sum()]),
        np.concatenate([[1.0], 1 - false / (~y).sum()]),
    )


@dataclass(frozen=True)
class Calls:
    """Yes or no said of cases, against what happened; calls of several folds add up.

    Attributes:
        true_positives: Called, and it happened.
        false_negatives: Not called, but it happened.
        false_positives: Called, but it did not happen.
        true_negatives: Not called, and it did not happen.
    """

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    @classmethod
    def of(cls, event: ArrayLike, called: ArrayLike) -> Calls:
        """Count them; both are (n,)."""
        y, said = np.asarray(event, bool), np.asarray(called, bool)
        return cls(*(int(n) for n in ((y & said).sum(), (y & ~said).sum(), (~y & said).sum(), (~y & ~said).sum())))

    def __add__(self, other: Calls) -> Calls:
        """Join the calls of other cases."""
        return Calls(
            self.true_positives + other.true_positives, self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives, self.true_negatives + other.true_negatives,
        )  # fmt: skip

    @property
    def events(self) -> int:
        """Cases in which it happened."""
        return self.true_positives + self.false_negatives

    @property
    def others(self) -> int:
        """Cases in which it did not."""
        return self.false_positives + self.true_negatives

    @property
    def sensitivity(self) -> float | None:
        """Share of events called; None without events."""
        return self.true_positives / self.events if self.events else None

    @property
    def specificity(self) -> float | None:
        """Share of the others not called; None without any."""
        return self.true_negatives / self.others if self.others else None

    @property
    def accuracy(self) -> float | None:
        """Share of cases called rightly; None without cases."""
        total = self.events + self.others
        return (self.true_positives + self.true_negatives) / total if total else None

    @property
    def youden(self) -> float | None:
        """Sensitivity + specificity − 1; None where either is."""
        both = self.sensitivity, self.specificity
        return None if both[0] is None or both[1] is None else both[0] + both[1] - 1


@dataclass(frozen=True)
class McNemar:
    """Pairs that differ, and whether one side wins: exact p and the corrected χ²."""

    b: int
    c: int
    p: float
    chi2: float


def mcnemar(b: int, c: int) -> McNemar:
    """McNemar's test of b pairs in favour of the first and c in favour of the second.

    Returns:
        Exact two-sided binomial p, and χ² with continuity correction (0 where no pair differs).
    """
    n = b + c
    p = float(stats.binomtest(b, n, 0.5).pvalue) if n else 1.0
    return McNemar(b, c, p, max(0.0, abs(b - c) - 1.0) ** 2 / n if n else 0.0)


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """Wilson's interval of a share; None without any case.

    Reference:
        Wilson, J Am Stat Assoc 1927;22:209.
    """
    if not n:
        return None
    interval = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
