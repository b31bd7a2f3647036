"""A survival analysis' settings from the words of the command line, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.prognosis.risks import named as named_risks
from lymphoscope.app.prognosis.run import Request, models_of
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.prognosis.analysis import Question
from lymphoscope.prognosis.cohort import DOUBLINGS, Columns


def listed(text: str) -> tuple[str, ...]:
    """The parts of ``a,b,c``, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def request_of(words: Mapping[str, Any]) -> Request:
    """What an analysis is told.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a word that cannot be, or an outcome among the variables.
    """
    named = listed(words["variables"])
    models = models_of(named, words["model"] or (), words["signature"] or ())
    plainly = (column for model in models if not model.penalised for column in model.variables)
    variables = tuple(dict.fromkeys((*named, *plainly)))
    columns = Columns(words["time"], words["event"], variables, listed(words["curves"]), words["patient"])
    used = (column for model in models for column in (*named, *model.variables))
    plain = [name.removeprefix(DOUBLINGS) for name in used] or list(named)
    outcome = next((name for name in (columns.time, columns.event) if name in plain), None)
    if outcome is not None:
        what = f"{outcome} is the outcome, and cannot predict itself"
        raise LymphoscopeError("USE-E-VALUE", what, "--variables", "Leave it out.")
    how = Resampling(words["replicates"], words["seed"])
    question = Question(models, variables, words["horizon"], words["unit"], words["folds"], how=how)
    risks = named_risks(words["risk"] or ())
    return Request(columns, question, words["complete_cases"], risks, words["quantities"], words["force"])
