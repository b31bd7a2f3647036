"""How much of a case is computed: everything, as nnU-Net does, or only where something can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.foreign.plans import ForeignPlan
from lymphoscope.learn.foreign.preparing import Box, Prepared
from lymphoscope.learn.foreign.resize import Floats
from lymphoscope.learn.streaming import Windows

_MARGIN_MM = 24.0
"""What the box of a body is widened by, so that its edge lies well inside of a window."""


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes:
        overlap: Of neighbouring windows, share of their side.
        mirror: Average over mirrorings, where the model allows them.
        folds: How many networks speak; None for all.
        body_only: Windows are left out where nothing is; what the others say does not change.
        relaid: With `body_only`: windows are laid over the body's box instead of the field. They are far fewer, and lie
            elsewhere: a network that normalises within its window says something else.
        floor_suv: With `body_only`: a window without a voxel of this SUV holds nothing.
        least: With `body_only` or `look`: nor does one whose share of the blend is no larger than this where an answer
            is wanted.
        look: How a first look is done; only where it sees something is anything computed, and what it does not see
            is background. None for no such look.
    """

    overlap: float = 0.5
    mirror: bool = True
    folds: int | None = None
    body_only: bool = False
    relaid: bool = False
    floor_suv: float = 1.0
    least: float = 0.0
    look: Effort | None = None


@dataclass(frozen=True, eq=False)
class Layout:
    """Where windows lie on the grid of a network.

    Attributes:
        windows: Over a part of it.
        box: The part.
        space: Voxels of all of it.
        seen: Where answers are taken, on the whole grid; None for wherever a window is.
    """

    windows: Windows
    box: Box
    space: tuple[int, ...]
    seen: NDArray[np.bool_] | None = None

    def taken(self, slabs: Iterable[tuple[int, Floats]], empty: Sequence[float]) -> Iterator[tuple[int, Floats]]:
        """Slabs of the part, with the outputs that mean nothing wherever no answer is taken."""
        outside = np.asarray(empty, np.float32).reshape(-1, 1, 1, 1)
        for first, slab in slabs:
            if self.seen is None:
                yield first, slab
                continue
            planes = slice(self.box[0].start + first, self.box[0].start + first + slab.shape[1])
            yield first, np.where(self.seen[planes, self.box[1], self.box[2]], slab, outside)

    def surrounded(self, slabs: Iterable[tuple[int, Floats]], empty: Sequence[float]) -> Iterator[tuple[int, Floats]]:
        """Slabs of the part as slabs of the whole grid.

        Args:
            slabs: First plane and outputs (outputs, planes, y, x) of consecutive slabs.
            empty: The outputs outside.
        """
        if self.box == tuple(slice(0, n) for n in self.space):
            yield from slabs
            return
        outside = np.asarray(empty, np.float32).reshape(-1, 1, 1, 1)
        blank = np.broadcast_to(outside, (len(outside), 1, *self.space[1:]))
        yield from ((number, blank) for number in range(self.box[0].start))
        for first, slab in slabs:
            wide = np.broadcast_to(outside, (len(outside), slab.shape[1], *self.space[1:])).copy()
            wide[:, :, self.box[1], self.box[2]] = slab
            yield self.box[0].start + first, wide
        yield from ((number, blank) for number in range(self.box[0].stop, self.space[0]))


def layout(
    plan: ForeignPlan, case: Prepared, pet: Volume | None, effort: Effort, seen: NDArray[np.bool_] | None = None
) -> Layout:
    """Where windows lie.

    Args:
        plan: What the model was trained by.
        case: The images as the network reads them.
        pet: SUV on the grid of the images; without it nothing is left out.
        effort: How much is computed.
        seen: Where a first look saw something, on the network's grid.
    """
    space = case.images.shape[1:]
    everything = _box([(0, n) for n in space])
    if seen is not None:
        return Layout(Windows(plan.patch, effort.overlap, seen, effort.least), everything, space, seen)
    if not effort.body_only or pet is None:
        return Layout(Windows(plan.patch, effort.overlap), everything, space)
    suv = np.asarray(case.turn.there(pet.values(Unit.SUV_BW))[case.box])
    needed = _on_network(suv >= effort.floor_suv, space)
    if not effort.relaid or not needed.any():
        return Layout(Windows(plan.patch, effort.overlap, needed, effort.least), everything, space)
    ends = []
    for axis, n in enumerate(space):
        over = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(needed.any(axis=over))
        margin = round(_MARGIN_MM / plan.spacing[axis])
        ends.append((max(0, int(found[0]) - margin), min(n, int(found[-1]) + 1 + margin)))
    box = _box(ends)
    return Layout(Windows(plan.patch, effort.overlap, np.ascontiguousarray(needed[box]), effort.least), box, space)


def _on_network(where: NDArray[np.bool_], space: Sequence[int]) -> NDArray[np.bool_]:
    """Voxels of the network's grid that bear on a marked voxel of the image, with one to spare."""
    scale = [new / old for new, old in zip(space, where.shape, strict=True)]
    wide = ndimage.maximum_filter(where, [2 * max(1, round(1 / f)) + 1 for f in scale])
    nearest = [
        np.minimum((np.arange(n) / f).astype(int), old - 1) for n, f, old in zip(space, scale, where.shape, strict=True)
    ]
    return np.asarray(ndimage.maximum_filter(wide[np.ix_(*nearest)], [2 * int(np.ceil(f)) + 3 for f in scale]))


def _box(ends: Sequence[tuple[int, int]]) -> Box:
    first, second, third = (slice(*pair) for pair in ends)
    return first, second, third
