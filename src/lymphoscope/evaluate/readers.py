"""Masks of several readers compared lesion by lesion: what they agree on, and what somebody else must look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.components import components
from lymphoscope.image.crop import bounding_box

LEAST_DICE = 0.7
"""Two readers agree on a lesion from this Dice on."""

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """Something at least one reader drew: a connected region of all masks together.

    Attributes:
        centre: Its centre as an index (z, y, x).
        voxels: What each reader drew of it.
        dice: Lowest Dice of any two readers within it; 0 where one drew nothing.
        alone: Whether a reader drew a separate lesion in it of which another drew no voxel.
    """

    centre: tuple[float, float, float]
    voxels: tuple[int, ...]
    dice: float
    alone: bool

    @property
    def disputed(self) -> bool:
        """Whether the readers disagree."""
        return self.alone or self.dice < LEAST_DICE


def compare_readers(masks: Sequence[Bool], connectivity: int = 18) -> tuple[Finding, ...]:
    """Compare what readers drew.

    Args:
        masks: One a reader, (z, y, x), all on one grid.
        connectivity: 6, 18 or 26: what counts as one lesion.

    Returns:
        Findings, the largest first.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for less than two readers, ``GEO-E-MASKGRID`` for masks of different shapes.
    """
    if len(masks) < 2:
        raise LymphoscopeError("USE-E-VALUE", "it takes two readers to compare them")
    if len({mask.shape for mask in masks}) != 1:
        raise LymphoscopeError("GEO-E-MASKGRID", "the readers' masks are not on one grid")
    union = components(np.any(masks, axis=0), connectivity)
    return tuple(_finding(union == number, masks, connectivity) for number in range(1, int(union.max(initial=0)) + 1))


def _finding(region: Bool, masks: Sequence[Bool], connectivity: int) -> Finding:
    box = bounding_box(region) or ()
    inside = region[box]
    parts = [np.asarray(mask[box] & inside) for mask in masks]
    voxels = tuple(int(np.count_nonzero(part)) for part in parts)
    pairs = list(combinations(range(len(parts)), 2))
    dice = min(2 * np.count_nonzero(parts[a] & parts[b]) / (voxels[a] + voxels[b] or 1) for a, b in pairs)
    alone = any(_has_own(parts[a], parts[b], connectivity) for p in pairs for a, b in (p, p[::-1]))
    middle = np.argwhere(inside).mean(axis=0) + [s.start for s in box]
    return Finding((float(middle[0]), float(middle[1]), float(middle[2])), voxels, float(dice), alone)


def _has_own(one: Bool, other: Bool, connectivity: int) -> bool:
    """Whether one reader drew a separate lesion that the other drew nothing of."""
    own = components(one, connectivity)
    return len(np.unique(own[other & one])) < int(own.max(initial=0))
