"""The risk that the networks of a run foretell of one study, with the cohort they learnt from and what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.io.case import canonical_json
from lymphoscope.learn.model import Model, open_model
from lymphoscope.learn.run import Run
from lymphoscope.recipes.endpoint import foretells

_FEW = 100
"""Events in a training cohort below which the report says that they are few."""


@dataclass(frozen=True, eq=False)
class Foretelling:
    """Networks ready to foretell.

    Attributes:
        model: Of a run.
        card: What the run is.
    """

    model: Model
    card: Mapping[str, Any]


def foretelling(folder: Path) -> Foretelling:
    """Open a run for the risk it tells.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where it foretells nothing, and those of opening a run.
    """
    run = _that_foretells(folder)
    return Foretelling(open_model(run), run.card())


def run_sha256(folder: Path) -> str:
    """Hash of the card of a run that foretells: another training has another card.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where it foretells nothing, ``RUN-E-FOLDER`` where it is no finished run.
    """
    return sha256(canonical_json(_that_foretells(folder).card())).hexdigest()


def _that_foretells(folder: Path) -> Run:
    run = Run(folder)
    plan = run.plan()
    if plan.endpoint is None or not foretells(plan.recipe):
        fix = "Train a recipe of the family joint: lymphoscope train m1-joint DATA -o RUN --outcome COLUMN."
        raise LymphoscopeError("USE-E-VALUE", f"the run {folder.name} foretells nothing", "--prognosis", fix)
    return run


def risk_record(study: Study, told: Foretelling, progress: Progress = silent) -> dict[str, Any]:
    """What the networks foretell of a study, and all that is to be said with it, as JSON-able data.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` where the networks read what the study has not.
    """
    volumes = {"pet:suv": study.pet, **({} if study.ct is None else {"ct:hu": study.ct})}
    *first, (stage, members) = told.model.stages
    alone = []
    for number, member in enumerate(members):
        progress("foretell", number, len(members))
        earlier = [(one, several[number : number + 1]) for one, several in first]
        alone.append(Model(told.model.plan, [*earlier, (stage, [member])]).predict(volumes).risks)
    progress("foretell", len(members), len(members))
    endpoint, card = told.model.plan.endpoint, told.card
    assert endpoint is not None
    risks = [one["risk"] for one in alone]
    found = {
        "endpoint": endpoint.as_record() | {"name": endpoint.name},
        "risk": float(np.mean(risks)),
        "networks": risks,
        "levels": {name: float(np.mean([one[name] for one in alone])) for name in alone[0] if name != "risk"},
        "recipe": card["recipe"],
        "plan": told.model.plan.digest,
        "cohort": card["data"] | {name: card["outcome"][name] for name in ("events", "others", "censored_before",
                                                                           "unknown")},
        "auc": card["outcome"]["auc"],
    }  # fmt: skip
    return {**found, "texts": texts(found)}


def texts(found: Mapping[str, Any]) -> list[str]:
    """The risk with its cohort and limits, in plain words."""
    cohort, recipe, count = found["cohort"], found["recipe"], len(found["networks"])
    known = cohort["events"] + cohort["others"]
    low, high = min(found["networks"]), max(found["networks"])
    spread = f" (its {count} networks alone: {_percent(low)} to {_percent(high)})" if count > 1 else ""
    return [
        f"Risk of {_words(found['endpoint'])}: {_percent(found['risk'])}{spread}.",
        f"Foretold by {recipe['id']} ({recipe['title']}), trained on {cohort['patients']} patients of the data set "
        f"{cohort['name']}; of {known} the outcome was known, and {cohort['events']} had it.",
        _worth(found["auc"]),
        "It is what became of patients of that cohort who look alike to the networks. Whether this patient belongs "
        "among them (disease, treatment, scanner) they cannot tell; nobody's age, stage or blood was asked for.",
        *([f"{cohort['events']} events are few: another cohort may well give another answer."]
          if cohort["events"] < _FEW else []),
        "The training made rare outcomes count more, so the figure runs higher than how often the outcome happened: it "
        "ranks patients and is no frequency. For research; no treatment rests on it.",
    ]  # fmt: skip


def _worth(area: Mapping[str, Any] | None) -> str:
    if area is None:
        return "How well it foretells patients whom the networks had not seen is not known."
    said = f"On patients of that cohort whom the networks had not seen the AUC was {area['value']:.2f} "
    said += f"({area['low']:.2f}–{area['high']:.2f})"
    return f"{said}: no better than chance can be excluded." if area["low"] <= 0.5 else f"{said}; 0.5 is chance."


def _words(endpoint: Mapping[str, Any]) -> str:
    if endpoint["horizon"] is None:
        return str(endpoint["event"])
    return f"{endpoint['event']} by {endpoint['horizon']:g} ({endpoint['time']})"


def _percent(risk: float) -> str:
    return f"{100 * risk:.0f} %"
