"""The CT of a whole-body phantom, from the same tissues at its own breathing phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.wholebody.paint import smooth_field
from lymphoscope.image.wholebody.physics import breathe, onto
from lymphoscope.image.wholebody.tissue import Body, Tissue, column


@dataclass(frozen=True)
class CtFacts:
    """How the CT was made.

    Attributes:
        voxel: Along (z, y, x), mm.
        noise: SD, HU.
        enhanced: With contrast, portal venous phase.
        shift_mm: How far below the PET's expiration the diaphragm stands.
    """

    voxel: tuple[float, float, float] = (3.0, 1.953125, 1.953125)
    noise: float = 18.0
    enhanced: bool = False
    shift_mm: float = 0.0


def draw_ct(voxel: tuple[float, float, float], draw: np.random.Generator) -> CtFacts:
    """Draw noise, contrast and breathing phase."""
    deep = draw.random() < 0.12
    shift = float(np.clip(draw.normal(0.0, 7.0), -15, 15) + (25.0 if deep else 0.0))
    return CtFacts(voxel, float(draw.uniform(10.0, 22.0)), bool(draw.random() < 0.4), shift)


def ct_number(body: Body, facts: CtFacts, draw: np.random.Generator) -> NDArray[np.float32]:
    """HU without noise on the working grid, at the CT's own breathing phase."""
    numbers = column("enhanced" if facts.enhanced else "hu")
    numbers = numbers + np.where(np.abs(numbers) < 250, draw.normal(0, 4, numbers.size), 0).astype(np.float32)
    hu = numbers[body.tissue]
    gas = smooth_field(body.frame.shape, 9.0 / body.frame.step, draw)
    ahead = body.tissue == Tissue.STOMACH_LUMEN
    if ahead.any():
        level = np.percentile(np.broadcast_to(body.frame.front, body.frame.shape)[ahead], draw.uniform(50, 95))
        hu[ahead & (body.frame.front > level)] = -950.0
    hu[(body.tissue == Tissue.STOOL) & (gas > 0.7)] = -900.0
    lung = body.tissue == Tissue.LUNG
    hu[lung] += 40.0 * gas[lung]
    moving = column("moves")[body.tissue]
    return breathe(np.asarray(hu, dtype=np.float32), moving, facts.shift_mm, body.frame)


def ct_volume(hu: NDArray[np.float32], body: Body, facts: CtFacts, draw: np.random.Generator) -> Volume:
    """The CT on its own grid: 500 mm field of view, correlated noise, whole HU."""
    frame = body.frame
    dz, dy, dx = facts.voxel
    size = int(np.ceil(500.0 / dx))
    centre_x = float(frame.geometry.origin[0] + frame.step * (frame.shape[2] - 1) / 2)
    centre_y = float(frame.geometry.origin[1] + frame.step * (frame.shape[1] - 1) / 2)
    count = int(np.floor((frame.fov[1] - frame.fov[0]) / dz))
    origin = (centre_x - (size - 1) / 2 * dx, centre_y - (size - 1) / 2 * dy, frame.fov[0] + dz / 2)
    grid = Geometry.axial((count, size, size), facts.voxel, origin)
    image = onto(hu, frame.geometry, grid, order=1, outside=-1000.0)
    for k in range(count):
        noise = ndimage.gaussian_filter(draw.standard_normal((size, size), dtype=np.float32), 1.75 / 2.355 / dx)
        image[k] += np.float32(facts.noise) * noise / noise.std() * (image[k] > -950)
    return Volume(np.clip(np.rint(image), -1024, 3071).astype(np.int16), grid, Unit.HU)
