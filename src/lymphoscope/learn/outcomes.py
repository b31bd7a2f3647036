"""The outcome of patients as something to learn: who has it, who is known not to, and who is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.learn.prepare import Prepared
from lymphoscope.recipes.endpoint import Endpoint, foretells, foretold, weighted
from lymphoscope.recipes.planning import Plan
from lymphoscope.recipes.spec import Learn, Recipe

_TABLE = "outcome.csv"


def with_endpoint(data: DataSet, endpoint: Endpoint | None) -> DataSet:
    """A data set whose cases tell the endpoint by its name, where it is known.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE`` where no case has the columns, or one holds what cannot be.
    """
    if endpoint is None:
        return data
    everyone = (*data.cases, *data.held_out)
    for column in filter(None, (endpoint.event, endpoint.time)):
        if not any(column in entry.outcome for entry in everyone):
            there = ", ".join(sorted({name for entry in everyone for name in entry.outcome})) or "nothing"
            raise LymphoscopeError("DATA-E-TABLE", f"no case has the outcome {column!r} (there is {there})", _TABLE)

    def told(entry: Entry) -> Entry:
        value = endpoint.of(entry.outcome, f"{_TABLE}, case {entry.id}")
        facts = {name: fact for name, fact in entry.outcome.items() if name != endpoint.name}
        if value is None and endpoint.horizon is None:
            return entry
        return replace(entry, outcome=facts if value is None else {**facts, endpoint.name: value})

    return replace(data, cases=tuple(map(told, data.cases)), held_out=tuple(map(told, data.held_out)))


def require_endpoint(recipe: Recipe, endpoint: Endpoint | None) -> None:
    """Refuse a recipe that foretells without an outcome, and an outcome for a recipe that foretells nothing.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if foretells(recipe) and endpoint is None:
        fix = "Name a column of outcome.csv: --outcome COLUMN, or --outcome EVENT:TIME:HORIZON."
        raise LymphoscopeError("USE-E-VALUE", f"{recipe.id} foretells an outcome: say which", "--outcome", fix)
    if endpoint is not None and not foretells(recipe):
        fix = "For folds with an even outcome: --stratify OUTCOME."
        raise LymphoscopeError("USE-E-VALUE", f"nothing in {recipe.id} foretells an outcome", "--outcome", fix)


def targets_of(entry: Entry, endpoint: Endpoint | None) -> dict[str, float]:
    """What a case teaches beside its mask, as a batch names it; empty where it is not known."""
    value = None if endpoint is None else endpoint.of(entry.outcome, f"{_TABLE}, case {entry.id}")
    return {} if endpoint is None or value is None else {f"outcome:{endpoint.name}": value}


def taught(learn: Learn, cases: Sequence[Prepared], endpoint: Endpoint | None) -> tuple[Learn, list[Prepared]]:
    """A training with the weights of its outcome counted, and its cases: of an outcome alone those that have one.

    Args:
        learn: How a stage is trained.
        cases: That it may learn from.
        endpoint: What is foretold; None where nothing is.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE`` where all of them have the same outcome.
    """
    if endpoint is None or not foretold(learn):
        return learn, list(cases)
    name = f"outcome:{endpoint.name}"
    known = [case.targets[name] for case in cases if name in case.targets]
    events = sum(value > 0 for value in known)
    alone = learn.target.partition(":")[0] == "outcome"
    return weighted(learn, events, len(known) - events), [case for case in cases if name in case.targets or not alone]


def counts(plan: Plan, data: DataSet) -> dict[str, Any] | None:
    """How many cases have the outcome, have not, or take part in the drawing of lesions only; all, and fold by fold.

    Args:
        plan: What was decided.
        data: The cases.
    """
    if plan.endpoint is None:
        return None
    return {
        **plan.endpoint.as_record(),
        "name": plan.endpoint.name,
        **_counted(data.cases, plan.endpoint),
        "folds": [_counted((data[case] for case in fold.val), plan.endpoint) for fold in plan.folds],
    }


def _counted(entries: Iterable[Entry], endpoint: Endpoint) -> dict[str, int]:
    found = {"events": 0, "others": 0, "censored_before": 0, "unknown": 0}
    for entry in entries:
        value = endpoint.of(entry.outcome)
        if value is not None:
            found["events" if value else "others"] += 1
        else:
            found["censored_before" if endpoint.censored(entry.outcome) else "unknown"] += 1
    return found
