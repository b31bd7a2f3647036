"""What an act would do, before it is done: which voxels come and go, how much that is, and what speaks against it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.reading import Reading, Voxels, voxel_set
from lymphoscope.image.components import connectivity_structure
from lymphoscope.image.correction import runs_of
from lymphoscope.image.crop import Crop

LEAK_ML = 500.0
"""An addition of as much is asked about before it is done."""

LEAK_ORGANS = ("brain", "bladder", "heart")
LEAK_SHARE = 0.5
"""And one of which more than this share lies in one of these organs."""

_MOST_RUNS = 20_000


def changes(was: Reading, after: Reading) -> tuple[Voxels, Voxels]:
    """Voxels that are counted after an act and were not before, and the other way round."""
    same = {n for n, region in after.regions.items() if was.regions.get(n) is region}
    before, then = (_counted(reading, same) for reading in (was, after))
    gained, lost = (np.setdiff1d(a, b, assume_unique=True) for a, b in ((then, before), (before, then)))
    return voxel_set(gained), voxel_set(lost)


def _counted(reading: Reading, but: set[int]) -> Voxels:
    parts = [r.voxels for r in reading if r.counted and r.number not in but]
    return voxel_set(np.concatenate(parts) if parts else [])


def told(scene: Scene, was: Reading, after: Reading) -> dict[str, Any]:
    """What an act would do.

    Args:
        scene: The unchanging part of the case.
        was: The reading as it stands.
        after: The reading that the act would lead to.

    Returns:
        ``change_ml``; ``gained`` and ``lost``, runs of voxels [first, count] (none where they are too many to draw);
        ``meets``, numbers of regions that what is gained touches; ``leak``, why it should be asked about, or empty.
    """
    gained, lost = changes(was, after)
    voxel_ml = scene.pet.geometry.voxel_ml
    runs = {"gained": runs_of(gained), "lost": runs_of(lost)}
    if sum(map(len, runs.values())) > _MOST_RUNS:
        runs = {"gained": [], "lost": []}
    change = (gained.size - lost.size) * voxel_ml
    return {"change_ml": change, **runs, "meets": _meets(scene, was, gained), "leak": _leak(scene, gained, change)}


def _meets(scene: Scene, was: Reading, gained: Voxels) -> list[int]:
    """Regions that some voxels lie next to."""
    if not gained.size:
        return []
    crop = Crop.around(gained, was.shape, 1)
    places = np.stack(np.unravel_index(gained, was.shape), axis=1)
    found = np.zeros(crop.shape, bool)
    corner = np.array([part.start for part in crop.box])
    for step in np.argwhere(connectivity_structure(scene.connectivity)) - 1:
        near = places + step - corner
        inside = ((near >= 0) & (near < crop.shape)).all(axis=1)
        found[tuple(near[inside].T)] = True
    beside = np.setdiff1d(crop.flat(found), gained, assume_unique=True)
    return [r.number for r in was if np.isin(beside, r.voxels, assume_unique=True).any()]


def _leak(scene: Scene, gained: Voxels, change_ml: float) -> str:
    if change_ml >= LEAK_ML:
        return f"it is {change_ml:.0f} mL"
    for organ in LEAK_ORGANS if gained.size else ():
        if organ in scene.organs:
            share = float(scene.organs[organ].reshape(-1)[gained].mean())
            if share > LEAK_SHARE:
                return f"{100 * share:.0f} % of it lies in the {organ}"
    return ""
