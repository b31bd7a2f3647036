"""The network that comes with the program: what it says of the regions that rules decided on."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from lymphoscope.app.models.store import BUNDLED, CARD
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.measure import Looked
from lymphoscope.core.progress import Progress
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_box import body_box
from lymphoscope.image.physiology import Judged
from lymphoscope.image.resample import resample
from lymphoscope.image.second_look import AGAINST, region_means, second_look

if TYPE_CHECKING:
    from lymphoscope.learn.model import Model
    from lymphoscope.learn.predict import Predicted

NAME = "whole-body"
LEAST_MM = 600.0
"""Length of a body below which the network is not asked: it has seen bodies from head to thigh."""


def look_again(study: Study, judged: Judged, notes: Notes, progress: Progress) -> tuple[Judged, Looked]:
    """Let the network look at the decisions of the rules.

    Args:
        study: The study, PET in SUVbw.
        judged: What the rules decided.
        notes: Hears of a network that did not look, and of regions on which it differs.
        progress: Hears of every slice.

    Returns:
        The decisions with its word and its doubts, and what looked. What the rules are sure of stays counted or out.
    """
    try:
        looked = Looked(NAME, str(BUNDLED.card(NAME)["version"]), card_sha256())
    except (OSError, LymphoscopeError):
        return judged, _silent(Looked(NAME, "", ""), "it is not there", notes, "SEG-W-NOLOOK")
    if reason := _not_asked(study, judged):
        return judged, _silent(looked, reason, notes, "SEG-I-NOLOOK")
    try:
        model = opened()
        found = uptake(study.pet, model, progress)
    except (ImportError, OSError, RuntimeError, ValueError, LymphoscopeError):
        return judged, _silent(looked, "it could not be loaded", notes, "SEG-W-NOLOOK")
    classes = sorted(model.plan.labels, key=lambda name: model.plan.labels[name])
    heard = second_look(judged, region_means(judged, found.probabilities, found.geometry), classes)
    if against := [f"L{d.region:02d}" for d in heard.decisions if d.rule == AGAINST]:
        notes.add("SEG-W-AGAINST", f"the network {NAME} and the rules differ on {', '.join(against)}")
    return heard, looked


def _not_asked(study: Study, judged: Judged) -> str:
    """Why the network is not asked; empty where it is."""
    grid = study.pet.geometry
    if study.suv.fdg is False:
        return "the tracer is not FDG"
    if not judged.decisions:
        return "there is no hot region"
    if (length := grid.spacing[0] * grid.shape[0]) < LEAST_MM:
        return f"the PET is {length:.0f} mm long, and it knows bodies of {LEAST_MM:.0f} mm and more"
    return ""


def _silent(looked: Looked, reason: str, notes: Notes, code: str) -> Looked:
    notes.add(code, f"the network {NAME} was not asked: {reason}")
    return Looked(looked.model, looked.version, looked.sha256, reason)


@cache
def opened() -> Model:
    """The network, ready to predict.

    Raises:
        LymphoscopeError: ``MODEL-E-STORED`` or ``RUN-E-FOLDER`` when its files are damaged.
    """
    from lymphoscope.learn.model import Model  # noqa: PLC0415 - slow to load
    from lymphoscope.learn.openvino_engine import by_openvino  # noqa: PLC0415
    from lymphoscope.learn.predict import Member  # noqa: PLC0415
    from lymphoscope.learn.run import Run  # noqa: PLC0415

    folder = BUNDLED.folder(NAME)
    if changed := BUNDLED.verify(NAME):
        raise LymphoscopeError("MODEL-E-STORED", "files are missing or changed", where=", ".join(changed))
    plan = Run(folder).plan()
    (stage,) = plan.recipe.stages
    return Model(plan, [(stage, [Member(by_openvino(folder / "model.xml"), 0)])])


def uptake(pet: Volume, model: Model, progress: Progress) -> Predicted:
    """Probability of each class of the network, on a grid of its own.

    Args:
        pet: SUVbw.
        model: The network.
        progress: Hears of every slice.
    """
    from lymphoscope.learn.grids import spacing  # noqa: PLC0415
    from lymphoscope.recipes.whole_body import VOXEL_MM  # noqa: PLC0415

    body = pet.with_array(pet.values(Unit.SUV_BW)).part(body_box(pet))
    return model.predict({"pet:suv": resample(body, spacing(VOXEL_MM)(body))}, progress)


@cache
def card_sha256() -> str:
    """Hash of the network's card, which holds the hashes of all its files."""
    return sha256((BUNDLED.folder(NAME) / CARD).read_bytes()).hexdigest()
