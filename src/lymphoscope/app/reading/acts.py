"""What each act does to a reading. `apply` is pure: the same scene, reading, act and reader give the same reading.

A region that is taken out keeps its voxels, and what is erased or cut off becomes a removed region of its own, so that
everything can be seen, listed and restored. The stage of the benchmark workflow follows from the act: whole regions
removed 1, marrow and spleen 2, parts taken off 3, voxels added 4.

Reference: Boellaard 2024, JNM 65:1343 (stages).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lymphoscope.app.reading import words as said
from lymphoscope.app.reading.scene import Scene
from lymphoscope.app.reading.words import Words
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Act, Reading, Region, Voxels, voxel_set
from lymphoscope.core.study import ORGANS
from lymphoscope.image.components import CONNECTIVITIES
from lymphoscope.image.correction import divided_by_plane, divided_by_points, grown, of_runs
from lymphoscope.image.delineation import at_least
from lymphoscope.image.split import cut

DIFFUSE = ("marrow", "spleen")
"""Organs whose reactive uptake is removed as stage 2."""

_HIGHEST_SUV = 100.0


def apply(scene: Scene, reading: Reading, act: Act, by: str) -> Reading:
    """Do one act.

    Args:
        scene: The unchanging part of the case.
        reading: The regions before.
        act: What is done.
        by: Who does it.

    Returns:
        The regions after.

    Raises:
        LymphoscopeError: ``READ-E-ACT`` for an act that does not exist or makes no sense, ``READ-E-REGION``,
            ``READ-E-BELOW``, ``READ-E-TAKEN``.
    """
    if act.op not in OPERATIONS:
        raise LymphoscopeError("READ-E-ACT", f"there is no such act; there are {', '.join(OPERATIONS)}")
    reason = said.text({"reason": act.reason}, "reason")
    return OPERATIONS[act.op](scene, reading, act.words, _Reader(by, reason))


class _Reader:
    """Who does an act and why: what the regions concerned are marked with."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason

    def marked(self, region: Region, rule: str, **changes: object) -> Region:
        """The region with changes, as this reader's decision."""
        why = self.reason or rule
        return replace(region, rule=rule, why=why, actor=self.name, read=True, **changes)  # type: ignore[arg-type]


def _remove(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "regions", "organ")
    organ = said.choice({"organ": words.get("organ", "")}, "organ", ("", *ORGANS))
    stage = 2 if organ in DIFFUSE else 1
    chosen = [reading[n] for n in said.regions(words)]
    marked = [
        reader.marked(r, "removed by click", action="remove", stage=stage, organ=organ or r.organ) for r in chosen
    ]
    return reading.with_regions(*marked)


def _restore(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "regions")
    chosen = [reading[n] for n in said.regions(words)]
    changes = {"action": "include", "stage": 0, "shed_from": 0}  # on its own from now on: no brush takes it back
    return reading.with_regions(*(reader.marked(r, "restored by click", **changes) for r in chosen))


def _doubt(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Mark as doubtful, or settle as it stands; neither changes what is counted."""
    said.only(words, "regions", "doubtful")
    doubtful = said.choice(words, "doubtful", (True, False))
    names = {True: "doubt-in", False: "doubt-out"} if doubtful else {True: "include", False: "remove"}
    rule = "doubted by the reader" if doubtful else "confirmed by the reader"
    chosen = [reading[n] for n in said.regions(words)]
    return reading.with_regions(*(reader.marked(r, rule, action=names[r.counted]) for r in chosen))


def _site(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "region", "site", "nodal")
    nodal = said.choice({"nodal": words.get("nodal")}, "nodal", (True, False, None))
    region = reading[said.region(words)]
    return reading.with_regions(replace(region, site=said.text(words, "site", 64), nodal=nodal))


def _new(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Say that lesions were not there in the earlier scan, or that they were; it changes nothing that is counted."""
    said.only(words, "regions", "new")
    new = said.choice({"new": words.get("new")}, "new", (True, False, None))
    return reading.with_regions(*(replace(reading[n], new=new) for n in said.regions(words)))


def _limit(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Remove the counted regions that lie wholly beyond a height of the body."""
    said.only(words, "side", "mm")
    above = said.choice(words, "side", ("head", "foot")) == "head"
    mm = said.number(words, "mm", -1e5, 1e5)
    grid = scene.pet.geometry
    marked = []
    for region in reading:
        places = np.stack(np.unravel_index(region.voxels, reading.shape), axis=1)
        height = grid.to_lps(places)[:, 2]
        if region.counted and (height > mm).all() if above else region.counted and (height < mm).all():
            marked.append(reader.marked(region, f"beyond the limit at the {words['side']}", action="remove", stage=1))
    return reading.with_regions(*marked)


def _grow(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "seed", "at", "connectivity")
    at = said.number({"at": words.get("at", 4.0)}, "at", 0.1, _HIGHEST_SUV)
    connectivity = said.choice(
        {"connectivity": words.get("connectivity", scene.connectivity)}, "connectivity", CONNECTIVITIES
    )
    found = grown(scene.suv, scene.place(words.get("seed"), "the seed"), at, reading.owned(), connectivity)
    region = Region(reading.last + 1, voxel_set(found), "include", stage=4)
    return reading.with_regions(reader.marked(region, f"added by click, SUV ≥ {at:g}"))


def _redraw(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Draw one region by another method or threshold; what it loses is removed, what it gains is added."""
    said.only(words, "region", "method", "at")
    region = reading[said.region(words)]
    method = said.text(words, "method", 40)
    if bool(method) == (words.get("at") is not None):
        raise LymphoscopeError("READ-E-ACT", "a region is drawn again by a method or at a threshold, one of the two")
    at = None if method else said.number(words, "at", 0.1, _HIGHEST_SUV)
    found = scene.redrawn(reading, region.number, method, at)
    if not found.size:
        raise LymphoscopeError("READ-E-BELOW", "nothing of the region would be left")
    rule = f"drawn again, {method}" if method else f"drawn again, SUV ≥ {at:g}"
    return _replaced(reading, region, voxel_set(found), reader, rule)


def _replaced(reading: Reading, region: Region, found: Voxels, reader: _Reader, rule: str) -> Reading:
    """The region with other voxels: those it loses are shed, those it regains are taken back from what it had shed."""
    lost = np.setdiff1d(region.voxels, found, assume_unique=True)
    changed = [
        replace(r, voxels=voxel_set(np.setdiff1d(r.voxels, found, assume_unique=True)))
        for r in reading
        if r.shed_from == region.number
    ]
    own = reader.marked(region, rule, voxels=found)
    return _shed(reading.with_regions(own, *changed), region, lost, reader, rule)


def _shed(reading: Reading, region: Region, lost: Voxels, reader: _Reader, rule: str, organ: str = "") -> Reading:
    """Voxels taken off a region, as a removed region of their own."""
    if not lost.size:
        return reading
    part = Region(reading.last + 1, voxel_set(lost), "remove", stage=3, organ=organ, shed_from=region.number)
    return reading.with_regions(reader.marked(part, f"off L{region.number:02d}: {rule}"))


def _split(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "region", "points")
    points = words.get("points")
    if not isinstance(points, list | tuple) or not 2 <= len(points) <= 20:
        raise LymphoscopeError("READ-E-ACT", "a split needs two to twenty points")
    region = reading[said.region(words)]
    places = [scene.place(p, "a point") for p in points]
    return _in_parts(reading, region, divided_by_points(scene.suv, region.voxels, places), reader)


def _plane(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "region", "point", "normal")
    region = reading[said.region(words)]
    point, normal = said.vector(words, "point"), said.vector(words, "normal")
    return _in_parts(reading, region, divided_by_plane(reading.shape, region.voxels, point, normal), reader)


def _in_parts(reading: Reading, region: Region, parts: list[Voxels], reader: _Reader) -> Reading:
    """The region as parts: the largest keeps the number; volumes add up and nothing changes in what is counted."""
    largest = max(range(len(parts)), key=lambda k: (parts[k].size, -k))
    numbers = iter(range(reading.last + 1, reading.last + len(parts)))
    rule = f"split from L{region.number:02d}"
    pieces = []
    for k, part in enumerate(parts):
        number = region.number if k == largest else next(numbers)
        pieces.append(reader.marked(region, rule, number=number, voxels=voxel_set(part)))
    return reading.with_regions(*pieces)


def _merge(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    said.only(words, "regions")
    chosen = [reading[n] for n in said.regions(words)]
    if len(chosen) < 2 or len({r.counted for r in chosen}) > 1:
        raise LymphoscopeError("READ-E-ACT", "merged are two or more regions, all counted or all removed")
    first, rest = chosen[0], chosen[1:]
    whole = voxel_set(np.concatenate([r.voxels for r in chosen]))
    names = ", ".join(f"L{r.number:02d}" for r in rest)
    pointing = [replace(r, shed_from=first.number) for r in reading if r.shed_from in {other.number for other in rest}]
    merged = reader.marked(first, f"merged with {names}", voxels=whole)
    return reading.with_regions(*pointing).without(*(r.number for r in rest)).with_regions(merged)


def _cut(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Take an organ's part off a region that runs together with it."""
    said.only(words, "region", "organ")
    organ = said.choice(words, "organ", tuple(scene.organs))
    region = reading[said.region(words)]
    inside = np.zeros(reading.shape, bool)
    inside.reshape(-1)[region.voxels] = True
    taken, _ = cut(inside, scene.suv, scene.organs[organ], scene.pet.geometry)
    lost = np.flatnonzero(taken)
    if not lost.size:
        raise LymphoscopeError("READ-E-ACT", f"the region does not meet the {organ}")
    kept = voxel_set(np.setdiff1d(region.voxels, lost, assume_unique=True))
    rule = f"cut from the {organ}"
    own = reader.marked(region, rule, voxels=kept)
    return _shed(reading.with_regions(own), region, lost, reader, rule, organ)


def _paint(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Add free voxels to a region, or as a new one, above a threshold unless that is overridden."""
    said.only(words, "runs", "region", "at")
    drawn = of_runs(said.runs(words), scene.suv.size)
    at = None if words.get("at") is None else said.number(words, "at", 0.1, _HIGHEST_SUV)
    number = said.region(words) if words.get("region") else 0
    region = reading[number] if number else Region(reading.last + 1, voxel_set([]), "include", stage=4)
    if at is not None:
        drawn = drawn[at_least(scene.suv.reshape(-1)[drawn], at)]
    own_shed = [r.number for r in reading if number and r.shed_from == number]
    drawn = np.setdiff1d(drawn, reading.owned(but=(number, *own_shed)), assume_unique=True)
    gained = np.setdiff1d(drawn, region.voxels, assume_unique=True)
    if not gained.size:
        raise LymphoscopeError("READ-E-BELOW", "the stroke takes no voxel that is free and reaches the threshold")
    rule = "painted" if at is None else f"painted, SUV ≥ {at:g}"
    return _replaced(reading, region, voxel_set(np.union1d(region.voxels, gained)), reader, rule)


def _erase(scene: Scene, reading: Reading, words: Words, reader: _Reader) -> Reading:
    """Take voxels off a region, or off every counted one."""
    said.only(words, "runs", "region")
    drawn = of_runs(said.runs(words), scene.suv.size)
    chosen = [reading[said.region(words)]] if words.get("region") else [r for r in reading if r.counted]
    after = reading
    for region in chosen:
        lost = np.intersect1d(region.voxels, drawn, assume_unique=True)
        if lost.size:
            kept = voxel_set(np.setdiff1d(region.voxels, lost, assume_unique=True))
            own = reader.marked(region, "erased in part", voxels=kept)
            after = _shed(after.with_regions(own), region, lost, reader, "erased")
    if after is reading:
        raise LymphoscopeError("READ-E-BELOW", "the stroke meets no region")
    return after


Operation = Callable[[Scene, Reading, Words, _Reader], Reading]

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "remove": _remove,
        "restore": _restore,
        "doubt": _doubt,
        "site": _site,
        "new": _new,
        "limit": _limit,
        "grow": _grow,
        "redraw": _redraw,
        "split": _split,
        "plane": _plane,
        "merge": _merge,
        "cut": _cut,
        "paint": _paint,
        "erase": _erase,
    }
)
"""Acts by name."""
