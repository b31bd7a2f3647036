"""A trained recipe applied to one case: stage after stage, the mean of the folds, on the grid of its first input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.box_mask import painted
from lymphoscope.image.resample import resample
from lymphoscope.io.boxes import ScoredBoxes
from lymphoscope.io.dataset.cases import UNITS
from lymphoscope.learn.infer import Inference, Predict
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import inputs
from lymphoscope.recipes.shelf import RULES
from lymphoscope.recipes.spec import Stage, Use

RISK = "risk"
"""How the names of what is told of a patient begin."""

IMAGE = "image"
"""Name of an image that is made."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Probabilities of a case.

    Attributes:
        probabilities: (classes, z, y, x), float32, background first; they add up to 1.
        geometry: The grid of the first input.
        further: What the networks tell beside them, by name, (z, y, x), float32.
        risks: What they foretell of the patient, by name, 0 … 1.
        boxes: What they found, box by box; None where they do not speak of boxes.
        image: What they made instead of drawing; None where they draw.
    """

    probabilities: NDArray[np.float32]
    geometry: Geometry
    further: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    risks: Mapping[str, float] = field(default_factory=dict)
    boxes: ScoredBoxes | None = None
    image: Volume | None = None

    @property
    def labels(self) -> Volume:
        """The most probable class of every voxel."""
        return Volume(self.probabilities.argmax(axis=0).astype(np.int16), self.geometry, Unit.LABEL)

    @property
    def lesion(self) -> Volume:
        """Probability of anything but background."""
        return Volume(1.0 - self.probabilities[0], self.geometry, Unit.PROBABILITY)

    @property
    def map(self) -> Volume:
        """What later stages read of it: the image that was made, else the probability of a lesion."""
        return self.lesion if self.image is None else self.image

    @property
    def entropy(self) -> Volume:
        """Uncertainty of the class of every voxel, bits: 0 where sure, log2 of the number of classes at most."""
        p = np.clip(self.probabilities, 1e-7, 1.0)
        return Volume(-(p * np.log2(p)).sum(axis=0), self.geometry, Unit.ARBITRARY)

    @property
    def maps(self) -> dict[str, Volume]:
        """What the networks tell beside the probabilities, by name."""
        return {name: Volume(array, self.geometry, Unit.ARBITRARY) for name, array in self.further.items()}


@dataclass(frozen=True, eq=False)
class Member:
    """One trained network of a stage.

    Attributes:
        predict: The network, by any engine.
        context: Voxels that it needs round a window.
        tells: Names of the channels that follow the probabilities; one that begins with ``risk`` is of the patient.
    """

    predict: Predict
    context: int
    tells: tuple[str, ...] = ()


def predict_stage(
    stage: Stage, members: Sequence[Member], volumes: Mapping[str, Volume], progress: Progress = silent
) -> Predicted:
    """Probabilities of one stage, the mean over its folds.

    Args:
        stage: With all numbers resolved.
        members: Its networks, one a fold.
        volumes: Images by what the stage reads.
        progress: Hears of every window.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` when an input is missing.
    """
    images, grid = inputs(stage, volumes)
    learn = stage.trained
    infer: Inference = made("infer", learn.infer)
    view, wanted = made("sampler", learn.sampler).view, volumes[stage.reads[0]].geometry
    together = infer.together(
        [infer(member.predict, images, view, member.context, progress) for member in members], images, view
    )
    boxes = None if together.boxes is None else ScoredBoxes.on(grid, together.boxes[:, 1:], together.boxes[:, 0])
    if together.maps is None:
        assert boxes is not None
        return Predicted(painted(boxes.edges(wanted), boxes.scores, wanted), wanted, boxes=boxes)
    mean, tells = together.maps, members[0].tells
    classes = len(mean) - len(tells)
    told = zip(tells, mean[classes:], strict=True)
    further = {name: part for name, part in told if not name.startswith(RISK)}
    image = None
    if IMAGE in further:
        values = made("scale", learn.scale).back(learn.images[0], further.pop(IMAGE))
        image = Volume(values, grid, unit_of(stage))
    return on_grid(Predicted(mean[:classes], grid, further, risks_of(mean, tells), boxes, image), wanted)


def unit_of(stage: Stage) -> Unit:
    """Unit of what later stages read of a stage: that of the image it makes, else probability."""
    images = stage.learn.images if stage.learn else ()
    return UNITS[images[0]] if images else Unit.PROBABILITY


def risks_of(found: NDArray[np.float32], tells: Sequence[str]) -> dict[str, float]:
    """What is told of the patient, of what a network says of an image: the mean over the image.

    Args:
        found: (channels, z, y, x).
        tells: Names of its last channels.
    """
    told = zip(tells, found[len(found) - len(tells) :], strict=True)
    return {name: float(part.mean(dtype=np.float64)) for name, part in told if name.startswith(RISK)}


def joined(stage: Stage, volumes: Mapping[str, Volume]) -> Predicted:
    """What a rule makes of the maps of earlier stages: lesion or background, on the grid of the first.

    Args:
        stage: One with a rule.
        volumes: Maps by what the stage reads.
    """
    assert stage.rule is not None
    grid = volumes[stage.reads[0]].geometry
    maps = np.stack([resample(volumes[role], grid).array for role in stage.reads])
    lesion = RULES[stage.rule.name].load()(maps, **stage.rule.params)
    return Predicted(np.stack([1.0 - lesion, lesion]), grid)


def predict_all(
    stages: Sequence[tuple[Stage, Sequence[Member]]], volumes: Mapping[str, Volume], progress: Progress = silent
) -> Predicted:
    """Probabilities of the last stage; earlier ones are made and read on the way. A rule has no members."""
    known = dict(volumes)
    for stage, members in stages:
        predicted = predict_stage(stage, members, known, progress) if members else joined(stage, known)
        known[stage.id] = predicted.map
    return predicted


def refined(predicted: Predicted, post: Sequence[Use], volumes: Mapping[str, Volume]) -> Predicted:
    """Probabilities after the steps of a recipe that look at them and at the PET once more.

    Args:
        predicted: Of the last stage.
        post: The recipe's.
        volumes: Images by role.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` without a PET.
    """
    if not post:
        return predicted
    if "pet:suv" not in volumes:
        raise LymphoscopeError("DATA-E-MISSING", f"{post[0].name} needs the PET", "pet:suv")
    pet = volumes["pet:suv"]
    if pet.geometry.difference(predicted.geometry):
        pet = resample(pet, predicted.geometry)
    found = predicted.probabilities
    for step in post:
        found = RULES[step.name].load()(found, pet.values(Unit.SUV_BW), **step.params)
    return replace(predicted, probabilities=found)


def on_grid(predicted: Predicted, wanted: Geometry) -> Predicted:
    """A prediction on another grid, linearly; what its own grid does not reach is background."""
    if not wanted.difference(predicted.geometry):
        image = None if predicted.image is None else Volume(predicted.image.array, wanted, predicted.image.unit)
        return replace(predicted, geometry=wanted, image=image)

    def brought(part: NDArray[np.float32]) -> NDArray[np.float32]:
        return resample(Volume(part, predicted.geometry, Unit.ARBITRARY), wanted).array.astype(np.float32)

    lesion = [brought(part) for part in predicted.probabilities[1:]]
    background = np.ones(wanted.shape, np.float32) - sum(lesion)
    further = {name: brought(part) for name, part in predicted.further.items()}
    image = None if predicted.image is None else resample(predicted.image, wanted)
    probabilities = np.stack([background, *lesion])
    return replace(predicted, probabilities=probabilities, geometry=wanted, further=further, image=image)
