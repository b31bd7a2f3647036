"""Whether a predicted risk means what it says, with patients lost on the way: groups, Brier score, net benefit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import trapezoid

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cox import Cox, fit
from lymphoscope.prognosis.curves import Censoring, kaplan_meier, survival_at
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome, Rows

MOST_GROUPS = 5
_FEWEST_IN_GROUP = 10


@dataclass(frozen=True)
class RiskGroup:
    """Patients of like predicted risk.

    Attributes:
        n: Patients.
        predicted: Mean predicted risk.
        observed: 1 − Kaplan–Meier at the horizon.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """Predicted against observed risk at a horizon.

    Attributes:
        groups: From low to high predicted risk.
        observed_to_expected: Observed risk of all over the mean predicted one; ideal 1.
        slope: Cox coefficient of the linear predictor, refitted on these patients; ideal 1, below it predictions are
            too extreme. None where it cannot be fitted.
        slope_interval: Its 95 % interval.
    """

    groups: tuple[RiskGroup, ...]
    observed_to_expected: float | None
    slope: float | None
    slope_interval: tuple[float, float] | None


def calibration(outcome: Outcome, risk: ArrayLike, predictor: ArrayLike, horizon: float) -> Calibration:
    """Compare predicted with observed risk.

    Args:
        outcome: Of n patients.
        risk: (n,), predicted probability of the event by the horizon.
        predictor: (n,), linear predictor.
        horizon: In the unit of the outcome.

    Returns:
        Up to five groups of equal number, ten patients each at least.

    Reference:
        van Houwelingen, Stat Med 2000;19:3401; Austin et al., Stat Med 2020;39:2714.
    """
    p, lp = np.asarray(risk, np.float64), np.asarray(predictor, np.float64)
    count = max(1, min(MOST_GROUPS, p.size // _FEWEST_IN_GROUP))
    order = np.argsort(p, kind="stable")
    groups = tuple(_group(outcome, p, rows, horizon) for rows in np.array_split(order, count))
    observed = 1 - float(survival_at(outcome, horizon))
    slope = _slope(outcome, lp)
    interval = None
    if slope is not None:
        found = slope.coefficients[0]
        interval = (found.beta - 1.959964 * found.se, found.beta + 1.959964 * found.se)
    mean = float(p.mean())
    return Calibration(
        groups, observed / mean if mean else None, slope.coefficients[0].beta if slope else None, interval
    )


def _group(outcome: Outcome, risk: Floats, rows: Rows, horizon: float) -> RiskGroup:
    survival, low, high = kaplan_meier(outcome.take(rows)).at(horizon)
    return RiskGroup(len(rows), float(risk[rows].mean()), 1 - survival, 1 - high, 1 - low)


def _slope(outcome: Outcome, predictor: Floats) -> Cox | None:
    try:
        return fit(outcome, {"linear predictor": predictor})
    except LymphoscopeError:
        return None


def brier(outcome: Outcome, risk: ArrayLike, time: float) -> float:
    """Brier score at a time: mean squared error of the predicted risk, those censored before made up for by weights.

    Reference:
        Graf et al., Stat Med 1999;18:2529.
    """
    p, observed = np.asarray(risk, np.float64), Censoring.of(outcome)
    had, still = outcome.event & (outcome.time <= time), outcome.time > time
    before, at = np.maximum(observed.before(outcome.time), 1e-12), max(float(observed.at(time)), 1e-12)
    return float(np.mean(had * np.square(1 - p) / before + still * np.square(p) / at))


def integrated_brier(outcome: Outcome, risks: ArrayLike, times: ArrayLike) -> float:
    """Mean of the Brier score over a span of time.

    Args:
        outcome: Of n patients.
        risks: (n, k), predicted risk by each time.
        times: (k,), ascending, two or more.
    """
    p, at = np.asarray(risks, np.float64), np.asarray(times, np.float64)
    scores = [brier(outcome, p[:, column], time) for column, time in enumerate(at)]
    return float(trapezoid(scores, at) / (at[-1] - at[0]))


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit of treating those whose risk is at a threshold or above.

    Attributes:
        thresholds: (k,).
        model: (k,), of acting by the model.
        everyone: (k,), of treating all; treating none has 0.
    """

    thresholds: Floats
    model: Floats
    everyone: Floats


def decision_curve(outcome: Outcome, risk: ArrayLike, horizon: float, thresholds: ArrayLike) -> DecisionCurve:
    """The decision curve at a horizon, events among those treated by Kaplan–Meier.

    Args:
        outcome: Of n patients.
        risk: (n,), predicted probability of the event by the horizon.
        horizon: In the unit of the outcome.
        thresholds: (k,), in (0, 1).

    Reference:
        Vickers and Elkin, Med Decis Making 2006;26:565; with censoring Vickers et al., BMC Med Inform Decis Mak
        2008;8:53.
    """
    p, t = np.asarray(risk, np.float64), np.asarray(thresholds, np.float64)
    return DecisionCurve(
        t,
        np.array([_net_benefit(outcome, p >= at, horizon, at) for at in t]),
        _worth(1 - float(survival_at(outcome, horizon)), t),
    )


def _net_benefit(outcome: Outcome, treated: Flags, horizon: float, threshold: float) -> float:
    if not treated.any():
        return 0.0
    events = 1 - float(survival_at(outcome.take(treated), horizon))
    return float(treated.mean() * _worth(events, np.asarray(threshold)))


def _worth(events: float, threshold: Floats) -> Floats:
    """Net benefit of treating a group of whom so large a share has the event."""
    return np.asarray(events - (1 - events) * threshold / (1 - threshold))
