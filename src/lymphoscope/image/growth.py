"""Regions that grow from seeds down to a threshold and divide contested voxels between them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.image.components import connectivity_structure
from lymphoscope.image.crop import Crop, Voxels, bounding_box, grouped
from lymphoscope.image.delineation import Context, Seed, at_least
from lymphoscope.image.flood import flood

Regions = tuple[Voxels, NDArray[np.int32]]
"""Voxels and the seed number of each."""

_FIRST_MARGIN = 8


def grow_all(context: Context, threshold: float) -> Regions:
    """Everything that reaches one threshold and hangs together with a seed.

    Contested voxels are divided by a watershed on −SUV from the seeds and the physiological uptake.

    Args:
        context: With seeds.
        threshold: SUV, g/mL.
    """
    mask = at_least(context.values, threshold)
    box = bounding_box(mask)
    if box is None or not context.starts:
        return _none()
    crop = Crop(box, context.shape)
    labels, count = ndimage.label(mask[box], connectivity_structure(context.connectivity))
    wanted = np.zeros(count + 1, bool)
    flat = mask.reshape(-1)
    for seed in context.starts:
        wanted[labels.reshape(-1)[crop.local(seed.voxels[flat[seed.voxels]])]] = True
    wanted[0] = False
    inside = wanted[labels]
    voxels = crop.flat(inside)
    return _joined([_divided(context, part) for _, part in grouped(voxels, labels[inside])])


def grow_tops(context: Context, thresholds: Mapping[int, float]) -> Regions:
    """For each seed the part that reaches its own threshold and hangs together with its SUVmax voxel.

    Contested voxels are divided as in `grow_all`; what a seed wins beyond its own threshold is nobody's.

    Args:
        context: With seeds.
        thresholds: SUV by seed number, g/mL; each at most the seed's SUVmax. Seeds without one are left out.
    """
    suv = context.values.reshape(-1)
    seeds = sorted((s for s in context.starts if s.number in thresholds), key=lambda s: thresholds[s.number])
    basins = _joined([_divided(context, reached) for reached in _reaches(context, seeds, thresholds)])
    shares = dict(grouped(*basins))
    kept: list[Regions] = []
    for seed in seeds:
        share = shares.get(seed.number, np.zeros(0, np.int64))
        share = share[at_least(suv[share], thresholds[seed.number])]
        part = connected(context, share, seed.tops)
        kept.append((part, np.full(part.size, seed.number, np.int32)))
    return _joined(kept)


def connected(context: Context, voxels: Voxels, starts: Voxels) -> Voxels:
    """The part of some voxels that hangs together with starting voxels (those of them that are among the voxels)."""
    starts = starts[np.isin(starts, voxels)]
    if not starts.size:
        return starts
    crop = Crop.around(voxels, context.shape)
    labels, _ = ndimage.label(crop.mask(voxels), connectivity_structure(context.connectivity))
    return crop.flat(np.isin(labels, np.unique(labels.reshape(-1)[crop.local(starts)])))


def _reaches(context: Context, seeds: list[Seed], thresholds: Mapping[int, float]) -> list[Voxels]:
    """The separate regions that the seeds reach, each at the lowest threshold of the seeds in it.

    A seed whose SUVmax voxel lies in a region that reaches lower cannot reach beyond it, so seeds come lowest first.
    """
    taken = np.zeros(context.values.size, bool)
    found = []
    for seed in seeds:
        if not taken[seed.tops].all():
            reached = _reach(context, seed, thresholds[seed.number])
            reached = reached[~taken[reached]]
            taken[reached] = True
            found.append(reached)
    return found


def _reach(context: Context, seed: Seed, threshold: float) -> Voxels:
    """All voxels at or above a threshold that hang together with a seed's SUVmax voxel; the box grows as needed."""
    structure = connectivity_structure(context.connectivity)
    margin = _FIRST_MARGIN
    while True:
        crop = Crop.around(seed.voxels, context.shape, margin)
        labels, _ = ndimage.label(at_least(context.values[crop.box], threshold), structure)
        own = np.unique(labels.reshape(-1)[crop.local(seed.tops)])
        region = np.isin(labels, own[own > 0])
        if not crop.cuts(region):
            return crop.flat(region)
        margin *= 2


def _divided(context: Context, voxels: Voxels) -> Regions:
    """Share the voxels of one connected region among the seeds in it; what physiological uptake wins is dropped."""
    owner = context.owner[voxels]
    present = np.unique(owner[owner != 0])
    if not (present > 0).any():
        return _none()
    if present.size == 1:
        return voxels, np.full(voxels.size, present[0], np.int32)
    crop = Crop.around(voxels, context.shape)
    domain = crop.mask(voxels)
    markers = context.owner.reshape(context.shape)[crop.box].copy()
    rival = max(context.seniority) + 1
    markers[markers < 0] = rival
    suv = context.values[crop.box]
    parts = flood(-suv, markers, domain, _order(context, suv[domain & (markers == rival)], rival), context.connectivity)
    numbers = parts[domain]
    ours = (numbers > 0) & (numbers != rival)
    return voxels[ours], numbers[ours]


def _order(context: Context, rival_suv: NDArray[np.floating], rival: int) -> list[int]:
    """Who wins ties: the hottest first, physiological uptake among them by its own highest SUV."""
    hottest = {s.number: s.suvmax for s in context.starts}
    hottest[rival] = float(rival_suv.max(initial=-np.inf))
    return sorted(hottest, key=lambda number: (-hottest[number], number != rival, number))


def _none() -> Regions:
    return np.zeros(0, np.int64), np.zeros(0, np.int32)


def _joined(parts: list[Regions]) -> Regions:
    if not parts:
        return _none()
    voxels = np.concatenate([v for v, _ in parts])
    order = np.argsort(voxels, kind="stable")
    return voxels[order], np.concatenate([n for _, n in parts])[order]
