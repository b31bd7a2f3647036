"""Growing drawn lesions and look-alikes into the tissue of a whole-body phantom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from lymphoscope.image.wholebody.frame import Frame
from lymphoscope.image.wholebody.lesions import Disease, Lesion
from lymphoscope.image.wholebody.paint import Box, Stroke, box_around, ellipsoid, inside_depth, smooth_field
from lymphoscope.image.wholebody.tables import LOOKALIKES, Lookalike
from lymphoscope.image.wholebody.tissue import Body, Tissue

_MASS_ML = 12.0
"""From here on lesions mould to their surroundings instead of being ellipsoids."""


@dataclass(eq=False)
class Grown:
    """Disease on the working grid.

    Attributes:
        truth: True SUV with lesions, (z, y, x) float32.
        number: Lesion number of each voxel, 0 outside; (z, y, x) int16.
        cover: Covered fraction of each voxel, float32.
        tlg: Total true uptake of the lesions, SUV·mL.
        dead: Necrotic voxels.
    """

    truth: NDArray[np.float32]
    number: NDArray[np.int16]
    cover: NDArray[np.float32]
    tlg: float
    dead: NDArray[np.bool_]


def grow(body: Body, normal: NDArray[np.float32], disease: Disease) -> Grown:
    """Grow all lesions of a disease over a body's normal uptake."""
    shape = body.frame.shape
    grown = Grown(normal.copy(), np.zeros(shape, np.int16), np.zeros(shape, np.float32), 0.0, np.zeros(shape, bool))
    for number, lesion in enumerate(disease.lesions, start=1):
        draw = np.random.default_rng(lesion.number)
        box, cover = _shape(body, lesion, grown.number, draw)
        if not cover.any():
            continue
        uptake, dead = _uptake(lesion, cover, body.frame.step, draw)
        view = grown.truth[box]
        view *= 1.0 - cover
        view += cover * uptake
        won = (cover >= 0.5) | ((cover > 0.15) & (cover >= cover.max()))
        grown.number[box][won & (grown.number[box] == 0)] = number
        grown.cover[box] = np.maximum(grown.cover[box], cover)
        grown.dead[box] |= dead & won
        grown.tlg += float((cover * uptake).sum()) * body.frame.geometry.voxel_ml
    return grown


def _shape(
    body: Body, lesion: Lesion, taken: NDArray[np.int16], draw: np.random.Generator
) -> tuple[Box, NDArray[np.float32]]:
    """Box and covered fractions of one lesion."""
    frame = body.frame
    if lesion.diffuse:
        mask = body.tissue == Tissue.SPLEEN
        found = ndimage.find_objects(mask.astype(np.uint8))
        if found:
            whole: Box = (found[0][0], found[0][1], found[0][2])
            return whole, np.asarray(mask[whole], dtype=np.float32)
    radius = (3.0 * lesion.volume_ml * 1000.0 / (4.0 * np.pi)) ** (1 / 3)
    if lesion.volume_ml < _MASS_ML:
        return _node(body, lesion, radius, draw)
    box = box_around(frame.geometry, lesion.seed, lesion.seed, 2.3 * radius + 12.0)
    cost = lesion.cost[body.tissue[box]]
    cost[(body.depth[box] < 4.0) | (taken[box] > 0)] = np.inf
    outside = (frame.z < frame.fov[0]) | (frame.z > frame.fov[1])
    cost[outside[box[0]]] = np.inf
    cost = cost * np.exp(0.32 * smooth_field(cost.shape, 0.45 * radius / frame.step, draw))
    return box, _percolated(cost, _start(frame, lesion, box), lesion.volume_ml / frame.geometry.voxel_ml)


def _start(frame: Frame, lesion: Lesion, box: Box) -> tuple[int, int, int]:
    index = np.rint(frame.geometry.to_index(lesion.seed)).astype(int) - [b.start for b in box]
    index = np.clip(index, 0, [b.stop - b.start - 1 for b in box])
    return int(index[0]), int(index[1]), int(index[2])


def _percolated(cost: NDArray[np.float32], start: tuple[int, int, int], voxels: float) -> NDArray[np.float32]:
    """The voxels cheapest to reach from the start, as many as asked for or as can be reached."""
    cover = np.zeros(cost.shape, np.float32)
    if not np.isfinite(cost[start]):
        open_ = np.argwhere(np.isfinite(cost))
        if not len(open_):
            return cover
        nearest = open_[np.argmin(((open_ - start) ** 2).sum(axis=1))]
        start = (int(nearest[0]), int(nearest[1]), int(nearest[2]))
    walk = np.where(np.isfinite(cost), cost, -1.0)
    reached, _ = MCP_Geometric(walk).find_costs([start])
    flat = reached.ravel()
    wanted = min(max(1, round(voxels)), flat.size - 1)
    order = np.argpartition(flat, wanted)[:wanted]
    order = order[np.isfinite(flat[order])]
    cover.ravel()[order] = 1.0
    soft = ndimage.gaussian_filter(cover, 1.2)
    cover[(soft > 0.5) & np.isfinite(cost)] = 1.0
    cover[soft < 0.4] = 0.0
    return cover


def _node(body: Body, lesion: Lesion, radius: float, draw: np.random.Generator) -> tuple[Box, NDArray[np.float32]]:
    """An ellipsoid, long along the body, with a slightly uneven surface, kept out of where it may not be."""
    frame = body.frame
    half = radius * np.array([0.78, 0.94, 1.36]) * np.exp(draw.normal(0.0, 0.08, 3))
    half *= radius / np.cbrt(half.prod())
    tilt = draw.normal(0.0, 0.35, 3)
    stroke = ellipsoid(frame.geometry, lesion.seed, half, _turn(tilt))
    cover = stroke.cover
    if radius > 2.0 * frame.step:
        cover = np.clip(cover + 0.25 * smooth_field(cover.shape, 1.5, draw) * (cover > 0) * (cover < 1), 0, 1)
    open_ = np.isfinite(lesion.cost[body.tissue[stroke.box]]) & (body.depth[stroke.box] >= 4.0)
    cover = (cover * open_).astype(np.float32)
    return stroke.box, cover


def _turn(tilt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix of three small angles."""
    sin, cos = np.sin(tilt), np.cos(tilt)
    rx = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
    ry = np.array([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]])
    rz = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    return np.asarray(rx @ ry @ rz)


def _uptake(
    lesion: Lesion, cover: NDArray[np.float32], step: float, draw: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """True uptake inside a lesion: lognormal field, radial trend, dead cavities."""
    spread = float(np.interp(np.log10(max(lesion.volume_ml, 0.1)), (0.0, 1.0, 2.5), (0.12, 0.32, 0.42)))
    spread = min(spread, max(0.05, float(np.log(max(lesion.suvmax, 0.1) / 4.5)) / 1.8))
    field = np.clip(smooth_field(cover.shape, draw.uniform(8.0, 20.0) / 1.6 / step, draw), -2.2, 2.2)
    depth = inside_depth(cover >= 0.5, step)
    deep = depth / max(float(depth.max()), 1.0)
    trend = 1.0 + draw.uniform(-0.15, 0.15) * (2.0 * deep - 1.0)
    uptake = (lesion.level * np.exp(spread * field - spread**2 / 2) * trend).astype(np.float32)
    dead = np.zeros(cover.shape, bool)
    if lesion.necrotic > 0:
        core = depth > 5.0
        rank = depth + 8.0 * smooth_field(cover.shape, 12.0 / step, draw)
        wanted = min(int(lesion.necrotic * (cover >= 0.5).sum()), int(core.sum()))
        if wanted:
            limit = np.sort(rank[core])[-wanted]
            dead = core & (rank >= limit)
            uptake[dead] = draw.uniform(0.5, 1.5)
    return uptake, dead


def lookalikes(body: Body, draw: np.random.Generator) -> list[str]:
    """Lay findings that are neither normal nor lymphoma over the body; returns their names."""
    found = []
    for item in LOOKALIKES:
        if draw.random() < item.rate and _lay_lookalike(body, item, draw):
            found.append(item.name)
    return found


def _lay_lookalike(body: Body, item: Lookalike, draw: np.random.Generator) -> bool:
    laid = False
    sides = (1.0, -1.0) if item.paired else (float(draw.choice((1.0, -1.0))),)
    count = int(draw.integers(item.number[0], item.number[1] + 1))
    top = item.suv[0] * float(np.exp(item.suv[1] * np.clip(draw.standard_normal(), -2, 2)))
    for sign in sides:
        for _ in range(count if len(sides) == 1 else max(1, count // 2)):
            place = _lookalike_place(body, item, sign, draw)
            if place is None:
                continue
            half = draw.uniform(*item.size) / 2 * np.array([0.85, 0.9, 1.2]) * np.exp(draw.normal(0, 0.1, 3))
            loss = 1.0 + 6.0 * np.exp(-float(half.min()) / 2.6)
            stroke = ellipsoid(body.frame.geometry, place, half)
            keep = tuple(t for t in Tissue if t in (Tissue.AIR, Tissue.AIRWAY, Tissue.ARTERY, Tissue.URINE))
            gain = float(top * draw.uniform(0.7, 1.0) * min(loss, 2.2))
            body.lay(Stroke(stroke.box, stroke.cover, stroke.along), Tissue.LOOKALIKE, gain, keep=keep)
            laid = True
    return laid


def _lookalike_place(body: Body, item: Lookalike, sign: float, draw: np.random.Generator) -> NDArray[np.float64] | None:
    frame = body.frame
    wanted = Tissue[item.tissue]
    for _ in range(60):
        if item.box is None:
            found = np.flatnonzero(body.tissue == wanted)
            if not found.size:
                return None
            index = np.array(np.unravel_index(found[int(draw.integers(found.size))], frame.shape))
            place = frame.geometry.to_lps(index)
        else:
            low, high = np.array(item.box).T
            place = frame.place(draw.uniform(low, high) * (1.0, sign, 1.0))
            index = np.rint(frame.geometry.to_index(place)).astype(int)
        inside = (index >= 1).all() and (index < np.array(frame.shape) - 1).all()
        if not inside or not frame.fov[0] + 8 < place[2] < frame.fov[1] - 8:
            continue
        if body.tissue[tuple(index)] == wanted and body.depth[tuple(index)] > 6.0:
            return np.asarray(place)
    return None
