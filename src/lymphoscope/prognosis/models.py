"""Models of a cohort: each fitted, validated on patients it has not seen, and compared with others on the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from lymphoscope.evaluate.classification import Calls, auc, delong_test, mcnemar, roc, wilson
from lymphoscope.evaluate.statistics import Interval, Resampling, bootstrap, holm
from lymphoscope.prognosis.calibration import brier, calibration, decision_curve, integrated_brier
from lymphoscope.prognosis.cox import Cox, examine, fit, nested_test
from lymphoscope.prognosis.curves import by_group, log_rank, survival_at
from lymphoscope.prognosis.discrimination import Concordance, auc_at, harrell, uno
from lymphoscope.prognosis.folds import Folds
from lymphoscope.prognosis.outcome import Endpoint, Flags, Floats, Outcome, Rows
from lymphoscope.prognosis.signature import signature
from lymphoscope.prognosis.validation import OutOfFold, at_median, by_youden, out_of_fold

Record = dict[str, Any]

MOST_IN_PAIRS = 6
"""Models of which every pair is compared; of more, each is compared with the last."""

_THRESHOLDS = np.round(np.arange(0.02, 0.99, 0.02), 2)
_SPAN, _EVERY = 20, 4


@dataclass(frozen=True)
class Model:
    """A model to try.

    Attributes:
        name: What it is called.
        variables: Columns that it takes.
        penalised: Whether the lasso chooses among them.
    """

    name: str
    variables: tuple[str, ...]
    penalised: bool = False


@dataclass(frozen=True, eq=False)
class Setting:
    """What all models of a comparison share.

    Attributes:
        outcome: Of the patients.
        fold: Of each patient.
        horizon: At which risk is predicted.
        how: The bootstrap.
    """

    outcome: Outcome
    fold: Folds
    horizon: float
    how: Resampling

    @property
    def endpoint(self) -> Endpoint:
        """The event by the horizon."""
        return self.outcome.by(self.horizon)

    def sure(self, concordance: Concordance) -> Interval:
        """A concordance with its interval over patients."""
        return bootstrap(concordance.of, range(len(self.outcome)), self.how)


@dataclass(frozen=True, eq=False)
class Tried:
    """A model that was fitted to all patients and validated in folds.

    Attributes:
        model: What was tried.
        cox: Fitted to all.
        unseen: Predictions of patients by models that have not seen them.
        at_risk: Who is at risk by Youden's cut-off of the training folds.
        harrell: Concordance of the predictions of unseen patients.
    """

    model: Model
    cox: Cox
    unseen: OutOfFold
    at_risk: Flags
    harrell: Concordance


def attempt(model: Model, values: Mapping[str, Floats], setting: Setting) -> Tried:
    """Fit and validate a model.

    Raises:
        LymphoscopeError: ``PROG-E-FIT`` where it, or that of a fold, cannot be fitted.
    """
    chosen = {name: values[name] for name in model.variables}
    outcome = setting.outcome
    cox = signature(outcome, chosen) if model.penalised else examine(outcome, chosen)
    unseen = out_of_fold(outcome, chosen, setting.fold, _times(setting), signature if model.penalised else fit)
    at_risk = unseen.groups(outcome, by_youden(setting.horizon))
    return Tried(model, cox, unseen, at_risk, harrell(outcome, unseen.score))


def _times(setting: Setting) -> Floats:
    """Times at which risks are wanted: a span up to the horizon, the horizon last."""
    return np.linspace(0, setting.horizon, _SPAN + 1)[1:]


def model_record(tried: Tried, values: Mapping[str, Floats], setting: Setting) -> Record:
    """Everything that is told of a model, apparent and on unseen patients."""
    outcome, cox = setting.outcome, tried.cox
    table = np.stack([values[name] for name in tried.model.variables], axis=1)
    chi2, freedom, p = cox.ratio_test
    maximal = cox.penalty is None
    return {
        "name": tried.model.name,
        "variables": list(tried.model.variables),
        "penalty": cox.penalty,
        "n": cox.n,
        "events": cox.events,
        "coefficients": [asdict(coefficient) for coefficient in cox.coefficients if maximal or coefficient.beta],
        "chosen_in_folds": None if maximal else chosen_in_folds(tried.unseen.models),
        "likelihood_ratio": {"chi2": chi2, "freedom": freedom, "p": p} if maximal else None,
        "aic": cox.aic if maximal else None,
        "apparent_harrell": harrell(outcome, cox.predictor(table)).value,
        "unseen": _unseen_record(tried, setting),
    }


def chosen_in_folds(models: Sequence[Cox]) -> dict[str, int]:
    """In how many folds the lasso chose each variable that it chose in any."""
    found = Counter(c.name for model in models for c in model.coefficients if c.beta)
    return {c.name: found[c.name] for c in models[0].coefficients if found[c.name]}


def _unseen_record(tried: Tried, setting: Setting) -> Record:
    outcome, unseen, horizon = setting.outcome, tried.unseen, setting.horizon
    risk = unseen.risk_by(horizon)
    null = _null_risk(setting, unseen.times)
    curve = decision_curve(outcome, risk, horizon, _THRESHOLDS)
    groups = unseen.groups(outcome, at_median)
    return {
        "harrell": asdict(setting.sure(tried.harrell)),
        "uno": asdict(setting.sure(uno(outcome, unseen.score))),
        "auc_at_horizon": asdict(setting.sure(auc_at(outcome, unseen.score, horizon))),
        "auc_over_time": [
            {"time": float(time), "auc": auc_at(outcome, unseen.score, time).value}
            for time in unseen.times[_EVERY - 1 :: _EVERY]
        ],
        "brier_at_horizon": brier(outcome, risk, horizon),
        "integrated_brier": integrated_brier(outcome, unseen.risk, unseen.times),
        "integrated_brier_without_model": integrated_brier(outcome, null, unseen.times),
        "calibration": asdict(calibration(outcome, risk, unseen.predictor, horizon)),
        "decision_curve": {name: part.tolist() for name, part in vars(curve).items()},
        "endpoint": _endpoint_record(tried, setting),
        "groups_at_training_median": groups_record(outcome, groups),
        "groups_at_training_youden": groups_record(outcome, tried.at_risk),
    }


def _null_risk(setting: Setting, times: Floats) -> Floats:
    """(n, k): risk by each time without any variable, by the curve of the other folds."""
    risk = np.empty((len(setting.outcome), times.size))
    for number in range(int(setting.fold.max()) + 1):
        inside = setting.fold == number
        risk[inside] = 1 - survival_at(setting.outcome.take(~inside), times)
    return risk


def _endpoint_record(tried: Tried, setting: Setting) -> Record | None:
    """Yes or no at the horizon, of the patients of whom it is known."""
    endpoint = setting.endpoint
    event, score = endpoint.event[endpoint.known], tried.unseen.score[endpoint.known]
    area, curve = auc(event, score), roc(event, score)
    if area is None or curve is None:
        return None
    calls = Calls.of(event, tried.at_risk[endpoint.known])
    return {
        "auc": asdict(area),
        "roc": {"sensitivity": curve.sensitivity.tolist(), "specificity": curve.specificity.tolist()},
        "calls": calls_record(calls),
    }


def calls_record(calls: Calls) -> Record:
    """Counts, and rates with Wilson's intervals."""
    right, total = calls.true_positives + calls.true_negatives, calls.events + calls.others
    return {
        **asdict(calls),
        "sensitivity": calls.sensitivity,
        "sensitivity_interval": wilson(calls.true_positives, calls.events),
        "specificity": calls.specificity,
        "specificity_interval": wilson(calls.true_negatives, calls.others),
        "accuracy": calls.accuracy,
        "accuracy_interval": wilson(right, total),
        "youden": calls.youden,
    }


def groups_record(outcome: Outcome, at_risk: Flags) -> Record:
    """Curves of those called at risk and the others, and whether they differ."""
    words = np.where(at_risk, "high", "low").tolist()
    curves = {str(name): curve_record(curve) for name, curve in by_group(outcome, words).items()}
    return {"curves": curves, "log_rank": asdict(log_rank(outcome, words))}


def curve_record(curve: Any) -> Record:
    """A Kaplan–Meier curve as data."""
    return {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in vars(curve).items()}


def pairs_of(tried: Sequence[Tried]) -> list[tuple[Tried, Tried]]:
    """Which models are compared."""
    if len(tried) <= MOST_IN_PAIRS:
        return list(combinations(tried, 2))
    return [(one, tried[-1]) for one in tried[:-1]]


def compared(tried: Sequence[Tried], setting: Setting) -> list[Record]:
    """Compare models on unseen patients, the same for all; p values adjusted over the pairs by Holm."""
    records = [_pair_record(first, second, setting) for first, second in pairs_of(tried)]
    for name in ("delong", "mcnemar"):
        there = [record[name] for record in records if record[name]]
        for found, p in zip(there, holm([found["p"] for found in there]), strict=True):
            found["p_holm"] = p
    return records


def _pair_record(first: Tried, second: Tried, setting: Setting) -> Record:
    outcome, endpoint, everyone = setting.outcome, setting.endpoint, range(len(setting.outcome))
    event = endpoint.event[endpoint.known]
    areas = delong_test(event, *(one.unseen.score[endpoint.known] for one in (first, second)))
    right = [one.at_risk[endpoint.known] == event for one in (first, second)]
    calls = mcnemar(int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum()))
    nested = nested_test(first.cox, second.cox) or nested_test(second.cox, first.cox)

    def concordance(rows: Rows) -> float | None:
        return _minus(first.harrell.of(rows), second.harrell.of(rows))

    def youden(rows: Rows) -> float | None:
        inside = rows[endpoint.known[rows]]
        both = [Calls.of(endpoint.event[inside], one.at_risk[inside]).youden for one in (first, second)]
        return _minus(*both)

    return {
        "first": first.model.name,
        "second": second.model.name,
        "patients": len(outcome),
        "harrell_difference": asdict(bootstrap(concordance, everyone, setting.how)),
        "endpoint_patients": int(endpoint.known.sum()),
        "delong": asdict(areas) if areas else None,
        "mcnemar": asdict(calls),
        "youden_difference": asdict(bootstrap(youden, everyone, setting.how)),
        "likelihood_ratio": asdict(nested) if nested else None,
    }


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
