"""A recipe and a data set made into a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lymphoscope.core.course import steps_back
from lymphoscope.core.errors import Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.dataset.cases import UNITS, DataSet
from lymphoscope.learn.build import network
from lymphoscope.learn.fingerprinting import fingerprint
from lymphoscope.learn.folds import NNUNET_SEED, folds, withheld
from lymphoscope.learn.outcomes import require_endpoint, with_endpoint
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import channels
from lymphoscope.recipes.endpoint import Endpoint, endpoint
from lymphoscope.recipes.planning import NetFacts, Plan, plan
from lymphoscope.recipes.spec import Recipe, Stage


@dataclass(frozen=True)
class Division:
    """How cases are divided where a data set does not say, and what is foretold of them.

    Attributes:
        count: Number of folds.
        seed: Of the shuffling.
        by: Outcome whose values are spread evenly over the folds, also as ``EVENT:TIME:HORIZON``; the endpoint, where
            there is one, when empty.
        labelled: Share of the training patients whose masks are used.
        endpoint: What is foretold of a patient.
    """

    count: int = 5
    seed: int = NNUNET_SEED
    by: str = ""
    labelled: float = 1.0
    endpoint: Endpoint | None = None


def planned(
    recipe: Recipe,
    data: DataSet,
    division: Division | None = None,
    seed: int = 0,
    progress: Progress = silent,
    notes: Notes | None = None,
) -> Plan:
    """Measure a data set, divide it, and resolve a recipe for it.

    Args:
        recipe: As published.
        data: The cases.
        division: Where the data set brings no folds.
        seed: Of all chance in the training.
        progress: Hears of the work.
        notes: Takes warnings of reading.

    Raises:
        LymphoscopeError: ``DATA-E-*`` where the data cannot be used, ``USE-E-VALUE`` where recipe and endpoint do not
            belong together.
    """
    how = division or Division()
    require_endpoint(recipe, how.endpoint)
    spread = endpoint(how.by) if ":" in how.by else None if how.by else how.endpoint
    data = with_endpoint(with_endpoint(data, how.endpoint), spread)
    by = spread.name if spread else how.by
    divided = withheld(folds(data, how.count, how.seed, by), data, how.labelled, seed)
    found = fingerprint(data, images(recipe), progress, notes)
    made = plan(recipe, found, divided, lambda stage: net_facts(stage, len(data.labels)), seed)
    return replace(made, endpoint=how.endpoint)


def images(recipe: Recipe) -> tuple[str, ...]:
    """Roles of the images that a recipe reads, those of its last stage first."""
    return tuple(role for role in recipe.reads if steps_back(role)[0] in UNITS)


def net_facts(stage: Stage, classes: int) -> NetFacts:
    """What a plan must know of a stage's network; no weights are made for it.

    Args:
        stage: A learnt one.
        classes: Classes of its output, background included.
    """
    dims = made("sampler", stage.trained.sampler).view.dims
    with torch.device("meta"):
        backbone = network(stage.trained, channels(stage), classes, dims).backbone
    return NetFacts(backbone.multiple, backbone.context)
