"""What a reader's click or stroke takes: voxels of the PET, found on its native grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.components import connectivity_structure
from lymphoscope.image.crop import Crop, Voxels
from lymphoscope.image.delineation import at_least
from lymphoscope.image.flood import flood

Place = tuple[int, int, int]
"""A voxel, (z, y, x)."""

_FIRST_MARGIN = 12


def local_maximum(suv: NDArray[Any], place: Place) -> Place:
    """The voxel reached by always going to the hottest of the 26 neighbours; ties go to the first in C order.

    Args:
        suv: PET, (z, y, x), SUV.
        place: Where to start.
    """
    here = place
    while True:
        box = tuple(slice(max(0, p - 1), p + 2) for p in here)
        around = suv[box]
        if not around.max() > suv[here]:
            return here
        z, y, x = np.unravel_index(int(around.argmax()), around.shape)
        here = (box[0].start + int(z), box[1].start + int(y), box[2].start + int(x))


def grown(suv: NDArray[Any], place: Place, at: float, taken: Voxels, connectivity: int = 18) -> Voxels:
    """The connected region at or above a threshold round the local maximum of a click.

    Args:
        suv: PET, (z, y, x), SUV.
        place: The voxel clicked.
        at: Threshold, SUV g/mL.
        taken: Voxels that are not free: they belong to other regions.
        connectivity: 6, 18 or 26.

    Raises:
        LymphoscopeError: ``READ-E-BELOW`` where the maximum does not reach the threshold, ``READ-E-TAKEN`` where it
            belongs to a region already.
    """
    top = local_maximum(suv, place)
    if not at_least(suv[top], at):
        raise LymphoscopeError("READ-E-BELOW", f"the hottest voxel there has SUV {suv[top]:.2f}, below {at:g}")
    start = np.int64(np.ravel_multi_index(top, suv.shape))
    if np.isin(start, taken):
        raise LymphoscopeError("READ-E-TAKEN", "the hottest voxel there belongs to a region already")
    margin = _FIRST_MARGIN
    while True:
        crop = Crop.around(np.array([start]), suv.shape, margin)
        free = at_least(suv[crop.box], at)
        free.reshape(-1)[crop.local(within(taken, crop))] = False
        labels, _ = ndimage.label(free, connectivity_structure(connectivity))
        region = labels == labels.reshape(-1)[crop.local(np.array([start]))[0]]
        if not crop.cuts(region):
            return crop.flat(region)
        margin *= 2


def within(voxels: Voxels, crop: Crop) -> Voxels:
    """Those of some voxels that lie in the box of a crop."""
    places = np.unravel_index(voxels, crop.whole)
    inside = np.ones(voxels.size, bool)
    for along, part in zip(places, crop.box, strict=True):
        inside &= (along >= part.start) & (along < part.stop)
    return voxels[inside]


def divided_by_points(
    suv: NDArray[Any], voxels: Voxels, points: Sequence[Place], connectivity: int = 18
) -> list[Voxels]:
    """Divide a region by a watershed on −SUV, one marker a point; what no marker reaches goes to the first.

    Args:
        suv: PET, (z, y, x), SUV.
        voxels: The region.
        points: Two or more different voxels of the region.
        connectivity: 6, 18 or 26.

    Raises:
        LymphoscopeError: ``READ-E-ACT`` for points outside the region, or the same twice.
    """
    flat = np.array([np.ravel_multi_index(p, suv.shape) for p in points], dtype=np.int64)
    if len(flat) < 2 or len(set(flat.tolist())) < len(flat) or not np.isin(flat, voxels).all():
        raise LymphoscopeError("READ-E-ACT", "a split needs two or more different points inside the region")
    crop = Crop.around(voxels, suv.shape)
    domain, markers = crop.mask(voxels), np.zeros(crop.shape, np.int32)
    markers.reshape(-1)[crop.local(flat)] = np.arange(1, len(flat) + 1)
    parts = flood(-suv[crop.box], markers, domain, range(1, len(flat) + 1), connectivity)
    parts[domain & (parts == 0)] = 1
    return [crop.flat(parts == number) for number in range(1, len(flat) + 1)]


def divided_by_plane(
    shape: tuple[int, int, int], voxels: Voxels, point: Sequence[float], normal: Sequence[float]
) -> list[Voxels]:
    """Divide a region by a plane in index space; voxels on the plane go to the side the normal points to.

    Args:
        shape: The grid, (z, y, x).
        voxels: The region.
        point: A point of the plane, fractional index (z, y, x).
        normal: Its normal in index space.

    Raises:
        LymphoscopeError: ``READ-E-ACT`` where the plane does not divide the region.
    """
    places = np.stack(np.unravel_index(voxels, shape), axis=1)
    beyond = (places - np.asarray(point, float)) @ np.asarray(normal, float) >= 0
    if beyond.all() or not beyond.any():
        raise LymphoscopeError("READ-E-ACT", "the plane does not divide the region")
    return [voxels[~beyond], voxels[beyond]]


def runs_of(voxels: Voxels) -> list[list[int]]:
    """Ascending voxels as runs [first, count]."""
    if not voxels.size:
        return []
    breaks = np.flatnonzero(np.diff(voxels) != 1) + 1
    starts = np.concatenate(([0], breaks))
    counts = np.diff(np.concatenate((starts, [voxels.size])))
    return [[int(first), int(count)] for first, count in zip(voxels[starts], counts, strict=True)]


def of_runs(runs: Sequence[Sequence[int]], size: int) -> Voxels:
    """Voxels of runs [first, count].

    Args:
        runs: In any order; they may overlap.
        size: Voxels of the grid.

    Raises:
        LymphoscopeError: ``READ-E-ACT`` for runs that leave the grid.
    """
    if any(first < 0 or count < 1 or first + count > size for first, count in runs):
        raise LymphoscopeError("READ-E-ACT", "a stroke leaves the image")
    if sum(count for _, count in runs) > size:
        raise LymphoscopeError("READ-E-ACT", "a stroke is larger than the image")
    parts = [np.arange(first, first + count, dtype=np.int64) for first, count in runs]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
