"""A whole analysis of a cohort as one record: curves, variables one by one, models validated and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.statistics import Resampling, holm
from lymphoscope.prognosis.cohort import Cohort
from lymphoscope.prognosis.cox import examine, remarks
from lymphoscope.prognosis.curves import by_group, follow_up, kaplan_meier, log_rank
from lymphoscope.prognosis.cutoff import maximally_selected, youden_with_interval
from lymphoscope.prognosis.discrimination import harrell, uno_limit
from lymphoscope.prognosis.folds import COUNT, SEED, Folds, fold_table, stratified
from lymphoscope.prognosis.models import (
    Model,
    Setting,
    Tried,
    attempt,
    calls_record,
    compared,
    curve_record,
    model_record,
)
from lymphoscope.prognosis.outcome import Endpoint, Floats, Outcome

Record = dict[str, Any]

FEW_EVENTS = 20
MOST_PATIENTS = 10_000
"""Concordances are taken over all pairs of patients: of more they do not fit into the memory of a small machine."""

CONVENTIONS = (
    "Kaplan–Meier with log(−log) intervals; Cox with Efron's ties; hazards tested by scaled Schoenfeld residuals "
    "against the Kaplan–Meier estimate. Intervals are 95 %.",
    "Numbers of unseen patients come from models that were fitted without them, fold by fold, with every cut-off "
    "chosen on the other folds. What was chosen and judged on the same patients is called apparent.",
    "The endpoint at the horizon leaves out patients who were censored before it, and counts them.",
)


@dataclass(frozen=True)
class Question:
    """What is asked of a cohort.

    Attributes:
        models: To try and to compare; the last is the main one.
        variables: To look at one by one; all of the cohort when empty.
        horizon: At which risk is predicted; the median time of the events when None.
        unit: Of the times, in words.
        folds: Of the validation.
        fold_seed: Of the shuffling into folds.
        how: The bootstrap.
    """

    models: tuple[Model, ...] = ()
    variables: tuple[str, ...] = ()
    horizon: float | None = None
    unit: str = ""
    folds: int = COUNT
    fold_seed: int = SEED
    how: Resampling = field(default_factory=Resampling)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found.

    Attributes:
        record: As it is written.
        notes: What is to be said about it.
        tried: Models that could be fitted and validated.
        fold: Of each patient; None without validation.
    """

    record: Mapping[str, Any]
    notes: tuple[Message, ...]
    tried: tuple[Tried, ...]
    fold: Folds | None


def analyse(cohort: Cohort, question: Question, progress: Progress = silent) -> Analysis:
    """Analyse a cohort.

    Raises:
        LymphoscopeError: ``PROG-E-FIT`` without any event, ``USE-E-VALUE`` for a horizon that no one reaches.
    """
    outcome, notes = cohort.outcome, Notes()
    horizon = _horizon(outcome, question)
    endpoint = outcome.by(horizon)
    if cohort.left_out:
        reasons = ", ".join(f"{count} as {reason}" for reason, count in cohort.left_out.items())
        notes.add("PROG-W-LEFTOUT", f"{sum(cohort.left_out.values())} patients were left out: {reasons}")
    if outcome.events < FEW_EVENTS:
        notes.add("PROG-W-FEW", f"{outcome.events} of {len(outcome)} patients have the event")
    tried, fold, models, pairs = _tried(cohort, question, horizon, notes, progress)
    record = {
        "patients": len(outcome),
        "events": outcome.events,
        "left_out": dict(cohort.left_out),
        "unit": question.unit,
        "horizon": horizon,
        "horizon_given": question.horizon is not None,
        "follow_up_median": follow_up(outcome),
        "uno_until": uno_limit(outcome),
        "endpoint": _endpoint_record(endpoint),
        "overall": curve_record(kaplan_meier(outcome)),
        "curves": {name: _curves(outcome, texts) for name, texts in cohort.groups.items()},
        "variables": _variables(cohort, endpoint, question, notes),
        "folds": None if fold is None else fold_table(outcome.event, fold),
        "models": models,
        "comparisons": pairs,
        "bootstrap": asdict(question.how),
        "notes": [message.text for message in notes],
    }  # fmt: skip
    return Analysis(record, tuple(notes), tried, fold)


def _horizon(outcome: Outcome, question: Question) -> float:
    if len(outcome) > MOST_PATIENTS:
        what = f"{len(outcome)} patients are more than the {MOST_PATIENTS} that are analysed at once"
        raise LymphoscopeError("PROG-E-TABLE", what, fix="Draw a part of them by chance.")
    if not outcome.events:
        fix = "Follow the patients longer, or take another endpoint."
        raise LymphoscopeError("PROG-E-FIT", f"none of {len(outcome)} patients has the event", fix=fix)
    if question.horizon is None:
        return float(np.median(outcome.time[outcome.event]))
    last = float(outcome.time.max())
    if not 0 < question.horizon <= last:
        what = f"the horizon is {question.horizon:g}, and the longest follow-up {last:g} {question.unit}".rstrip()
        raise LymphoscopeError("USE-E-VALUE", what, "--horizon", "Give it in the unit of the times.")
    if not outcome.by(question.horizon).event.any():
        first = float(outcome.time[outcome.event].min())
        what = f"nobody has the event by {question.horizon:g}; the first one is at {first:g} {question.unit}".rstrip()
        raise LymphoscopeError("USE-E-VALUE", what, "--horizon", "Give it in the unit of the times.")
    return question.horizon


def _endpoint_record(endpoint: Endpoint) -> Record:
    return {
        "known": int(endpoint.known.sum()),
        "events": int(endpoint.event.sum()),
        "censored_before": endpoint.censored_before,
    }


def _curves(outcome: Outcome, groups: Sequence[str]) -> Record:
    curves = {str(name): curve_record(curve) for name, curve in by_group(outcome, groups).items()}
    return {"curves": curves, "log_rank": asdict(log_rank(outcome, groups))}


def _variables(cohort: Cohort, endpoint: Endpoint, question: Question, notes: Notes) -> list[Record]:
    """Variables one by one, p values adjusted for their number by Holm."""
    names = question.variables or tuple(cohort.values)
    found = [_variable(name, cohort.values[name], cohort, endpoint, question, notes) for name in names]
    fitted = [one["cox"] for one in found if one["cox"]]
    for one, p in zip(fitted, holm([one["p"] for one in fitted]), strict=True):
        one["p_holm"] = p
    return found


def _variable(
    name: str, column: Floats, cohort: Cohort, endpoint: Endpoint, question: Question, notes: Notes
) -> Record:  # fmt: skip
    """One variable alone: hazard ratio, AUC for the endpoint, cut-offs. All of it is apparent."""
    outcome = cohort.outcome
    found: Record = {"name": name, "cox": None, "harrell": harrell(outcome, column).value}
    try:
        model = examine(outcome, {name: column})
    except LymphoscopeError as error:
        notes.add("PROG-W-NOFIT", error.message.what, error.message.where, error.message.fix)
    else:
        found["cox"] = asdict(model.coefficients[0])
        for message in remarks(model):
            notes.add(message.code, message.what, message.where, message.fix)
    event, values = endpoint.event[endpoint.known], column[endpoint.known]
    area = auc(event, values)
    worse = area is None or area.value >= 0.5
    chosen = youden_with_interval(event, values, worse, question.how)
    selected = maximally_selected(outcome, column, seed=question.how.seed)
    if chosen or selected:
        notes.add("PROG-W-CUTOFF", "cut-offs of single variables were chosen on these very patients")
    found |= {
        "auc": asdict(area) if area else None,
        "high_is_worse": worse,
        "youden": {"at": chosen.cutoff.at, "interval": asdict(chosen.interval), "calls": calls_record(chosen.calls)}
        if chosen else None,
        "maximally_selected": asdict(selected) if selected else None,
    }  # fmt: skip
    return found


def _tried(
    cohort: Cohort, question: Question, horizon: float, notes: Notes, progress: Progress
) -> tuple[tuple[Tried, ...], Folds | None, list[Record], list[Record]]:
    """Models that could be fitted and validated, their folds, records and comparisons."""
    outcome = cohort.outcome
    count = min(question.folds, outcome.events)
    if not question.models or count < 2:
        return (), None, [], []
    fold = stratified(outcome.event.tolist(), count, question.fold_seed)
    setting = Setting(outcome, fold, horizon, question.how)
    tried, records = [], []
    for done, model in enumerate(question.models, 1):
        try:
            one = attempt(model, cohort.values, setting)
        except LymphoscopeError as error:
            where = f"the model {model.name}"
            notes.add("PROG-W-NOFIT", error.message.what, where, error.message.fix)
        else:
            tried.append(one)
            records.append(model_record(one, cohort.values, setting))
            for message in remarks(one.cox):
                notes.add(message.code, message.what, message.where, message.fix)
        progress("models", done, len(question.models))
    return tuple(tried), fold, records, compared(tried, setting)
