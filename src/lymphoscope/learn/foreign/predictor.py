"""A foreign model applied to one case: prepared as nnU-Net does, predicted by slabs, brought back by planes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, softmax

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.foreign.effort import Effort, layout
from lymphoscope.learn.foreign.plans import ForeignPlan, Labels
from lymphoscope.learn.foreign.preparing import Prepared, prepared, restored, settled
from lymphoscope.learn.foreign.resize import Floats
from lymphoscope.learn.infer import Predict
from lymphoscope.learn.streaming import slabs, voting

Slabs = Iterable[tuple[int, Floats]]

SURE = 20.0
"""Logit of background where no window was: a probability of 2e-9 for anything else."""
GLIMPSE = 0.01
"""Probability of anything but background from which on a first look has seen something."""
BESIDE_MM = 12.0
"""What lies as near to something seen is computed with it."""


@dataclass(frozen=True, eq=False)
class Foreign:
    """A model that others trained, ready to predict.

    Attributes:
        plan: What it was trained by.
        members: Its networks.
        roles: What each channel is: ``ct:hu`` or ``pet:suv``.
        lesions: Outputs that are lesions, by number.
        mirror: Axes that may be mirrored, of three, as the network has them.
        previous: The model whose labels it reads beside the images, where its plan has one.
        scout: The network that looks first, where somebody asks for a first look; the first of all when None.
    """

    plan: ForeignPlan
    members: Sequence[Predict]
    roles: tuple[str, ...]
    lesions: tuple[int, ...]
    mirror: tuple[int, ...]
    previous: Foreign | None = None
    scout: Predict | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Images it needs, by role; PET first, whose grid is worked on."""
        return tuple(sorted(set(self.roles), key=lambda role: role != "pet:suv"))


@dataclass(frozen=True, eq=False)
class ForeignPrediction:
    """What a model says of a case, on the grid of its images.

    Attributes:
        classes: The label that the model writes for each voxel, (z, y, x).
        lesion: Probability of a lesion.
        volumes_ml: Volume of lesions by each network alone, on the model's own grid.
        lesion_values: Labels that are lesions.
        unmirrored_ml: Volume of lesions by all networks without mirroring, likewise; None where none was mirrored.
    """

    classes: Volume
    lesion: Volume
    volumes_ml: tuple[float, ...]
    lesion_values: tuple[int, ...]
    unmirrored_ml: float | None = None

    @property
    def labels(self) -> Volume:
        """1 where the model sees a lesion."""
        inside = np.isin(self.classes.array, self.lesion_values)
        return Volume(inside.astype(np.uint8), self.classes.geometry, Unit.LABEL)

    @property
    def entropy(self) -> Volume:
        """Uncertainty of lesion or not, bits."""
        p = np.clip(self.lesion.array, 1e-7, 1 - 1e-7)
        bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
        return Volume(bits.astype(np.float32), self.lesion.geometry, Unit.ARBITRARY)


def predict(
    model: Foreign, volumes: Mapping[str, Volume], effort: Effort | None = None, progress: Progress = silent
) -> ForeignPrediction:
    """Apply a model to a case.

    Args:
        model: The model.
        volumes: Images by role, all on one grid.
        effort: How much is computed; what nnU-Net does by default when None.
        progress: Hears of every window.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` when an image is missing, ``DATA-E-GRID`` when grids differ.
    """
    effort = effort or Effort()
    grid = _grid(model, volumes)
    members = model.members[: effort.folds]
    model = replace(model, plan=settled(model.plan, grid))
    before = None if model.previous is None else predict(model.previous, volumes, effort, progress).classes.array
    case = prepared(model.plan, [volumes[role].array for role in model.roles], grid, before)
    pet = volumes.get("pet:suv")
    seen = None if effort.look is None else _glimpsed(model, case, pet, effort.look, progress)
    where = layout(model.plan, case, pet, effort, seen)
    empty = _nothing(model.plan.labels)
    mirror = model.mirror if effort.mirror else ()
    ways = len(members) + bool(mirror)
    written = _Written(model, case, len(members), ways)
    images = np.ascontiguousarray(case.images[(slice(None), *where.box)])
    blended = slabs(voting(members, mirror), images, where.windows, empty * ways, progress)
    found = written.counted(where.taken(blended, empty * ways))
    restored(model.plan, case, where.surrounded(found, empty), written.plane)
    return written.finish(grid)


def _glimpsed(
    model: Foreign, case: Prepared, pet: Volume | None, look: Effort, progress: Progress
) -> NDArray[np.bool_]:
    """Where a first look sees something, and what lies beside it, on the network's grid."""
    where, empty = layout(model.plan, case, pet, look), _nothing(model.plan.labels)
    images = np.ascontiguousarray(case.images[(slice(None), *where.box)])
    scout = voting([model.scout or model.members[0]])
    blended = slabs(scout, images, where.windows, empty, lambda _, done, total: progress("looking", done, total))
    seen = np.zeros(where.space, bool)
    for first, outputs in where.surrounded(blended, empty):
        seen[first : first + outputs.shape[1]] = background(model.plan.labels, outputs) <= 1 - GLIMPSE
    if where.windows.needed is not None:
        seen[where.box] &= where.windows.needed
    return beside(seen, model.plan.spacing)


def beside(seen: NDArray[np.bool_], spacing: Sequence[float]) -> NDArray[np.bool_]:
    """What was seen and what lies within `BESIDE_MM` of it along each axis; spacing in mm."""
    return np.asarray(ndimage.maximum_filter(seen, [2 * round(BESIDE_MM / side) + 1 for side in spacing]))


class _Written:
    """Takes planes of logits and makes labels and probabilities of them."""

    def __init__(self, model: Foreign, case: Prepared, members: int, ways: int) -> None:
        self._model, self._case, self._members = model, case, members
        self._classes = np.zeros(case.shape, np.uint8)
        self._lesion = np.zeros(case.shape, np.float32)
        self._counts = np.zeros(ways)

    def counted(self, slabs_of_all: Slabs) -> Iterator[tuple[int, Floats]]:
        """Count lesion voxels by each network, and by all without mirroring, on the way; hand on the mean of all."""
        for first, outputs in slabs_of_all:
            each = outputs.reshape(len(self._counts), -1, *outputs.shape[1:])
            for number, one in enumerate(each):
                classes, _ = decided(self._model.plan.labels, self._model.lesions, one)
                self._counts[number] += np.count_nonzero(np.isin(classes, self.values))
            yield first, each[: self._members].mean(axis=0)

    @property
    def values(self) -> tuple[int, ...]:
        """Labels that are lesions."""
        return tuple(self._model.plan.labels.values[number] for number in self._model.lesions)

    def plane(self, number: int, logits: Floats) -> None:
        """Take the logits (outputs, y, x) of one plane of the cropped image."""
        box = self._case.box
        where = (box[0].start + number, box[1], box[2])
        self._classes[where], self._lesion[where] = decided(self._model.plan.labels, self._model.lesions, logits)

    def finish(self, grid: Geometry) -> ForeignPrediction:
        """All that was written, on the image's own grid."""
        turn = self._case.turn
        voxel_ml = float(np.prod(self._model.plan.spacing)) / 1000.0
        volumes = tuple(float(count) * voxel_ml for count in self._counts)
        return ForeignPrediction(
            Volume(np.ascontiguousarray(turn.back(self._classes)), grid, Unit.LABEL),
            Volume(np.ascontiguousarray(turn.back(self._lesion), np.float32), grid, Unit.PROBABILITY),
            volumes[: self._members],
            self.values,
            volumes[-1] if len(volumes) > self._members else None,
        )


def decided(labels: Labels, lesions: Sequence[int], logits: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Labels and the probability of a lesion, of logits (outputs, …); two classes come as their difference."""
    if len(logits) == 1 and len(labels.names) == 2:
        probability = expit(logits[0])
        return np.where(logits[0] > 0, labels.values[1], labels.values[0]).astype(np.uint8), probability
    if labels.regions:
        each = expit(logits)
        classes = np.zeros(logits.shape[1:], np.uint8)
        for one, value in zip(each, labels.values, strict=True):
            classes[one > 0.5] = value
        return classes, np.asarray(each[list(lesions)].max(axis=0))
    shares = softmax(logits, axis=0)
    return np.asarray(labels.values, np.uint8)[logits.argmax(axis=0)], np.asarray(shares[list(lesions)].sum(axis=0))


def background(labels: Labels, logits: Floats) -> Floats:
    """Probability of nothing, of logits (outputs, …); of regions the least that any of them leaves."""
    if len(logits) == 1 and len(labels.names) == 2:
        return np.asarray(expit(-logits[0]))
    return np.asarray(expit(-logits).min(axis=0) if labels.regions else softmax(logits, axis=0)[0])


def _nothing(labels: Labels) -> list[float]:
    """Outputs that mean background."""
    if labels.regions:
        return [-SURE] * len(labels.names)
    return [-SURE] if len(labels.names) == 2 else [SURE, *[0.0] * (len(labels.names) - 1)]


def _grid(model: Foreign, volumes: Mapping[str, Volume]) -> Geometry:
    missing = [role for role in model.roles if role not in volumes]
    if missing:
        raise LymphoscopeError("DATA-E-MISSING", f"the model reads {' and '.join(missing)}, which is not given")
    grid = volumes[model.reads[0]].geometry
    for role in model.roles:
        difference = grid.difference(volumes[role].geometry)
        if difference:
            raise LymphoscopeError("DATA-E-GRID", f"images of the model lie on different grids: {difference}")
    return grid
