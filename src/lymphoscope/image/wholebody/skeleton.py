"""Bones and great vessels of a whole-body phantom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.image.wholebody.frame import Frame
from lymphoscope.image.wholebody.paint import box_around, ellipsoid, tube
from lymphoscope.image.wholebody.tissue import Body, Tissue

_VERTEBRA = np.array([
    # u, half width, half depth, pitch, disc: mm
    (-0.05, 18, 10, 30, 0), (0.06, 40, 14, 30, 0), (0.12, 48, 17, 30, 2), (0.17, 34, 18, 34, 5), (0.20, 24, 17, 36, 9),
    (0.28, 23, 16.5, 35, 8), (0.45, 20, 15, 31, 7), (0.60, 17, 14, 27, 6), (0.80, 14, 13, 22, 5), (0.97, 13, 11, 19, 5),
    (1.05, 12, 9, 17, 5), (1.25, 11, 9, 17, 4),
])  # fmt: skip

_OVER = (Tissue.FAT, Tissue.MUSCLE)

_LIMB_BONES = (
    # name, points (u, x of the left side, y), radius mm, tissue
    ("clavicle", ((0.945, 14, 62), (0.965, 70, 55), (0.985, 145, 8)), 6.5, Tissue.FAR_MARROW),
    ("scapula", ((0.98, 140, -4), (0.90, 105, -32), (0.79, 86, -40)), 7.0, Tissue.FAR_MARROW),
    ("scapula_spine", ((0.94, 70, -38), (0.97, 110, -36), (0.985, 150, -5)), 6.0, Tissue.FAR_MARROW),
    ("ischium", ((0.0, 78, 30), (-0.07, 66, 5), (-0.115, 58, 8)), 14.0, Tissue.MARROW),
    ("pubis", ((-0.005, 72, 62), (-0.035, 38, 82), (-0.055, 9, 88)), 9.0, Tissue.MARROW),
    ("ramus", ((-0.055, 10, 86), (-0.09, 35, 50), (-0.115, 55, 14)), 7.0, Tissue.FAR_MARROW),
    ("femur_neck", ((-0.03, 88, 42), (-0.055, 112, 36), (-0.075, 126, 28)), 17.0, Tissue.FAR_MARROW),
)
_SHAFT = ((-0.08, 124, 30), (-0.22, 112, 38), (-0.5, 98, 40))


def skeleton(body: Body, draw: np.random.Generator) -> None:
    """Paint spine, ribs, sternum, pelvis, shoulders, femora, skull."""
    thorax = thorax_hull(body.frame)
    _spine(body)
    _ribs(body, thorax)
    for _name, points, radius, tissue in _LIMB_BONES:
        for sign in (1.0, -1.0):
            line = np.array(points) * (1.0, sign, 1.0)
            body.fill(tube(body.frame.geometry, body.frame.place(line), radius), tissue, _OVER)
    for sign in (1.0, -1.0):
        _iliac_plate(body, sign)
        head = body.frame.place(np.array([-0.03, sign * 88.0, 42.0]))
        body.fill(ellipsoid(body.frame.geometry, head, (24.0, 24.0, 24.0)), Tissue.FAR_MARROW, _OVER)
        _shaft(body, body.frame.place(np.array(_SHAFT) * (1.0, sign, 1.0)), 14.0)
    for arm in ("arm_left", "arm_right"):
        line = body.anchors[arm][:, :3]
        body.fill(ellipsoid(body.frame.geometry, line[0], (22.0, 22.0, 24.0)), Tissue.FAR_MARROW, _OVER)
        _shaft(body, line, 10.0)
    _skull(body)
    body.gain *= _bone_grain(body, draw)


def thorax_hull(frame: Frame) -> NDArray[np.bool_]:
    """The inside of the rib cage: what lies between lung and lung, row by row and column by column."""
    lungs = frame.mask("lungs", "heart")
    slices = np.flatnonzero(lungs.any(axis=(1, 2)))
    hull = np.zeros(frame.shape, bool)
    view = slice(slices[0], slices[-1] + 1)
    part = lungs[view]
    across = np.logical_or.accumulate(part, axis=2) & np.logical_or.accumulate(part[:, :, ::-1], axis=2)[:, :, ::-1]
    deep = np.logical_or.accumulate(part, axis=1) & np.logical_or.accumulate(part[:, ::-1], axis=1)[:, ::-1]
    hull[view] = across | deep
    return hull


def _spine(body: Body) -> None:
    frame = body.frame
    view = frame.slab(-0.05, 1.24)
    u = frame.u[view]
    half, deep, pitch, disc = (np.interp(u, _VERTEBRA[:, 0], c)[:, None, None] for c in _VERTEBRA.T[1:])
    x, y = frame.left[view], frame.front[view]
    phase = np.cumsum(frame.step / pitch[:, 0, 0])[:, None, None] % 1.0
    shape = (x / half) ** 2 + (y / deep) ** 2 < 1.0
    free = np.isin(body.tissue[view], [int(t) for t in _OVER])
    tissue = body.tissue[view]
    canal = -(deep + 10.0)
    ring = np.hypot(x / 1.25, y - canal)
    spinous = (np.abs(x) < 5.0) & (y < canal - 8.0) & (y > canal - 34.0) & (np.abs(phase - 0.3) < 0.28)
    wings = (np.abs(x) < half + 12.0) & (np.abs(y - canal - 4.0) < 6.5) & (np.abs(phase - 0.45) < 0.27)
    tissue[free & ((ring < 14.5) | spinous | wings) & (u > -0.02)[:, None, None]] = int(Tissue.MARROW)
    tissue[free & shape] = int(Tissue.MARROW)
    tissue[free & shape & (phase < disc / pitch)] = int(Tissue.DISC)
    tissue[free & (ring < 8.5) & (u > 0.1)[:, None, None]] = int(Tissue.CSF)
    tissue[free & (ring < 5.5) & (u > 0.47)[:, None, None]] = int(Tissue.CORD)


def _ribs(body: Body, thorax: NDArray[np.bool_]) -> None:
    frame = body.frame
    box = ndimage.find_objects(thorax.astype(np.uint8))[0]
    pad = int(np.ceil(16 / frame.step))
    box = tuple(slice(max(b.start - pad, 0), min(b.stop + pad, n)) for b, n in zip(box, frame.shape, strict=True))
    outside = ndimage.distance_transform_edt(~thorax[box]) * frame.step
    view = (slice(None), slice(None), slice(None))
    x, y, z = frame.left[box[0]][:, :, box[2]], frame.front[box[0]][:, box[1]], frame.z[box[0]][:, None, None]
    phase = ((z + 0.62 * y) / 25.0) % 1.0
    shell = (outside > 2.0) & (outside < 11.5) & (frame.up[box[0]] > 0.5) & (frame.up[box[0]] < 0.99)
    free = np.isin(body.tissue[box][view], [int(t) for t in _OVER])
    bony = shell & (phase < 0.42) & ~((y > 40.0) & (np.abs(x) < 55.0))
    tissue = body.tissue[box]
    tissue[free & bony] = int(Tissue.FAR_MARROW)
    sternum = shell & (y > 40.0) & (np.abs(x) < 17.0) & (frame.up[box[0]] > 0.68) & (frame.up[box[0]] < 0.945)
    tissue[free & sternum] = int(Tissue.MARROW)
    spaces = (outside > 0.0) & (outside < 11.5) & (tissue == Tissue.FAT) & (frame.up[box[0]] > 0.5)
    tissue[spaces & (np.abs(x) > 40.0)] = int(Tissue.MUSCLE)


def _iliac_plate(body: Body, sign: float) -> None:
    """A bent plate from the sacro-iliac joint to the crest and down to the hip joint."""
    corners = np.array([(0.10, 48, -14), (0.255, 70, -8), (0.245, 128, 52), (0.02, 84, 52)])
    a = np.linspace(0.0, 1.0, 40)[:, None, None]
    b = np.linspace(0.0, 1.0, 40)[None, :, None]
    patch = (1 - a) * ((1 - b) * corners[0] + b * corners[1]) + a * ((1 - b) * corners[3] + b * corners[2])
    patch[..., 1] += 10.0 * np.sin(np.pi * a[..., 0]) * np.sin(np.pi * b[..., 0])
    points = body.frame.place(patch.reshape(-1, 3) * (1.0, sign, 1.0))
    _sheet(body, points, 7.0)


def _sheet(body: Body, points: NDArray[np.float64], half: float) -> None:
    geometry = body.frame.geometry
    box = box_around(geometry, points.min(axis=0), points.max(axis=0), half + geometry.spacing[0])
    shape = tuple(s.stop - s.start for s in box)
    seed = np.ones(shape, bool)
    index = np.rint(geometry.to_index(points)).astype(int) - [s.start for s in box]
    index = index[((index >= 0) & (index < shape)).all(axis=1)]
    seed[tuple(index.T)] = False
    near = ndimage.distance_transform_edt(seed) * geometry.spacing[0] < half
    view = body.tissue[box]
    view[near & np.isin(view, [int(t) for t in _OVER])] = int(Tissue.MARROW)


def _shaft(body: Body, line: NDArray[np.float64], radius: float) -> None:
    """A long bone: compact outside, fatty inside."""
    body.fill(tube(body.frame.geometry, line, radius), Tissue.COMPACT, _OVER)
    body.fill(tube(body.frame.geometry, line, radius - 5.0), Tissue.FAT, (Tissue.COMPACT,))


def _skull(body: Body) -> None:
    frame = body.frame
    brain = frame.mask("brain")
    box = ndimage.find_objects(brain.astype(np.uint8))
    if not box:
        return
    pad = int(np.ceil(14 / frame.step))
    wide = tuple(slice(max(b.start - pad, 0), min(b.stop + pad, n)) for b, n in zip(box[0], frame.shape, strict=True))
    outside = ndimage.distance_transform_edt(~brain[wide]) * frame.step
    tissue = body.tissue[wide]
    inside = tissue != Tissue.AIR
    low = np.flatnonzero(brain.any(axis=(1, 2)))[0]
    above = (np.arange(wide[0].start, wide[0].stop) >= low - round(6 / frame.step))[:, None, None]
    tissue[inside & above & (outside > 0) & (outside <= 3.5)] = int(Tissue.CSF)
    tissue[inside & above & (outside > 3.5) & (outside < 9.5)] = int(Tissue.COMPACT)


def _bone_grain(body: Body, draw: np.random.Generator) -> NDArray[np.float32]:
    """Vertebrae differ a little from each other; a thin cortex takes up little."""
    frame = body.frame
    gain = np.ones(frame.shape, np.float32)
    marrow = (body.tissue == Tissue.MARROW) | (body.tissue == Tissue.FAR_MARROW)
    core = ndimage.binary_erosion(marrow, iterations=1)
    gain[marrow & ~core] = 0.8
    behind = marrow & (frame.front < -20.0) & (np.abs(frame.left) < 45.0)
    gain[behind] *= 0.6
    plates = marrow & (np.abs(frame.left) > 50.0) & (frame.up < 0.3)
    gain[plates] *= 0.75
    level = np.repeat(draw.normal(1.0, 0.07, frame.shape[0] // 8 + 1), 8)[: frame.shape[0]]
    gain[marrow] *= np.broadcast_to(level.astype(np.float32)[:, None, None], frame.shape)[marrow]
    return gain


def vessels(body: Body, draw: np.random.Generator) -> None:
    """Paint aorta, cava, iliac and neck vessels."""
    frame = body.frame
    wide = float(np.clip(draw.normal(12.0, 1.5) + 0.03 * (body.age - 50), 9.0, 17.0))
    arteries = {
        "aorta": (((0.90, 4, 45), (0.905, 16, 28), (0.85, 20, 14), (0.70, 16, 20), (0.55, 8, 27), (0.28, 5, 29)), wide),
        "arch": (((0.78, -10, 66), (0.86, -12, 66), (0.905, -6, 55), (0.905, 10, 36)), wide + 4.0),
        "iliac_artery_l": (((0.28, 5, 29), (0.20, 28, 26), (0.10, 52, 42), (-0.05, 60, 86), (-0.4, 70, 60)), 5.5),
        "iliac_artery_r": (((0.28, 5, 29), (0.20, -28, 26), (0.10, -52, 42), (-0.05, -60, 86), (-0.4, -70, 60)), 5.5),
        "carotid_l": (((0.90, 12, 45), (0.99, 18, 40), (1.06, 24, 30), (1.16, 28, 22)), 4.0),
        "carotid_r": (((0.90, -8, 50), (0.99, -20, 40), (1.06, -24, 30), (1.16, -28, 22)), 4.0),
    }
    veins = {
        "lung_trunk": (((0.80, 10, 72), (0.845, 6, 58), (0.85, 26, 46), (0.84, 46, 40)), 12.0),
        "lung_artery_r": (((0.845, 4, 52), (0.845, -28, 46), (0.835, -48, 42)), 10.0),
        "cava": (((0.70, -24, 40), (0.56, -24, 30), (0.26, -20, 26)), 11.0),
        "upper_cava": (((0.76, -24, 52), (0.90, -24, 54), (0.955, -20, 55)), 9.0),
        "iliac_vein_l": (((0.26, -18, 24), (0.19, 24, 16), (0.09, 52, 34), (-0.05, 62, 76), (-0.4, 74, 48)), 6.5),
        "iliac_vein_r": (((0.26, -20, 24), (0.19, -32, 16), (0.09, -54, 34), (-0.05, -62, 76), (-0.4, -74, 48)), 6.5),
        "jugular_l": (((0.955, 18, 52), (1.02, 30, 34), (1.16, 34, 20)), 5.0),
        "jugular_r": (((0.955, -18, 52), (1.02, -30, 34), (1.16, -34, 20)), 5.0),
    }
    for table, tissue in ((veins, Tissue.VEIN), (arteries, Tissue.ARTERY)):
        for points, radius in table.values():
            body.fill(tube(frame.geometry, frame.place(np.array(points)), radius), tissue, _OVER)


def vertebra_box(body: Body, u: float) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """LPS centre and half width and depth of the vertebral body at a height, mm."""
    half, deep = (float(np.interp(u, _VERTEBRA[:, 0], c)) for c in _VERTEBRA.T[1:3])
    return body.frame.place(np.array([u, 0.0, 0.0])), (half, deep)
