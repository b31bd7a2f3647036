"""nnU-Net's rules, one function each: from spacings and sizes of the images to spacing, patch, batch and topology.

Axes are given as they come; only where a tie would be decided by their order are they sorted as nnU-Net does, the
coarsest first (`coarsest_first`).

Reference: Isensee et al., Nat Methods 2021;18:203, supplementary note 2; nnU-Net 2.5.2, whose numbers these are
(experiment_planners/default_experiment_planner.py, network_topology.py, residual_encoder_unet_planners.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

ANISOTROPIC = 3.0
"""An axis is thick where its spacing exceeds the others' by this factor, and its number of voxels falls short so."""

LEAST_EDGE = 4
"""Voxels at the bottom of the network, along every axis, at least."""

FIRST_WIDTH = 32
MOST_WIDTH = {2: 512, 3: 320}
FIRST_VOXELS = {2: 2048**2, 3: 256**3}
REFERENCE_BATCH = {2: 12, 3: 2}
REFERENCE_GB = 8.0
LEAST_BATCH = 2
MOST_OF_DATA = 0.05
LOW_RESOLUTION_BELOW = 0.25
LOW_RESOLUTION_STEP = 1.03
LOW_RESOLUTION_LEAST_GAIN = 2.0


@dataclass(frozen=True)
class Family:
    """A kind of U-Net that is planned.

    Attributes:
        blocks: Convolutions of each encoder level (of a residual encoder: blocks of two convolutions).
        decoder: Convolutions of each decoder level.
        residual: Whether the encoder is a stem and residual blocks.
        reference: Feature map values of the reference network in 2 and 3 dimensions, which fits into `REFERENCE_GB`.
    """

    blocks: tuple[int, ...]
    decoder: int
    residual: bool
    reference: tuple[float, float]


PLAIN = Family((2,) * 14, 2, False, (85e6, 560e6))
RESIDUAL = Family((1, 3, 4) + (6,) * 11, 1, True, (135e6, 680e6))


@dataclass(frozen=True)
class Topology:
    """How a network goes down.

    Attributes:
        strides: Stride into each level, per axis; the first is 1.
        kernels: Kernel of each level, per axis.
    """

    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]

    @property
    def multiple(self) -> tuple[int, ...]:
        """What the side of a patch is a multiple of, per axis."""
        return tuple(prod(axis) for axis in zip(*self.strides, strict=True))


@dataclass(frozen=True)
class Configuration:
    """What the rules say.

    Attributes:
        spacing: Voxel size worked on, mm.
        median_shape: Median size of the images on it, voxels.
        patch: Side of a training example, voxels.
        batch: Examples a step.
        widths: Channels of each level.
        topology: Strides and kernels.
    """

    spacing: tuple[float, ...]
    median_shape: tuple[float, ...]
    patch: tuple[int, ...]
    batch: int
    widths: tuple[int, ...]
    topology: Topology


def target_spacing(spacings: Sequence[Sequence[float]], shapes: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """The median spacing; along a thick axis its 10th percentile, but not finer than the other axes.

    Args:
        spacings: mm along each axis, of each case.
        shapes: Voxels along each axis, of each case.
    """
    target, size = np.percentile(spacings, 50, axis=0), np.percentile(shapes, 50, axis=0)
    thick = int(np.argmax(target))
    others = [axis for axis in range(len(target)) if axis != thick]
    coarse = target[thick] > ANISOTROPIC * target[others].max()
    few = size[thick] * ANISOTROPIC < size[others].min()
    if coarse and few:
        wanted = float(np.percentile(np.asarray(spacings)[:, thick], 10))
        finest = float(target[others].max())
        target[thick] = wanted if wanted >= finest else finest + 1e-5
    return tuple(float(mm) for mm in target)


def resampled_shape(shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]) -> tuple[int, ...]:
    """Voxels of an image after resampling."""
    return tuple(round(have / wanted * n) for n, have, wanted in zip(shape, spacing, target, strict=True))


def coarsest_first(spacing: Sequence[float]) -> tuple[int, ...]:
    """Order of the axes in which nnU-Net plans: the coarsest, then the others as they come."""
    first = int(np.argmax(spacing))
    return (first, *(axis for axis in range(len(spacing)) if axis != first))


def first_patch(spacing: Sequence[float], median_shape: Sequence[float]) -> tuple[float, ...]:
    """A patch of 256³ (2048²) voxels that is a cube in mm, no larger than the median image."""
    density = 1 / np.asarray(spacing, float)
    scale = (FIRST_VOXELS[len(density)] / density.prod()) ** (1 / len(density))
    return tuple(min(round(n), most) for n, most in zip(density * scale, median_shape, strict=True))


def topology(spacing: Sequence[float], patch: Sequence[float]) -> Topology:
    """Halve axes as long as their side stays at least 4 and their spacing is within a factor 2 of the finest of them.

    A kernel is 1 along an axis that is twice as coarse as the finest or more, until pooling has evened that out.
    """
    mm, side = list(spacing), list(patch)
    axes = range(len(mm))
    kernel = [1] * len(mm)
    strides, kernels = [(1,) * len(mm)], []
    while True:
        large = [axis for axis in axes if side[axis] >= 2 * LEAST_EDGE]
        finest = min((mm[axis] for axis in large), default=0.0)
        halved = [axis for axis in large if mm[axis] / finest < 2]
        if not halved or (len(halved) == 1 and side[halved[0]] < 3 * LEAST_EDGE):
            break
        kernel = [3 if kernel[axis] == 3 or mm[axis] / min(mm) < 2 else 1 for axis in axes]
        for axis in halved:
            mm[axis] *= 2
            side[axis] = ceil(side[axis] / 2)
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        kernels.append(tuple(kernel))
    return Topology(tuple(strides), (*kernels, (3,) * len(mm)))


def padded(patch: Sequence[float], multiple: Sequence[int]) -> tuple[int, ...]:
    """Sides rounded up to a multiple."""
    return tuple(ceil(side / whole) * whole for side, whole in zip(patch, multiple, strict=True))


def widths(levels: int, dims: int) -> tuple[int, ...]:
    """Channels of each level: 32, doubled at each, at most 320 in space and 512 in a plane."""
    return tuple(min(MOST_WIDTH[dims], FIRST_WIDTH * 2**level) for level in range(levels))


def feature_values(patch: Sequence[int], plan: Topology, family: Family, classes: int) -> int:
    """Values in all feature maps of a network for one example; the memory of training grows with them.

    Args:
        patch: Side along each axis, voxels.
        plan: Strides into each level.
        family: What is at each level.
        classes: Classes of the output, background included.
    """
    channels = widths(len(plan.strides), len(patch))
    side = list(patch)
    maps = []
    for stride, width in zip(plan.strides, channels, strict=True):
        side = [n // step for n, step in zip(side, stride, strict=True)]
        maps.append(width * prod(side))
    if family.residual:
        encoder = maps[0] + sum(2 * count * values for count, values in zip(family.blocks, maps, strict=False))
        encoder += sum(maps[1:])  # the first block of a level brings its input to the level's size by a convolution
    else:
        encoder = sum(count * values for count, values in zip(family.blocks, maps, strict=False))
    decoder = sum((family.decoder + 1) * values for values in maps[:-1])
    return int(encoder + decoder + classes * prod(patch))


def configure(
    spacing: Sequence[float],
    median_shape: Sequence[float],
    images: float,
    family: Family,
    classes: int,
    memory_gb: float,
) -> Configuration:
    """Patch, batch and topology for images of one spacing.

    The patch begins large and loses, while the network does not fit, its side that is largest beside the image. Memory
    left over is given to the batch, of which no step shows more than 5 % of all voxels.

    Args:
        spacing: mm along each axis.
        median_shape: Median size of the images, voxels.
        images: Their number; for planes, how many all cases have.
        family: Kind of network.
        classes: Classes of the output, background included.
        memory_gb: Memory of the device planned for.
    """
    dims = len(spacing)
    budget = family.reference[dims - 2] * memory_gb / REFERENCE_GB
    patch: tuple[float, ...] = first_patch(spacing, median_shape)
    plan, sides = _fitting(spacing, patch)
    values = feature_values(sides, plan, family, classes)
    while values / REFERENCE_BATCH[dims] * LEAST_BATCH > budget:
        plan, sides = _fitting(spacing, _shorter(sides, plan, spacing, median_shape))
        values = feature_values(sides, plan, family, classes)
    voxels = prod(float(n) for n in median_shape) * images
    batch = min(round(budget / values * REFERENCE_BATCH[dims]), round(voxels * MOST_OF_DATA / prod(sides)))
    return Configuration(
        tuple(spacing),
        tuple(median_shape),
        sides,
        max(batch, LEAST_BATCH),
        widths(len(plan.strides), dims),
        plan,
    )


def low_resolution(
    full: Configuration, cases: int, family: Family, classes: int, memory_gb: float
) -> Configuration | None:
    """The first stage of a cascade, or None where the patch sees enough of the image without.

    The spacing grows by 3 % a time, first along the axes that are finer than half of the coarsest, until the patch
    holds a quarter of the median image. A gain of less than a factor 2 in voxels is not worth a stage.

    Args:
        full: Configuration at full resolution.
        cases: Number of images.
        family: Kind of network.
        classes: Classes of the output, background included.
        memory_gb: Memory of the device planned for.
    """
    whole = float(np.prod(full.median_shape))
    mm, voxels, found = np.array(full.spacing), whole, full
    while prod(found.patch) / voxels < LOW_RESOLUTION_BELOW:
        fine = mm.max() / mm > 2
        mm[fine if fine.any() else slice(None)] *= LOW_RESOLUTION_STEP
        shape = np.array(full.spacing) / mm * np.array(full.median_shape)
        voxels = float(shape.prod())
        found = configure(
            tuple(float(v) for v in mm), tuple(round(float(n)) for n in shape), cases, family, classes, memory_gb
        )
    return None if found is full or whole / voxels < LOW_RESOLUTION_LEAST_GAIN else found


def _fitting(spacing: Sequence[float], patch: Sequence[float]) -> tuple[Topology, tuple[int, ...]]:
    plan = topology(spacing, patch)
    return plan, padded(patch, plan.multiple)


def _shorter(
    sides: Sequence[int], plan: Topology, spacing: Sequence[float], median_shape: Sequence[float]
) -> tuple[int, ...]:
    """A patch with the next smaller valid side along the axis that is largest beside the image.

    The step is that of the topology which the shorter patch has, so that no valid side is left out.
    """
    axis = int(np.argsort([side / n for side, n in zip(sides, median_shape, strict=True)])[-1])
    tried = [side - (plan.multiple[n] if n == axis else 0) for n, side in enumerate(sides)]
    step = topology(spacing, tried).multiple[axis]
    return tuple(side - (step if n == axis else 0) for n, side in enumerate(sides))
