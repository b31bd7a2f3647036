"""Cut-offs chosen on data: Youden's with its interval, the maximally selected log-rank with a corrected p.

Whatever is chosen on patients looks better on them than on others. Choose inside training folds (`validation`) to learn
how good a cut-off is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lymphoscope.evaluate.classification import Calls, roc
from lymphoscope.evaluate.statistics import SEED, Interval, Resampling, bootstrap
from lymphoscope.prognosis.curves import log_rank
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome, Rows

SUPPORT = 0.1
PERMUTATIONS = 9999
_AT_ONCE = 500


@dataclass(frozen=True)
class CutOff:
    """A limit on a quantity.

    Attributes:
        at: The limit, one of the values it was chosen from.
        high_is_worse: Whether those at the limit or above are at risk, or those below it.
    """

    at: float
    high_is_worse: bool = True

    def at_risk(self, values: ArrayLike) -> Flags:
        """Who is at risk."""
        above = np.asarray(values, np.float64) >= self.at
        return np.asarray(above if self.high_is_worse else ~above)


@dataclass(frozen=True)
class Youden:
    """The cut-off of greatest sensitivity + specificity − 1.

    Attributes:
        cutoff: The limit; the one of larger specificity of equals.
        calls: What it says of the patients it was chosen on.
        interval: Of the limit, by resampling patients.
    """

    cutoff: CutOff
    calls: Calls
    interval: Interval


def youden(event: ArrayLike, values: ArrayLike, high_is_worse: bool = True) -> CutOff | None:
    """Choose the cut-off by Youden's index; None with one class only, or where no limit is better than chance.

    Reference:
        Youden, Cancer 1950;3:32.
    """
    y, x = np.asarray(event, bool), np.asarray(values, np.float64)
    curve = roc(y, x if high_is_worse else -x)
    if curve is None or curve.youden[0] <= 0:
        return None
    limit = curve.youden[1]
    if high_is_worse:
        return CutOff(limit)
    # at risk are those at −limit or below: the limit is the next value above
    return CutOff(float(x[x > -limit].min(initial=np.inf)), high_is_worse=False)


def youden_with_interval(
    event: ArrayLike, values: ArrayLike, high_is_worse: bool = True, how: Resampling | None = None
) -> Youden | None:
    """Youden's cut-off with the interval of where it would lie in other cohorts (percentiles of the bootstrap).

    A limit jumps from value to value, so that bias correction, which takes it to move smoothly, is not used.
    """
    y, x = np.asarray(event, bool), np.asarray(values, np.float64)
    chosen = youden(y, x, high_is_worse)
    if chosen is None:
        return None

    def again(rows: Rows) -> float | None:
        found = youden(y[rows], x[rows], high_is_worse)
        return found.at if found and np.isfinite(found.at) else None

    how = how or Resampling()
    how = Resampling(how.replicates, how.seed, how.level, "percentile")
    return Youden(chosen, Calls.of(y, chosen.at_risk(x)), bootstrap(again, range(len(x)), how))


@dataclass(frozen=True)
class MaximallySelected:
    """The limit that separates survival most.

    Attributes:
        cutoff: The limit.
        chi2: Of the log-rank test at it.
        p_naive: Of that test, as if the limit had been fixed beforehand; far too small.
        p: Corrected for having tried all limits, by permutation.
        tried: Limits that were tried.
        permutations: Permutations.
        seed: Of the random generator.
    """

    cutoff: CutOff
    chi2: float
    p_naive: float
    p: float
    tried: int
    permutations: int
    seed: int


def log_rank_scores(outcome: Outcome) -> Floats:
    """What each patient adds to the log-rank statistic: event − Nelson–Aalen hazard at the patient's time; sum 0."""
    times, place = np.unique(outcome.time, return_inverse=True)
    deaths = np.bincount(place, outcome.event, times.size)
    at_risk = np.bincount(place, minlength=times.size)[::-1].cumsum()[::-1]
    return np.asarray(outcome.event - np.cumsum(deaths / at_risk)[place], dtype=np.float64)


def maximally_selected(
    outcome: Outcome, values: ArrayLike, permutations: int = PERMUTATIONS, seed: int = SEED
) -> MaximallySelected | None:
    """Find the limit with the largest standardised log-rank statistic, each side holding 10 % of the patients or more.

    The statistic is that of Hothorn and Lausen: a sum of log-rank scores above the limit, standardised by its mean and
    variance under permutation. The corrected p is the share of permutations of the outcome whose largest statistic is
    as large.

    Returns:
        The limit, or None where no limit leaves enough on both sides, or no one has the event.

    Reference:
        Lausen and Schumacher, Biometrics 1992;48:73; Hothorn and Lausen, Comput Stat Data Anal 2003;43:121.
    """
    x = np.asarray(values, np.float64)
    chosen = _select(outcome, x)
    if chosen is None:
        return None
    _, scores, starts = _tried(outcome, x)
    rng, beyond = np.random.default_rng(seed), 0
    largest = _statistics(scores[None, :], starts).max() * (1 - 1e-12)
    for done in range(0, permutations, _AT_ONCE):
        count = min(_AT_ONCE, permutations - done)
        shuffled = rng.permuted(np.broadcast_to(scores, (count, x.size)), axis=1)
        beyond += int((_statistics(shuffled, starts).max(axis=1) >= largest).sum())
    found = log_rank(outcome, chosen.at_risk(x).tolist())
    p = (beyond + 1) / (permutations + 1)
    return MaximallySelected(chosen, found.chi2, found.p, p, len(starts), permutations, seed)


def select_by_log_rank(outcome: Outcome, values: ArrayLike) -> CutOff | None:
    """The limit of `maximally_selected` alone, for choosing inside training folds."""
    return _select(outcome, np.asarray(values, np.float64))


def _select(outcome: Outcome, x: Floats) -> CutOff | None:
    sorted_x, scores, starts = _tried(outcome, x)
    if not starts.size or not outcome.events:
        return None
    found = _statistics(scores[None, :], starts)[0]
    start = int(starts[int(np.argmax(found))])
    return CutOff(float(sorted_x[start]), bool(scores[start:].sum() > 0))


def _tried(outcome: Outcome, x: Floats) -> tuple[Floats, Floats, Rows]:
    """Values in order, their scores, and where the upper group of each limit that is tried begins."""
    order = np.argsort(x, kind="stable")
    sorted_x = x[order]
    starts = 1 + np.flatnonzero(np.diff(sorted_x) > 0)
    fewest = max(1, int(np.ceil(SUPPORT * x.size)))
    starts = starts[(starts >= fewest) & (x.size - starts >= fewest)]
    return sorted_x, log_rank_scores(outcome)[order], starts.astype(np.intp)


def _statistics(scores: Floats, starts: Rows) -> Floats:
    """|standardised sum| of the scores from each start on; `scores` is (k, n), the result (k, starts)."""
    n = scores.shape[1]
    sums = -scores.cumsum(axis=1)[:, starts - 1]  # scores sum to 0
    above = (n - starts).astype(np.float64)
    spread = above * starts / (n * (n - 1)) * np.square(scores).sum(axis=1, keepdims=True)
    return np.asarray(np.abs(sums) / np.sqrt(np.maximum(spread, 1e-300)))
