"""Solid organs of a whole-body phantom: those of the organ map with their inner parts, heart, kidneys, brain, neck."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.volume import Array
from lymphoscope.image.wholebody.paint import Stroke, ellipsoid, inside_depth, smooth_field, tube
from lymphoscope.image.wholebody.tissue import Body, Tissue

Triple = tuple[float, float, float]
_SOFT = (Tissue.FAT, Tissue.MUSCLE)
_PLAIN = {
    "lungs": Tissue.LUNG,
    "liver": Tissue.LIVER,
    "spleen": Tissue.SPLEEN,
    "heart": Tissue.HEART_BLOOD,
    "prostate": Tissue.PROSTATE,
}


def organs(body: Body, draw: np.random.Generator) -> None:
    """Paint the labelled organs and what can be derived inside and beside them."""
    for name, tissue in _PLAIN.items():
        body.tissue[body.frame.mask(name)] = int(tissue)
    _kidneys(body, draw)
    _stomach(body, draw)
    _brain(body, draw)
    _bladder(body, draw)
    _glands(body)
    _neck(body, draw)
    _chest(body, draw)
    _abdomen(body, draw)
    _pelvis(body, draw)


def _kidneys(body: Body, draw: np.random.Generator) -> None:
    """Cortex outside, medulla inside, a pelvis at the hilum with calyces, and the beginning of the ureter."""
    frame = body.frame
    pieces, count = ndimage.label(frame.mask("kidneys"))
    for piece in range(1, count + 1):
        mask = pieces == piece
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        depth = inside_depth(mask[box], frame.step)
        body.tissue[box][mask[box]] = int(Tissue.RENAL_CORTEX)
        body.tissue[box][depth > 8.0] = int(Tissue.MEDULLA)
        local = np.argwhere(mask)
        centre = frame.geometry.to_lps(local.mean(axis=0))
        at = frame.body(centre)
        side = 1.0 if at[1] > 0 else -1.0
        hilum = at + np.array([-0.005, -side * draw.uniform(9.0, 15.0), draw.uniform(2.0, 8.0)])
        place = frame.place(hilum)
        name = "hilum_left" if side > 0 else "hilum_right"
        if name in body.anchors:
            continue
        body.anchors[name] = place
        size = draw.lognormal(np.log(6.5), 0.22)
        pelvis = ellipsoid(frame.geometry, place, (0.9 * size, 0.9 * size, 1.4 * size))
        body.lay(pelvis, Tissue.RENAL_PELVIS, keep=(Tissue.AIR, Tissue.LIVER, Tissue.SPLEEN))
        for _ in range(int(draw.integers(3, 6))):
            tip = centre + draw.normal(0, 1, 3) * (7.0, 7.0, 20.0)
            line = np.stack([place, (place + tip) / 2 + draw.normal(0, 2, 3), tip])
            body.lay(tube(frame.geometry, line, draw.uniform(1.2, 3.0)), Tissue.RENAL_PELVIS, draw.uniform(0.2, 0.9))


def _stomach(body: Body, draw: np.random.Generator) -> None:
    """A wall whose uptake falls from fundus to antrum; the lumen holds little."""
    frame = body.frame
    mask = frame.mask("stomach")
    if not mask.any():
        return
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    depth = inside_depth(mask[box], frame.step)
    wall = float(draw.uniform(6.0, 10.0))
    view = body.tissue[box]
    view[mask[box]] = int(Tissue.STOMACH_WALL)
    view[depth > wall] = int(Tissue.STOMACH_LUMEN)
    across = np.broadcast_to((frame.left[box[0]][:, :, box[2]] + 10.0) / 80.0, mask[box].shape)
    levels = np.interp(across, (-0.3, 0.4, 1.0), (0.55, 0.8, 1.0))
    body.gain[box][mask[box]] = levels[mask[box]].astype(np.float32)


def _brain(body: Body, draw: np.random.Generator) -> None:
    """A folded grey ribbon, deep nuclei, white matter, ventricles, cerebellum behind and below."""
    frame = body.frame
    mask = frame.mask("brain")
    if not mask.any():
        return
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    part = mask[box]
    depth = inside_depth(part, frame.step)
    depth = depth + 4.0 * smooth_field(part.shape, 7.0 / frame.step, draw)
    view = body.tissue[box]
    view[part] = int(Tissue.GREY)
    view[part & (depth > 17.0)] = int(Tissue.WHITE)
    index = np.argwhere(part)
    base = frame.z[box[0]][0]
    centre = frame.geometry.to_lps(index.mean(axis=0) + [b.start for b in box])
    for sign in (1.0, -1.0):
        for x, y, z, half in ((20.0, 6.0, 62.0, (8, 18, 12)), (12.0, 20.0, 58.0, (9, 12, 9))):
            place = np.array([np.interp(centre[2], frame.z, frame.mid) + sign * x, centre[1] - 15.0 + y, base + z])
            body.fill(ellipsoid(frame.geometry, place, half), Tissue.GREY, (Tissue.WHITE,))
        horn = np.array([np.interp(centre[2], frame.z, frame.mid) + sign * 8.0, centre[1] - 5.0, base + 72.0])
        body.fill(ellipsoid(frame.geometry, horn, (5.0, 28.0, 9.0)), Tissue.CSF, (Tissue.WHITE,))
    rows = np.flatnonzero(part.any(axis=(0, 2))) + box[1].start
    y = frame.geometry.origin[1] + frame.step * np.arange(frame.shape[1])
    behind = y[rows[-1]] - 62.0
    low = (frame.z[box[0]] < base + 46.0)[:, None, None] & (y[box[1]] > behind)[None, :, None]
    view[part & low] = int(Tissue.CEREBELLUM)


def _bladder(body: Body, draw: np.random.Generator) -> None:
    """The bladder fills between CT and PET; what grows pushes fat aside, upwards first."""
    frame = body.frame
    mask = frame.mask("bladder")
    body.tissue[mask] = int(Tissue.URINE)
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    if draw.random() < 0.6:
        added = float(np.clip(draw.lognormal(np.log(22.0), 0.8), 3.0, 90.0)) if draw.random() < 0.66 else 0.0
        pad = int(np.ceil(20.0 / frame.step))
        wide = tuple(slice(max(b.start - pad, 0), min(b.stop + pad, n)) for b, n in zip(box, frame.shape, strict=True))
        outside = ndimage.distance_transform_edt(~mask[wide]) * frame.step
        height = np.arange(wide[0].start, wide[0].stop)[:, None, None] - (box[0].start + box[0].stop) / 2
        cost = outside * np.where(height > 0, 0.7, 1.3)
        view = body.tissue[wide]
        open_ = (outside > 0) & np.isin(view, [int(t) for t in _SOFT])
        order = np.argsort(cost[open_])[: int(added * 1000 / frame.step**3)]
        chosen = np.flatnonzero(open_)[order]
        view[np.unravel_index(chosen, view.shape)] = int(Tissue.URINE)
    slope = float(draw.normal(0.0, 0.06))
    depth = (frame.front[box[0]] - frame.front[box[0]].mean()) / 60.0
    urine = body.tissue[box] == Tissue.URINE
    body.gain[box][urine] *= np.broadcast_to(1 + slope * depth[:, box[1]], urine.shape)[urine].astype(np.float32)


def _glands(body: Body) -> None:
    """Head glands of the map: parotid above, submandibular below."""
    frame = body.frame
    glands = frame.mask("head_glands")
    body.tissue[glands] = int(Tissue.SALIVARY)
    upper = glands & (np.abs(frame.left) > 38.0)
    body.tissue[upper] = int(Tissue.PAROTID)


def _pair(body: Body, tissue: Tissue, at: Triple, half: Triple, gains: tuple[float, float]) -> None:
    for sign, gain in zip((1.0, -1.0), gains, strict=True):
        place = body.frame.place(np.array([at[0], sign * at[1], at[2]]))
        body.lay(ellipsoid(body.frame.geometry, place, half), tissue, gain, keep=(Tissue.AIR, Tissue.COMPACT))


def _neck(body: Body, draw: np.random.Generator) -> None:
    """Airway, jaw, tongue, tonsils, palate, vocal cords, thyroid."""
    frame = body.frame
    place = frame.place
    airway = place(
        np.array([(1.24, 0, 55), (1.20, 0, 32), (1.10, 0, 30), (1.02, 0, 42), (0.90, 0, 44), (0.875, 0, 40)])
    )
    body.fill(tube(frame.geometry, airway, [9, 8, 9, 8.5, 8.5, 8.5]), Tissue.AIRWAY, _SOFT)
    for sign in (1.0, -1.0):
        bronchus = place(np.array([(0.875, 0, 40), (0.845, sign * 24, 36), (0.82, sign * 42, 34)]))
        body.fill(tube(frame.geometry, bronchus, 6.0), Tissue.AIRWAY, _SOFT)
        jaw = place(np.array([(1.225, sign * 52, 30), (1.15, sign * 47, 42), (1.12, sign * 30, 78), (1.115, 0, 94)]))
        body.fill(tube(frame.geometry, jaw, 5.5), Tissue.COMPACT, _SOFT)
    body.fill(ellipsoid(frame.geometry, place(np.array([1.145, 0, 66])), (22, 26, 17)), Tissue.TONGUE, _SOFT)
    _face(body, draw)
    nose = ellipsoid(frame.geometry, place(np.array([1.225, 0, 88])), (11, 26, 16))
    body.fill(nose, Tissue.AIRWAY, _SOFT)
    ratio = float(np.clip(draw.normal(1.0, 0.1), 0.7, 1.36))
    size = np.array([5.0, 7.0, 10.0]) * draw.lognormal(0.0, 0.15) * (1.15 if body.age < 35 else 1.0)
    _pair(body, Tissue.TONSIL, (1.175, 16.0, 40.0), (size[0], size[1], size[2]), (1.0, ratio))
    _single(body, Tissue.LINGUAL, (1.135, 0, 44), (14, 6, 8), draw)
    _single(body, Tissue.PALATE, (1.205, 0, 52), (12, 12, 4), draw)
    _pair(body, Tissue.SALIVARY, (1.125, 14.0, 72.0), (6, 12, 6), (1.3, 1.3))
    glands = frame.mask("head_glands")
    if not (glands & (np.abs(frame.left) > 38.0)).any():
        _pair(body, Tissue.PAROTID, (1.20, 56.0, 18.0), (9, 16, 22), (1.0, 1.0))
    _pair(body, Tissue.VOCAL, (1.065, 4.0, 40.0), (3, 9, 5), (1.0, 1.0))
    lobes = (float(draw.uniform(0.85, 1.15)), float(draw.uniform(0.85, 1.15)))
    _pair(body, Tissue.THYROID, (1.035, 17.0, 42.0), (8, 10, 20), lobes)


def _face(body: Body, draw: np.random.Generator) -> None:
    """Chewing muscles, mucosa of nose and throat, muscles of the eyes."""
    frame = body.frame
    soft = (frame.up > 1.10) & (frame.up < 1.27) & (frame.front > 20.0) & (body.depth > 6.0)
    soft &= (body.tissue == Tissue.FAT) | (body.tissue == Tissue.MUSCLE)
    mixed = soft & (smooth_field(frame.shape, 5.0 / frame.step, draw) > -0.5)
    body.tissue[mixed] = int(Tissue.MUSCLE)
    body.gain[mixed] = 1.25
    _pair(body, Tissue.VOCAL, (1.20, 42.0, 44.0), (6, 14, 22), (0.55, 0.55))
    mucosa = ellipsoid(frame.geometry, frame.place(np.array([1.225, 0, 86])), (17, 32, 22))
    body.lay(mucosa, Tissue.PALATE, 0.5, keep=(Tissue.AIR, Tissue.COMPACT, Tissue.GREY, Tissue.CEREBELLUM))
    place = frame.place(np.array([1.262, 0.0, 92.0]))
    if place[2] < frame.z[-1]:
        _pair(body, Tissue.VOCAL, (1.262, 30.0, 92.0), (9, 12, 9), (1.2, 1.2))


def _single(body: Body, tissue: Tissue, at: Triple, half: Triple, draw: np.random.Generator) -> None:
    """One ellipsoid, its size drawn within a few per cent."""
    sized = np.array(half) * draw.lognormal(0.0, 0.08)
    body.lay(ellipsoid(body.frame.geometry, body.frame.place(np.array(at)), sized), tissue, keep=(Tissue.AIR,))


def _chest(body: Body, draw: np.random.Generator) -> None:
    frame = body.frame
    line = frame.place(np.array([(1.05, 0, 26), (0.95, 4, 26), (0.85, 6, 27), (0.72, 10, 30), (0.60, 18, 40)]))
    body.fill(tube(frame.geometry, line, 7.0), Tissue.OESOPHAGUS, (Tissue.FAT, Tissue.MUSCLE))
    if body.age < 40:
        size = float(np.interp(body.age, (16, 40), (1.0, 0.4))) * draw.lognormal(0, 0.15)
        for sign in (1.0, -1.0):
            middle = frame.place(np.array([0.905, sign * 10.0, 78.0]))
            stroke = ellipsoid(frame.geometry, middle, (10 * size, 8 * size, 26 * size))
            body.fill(stroke, Tissue.THYMUS, (Tissue.FAT,))
    if body.sex == "F":
        _breast_tissue(body)


def _breast_tissue(body: Body) -> None:
    frame = body.frame
    view = frame.slab(0.66, 0.90)
    x = np.abs(frame.left[view])
    ahead = (body.tissue[view] == Tissue.FAT) & (frame.front[view] > 60.0) & (x > 35.0) & (x < 125.0)
    body.tissue[view][ahead & (body.depth[view] > 8.0)] = int(Tissue.BREAST)


def _abdomen(body: Body, draw: np.random.Generator) -> None:
    frame = body.frame
    line = frame.place(np.array([(0.47, -28, 55), (0.48, -5, 62), (0.50, 25, 52), (0.53, 60, 42)]))
    body.fill(tube(frame.geometry, line, [14, 11, 10, 8]), Tissue.PANCREAS, (Tissue.FAT, Tissue.MUSCLE))
    liver = frame.mask("liver")
    if draw.random() < 0.85:
        low = np.flatnonzero(liver.any(axis=(1, 2)))[0]
        at = frame.place(np.array([frame.u[low] + 0.09, -42.0, 75.0]))
        stroke = ellipsoid(frame.geometry, at, (12, 14, 24))
        body.fill(stroke, Tissue.GALLBLADDER, (Tissue.FAT,))


def _pelvis(body: Body, draw: np.random.Generator) -> None:
    frame = body.frame
    if body.sex == "M":
        for sign in (1.0, -1.0):
            at = frame.place(np.array([-0.135, sign * 17.0, 84.0]))
            scrotum = ellipsoid(frame.geometry, at, (20, 20, 26))
            view = body.tissue[scrotum.box]
            view[scrotum.solid & (view == Tissue.AIR)] = int(Tissue.FAT)
            body.depth[scrotum.box][scrotum.solid & (body.depth[scrotum.box] <= 0)] = 5.0
            testis = ellipsoid(frame.geometry, at, (13, 14, 20))
            body.fill(testis, Tissue.TESTIS, _SOFT)
        return
    top = frame.place(np.array([0.055, draw.normal(0, 6), 40.0]))
    uterus = ellipsoid(frame.geometry, top, (24, 20, 30))
    body.fill(uterus, Tissue.UTERUS, _SOFT)
    body.fill(ellipsoid(frame.geometry, top, (8, 6, 16)), Tissue.ENDOMETRIUM, (Tissue.UTERUS,))
    for sign in (1.0, -1.0):
        at = frame.place(np.array([0.08 + 0.02 * draw.normal(), sign * 36.0, 40.0]))
        body.lay(ellipsoid(frame.geometry, at, (9, 10, 14)), Tissue.OVARY, 1.0 if sign > 0 else 0.6)


def left_ventricle(body: Body, draw: np.random.Generator) -> tuple[Stroke, NDArray[np.float32], NDArray[np.float32]]:
    """The wall of the left ventricle: a half-ellipsoid shell in the left lower front of the heart.

    Returns:
        The wall, and for each voxel of its box the position along the axis (0 base, 1 apex) and the angle round it.
    """
    frame = body.frame
    heart = frame.mask("heart")
    if not heart.any():
        heart = np.zeros(frame.shape, bool)
        centre = frame.place(np.array([0.70, 25.0, 75.0]))
        volume = 590.0
    else:
        index = np.argwhere(heart)
        centre = frame.geometry.to_lps(np.percentile(index, 50, axis=0))
        volume = float(np.clip(len(index) * frame.step**3 / 1000.0, 380.0, 900.0))
    size = (volume / 590.0) ** (1 / 3)
    length = float(draw.uniform(75.0, 95.0)) * size
    radius = float(draw.uniform(30.0, 35.0)) * size
    wall = float(draw.uniform(9.0, 12.0))
    axis = np.array([0.66, -0.58, -0.48]) + draw.normal(0.0, 0.08, 3)
    axis /= np.linalg.norm(axis)
    middle = centre + axis * 24.0 * size
    stroke = ellipsoid(frame.geometry, middle, np.full(3, length * 0.62))
    box = stroke.box
    points = frame.geometry.to_lps(np.moveaxis(np.indices(stroke.cover.shape), 0, -1) + [b.start for b in box])
    away = points - middle
    along = away @ axis
    round_ = away - along[..., None] * axis
    across = np.linalg.norm(round_, axis=-1)
    base = -0.40 * length
    apex = 0.60 * length
    outer = _half_ellipsoid(along, across, apex, radius)
    inner = _half_ellipsoid(along, across, apex - wall, radius - wall)
    cover = np.clip(0.5 - outer / frame.step, 0, 1) * np.clip(0.5 + inner / frame.step, 0, 1)
    cover *= np.clip(0.5 + (along - base) / frame.step, 0, 1)
    up = np.array([0.0, 0.0, 1.0]) - axis * axis[2]
    up /= np.linalg.norm(up)
    side = np.cross(axis, up)
    angle = np.arctan2(round_ @ side, round_ @ up)
    place = ((along - base) / (apex - base)).astype(np.float32)
    return Stroke(box, cover.astype(np.float32), place), angle.astype(np.float32), (outer < 0).astype(np.float32)


def _half_ellipsoid(along: Array, across: Array, apex: float, radius: float) -> NDArray[np.float64]:
    """Signed distance, about, to an ellipsoid of semi-axes (apex, radius, radius), cylindrical behind the middle."""
    forward = np.maximum(along, 0.0)
    scaled = np.sqrt((forward / apex) ** 2 + (across / radius) ** 2)
    return np.asarray((scaled - 1.0) * radius)
