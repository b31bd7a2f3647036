"""How two ways of measuring one quantity agree, such as TMTV predicted and TMTV of the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
_TWO_SIDED_95 = 1.96
_LARGEST_LOG = 700.0
_ROUNDING = 1e-12
"""Squares below this part of the subjects' are rounding: ratings are equal."""


class Difference(StrEnum):
    """What Bland and Altman's difference is."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"
    LOG = "log"


@dataclass(frozen=True)
class BlandAltman:
    """Bias and 95 % limits of agreement, each with its 95 % interval.

    Of `Difference.LOG` all numbers but `sd` are ratios (back-transformed), of `Difference.PERCENT` percent of the mean
    of both.

    Attributes:
        n: Pairs.
        bias: Mean difference, first minus second.
        sd: Standard deviation of the differences (n − 1); of the logarithms for `Difference.LOG`.
        low: bias − 1.96 sd.
        high: bias + 1.96 sd.
        bias_ci: Interval of the bias.
        low_ci: Interval of the lower limit.
        high_ci: Interval of the upper limit.
    """

    n: int
    bias: float
    sd: float
    low: float
    high: float
    bias_ci: tuple[float, float]
    low_ci: tuple[float, float]
    high_ci: tuple[float, float]


def bland_altman(
    measured: ArrayLike, reference: ArrayLike, difference: Difference = Difference.ABSOLUTE
) -> BlandAltman | None:
    """Bland–Altman analysis.

    Args:
        measured: (n,).
        reference: (n,); pairs that are not both positive are left out for logarithms, both-zero pairs for percent.
        difference: What is analysed.

    Returns:
        The analysis, or None with fewer than 2 pairs.

    Reference:
        Bland and Altman, Stat Methods Med Res 1999;8:135 (standard error of a limit: sd √(1/n + 1.96²/(2(n − 1)))).
    """
    p, r = _pair(measured, reference)
    if difference is Difference.LOG:
        kept = (p > 0) & (r > 0)
        d = np.log(p[kept]) - np.log(r[kept])
    elif difference is Difference.PERCENT:
        kept = p + r != 0
        d = 200.0 * (p[kept] - r[kept]) / (p[kept] + r[kept])
    else:
        d = p - r
    if d.size < 2:
        return None
    n, bias, sd = d.size, float(d.mean()), float(d.std(ddof=1))
    t = float(stats.t.ppf(0.975, n - 1))
    of_bias, of_limit = t * sd / math.sqrt(n), t * sd * math.sqrt(1 / n + _TWO_SIDED_95**2 / (2 * (n - 1)))
    low, high = bias - _TWO_SIDED_95 * sd, bias + _TWO_SIDED_95 * sd
    back = _ratio if difference is Difference.LOG else float
    ends = [(back(at - half), back(at + half)) for at, half in ((bias, of_bias), (low, of_limit), (high, of_limit))]
    return BlandAltman(n, back(bias), sd, back(low), back(high), *ends)


def _ratio(logarithm: float) -> float:
    return math.exp(logarithm) if logarithm < _LARGEST_LOG else math.inf


@dataclass(frozen=True)
class Icc:
    """An intraclass correlation with its 95 % interval."""

    value: float
    low: float
    high: float


def icc(ratings: ArrayLike, form: str = "2,1", level: float = 0.95) -> Icc | None:
    """Intraclass correlation of single ratings.

    Args:
        ratings: (subjects, raters), complete.
        form: ``1,1`` one-way random, ``2,1`` two-way random with absolute agreement, ``3,1`` two-way mixed with
            consistency.
        level: Of the interval.

    Returns:
        The coefficient with its F interval, or None with fewer than 2 subjects or raters, or subjects with equal
        means.

    Reference:
        Shrout and Fleiss, Psychol Bull 1979;86:420; intervals as McGraw and Wong, Psychol Methods 1996;1:30.
    """
    x = np.asarray(ratings, dtype=np.float64)
    n, k = x.shape
    largest = float(np.abs(x).max(initial=0.0))
    if n < 2 or k < 2 or not largest:
        return None
    x = x / largest  # it has no unit: squares of squares of tiny ratings would be 0
    mean = x.mean()
    rows = k * float(np.square(x.mean(axis=1) - mean).sum())
    columns = n * float(np.square(x.mean(axis=0) - mean).sum())
    total = float(np.square(x - mean).sum())
    if rows <= max(_ROUNDING * total, x.size * _ROUNDING**2):
        return None
    msr, msc, msw = rows / (n - 1), columns / (k - 1), (total - rows) / (n * (k - 1))
    mse = max(0.0, (total - rows - columns) / ((n - 1) * (k - 1)))
    if form == "2,1":
        return _icc_two_random(_Squares(n, k, msr, msc, mse), level)
    within, freedom = (msw, n * (k - 1)) if form == "1,1" else (mse, (n - 1) * (k - 1))
    if within <= _ROUNDING * msr:
        return Icc(1.0, 1.0, 1.0)
    f, tail = msr / within, (1 + level) / 2
    low, high = f / float(stats.f.ppf(tail, n - 1, freedom)), f * float(stats.f.ppf(tail, freedom, n - 1))
    return Icc(*((value - 1) / (value + k - 1) for value in (f, low, high)))


@dataclass(frozen=True)
class _Squares:
    """Mean squares of a two-way analysis of variance: subjects, raters, error."""

    n: int
    k: int
    msr: float
    msc: float
    mse: float


def _icc_two_random(s: _Squares, level: float) -> Icc:
    n, k = s.n, s.k
    if s.mse + s.msc <= _ROUNDING * s.msr:
        return Icc(1.0, 1.0, 1.0)
    value = (s.msr - s.mse) / (s.msr + (k - 1) * s.mse + k * (s.msc - s.mse) / n)
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    top = (a * s.msc + b * s.mse) ** 2
    freedom = top / ((a * s.msc) ** 2 / (k - 1) + (b * s.mse) ** 2 / ((n - 1) * (k - 1)))
    tail = (1 + level) / 2
    lower, upper = float(stats.f.ppf(tail, n - 1, freedom)), float(stats.f.ppf(tail, freedom, n - 1))
    error = k * s.msc + (k * n - k - n) * s.mse
    low = n * (s.msr - lower * s.mse) / (lower * error + n * s.msr)
    high = n * (upper * s.msr - s.mse) / (error + n * upper * s.msr)
    return Icc(value, low, high)


def concordance(measured: ArrayLike, reference: ArrayLike) -> float | None:
    """Lin's concordance correlation coefficient; None with fewer than 2 pairs or no spread at all.

    Reference:
        Lin, Biometrics 1989;45:255 (moments with 1/n).
    """
    p, r = _pair(measured, reference)
    if p.size < 2:
        return None
    whole = float(p.var() + r.var() + (p.mean() - r.mean()) ** 2)
    return 2 * float(np.mean((p - p.mean()) * (r - r.mean()))) / whole if whole else None


def correlation(measured: ArrayLike, reference: ArrayLike, rank: bool = False) -> float | None:
    """Pearson's correlation, or Spearman's with `rank`; None with fewer than 3 pairs or without spread."""
    p, r = _pair(measured, reference)
    if p.size < 3 or not np.ptp(p) or not np.ptp(r):
        return None
    return float((stats.spearmanr(p, r) if rank else stats.pearsonr(p, r)).statistic)


def mean_absolute_percentage_error(measured: ArrayLike, reference: ArrayLike) -> float | None:
    """Mean |p − r| / r over pairs with r > 0, percent; None without any."""
    p, r = _pair(measured, reference)
    kept = r > 0
    return 100.0 * float(np.mean(np.abs(p[kept] - r[kept]) / r[kept])) if kept.any() else None


def within_share(
    measured: ArrayLike, reference: ArrayLike, percent: float = 10.0, absolute: float = 10.0
) -> float | None:
    """Share of pairs that differ by at most `percent` of the reference or by at most `absolute`; None without pairs."""
    p, r = _pair(measured, reference)
    return float(np.mean(np.abs(p - r) <= np.maximum(percent / 100 * np.abs(r), absolute))) if p.size else None


def _pair(measured: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    p, r = np.asarray(measured, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if p.shape != r.shape or p.ndim != 1:
        raise ValueError("measured and reference are two rows of equal length")
    return p, r
