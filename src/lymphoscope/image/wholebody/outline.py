"""Skin, fat and muscle of a whole-body phantom, with arms and legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.volume import Array
from lymphoscope.image.wholebody.frame import Frame
from lymphoscope.image.wholebody.paint import ellipsoid, inside_depth, tube
from lymphoscope.image.wholebody.tissue import Body, Tissue

_PROFILE = np.array([
    # u, half width, depth, back of the spine: without fat, mm, for a chest of the reference size
    (-0.45, 168, 150, 62), (-0.20, 168, 175, 62), (-0.08, 168, 205, 64), (0.00, 166, 208, 66), (0.10, 164, 208, 66),
    (0.20, 156, 214, 64), (0.28, 149, 217, 62), (0.46, 152, 228, 62), (0.60, 153, 222, 60), (0.72, 160, 212, 58),
    (0.83, 166, 196, 56), (0.90, 174, 180, 55), (0.96, 178, 160, 52), (0.995, 150, 148, 52), (1.03, 86, 138, 52),
    (1.06, 62, 128, 54), (1.12, 60, 130, 58), (1.16, 66, 160, 66), (1.20, 70, 185, 78), (1.30, 72, 190, 85),
    (1.60, 72, 190, 85),
])  # fmt: skip
"""Torso, neck and head. Reference: a measured man of 71 kg (waist 333×244 mm, hips 375×235, chest 384×216)."""

_FAT = np.array([
    (-0.45, 0.55), (-0.1, 0.9), (0.0, 1.1), (0.2, 1.2), (0.35, 1.1), (0.6, 0.9), (0.83, 0.7), (0.97, 0.5),
    (1.05, 0.25), (1.2, 0.2),
])  # fmt: skip
"""Thickness of the fat under the skin against u, relative to the front of the abdomen."""

_MUSCLE = np.array([
    (-0.45, 200), (-0.15, 200), (-0.05, 60), (0.05, 26), (0.15, 18), (0.3, 14), (0.5, 14), (0.62, 18), (0.83, 24),
    (0.93, 45), (1.0, 60), (1.06, 26), (1.15, 16), (1.2, 12),
])  # fmt: skip
"""Thickness of the muscle under the fat against u, mm."""

REFERENCE_LUNG_BOX = (263.0, 179.0)
"""Median width and depth of the lung box on 160 maps, mm."""


@dataclass(frozen=True)
class Build:
    """What is drawn about the outline.

    Attributes:
        sex: ``M`` or ``F``.
        age: Years.
        bmi: kg/m².
        arms_up: Arms beside the head rather than beside the trunk.
    """

    sex: str
    age: float
    bmi: float
    arms_up: bool


def fat_mm(bmi: float) -> float:
    """Thickness of the fat under the skin in front and at the side for a body mass index, mm."""
    return float(np.clip(4.0 + 1.4 * (bmi - 18.0), 3.0, 50.0))


def outline(frame: Frame, build: Build, draw: np.random.Generator) -> Body:
    """Make the body with skin, fat, muscle and the labelled organs' places still filled with fat."""
    scale = np.clip(_lung_box(frame) / REFERENCE_LUNG_BOX, 0.85, 1.18)
    half, front, back = _extents(frame, fat_mm(build.bmi), scale)
    skin = _torso(frame, half, front, back)
    limbs = _limbs(frame, build, half, draw)
    anchors = {}
    for name, line in limbs.items():
        stroke = tube(frame.geometry, line[:, :3], line[:, 3])
        skin[stroke.box] |= stroke.solid
        anchors[name] = line
    if build.sex == "F":
        _breasts(frame, skin, build, draw)
    skin |= ndimage.binary_dilation(frame.organ > 0, iterations=max(1, round(10 / frame.step)))
    tissue = np.where(skin, np.uint8(Tissue.FAT), np.uint8(Tissue.AIR))
    depth = inside_depth(skin, frame.step)
    body = Body(frame, tissue, np.ones(frame.shape, np.float32), depth, build.sex, build.age, build.bmi)
    body.anchors.update(anchors)
    _muscle(body)
    return body


def _lung_box(frame: Frame) -> NDArray[np.float64]:
    lungs = frame.mask("lungs")
    x = np.flatnonzero(lungs.any(axis=(0, 1)))
    y = np.flatnonzero(lungs.any(axis=(0, 2)))
    return np.array([x[-1] - x[0] + 1, y[-1] - y[0] + 1]) * frame.step


def _extents(frame: Frame, fat: float, scale: Array) -> tuple[Array, Array, Array]:
    """Half width, front and back of the spine centre for each slice, mm; wide enough for the organs."""
    u = frame.u
    local = np.interp(u, *_FAT.T) * fat
    half = np.interp(u, _PROFILE[:, 0], _PROFILE[:, 1]) * scale[0] + local
    back = np.interp(u, _PROFILE[:, 0], _PROFILE[:, 3]) + 0.6 * local
    depth = np.interp(u, _PROFILE[:, 0], _PROFILE[:, 2]) * scale[1] + 1.6 * local
    front = depth - back
    trunk = u < 1.0
    for k in np.flatnonzero((frame.organ > 0).any(axis=(1, 2))):
        rows, columns = np.nonzero(frame.organ[k])
        wall = (22.0 + local[k], 14.0 + local[k]) if trunk[k] else (7.0, 10.0)
        half[k] = max(half[k], np.abs(frame.left[k, 0, columns]).max() + wall[0])
        front[k] = max(front[k], frame.front[k, rows, 0].max() + wall[1])
        back[k] = max(back[k], -frame.front[k, rows, 0].min() + wall[1] + 4.0)
    sigma = np.where(trunk, 16.0, 11.0) / frame.step
    smooth = [np.where(trunk, *(ndimage.gaussian_filter1d(a, s, mode="nearest") for s in (sigma.max(), sigma.min())))
              for a in (half, front, back)]  # fmt: skip
    return smooth[0], smooth[1], smooth[2]


def _torso(frame: Frame, half: Array, front: Array, back: Array) -> NDArray[np.bool_]:
    """Superellipses, flatter at the back where the body lies on the table; two thighs below the hips."""
    legs = np.clip((-0.06 - frame.u) / 0.07, 0.0, 1.0)
    centre = ((front - back) / 2)[:, None, None].astype(np.float32)
    deep = ((front + back) / 2)[:, None, None].astype(np.float32)
    side = np.abs(frame.left) / half[:, None, None].astype(np.float32)
    away = np.abs(frame.front - centre) / deep
    flat = np.where(frame.front < centre, 3.2, 2.4).astype(np.float32)
    trunk = side**2.4 + away**flat < 1.0
    trunk &= (legs < 1.0)[:, None, None]
    taper = np.interp(frame.u, (-1.5, -1.1, -0.8, -0.45, -0.13, 0.0), (0.5, 0.62, 0.62, 0.84, 1.0, 1.0)).astype(
        np.float32
    )
    radius = (np.maximum(0.51 * half, 74.0) * taper)[:, None, None].astype(np.float32)
    thigh = ((np.abs(frame.left) - (0.5 * half + 2.0)[:, None, None].astype(np.float32)) / radius) ** 2
    thigh = thigh + ((frame.front - 28.0) / (radius * 1.04)) ** 2
    return np.asarray(trunk | ((thigh < 1.0) & (frame.up < -0.06)))


def _limbs(frame: Frame, build: Build, half: Array, draw: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Centre lines (x, y, z, radius) of both arms, LPS mm."""
    fat = fat_mm(build.bmi)
    widest = float(np.interp(0.93, frame.u, half))
    thick = np.array([46.0, 42.0, 36.0, 28.0]) + 0.3 * (fat - 12.0)
    lines = {}
    for name, sign in (("arm_left", 1.0), ("arm_right", -1.0)):
        jitter = draw.normal(0.0, 1.0, 4)
        shoulder = (0.955, sign * (widest - 32.0), 0.0)
        if build.arms_up:
            elbow = (1.24 + 0.03 * jitter[0], sign * (widest + 28.0 + 14.0 * jitter[1]), 35.0 + 12.0 * jitter[2])
            wrist = (1.50, sign * (115.0 + 25.0 * jitter[3]), 60.0)
            middle = (1.09, sign * (widest + 6.0 + 6.0 * jitter[1]), 18.0)
        else:
            gap = float(np.interp(0.42, frame.u, half)) + 44.0
            low = float(np.interp(0.02, frame.u, half)) + 34.0
            middle = (0.72, sign * (max(widest, gap) + 14.0), -12.0)
            elbow = (0.43, sign * (max(gap, widest - 10.0) + 12.0 + 4.0 * jitter[1]), -12.0)
            wrist = (0.02, sign * (low + 12.0), 20.0 + 10.0 * jitter[2])
        points = frame.place(np.array([shoulder, middle, elbow, wrist]))
        lines[name] = np.column_stack([points, thick])
    return lines


def _breasts(frame: Frame, skin: NDArray[np.bool_], build: Build, draw: np.random.Generator) -> None:
    size = float(np.clip(28.0 + 1.1 * fat_mm(build.bmi) + draw.normal(0, 6), 28.0, 62.0))
    k = int(np.searchsorted(frame.u, 0.78))
    columns = np.flatnonzero(skin[k].any(axis=0))
    for sign in (1.0, -1.0):
        x = sign * 78.0
        column = int(np.clip(np.searchsorted(frame.left[k, 0], x), columns[0], columns[-1]))
        rows = np.flatnonzero(skin[k, :, column])
        if rows.size:
            centre = frame.place(np.array([0.77, x, float(frame.front[k, rows[0], 0])]))
            stroke = ellipsoid(frame.geometry, centre, (1.4 * size, 0.42 * size, 1.25 * size))
            skin[stroke.box] |= stroke.solid


def inner_fat(body: Body) -> None:
    """Call when all is painted: fat inside the trunk holds small vessels and takes up more than fat under the skin."""
    frame = body.frame
    inner = (body.tissue == Tissue.FAT) & (body.depth > 30.0) & (frame.up > -0.05)
    body.gain[inner] = 1.9


def _muscle(body: Body) -> None:
    """Muscle: a shell under the fat, the wall outside the lungs, paraspinal columns, psoas, gluteal muscle."""
    frame = body.frame
    fat = (np.interp(frame.u, *_FAT.T) * fat_mm(body.bmi))[:, None, None].astype(np.float32)
    fat = fat * np.where(frame.front < 0.0, np.float32(0.7), np.float32(1.0))
    thick = np.interp(frame.u, *_MUSCLE.T)[:, None, None].astype(np.float32)
    under = body.depth > fat
    shell = under & (body.depth < fat + thick)
    spine_muscle = ((np.abs(frame.left) - 34.0) / 27.0) ** 2 + ((frame.front + 36.0) / 24.0) ** 2 < 1.0
    shell |= spine_muscle & (frame.up > 0.05) & under
    psoas = ((np.abs(frame.left) - 40.0) / 17.0) ** 2 + ((frame.front - 10.0) / 19.0) ** 2 < 1.0
    shell |= psoas & (frame.up > 0.17) & (frame.up < 0.46)
    iliac = ((np.abs(frame.left) - 62.0) / 22.0) ** 2 + ((frame.front - 32.0) / 22.0) ** 2 < 1.0
    shell |= iliac & (frame.up > -0.05) & (frame.up <= 0.2)
    gluteal = (frame.front < 14.0) & (frame.up > -0.16) & (frame.up < 0.18) & (np.abs(frame.left) > 12.0)
    shell |= gluteal & under
    neck = (frame.up > 1.0) & (frame.front < 8.0) & under
    shell |= neck
    body.tissue[shell & (body.tissue == Tissue.FAT)] = int(Tissue.MUSCLE)
    for name in ("arm_left", "arm_right"):
        line = body.anchors[name]
        stroke = tube(frame.geometry, line[:, :3], line[:, 3] - 5.0 - 0.25 * fat_mm(body.bmi))
        body.fill(stroke, Tissue.MUSCLE, over=(Tissue.FAT,))
