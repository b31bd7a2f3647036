"""From images to what an nnU-Net reads, and from what it says back to the images' grid, as nnU-Net does both.

The order matters and is nnU-Net's: axes are transposed, empty margins cut off, values normalised, and only then
resampled. On the way back logits are resampled before they become classes.

Reference: nnunetv2 2.5.2, preprocessing/preprocessors/default_preprocessor.py, inference/export_prediction.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.learn.foreign.plans import MOST_VOXELS, Channel, ForeignPlan
from lymphoscope.learn.foreign.resize import Floats, along, axis_rules, matrix, new_shape, resized, resized_labels

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images as the network reads them, with the way back.

    Attributes:
        images: (channels, *network axes), float32; labels of a network before come last.
        turn: Axes and flips from the image to the network.
        box: What of the turned image is left after cropping.
        cropped: Spacing of the turned image along the network's axes, mm.
        shape: Of the turned image.
    """

    images: Floats
    turn: Turn
    box: Box
    cropped: tuple[float, ...]
    shape: tuple[int, ...]

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Voxels of the cropped image."""
        return tuple(part.stop - part.start for part in self.box)


@dataclass(frozen=True)
class Turn:
    """Which axis of the image each axis of the network is, and which of them run the other way.

    Attributes:
        axes: Axis of the image (z, y, x) for each axis of the network.
        flipped: Axes of the image that are mirrored before.
    """

    axes: tuple[int, ...]
    flipped: tuple[int, ...] = ()

    def there(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """An image as the network has it."""
        return np.flip(image, self.flipped).transpose(self.axes)

    def back(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """What the network has as the image has it."""
        return np.flip(image.transpose(tuple(np.argsort(self.axes))), self.flipped)


def turn_of(plan: ForeignPlan, geometry: Geometry) -> Turn:
    """How an image is turned for a model: as stored, or to right–anterior–superior first."""
    if not plan.reorients:
        return Turn(plan.transpose)
    direction = geometry.direction  # a column for each axis of the array, in LPS
    stored = {int(np.argmax(np.abs(direction[:, axis]))): axis for axis in range(3)}
    towards = {0: -1, 1: -1, 2: 1}  # right and anterior are against LPS, superior is with it
    flipped = sorted(axis for lps, axis in stored.items() if np.sign(direction[lps, axis]) != towards[lps])
    canonical = [stored[lps] for lps in (2, 1, 0)]
    return Turn(tuple(canonical[axis] for axis in plan.transpose), tuple(flipped))


def settled(plan: ForeignPlan, geometry: Geometry) -> ForeignPlan:
    """A plan with a spacing along every axis: a network of planes takes that across them as the image has it."""
    if plan.dimensions == 3:
        return plan
    return replace(plan, spacing=(geometry.spacing[turn_of(plan, geometry).axes[0]], *plan.spacing[1:]))


def prepared(
    plan: ForeignPlan,
    images: Sequence[NDArray[np.generic]],
    geometry: Geometry,
    before: NDArray[np.generic] | None = None,
) -> Prepared:
    """Images of one case for a model.

    Args:
        plan: What the model was trained by, settled for the grid.
        images: One a channel, (z, y, x), all on one grid.
        geometry: The grid.
        before: Labels of the network that the model reads beside the images, on the same grid.

    Raises:
        LymphoscopeError: ``MODEL-E-PLANS`` when the image is too large at the model's spacing.
    """
    turn = turn_of(plan, geometry)
    mm = tuple(geometry.spacing[axis] for axis in turn.axes)
    turned = [turn.there(image) for image in images]
    filled = turned[0] != 0
    for image in turned[1:]:
        filled |= image != 0
    box = _bounds(filled)
    inside: NDArray[np.bool_] | None = None
    if any(channel.masked for channel in plan.channels):
        inside = np.asarray(ndimage.binary_fill_holes(filled))[box]
    shape = new_shape([part.stop - part.start for part in box], mm, plan.spacing)
    if np.prod(shape, dtype=float) > MOST_VOXELS:
        what = f"at the model's spacing the image has {' × '.join(map(str, shape))} voxels"
        raise LymphoscopeError("MODEL-E-PLANS", what, fix="Crop the image.")
    out = np.empty((plan.inputs, *shape), np.float32)
    for number, (image, channel) in enumerate(zip(turned, plan.channels, strict=True)):
        values = np.array(image[box], np.float32, order="C")  # a copy: it is changed in place
        out[number] = resized(normalised(values, channel, inside), shape, plan.data, mm, plan.spacing)
    if before is not None:
        labels = resized_labels(np.asarray(turn.there(before)[box]), shape, plan.masks, mm, plan.spacing)
        for number, label in enumerate(plan.read_labels, start=len(images)):
            out[number] = labels == label
    return Prepared(out, turn, box, mm, filled.shape)


def normalised(values: Floats, channel: Channel, inside: NDArray[np.bool_] | None) -> Floats:
    """Values of one image as the network reads them; changed in place.

    Args:
        values: (z, y, x).
        channel: How.
        inside: Where any image of the case is not zero, holes filled; needed by channels that are masked.
    """
    if channel.scheme == "CTNormalization":
        figures = channel.figures
        np.clip(values, figures["percentile_00_5"], figures["percentile_99_5"], out=values)
        values -= np.float32(figures["mean"])
        values /= np.float32(max(figures["std"], 1e-8))
    elif channel.scheme == "ZScoreNormalization":
        part = values[inside] if channel.masked and inside is not None else values
        mean, deviation = part.mean(), max(part.std(), np.float32(1e-8))
        if channel.masked and inside is not None:
            values[inside] = (part - mean) / deviation
        else:
            values -= mean
            values /= deviation
    elif channel.scheme == "RescaleTo01Normalization":
        values -= values.min()
        values /= max(float(values.max()), 1e-8)
    return values


def restored(
    plan: ForeignPlan, case: Prepared, slabs: Iterable[tuple[int, Floats]], use: Callable[[int, Floats], None]
) -> None:
    """Bring logits back to the cropped image, plane by plane along the network's first axis.

    Args:
        plan: What the model was trained by.
        case: The case, for the way back.
        slabs: First plane and logits (outputs, planes, y, x) of consecutive parts of the network's grid.
        use: Takes the number of a plane of the cropped image and its logits (outputs, y, x).
    """
    old, new = case.images.shape[1:], case.box_shape
    rules = axis_rules(plan.logits, plan.spacing, case.cropped)
    if tuple(old) != new and plan.logits.order > 1:
        whole = np.concatenate([slab for _, slab in slabs], axis=1)
        brought = [resized(part, new, plan.logits, plan.spacing, case.cropped) for part in whole]
        for number, plane in enumerate(np.stack(brought, axis=1)):
            use(number, plane)
        return
    first, second, third = (matrix(a, b, *rule) for a, b, rule in zip(old, new, rules, strict=True))
    for number, plane in _interpolated(_planes(slabs, second, third), first):
        use(number, plane)


def _planes(slabs: Iterable[tuple[int, Floats]], second: Floats, third: Floats) -> Iterator[Floats]:
    """Planes of the network's grid, one after the other, resampled within."""
    for _, slab in slabs:
        for number in range(slab.shape[1]):
            yield along(along(slab[:, number], 1, second), 2, third)


def _interpolated(planes: Iterator[Floats], weights: Floats) -> Iterator[tuple[int, Floats]]:
    """Planes combined along the first axis by a matrix (new, old) whose rows reach over few neighbours."""
    held: dict[int, Floats] = {}
    arrived = 0
    for number, row in enumerate(weights):
        taps = np.flatnonzero(np.abs(row) > 1e-9).tolist()
        while arrived <= taps[-1]:
            held[arrived] = next(planes)
            arrived += 1
        for old in [old for old in held if old < taps[0]]:
            del held[old]
        yield number, np.asarray(sum(row[tap] * held[tap] for tap in taps), np.float32)


def _bounds(filled: NDArray[np.bool_]) -> Box:
    """The smallest box round all that is not zero; all of it where everything is zero."""
    parts = []
    for axis in range(3):
        over = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(filled.any(axis=over))
        parts.append(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, filled.shape[axis]))
    return parts[0], parts[1], parts[2]
