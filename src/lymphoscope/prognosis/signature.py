"""A penalised signature of many variables, such as texture: the usual baseline of radiomics.

Scaling, thinning of like variables and the choice of the penalty look at the patients given and at no others, so that
inside a fold of the validation nothing leaks. The lasso is ours: that of lifelines takes a second a fit, and choosing a
penalty inside every fold takes some hundred fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cox import Coefficient, Cox
from lymphoscope.prognosis.folds import stratified
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome, Rows

ALIKE = 0.9
PENALTIES = np.geomspace(1.0, 0.05, 14)
"""In parts of the smallest penalty that leaves nothing; strongest first: of equals the simpler signature is taken."""

_INNER_FOLDS, _PATIENCE = 5, 3
_MOST_STEPS = 1000
_STILL = 1e-6


def signature(outcome: Outcome, values: Mapping[str, Floats]) -> Cox:
    """Fit Cox's model with the lasso.

    Variables are standardised; of two whose ranks correlate by more than 0.9 the first is kept; the penalty is that of
    the largest cross-validated partial likelihood over five folds.

    Args:
        outcome: Of n patients.
        values: (n,) of each variable.

    Returns:
        The model in the units of the variables, 0 for those that are not in it, without standard errors: those of
        chosen coefficients would be wrong.

    Raises:
        LymphoscopeError: ``PROG-E-FIT`` with fewer than five events, or variables none of which varies.

    Reference:
        Tibshirani, Stat Med 1997;16:385; Verweij and van Houwelingen, Stat Med 1993;12:2305.
    """
    if outcome.events < _INNER_FOLDS:
        what = f"{outcome.events} events are too few to choose a penalty by"
        raise LymphoscopeError("PROG-E-FIT", what, fix="Gather more events, or name few variables as a model.")
    kept = thinned(values)
    if not kept:
        raise LymphoscopeError("PROG-E-FIT", "no variable of the signature varies")
    table = np.stack([values[name] for name in kept], axis=1)
    centre, spread = table.mean(axis=0), table.std(axis=0)
    scaled = (table - centre) / spread
    penalty = _chosen(outcome, scaled)
    beta = lasso(outcome, scaled, penalty)
    inside = dict(zip(kept, beta / spread, strict=True))
    times, hazard = _baseline(outcome, scaled @ beta)
    return Cox(
        tuple(_without_error(name, float(inside.get(name, 0.0))) for name in values),
        len(outcome), outcome.events, partial_likelihood(outcome, scaled @ beta),
        partial_likelihood(outcome, np.zeros(len(outcome))), np.array([column.mean() for column in values.values()]),
        times, hazard, penalty,
    )  # fmt: skip


def thinned(values: Mapping[str, Floats]) -> list[str]:
    """Names of variables that vary, without those whose ranks correlate by more than 0.9 with an earlier one."""
    kept: list[str] = []
    ranks: list[Floats] = []
    for name, column in values.items():
        if not np.ptp(column):
            continue
        rank = stats.zscore(stats.rankdata(column))
        if all(abs(float(np.mean(rank * other))) <= ALIKE for other in ranks):
            kept.append(name)
            ranks.append(rank)
    return kept


def partial_likelihood(outcome: Outcome, predictor: Floats) -> float:
    """Log partial likelihood of a predictor (ties by Breslow)."""
    sets = _RiskSets.of(outcome)
    lp = predictor[sets.order]
    at_risk = np.logaddexp.accumulate(lp)[sets.last]
    return float((lp - at_risk)[sets.event].sum())


@dataclass(frozen=True, eq=False)
class _RiskSets:
    """Patients from the longest time to the shortest: at risk with each are all up to `last`."""

    order: Rows
    event: Flags
    last: Rows

    @classmethod
    def of(cls, outcome: Outcome) -> _RiskSets:
        order = np.argsort(-outcome.time, kind="stable")
        time = outcome.time[order]
        return cls(order, outcome.event[order], np.searchsorted(-time, -time, side="right") - 1)

    def slope(self, scaled: Floats, beta: Floats) -> tuple[float, Floats]:
        """−log partial likelihood over n, and its gradient; `scaled` is in this order."""
        lp = scaled @ beta
        weight = np.exp(lp - lp.max())
        below = weight.cumsum()[self.last]
        mean = (weight[:, None] * scaled).cumsum(axis=0)[self.last] / below[:, None]
        value = (lp - lp.max() - np.log(below))[self.event].sum()
        return -float(value) / len(lp), -np.asarray((scaled - mean)[self.event].sum(axis=0)) / len(lp)


def lasso(outcome: Outcome, scaled: Floats, penalty: float, start: Floats | None = None) -> Floats:
    """Coefficients of least −log partial likelihood / n + penalty · Σ|β|, by accelerated proximal gradients.

    Args:
        outcome: Of n patients.
        scaled: (n, v), variables of mean 0 and standard deviation 1.
        penalty: Of the sum of absolute coefficients.
        start: Where the search begins.

    Reference:
        Beck and Teboulle, SIAM J Imaging Sci 2009;2:183; restarts by O'Donoghue and Candès, Found Comput Math
        2015;15:715.
    """
    sets = _RiskSets.of(outcome)
    x = scaled[sets.order]
    beta = np.zeros(x.shape[1]) if start is None else start
    ahead, momentum, step = beta, 1.0, 1.0
    for _ in range(_MOST_STEPS):
        value, gradient = sets.slope(x, ahead)
        while True:
            moved = ahead - step * gradient
            new = np.sign(moved) * np.maximum(np.abs(moved) - step * penalty, 0.0)
            off = new - ahead
            if sets.slope(x, new)[0] <= value + gradient @ off + off @ off / (2 * step) + 1e-12:
                break
            step /= 2
        if (ahead - new) @ (new - beta) > 0:  # the momentum leads uphill
            momentum = 1.0
        faster = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / faster * (new - beta)
        still = float(np.abs(new - beta).max()) < _STILL
        beta, momentum = new, faster
        if still:
            break
    return np.asarray(beta)


def _chosen(outcome: Outcome, scaled: Floats) -> float:
    """The penalty of the largest cross-validated partial likelihood."""
    sets = _RiskSets.of(outcome)
    least = float(np.abs(sets.slope(scaled[sets.order], np.zeros(scaled.shape[1]))[1]).max())
    fold = stratified(outcome.event.tolist(), _INNER_FOLDS)
    betas = [np.zeros(scaled.shape[1])] * _INNER_FOLDS
    found: list[float] = []
    for part in PENALTIES:
        total = 0.0
        for number in range(_INNER_FOLDS):
            rest = fold != number
            trained = outcome.take(rest)
            betas[number] = lasso(trained, scaled[rest], least * part, betas[number])
            total += partial_likelihood(outcome, scaled @ betas[number])
            total -= partial_likelihood(trained, scaled[rest] @ betas[number])
        found.append(total)
        if found.index(max(found)) < len(found) - _PATIENCE:
            break
    return least * float(PENALTIES[found.index(max(found))])


def _baseline(outcome: Outcome, predictor: Floats) -> tuple[Floats, Floats]:
    """Breslow's cumulative hazard of a patient with predictor 0."""
    times, place = np.unique(outcome.time, return_inverse=True)
    at_risk = np.bincount(place, np.exp(predictor), times.size)[::-1].cumsum()[::-1]
    return times, np.asarray(np.cumsum(np.bincount(place, outcome.event, times.size) / at_risk))


def _without_error(name: str, beta: float) -> Coefficient:
    nothing = float("nan")
    return Coefficient(name, beta, nothing, float(np.exp(beta)), nothing, nothing, nothing)
