"""Cox's proportional hazards model, with what has to hold for it said beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.evaluate.statistics import holm
from lymphoscope.prognosis.curves import quietly
from lymphoscope.prognosis.outcome import Floats, Outcome

EVENTS_PER_VARIABLE = 10
_TRANSFORM = "km"
_MOST_NAMED = 6
_SAME = 1e-8
"""Singular values below this part of the largest are 0: a variable is a sum of others."""


@dataclass(frozen=True)
class Coefficient:
    """One variable of a model.

    Attributes:
        name: The variable.
        beta: Log hazard ratio for one unit more.
        se: Its standard error.
        hazard_ratio: exp(beta).
        low: Lower end of the 95 % interval of the hazard ratio.
        high: Upper end.
        p: Wald's.
        proportional_p: Of the test that the hazard ratio does not change with time (scaled Schoenfeld residuals against
            the Kaplan–Meier estimate); small where it does.
    """

    name: str
    beta: float
    se: float
    hazard_ratio: float
    low: float
    high: float
    p: float
    proportional_p: float | None = None


@dataclass(frozen=True, eq=False)
class Cox:
    """A fitted model (ties by Efron).

    Attributes:
        coefficients: Of the variables, in their order.
        n: Patients.
        events: Patients with the event.
        likelihood: Log partial likelihood.
        null_likelihood: Without any variable.
        centre: (v,), means of the variables, at which the baseline stands.
        times: Of the baseline, ascending.
        hazard: Baseline cumulative hazard from each time on.
        penalty: Of the lasso; None for maximum likelihood. With one there is no test of the coefficients.
    """

    coefficients: tuple[Coefficient, ...]
    n: int
    events: int
    likelihood: float
    null_likelihood: float
    centre: Floats
    times: Floats
    hazard: Floats
    penalty: float | None = None

    @property
    def beta(self) -> Floats:
        """(v,), log hazard ratios."""
        return np.array([c.beta for c in self.coefficients], dtype=np.float64)

    @property
    def ratio_test(self) -> tuple[float, int, float]:
        """Likelihood ratio test against no variable: χ², degrees of freedom, p."""
        chi2 = max(0.0, 2 * (self.likelihood - self.null_likelihood))
        return chi2, len(self.coefficients), float(stats.chi2.sf(chi2, len(self.coefficients)))

    @property
    def aic(self) -> float:
        """Akaike's criterion of the partial likelihood."""
        return 2 * len(self.coefficients) - 2 * self.likelihood

    def predictor(self, values: Floats) -> Floats:
        """Linear predictor of patients, 0 at the means; `values` is (n, v)."""
        return np.asarray((values - self.centre) @ self.beta)

    def risk(self, values: Floats, time: float) -> Floats:
        """Predicted probability of the event by a time, of patients with `values` (n, v)."""
        step = int(np.searchsorted(self.times, time, side="right")) - 1
        hazard = float(self.hazard[step]) if step >= 0 else 0.0
        return np.asarray(-np.expm1(-hazard * np.exp(np.clip(self.predictor(values), -50, 50))))


def fit(outcome: Outcome, values: Mapping[str, Floats]) -> Cox:
    """Fit the model by maximum partial likelihood.

    Args:
        outcome: Of n patients.
        values: (n,) of each variable.

    Raises:
        LymphoscopeError: ``PROG-E-FIT`` where there is no such model: no event, a variable that does not vary or is a
            sum of others, or one that separates those with events from those at risk (its hazard ratio is infinite).

    Reference:
        Cox, J R Stat Soc B 1972;34:187; Efron, J Am Stat Assoc 1977;72:557.
    """
    return _as_cox(_fitted(outcome, values), outcome, values)


def examine(outcome: Outcome, values: Mapping[str, Floats]) -> Cox:
    """Fit the model as `fit`, and test whether its hazards are proportional, which takes as long again.

    Reference:
        Grambsch and Therneau, Biometrika 1994;81:515.
    """
    from lifelines.statistics import proportional_hazard_test  # noqa: PLC0415 - slow to load

    fitted = _fitted(outcome, values)
    with quietly():
        test = proportional_hazard_test(fitted, _frame(outcome, values), time_transform=_TRANSFORM)
    model = _as_cox(fitted, outcome, values)
    tested = zip(model.coefficients, np.atleast_1d(test.p_value), strict=True)
    return replace(model, coefficients=tuple(replace(found, proportional_p=float(p)) for found, p in tested))


def _fitted(outcome: Outcome, values: Mapping[str, Floats]) -> Any:
    from lifelines import CoxPHFitter  # noqa: PLC0415 - slow to load
    from lifelines.exceptions import ConvergenceError  # noqa: PLC0415

    _require_fittable(outcome, values)
    with quietly():
        try:
            return CoxPHFitter().fit(_frame(outcome, values), "time", "event")
        except (ConvergenceError, ValueError, np.linalg.LinAlgError):
            raise LymphoscopeError(
                "PROG-E-FIT", f"the model of {' + '.join(values)} does not come to an end",
                fix="Variables together may separate those with events from the others: take one out.",
            ) from None  # fmt: skip


def _as_cox(fitted: Any, outcome: Outcome, values: Mapping[str, Floats]) -> Cox:
    null = float(fitted.log_likelihood_ - fitted.log_likelihood_ratio_test().test_statistic / 2)
    baseline = fitted.baseline_cumulative_hazard_
    found = zip(values, fitted.params_, fitted.standard_errors_, strict=True)
    return Cox(
        tuple(_coefficient(name, float(beta), float(se)) for name, beta, se in found),
        len(outcome), outcome.events, float(fitted.log_likelihood_), null,
        np.array([np.mean(column) for column in values.values()]), baseline.index.to_numpy(np.float64),
        baseline.to_numpy(np.float64)[:, 0],
    )  # fmt: skip


def _frame(outcome: Outcome, values: Mapping[str, Floats]) -> Any:
    import pandas as pd  # noqa: PLC0415

    columns = {f"x{number}": column for number, column in enumerate(values.values())}
    return pd.DataFrame({"time": outcome.time, "event": outcome.event.astype(int), **columns})


def _coefficient(name: str, beta: float, se: float) -> Coefficient:
    reach = float(stats.norm.ppf(0.975)) * se
    p = float(2 * stats.norm.sf(abs(beta) / se)) if se > 0 else 1.0
    low, middle, high = (math.exp(min(beta + off, 700.0)) for off in (-reach, 0.0, reach))
    return Coefficient(name, beta, se, middle, low, high, p)


def _require_fittable(outcome: Outcome, values: Mapping[str, Floats]) -> None:
    if outcome.events < 2:
        what = f"there {'is 1 event' if outcome.events else 'is no event'} among {_patients(outcome)}"
        raise LymphoscopeError("PROG-E-FIT", what, fix="Follow the patients longer, or take another endpoint.")
    for name, column in values.items():
        if not np.ptp(column):
            what = f"{name} is the same for all of {_patients(outcome)}"
            raise LymphoscopeError("PROG-E-FIT", what, name, "Leave it out: it can tell no two patients apart.")
        side = separated(outcome, column)
        if side:
            what = f"{name} separates fully: at every event the patient has the {side} value of all still at risk"
            fix = "Its hazard ratio is infinite. Leave it out, group it otherwise, or gather more patients."
            raise LymphoscopeError("PROG-E-FIT", what, name, fix)
    dependent = _dependent(values)
    if dependent:
        what = f"{dependent} follows from the other variables"
        raise LymphoscopeError("PROG-E-FIT", what, dependent, "Leave it out: it adds nothing to them.")


def _patients(outcome: Outcome) -> str:
    return f"{len(outcome)} patient{'s' * (len(outcome) != 1)}"


def separated(outcome: Outcome, column: Floats) -> str:
    """Whether a variable alone makes the likelihood rise without end: ``highest``, ``lowest`` or an empty string.

    It does where at every event the patient has the highest (lowest) value of all who are at risk then, such as a sign
    that no patient with an event has.
    """
    order = np.argsort(-outcome.time, kind="stable")
    time, event, x = outcome.time[order], outcome.event[order], column[order]
    last = np.searchsorted(-time, -time, side="right") - 1  # at risk are all with this time or a later one
    highest, lowest = np.maximum.accumulate(x)[last], np.minimum.accumulate(x)[last]
    if (x[event] >= highest[event]).all():
        return "highest"
    return "lowest" if (x[event] <= lowest[event]).all() else ""


def _dependent(values: Mapping[str, Floats]) -> str:
    """The first variable that is a sum of multiples of those before it; an empty string without any."""
    scaled = [(column - column.mean()) / column.std() for column in values.values()]
    for count, name in enumerate(values, 1):
        sizes = np.linalg.svd(np.stack(scaled[:count]), compute_uv=False)
        if count > len(scaled[0]) or sizes[-1] <= _SAME * sizes[0]:
            return name
    return ""


def remarks(model: Cox) -> tuple[Message, ...]:
    """What is to be said about a model: too few events for its variables, hazards that are not proportional."""
    found: list[Message] = []
    variables = len(model.coefficients)
    if model.penalty is not None:
        return () if model.beta.any() else (Message("PROG-W-EMPTY", "the lasso kept no variable", _named(model)),)
    if model.events < EVENTS_PER_VARIABLE * variables:
        most = model.events // EVENTS_PER_VARIABLE
        what = f"{model.events} events for {variables} variable{'s' * (variables != 1)}: fewer than ten each"
        fix = f"Take {most} at most, chosen beforehand." if most else "Gather more events, or only describe."
        found.append(Message("PROG-W-EVENTS", what, _named(model), fix))
    tested = [c for c in model.coefficients if c.proportional_p is not None]
    for coefficient, p in zip(tested, holm([c.proportional_p or 0.0 for c in tested]), strict=True):
        if p < 0.05:
            what = f"the hazard ratio of {coefficient.name} changes with time (p {p:.2g})"
            found.append(Message("PROG-W-HAZARDS", what, _named(model)))
    return tuple(found)


def _named(model: Cox) -> str:
    names = [c.name for c in model.coefficients]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"the model of {' + '.join(names[:_MOST_NAMED])}{more}"


@dataclass(frozen=True)
class Nested:
    """Likelihood ratio test of a larger model against a smaller one whose variables it has."""

    chi2: float
    freedom: int
    p: float


def nested_test(smaller: Cox, larger: Cox) -> Nested | None:
    """Whether the further variables add anything; None where the models are not nested or not of the same patients."""
    few, many = ({c.name for c in model.coefficients} for model in (smaller, larger))
    if (
        smaller.penalty is not None
        or larger.penalty is not None
        or not few < many
        or (smaller.n, smaller.events) != (larger.n, larger.events)
    ):
        return None
    chi2 = max(0.0, 2 * (larger.likelihood - smaller.likelihood))
    return Nested(chi2, len(many - few), float(stats.chi2.sf(chi2, len(many - few))))
