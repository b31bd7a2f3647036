"""Tubes of a whole-body phantom: colon, small bowel, ureters, brown-fat strings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from lymphoscope.core.volume import Array
from lymphoscope.image.wholebody.paint import tube
from lymphoscope.image.wholebody.tissue import Body, Tissue

_BARE = (Tissue.FAT,)


def abdominal_room(body: Body) -> NDArray[np.bool_]:
    """Free voxels of the abdominal and pelvic cavity, where bowel may lie."""
    frame = body.frame
    fat = np.interp(frame.u, (0.0, 0.3, 0.62), (1.0, 1.0, 0.9)) * 4.0
    room = (body.tissue == Tissue.FAT) & (frame.up > 0.02) & (frame.up < 0.60) & (frame.front > 12.0)
    wall = 22.0 + 1.2 * (body.bmi - 18.0) + fat[:, None, None]
    return np.asarray(room & (body.depth > wall))


def colon(body: Body, draw: np.random.Generator) -> None:
    """The colon on its frame: caecum, flexures, a sagging transverse part, sigmoid, rectum."""
    frame = body.frame
    side = _half_cavity(body)
    tip = _liver_tip(body)
    sag = float(np.clip(0.36 + draw.normal(0.0, 0.05), 0.26, 0.46))
    spleen = frame.body(frame.centroid["spleen"])[0] - 0.04 if "spleen" in frame.centroid else 0.53
    x = float(np.clip(side - 30.0, 75.0, 125.0))
    loop = draw.normal(0.0, 12.0, 3)
    points = np.array([
        (0.155, -x + 16, 55), (0.20, -x + 4, 52), (0.30, -x, 38), (max(tip - 0.01, 0.33), -x, 42),
        (max(tip - 0.03, 0.32), -x + 32, 78), (sag, -15, 104), (sag + 0.04, 48, 98), (spleen - 0.03, x - 22, 58),
        (spleen, x - 8, 28), (0.42, x + 2, 22), (0.30, x, 28), (0.20, x - 8, 42), (0.145, 62, 46),
        (0.12, 30, 62 + loop[0]), (0.165, 2, 58 + loop[1]), (0.115, -22, 44 + loop[2]), (0.075, 2, 12),
        (0.02, 0, 16), (-0.06, 0, 22), (-0.105, 0, 20),
    ])  # fmt: skip
    line = _smooth(frame.place(points), 6.0)
    at = np.linspace(0.0, 1.0, len(line))
    width = np.interp(at, (0, 0.12, 0.3, 0.55, 0.8, 0.93, 1), (25, 24, 21, 18, 14, 15, 12)) * draw.uniform(0.85, 1.1)
    width *= 1.0 + 0.12 * _wander(len(line), 8.0, draw)
    stroke = tube(frame.geometry, line, width)
    view = body.tissue[stroke.box]
    open_ = stroke.solid & (view == Tissue.FAT)
    view[open_] = int(Tissue.COLON)
    inner = tube(frame.geometry, line, np.maximum(width - 4.5, 2.0))
    view = body.tissue[inner.box]
    view[inner.solid & (view == Tissue.COLON)] = int(Tissue.STOOL)
    body.anchors["colon"] = line
    hot = np.interp(at, (0, 0.1, 0.2, 0.35, 0.5, 0.62, 0.75, 1), (0.25, 0.25, 0, -0.2, -0.2, 0.2, 0.2, 0.0))
    level = np.exp(hot + 0.33 * _wander(len(line), 14.0, draw) - 0.25)
    _along(body, line, width, (Tissue.COLON, Tissue.STOOL), level)


def small_bowel(body: Body, draw: np.random.Generator) -> None:
    """Loops of small bowel through the free cavity, and the duodenal C."""
    frame = body.frame
    duodenum = frame.place(
        np.array([(0.50, -22, 62), (0.48, -46, 50), (0.40, -48, 40), (0.37, -10, 44), (0.41, 24, 48)])
    )
    body.fill(tube(frame.geometry, _smooth(duodenum, 4.0), 12.0), Tissue.SMALL_BOWEL, _BARE)
    room = abdominal_room(body) & (frame.up < 0.43) & (frame.up > 0.05) & (frame.front > 22.0)
    index = np.argwhere(room)
    if len(index) < 500:
        return
    chosen = index[draw.choice(len(index), size=min(110, len(index)), replace=False)]
    line = _smooth(frame.geometry.to_lps(_tour(chosen, draw)), 5.0)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    line = line[length < float(draw.uniform(3000.0, 4400.0))]
    width = draw.uniform(11.0, 14.5) * (1.0 + 0.15 * _wander(len(line), 10.0, draw))
    stroke = tube(frame.geometry, line, width)
    part = stroke.solid & room[stroke.box]
    body.tissue[stroke.box][part] = int(Tissue.SMALL_BOWEL)
    level = np.exp(0.30 * _wander(len(line), 12.0, draw) - 0.2)
    _along(body, line, width, (Tissue.SMALL_BOWEL,), level)


def ureters(body: Body, draw: np.random.Generator) -> None:
    """On each side one to four filled stretches of the ureter."""
    frame = body.frame
    bladder = frame.body(frame.centroid["bladder"])
    for side, name in ((1.0, "hilum_left"), (-1.0, "hilum_right")):
        if name not in body.anchors:
            continue
        start = frame.body(body.anchors[name])
        wander = draw.normal(0.0, 3.0, 4)
        course = np.array([
            start + np.array([-0.02, -side * 4, 4]), (start[0] - 0.08, side * (36 + wander[0]), 28),
            (0.28, side * (34 + wander[1]), 30), (0.20, side * (38 + wander[2]), 34),
            (0.11, side * (56 + wander[3]), 22), (0.04, side * 42, 32), (bladder[0] - 0.02, side * 20, bladder[2] - 24),
        ])  # fmt: skip
        line = _smooth(frame.place(course), 4.0)
        body.anchors[f"ureter_{name[6:]}"] = line
        for _ in range(int(draw.choice([0, 1, 2, 3, 4], p=[0.2, 0.3, 0.25, 0.15, 0.1]))):
            first = int(draw.integers(0, max(1, len(line) - 4)))
            count = max(3, int(draw.uniform(10.0, 60.0) / 4.0))
            piece = line[first : first + count]
            if len(piece) > 2:
                stroke = tube(frame.geometry, piece, draw.uniform(1.4, 2.8))
                body.lay(stroke, Tissue.URETER, float(draw.lognormal(-0.3, 0.4)), keep=(Tissue.AIR, Tissue.URINE))


def brown_fat(body: Body, draw: np.random.Generator) -> None:
    """Bilateral strings of hot fat from the neck along the clavicles to the paravertebral spaces."""
    frame = body.frame
    paths = (
        ((1.12, 42, 18), (1.04, 48, 28), (0.99, 75, 30), (0.96, 110, 12), (0.92, 128, 10)),
        ((1.05, 30, 20), (1.0, 36, 24)),
        ((0.90, 24, -4), (0.60, 24, -2)),
    )
    for sign in (1.0, -1.0):
        for path in paths:
            line = _smooth(frame.place(np.array(path) * (1, sign, 1)), 6.0)
            line = line + draw.normal(0.0, 2.5, line.shape)
            stroke = tube(frame.geometry, line, 4.0 + 2.5 * np.abs(_wander(len(line), 3.0, draw)))
            beads = np.exp(0.5 * _wander(len(line), 2.5, draw) - 0.5)
            gain = np.interp(stroke.along, np.linspace(0, 1, len(line)), beads).astype(np.float32)
            solid = tuple(t for t in Tissue if t not in (Tissue.FAT, Tissue.MUSCLE))
            body.lay(stroke, Tissue.BROWN_FAT, gain, keep=solid)


def _along(body: Body, line: Array, width: Array, tissues: tuple[Tissue, ...], level: Array) -> None:
    """Let the uptake of a painted tube change along its line."""
    stroke = tube(body.frame.geometry, line, np.asarray(width) + body.frame.step)
    view = body.tissue[stroke.box]
    here = np.isin(view, [int(t) for t in tissues]) & (stroke.cover > 0)
    value = np.interp(stroke.along, np.linspace(0.0, 1.0, len(level)), level)
    body.gain[stroke.box][here] = value[here].astype(np.float32)


def _wander(count: int, length: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random sequence of variance 1; `length` in points."""
    noise = ndimage.gaussian_filter1d(draw.standard_normal(count + 40), length, mode="wrap")[20 : 20 + count]
    return np.asarray(noise / max(1.0 / np.sqrt(2 * np.sqrt(np.pi) * length), 1e-6))


def _smooth(points: Array, step: float) -> NDArray[np.float64]:
    """A spline through points, sampled about every `step` mm."""
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    keep = np.concatenate([[True], gaps > 1e-3])
    points = points[keep]
    length = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))])
    total = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    at = np.linspace(0.0, length[-1], max(4, int(total / step)))
    return np.asarray(CubicSpline(length, points)(at))


def _tour(points: Array, draw: np.random.Generator) -> NDArray[np.float64]:
    """Visit points each time at the nearest one left, from a random start."""
    left = list(range(len(points)))
    here = left.pop(int(draw.integers(len(left))))
    order = [here]
    while left:
        gaps = np.linalg.norm((points[left] - points[here]) * 1.0, axis=1)
        here = left.pop(int(np.argmin(gaps)))
        order.append(here)
    return np.asarray(points[order], dtype=np.float64)


def _half_cavity(body: Body) -> float:
    """Half the width of the abdominal cavity at the waist, mm."""
    frame = body.frame
    view = frame.slab(0.25, 0.42)
    room = abdominal_room(body)[view]
    columns = np.abs(np.broadcast_to(frame.left[view], room.shape)[room])
    return float(np.percentile(columns, 99)) if columns.size else 110.0


def _liver_tip(body: Body) -> float:
    """Height of the lower edge of the right liver."""
    frame = body.frame
    liver = frame.mask("liver") & (frame.left < -50.0)
    slices = np.flatnonzero(liver.any(axis=(1, 2)))
    return float(frame.u[slices[0]]) if slices.size else 0.40
