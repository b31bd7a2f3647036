"""Delineation by a vote of four threshold rules, and the rule that chooses between vote and fixed threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphoscope.image.background import backgrounds
from lymphoscope.image.crop import Voxels
from lymphoscope.image.delineation import Context, Delineation
from lymphoscope.image.threshold import fixed, number, of_max, of_peak, require_seeds

VOTERS = ("suv4.0", "suv2.5", "max41", "a50peak")


def majority(context: Context, *, votes: int) -> Delineation:
    """Voxels that at least ``votes`` of the rules suv4.0, suv2.5, max41 and a50peak give to a lesion.

    Args:
        context: With seeds.
        votes: 1–4.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.

    Reference:
        Burggraaff et al., Mol Imaging Biol 2020;22:1102 (doi 10.1007/s11307-020-01474-z).
    """
    require_seeds(context, "a vote of rules")
    voxels, numbers = _vote(context, votes)
    return Delineation(context.shape, voxels, numbers, f"voxels in ≥ {votes} of {', '.join(VOTERS)}")


def adaptive_hovon(context: Context, *, peak: float = 8.0, background: float = 0.8) -> Delineation:
    """Lesion by lesion: SUV ≥ 4.0 where SUVpeak is high, else a vote of 3 in a warm surrounding, else of 2.

    Args:
        context: With seeds.
        peak: SUVpeak above which SUV ≥ 4.0 is taken.
        background: Local background SUV above which three votes are asked for.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.

    Reference:
        Specification B1 (HOVON-84, 2025): SUV4.0 if SUVpeak > 8, MV3 if background > 0.8, otherwise MV2.
    """
    require_seeds(context, "a choice by lesion")
    around = backgrounds(context)
    chosen: dict[str, list[int]] = {"suv4.0": [], "mv3": [], "mv2": []}
    for seed in context.starts:
        warm = "mv3" if around[seed.number] > background else "mv2"
        chosen["suv4.0" if context.peaks[seed.number] > peak else warm].append(seed.number)
    parts = []
    for name, seeds in chosen.items():
        voxels, numbers = _drawn(context, name)
        ours = np.isin(numbers, seeds)
        parts.append((voxels[ours], numbers[ours]))
    voxels = np.concatenate([v for v, _ in parts])
    numbers = np.concatenate([n for _, n in parts])
    order = np.argsort(voxels, kind="stable")
    words = f"suv4.0 if SUVpeak > {number(peak)}, else mv3 if background > {number(background)}, else mv2"
    counts = ", ".join(f"{len(seeds)} × {name}" for name, seeds in chosen.items())
    return Delineation(context.shape, voxels[order], numbers[order], f"{words} ({counts})")


def _drawn(context: Context, name: str) -> tuple[Voxels, NDArray[np.int32]]:
    if name == "suv4.0":
        drawn = fixed(context, at=4.0)
        return drawn.voxels, drawn.numbers
    return _vote(context, {"mv2": 2, "mv3": 3}[name])


def _vote(context: Context, votes: int) -> tuple[Voxels, NDArray[np.int32]]:
    return context.once(("votes", votes), lambda: _counted(context, votes))


def _counted(context: Context, votes: int) -> tuple[Voxels, NDArray[np.int32]]:
    """Count the rules per voxel and lesion; a voxel goes to one lesion, the one with more votes, else the hotter."""
    rules = (
        fixed(context, at=4.0),
        fixed(context, at=2.5),
        of_max(context, fraction=0.41),
        of_peak(context),
    )
    top = max(context.seniority, default=0) + 1
    ballots = np.concatenate([r.voxels * top + r.numbers for r in rules])
    pairs, counts = np.unique(ballots, return_counts=True)
    passed = counts >= votes
    pairs, counts = pairs[passed], counts[passed]
    voxels, numbers = pairs // top, (pairs % top).astype(np.int32)
    place = np.zeros(top, np.int64)
    place[list(context.seniority)] = np.arange(len(context.seniority))
    order = np.lexsort((place[numbers], -counts, voxels))
    _, winner = np.unique(voxels[order], return_index=True)
    return voxels[order][winner], numbers[order][winner]
