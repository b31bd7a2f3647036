"""Kaplan–Meier curves with numbers at risk, the log-rank test, and follow-up."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lymphoscope.prognosis.outcome import Floats, Outcome

# lifelines is imported inside functions: it takes seconds, and most verbs do without it.


@dataclass(frozen=True, eq=False)
class Curve:
    """A Kaplan–Meier curve; it begins at time 0 with survival 1.

    Attributes:
        n: Patients.
        events: Patients with the event.
        times: (k,), 0 and every time at which someone had the event or was censored.
        survival: (k,), from that time on.
        low: (k,), 95 % interval by log(−log), Greenwood's variance.
        high: (k,).
        censored: Times at which patients were censored, each as often as it occurs.
        ends: (n,), all times, ascending, for the numbers at risk.
        median: Time at which survival comes to 0.5 or below; None where it does not.
        median_interval: Where the interval's ends come to 0.5; None for an end that does not.
    """

    n: int
    events: int
    times: Floats
    survival: Floats
    low: Floats
    high: Floats
    censored: Floats
    ends: Floats
    median: float | None
    median_interval: tuple[float | None, float | None]

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival at a time with its interval; the last step goes on for ever."""
        step = int(np.searchsorted(self.times, time, side="right")) - 1
        return float(self.survival[step]), float(self.low[step]), float(self.high[step])

    def at_risk(self, times: ArrayLike) -> list[int]:
        """Patients who are still followed, without event, just before each time."""
        return [int(self.n - np.searchsorted(self.ends, time, side="left")) for time in np.asarray(times, np.float64)]


def kaplan_meier(outcome: Outcome) -> Curve:
    """The Kaplan–Meier estimate.

    Reference:
        Kaplan and Meier, J Am Stat Assoc 1958;53:457; log(−log) interval as Kalbfleisch and Prentice 1980.
    """
    from lifelines import KaplanMeierFitter  # noqa: PLC0415

    with quietly():
        fitted = KaplanMeierFitter().fit(outcome.time, outcome.event)
    bounds = fitted.confidence_interval_.to_numpy(np.float64)
    survival = fitted.survival_function_.to_numpy(np.float64)[:, 0]
    times = fitted.survival_function_.index.to_numpy(np.float64)
    # the interval of a survival of 1 or 0 is not defined by log(−log); it has no width
    low, high = (np.where(np.isnan(bound), survival, bound) for bound in bounds.T)
    median, *ends = (_falls_to_half(times, bound) for bound in (survival, low, high))
    lost = np.sort(outcome.time[~outcome.event])
    return Curve(
        len(outcome),
        outcome.events,
        times,
        survival,
        low,
        high,
        lost,
        np.sort(outcome.time),
        median,
        (ends[0], ends[1]),
    )


def survival_at(outcome: Outcome, time: ArrayLike) -> Floats:
    """The Kaplan–Meier estimate at some times, without interval: quick where hundreds are wanted."""
    times, place = np.unique(outcome.time, return_inverse=True)
    had = np.bincount(place, outcome.event, times.size)
    at_risk = np.bincount(place, minlength=times.size)[::-1].cumsum()[::-1]
    survival = np.concatenate([[1.0], np.cumprod(1 - had / at_risk)])
    return np.asarray(survival[np.searchsorted(times, time, side="right")])


def _falls_to_half(times: Floats, survival: Floats) -> float | None:
    there = np.flatnonzero(survival <= 0.5 + 1e-12)
    return float(times[there[0]]) if there.size else None


def follow_up(outcome: Outcome) -> float | None:
    """Median follow-up: the median of the curve in which censoring is the event.

    Reference:
        Schemper and Smith, Control Clin Trials 1996;17:343.
    """
    return kaplan_meier(Outcome(outcome.time, ~outcome.event)).median


@dataclass(frozen=True, eq=False)
class Censoring:
    """How long patients stayed under observation: the weights that make up for those who were lost.

    Attributes:
        times: Ascending, 0 first.
        kept: Share still observed from each time on, those with events not being lost.
    """

    times: Floats
    kept: Floats

    @classmethod
    def of(cls, outcome: Outcome) -> Censoring:
        """Estimate it by Kaplan–Meier with censoring as the event; at one time events come before censoring."""
        times, place = np.unique(outcome.time, return_inverse=True)
        lost = np.bincount(place, ~outcome.event, times.size)
        had = np.bincount(place, outcome.event, times.size)
        staying = np.bincount(place, minlength=times.size)[::-1].cumsum()[::-1] - had
        factors = 1 - lost / np.maximum(staying, 1)
        return cls(np.concatenate([[0.0], times]), np.concatenate([[1.0], np.cumprod(factors)]))

    def before(self, time: ArrayLike) -> Floats:
        """Share still observed just before each time."""
        return np.asarray(self.kept[np.maximum(np.searchsorted(self.times, time, side="left") - 1, 0)])

    def at(self, time: ArrayLike) -> Floats:
        """Share still observed just after each time."""
        return np.asarray(self.kept[np.searchsorted(self.times, time, side="right") - 1])


@dataclass(frozen=True)
class LogRank:
    """The log-rank test of equal survival; one group alone gives χ² 0 with p 1."""

    chi2: float
    freedom: int
    p: float


def log_rank(outcome: Outcome, groups: Sequence[Hashable]) -> LogRank:
    """Test whether groups have one survival.

    Args:
        outcome: Of n patients.
        groups: The group of each.

    Reference:
        Mantel, Cancer Chemother Rep 1966;50:163.
    """
    from lifelines.statistics import multivariate_logrank_test  # noqa: PLC0415

    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(groups))}
    if len(kinds) < 2 or not outcome.events:
        return LogRank(0.0, max(0, len(kinds) - 1), 1.0)
    with quietly():
        found = multivariate_logrank_test(outcome.time, [kinds[group] for group in groups], outcome.event)
    return LogRank(float(found.test_statistic), len(kinds) - 1, float(found.p_value))


def by_group(outcome: Outcome, groups: Sequence[Hashable]) -> Mapping[Hashable, Curve]:
    """A curve for each group, in the order of their names."""
    of = np.asarray([str(group) for group in groups])
    return {name: kaplan_meier(outcome.take(of == str(name))) for name in sorted(dict.fromkeys(groups), key=_in_order)}


def _in_order(group: Hashable) -> tuple[float, str]:
    """Numbers first, by size, then words."""
    try:
        return float(str(group)), ""
    except ValueError:
        return math.inf, str(group)


def restricted_mean(curve: Curve, until: float) -> float:
    """Area under a curve until a time: the mean survival within that time."""
    inside = curve.times < until
    edges = np.append(curve.times[inside], until)
    return float((np.diff(edges) * curve.survival[inside]).sum())


def quietly() -> warnings.catch_warnings[None]:
    """Keep the notices of other libraries to themselves; what matters in them is found and said by ours."""
    return warnings.catch_warnings(action="ignore")
