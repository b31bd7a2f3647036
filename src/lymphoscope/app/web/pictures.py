"""What the page shows: volumes with their window, regions as slots, and turning projections."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Reading
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.image.projections import layout
from lymphoscope.io.nifti import to_nifti_bytes

FRAMES = 36
TOPS = (5, 7, 10, 15)
"""SUV that a projection may be drawn black at."""

FAINTEST = 0.3
"""Lowest SUV for which a projection leaves room: below it nothing can be seen."""

VIEW_MM = 2.0
FAST = 1
"""How hard files for the page are compressed: they are made while somebody waits."""

MOST_SLOTS = 254
_CAL = {Unit.SUV_BW: (0.0, 10.0), Unit.HU: (-160.0, 240.0)}
_CAL_MAX, _CAL_MIN = 124, 128
"""Byte offsets of the window in a NIfTI-1 header."""


def volume_file(volume: Volume) -> bytes:
    """A volume as compressed NIfTI with its window: SUV 0–10, HU of soft tissue."""
    content = bytearray(to_nifti_bytes(volume))
    low, high = _CAL[volume.unit]
    content[_CAL_MAX : _CAL_MAX + 4] = np.float32(high).tobytes()
    content[_CAL_MIN : _CAL_MIN + 4] = np.float32(low).tobytes()
    return gzip.compress(content, FAST, mtime=0)


def slots(reading: Reading) -> dict[int, int]:
    """Slot of each region in the page's label image, 1–254, by region number; of too many the smallest go without."""
    chosen = sorted(reading, key=lambda r: (-r.counted, -r.voxels.size, r.number))[:MOST_SLOTS]
    return {region.number: slot for slot, region in enumerate(sorted(chosen, key=lambda r: r.number), start=1)}


def thinning(spacing: Sequence[float]) -> int:
    """How many pixels of a CT's slice the page takes one of, by its voxel size: as many as come to 2 mm."""
    return max(1, math.floor(VIEW_MM / max(spacing[1:]) + 1e-3))


def thinned(ct: Volume) -> Volume:
    """A CT of fewer pixels in its slices for display: each a pixel that was scanned, where it was scanned."""
    step, grid = thinning(ct.geometry.spacing), ct.geometry
    array = np.ascontiguousarray(ct.array[:, ::step, ::step])
    affine = np.array(grid.affine)
    affine[:3, 1:3] *= step
    return Volume(array, Geometry((array.shape[0], array.shape[1], array.shape[2]), affine, grid.frame), ct.unit)


def labels_key(reading: Reading) -> str:
    """What the label image depends on: equal while acts change decisions only, so that it is fetched once."""
    return reading.places if len(reading.regions) <= MOST_SLOTS else reading.head


def labels_file(reading: Reading, grid: Geometry) -> bytes:
    """The regions as compressed NIfTI, a slot each."""
    found = np.zeros(reading.shape, np.uint8)
    for number, slot in slots(reading).items():
        found.reshape(-1)[reading[number].voxels] = slot
    return gzip.compress(to_nifti_bytes(Volume(found, grid, Unit.LABEL)), FAST, mtime=0)


@dataclass(frozen=True, eq=False)
class Turntable:
    """Projections of a PET round the body's long axis; display only, resampled by turning.

    Attributes:
        pet: The PET, SUV.
    """

    pet: Volume

    @cached_property
    def _radius(self) -> float:
        """How far from the axis anything is that a frame would show, mm."""
        laid = layout(self.pet.geometry)
        seen = laid.lay(self.pet.array).max(axis=0) >= FAINTEST
        places = [(i - (n - 1) / 2) * s for i, n, s in zip(np.nonzero(seen), seen.shape, laid.spacing[1:], strict=True)]
        whole = math.hypot(*(n * s / 2 for n, s in zip(seen.shape, laid.spacing[1:], strict=True)))
        return min(whole, float(np.hypot(*places).max(initial=60.0)) + 2 * max(laid.spacing[1:]))

    def _plan(self) -> tuple[Array, float, tuple[int, int]]:
        """Voxels (down, back, across), pixel size in mm, and rows and columns of a frame."""
        laid = layout(self.pet.geometry)
        array = laid.lay(self.pet.array)
        mm = min(laid.spacing[1:])
        return array, mm, (math.ceil(array.shape[0] * laid.spacing[0] / mm), math.ceil(2 * self._radius / mm))

    def _turned(self, degrees: float) -> tuple[Array, Array, Array]:
        """For each pixel column of a frame and each step along the ray: index back, index across, and inside."""
        array, mm, (_, columns) = self._plan()
        laid = layout(self.pet.geometry)
        angle = math.radians(degrees)
        u = (np.arange(columns) - (columns - 1) / 2) * mm
        steps, along = u[None, :], u[:, None]
        across = steps * math.cos(angle) - along * math.sin(angle)
        back = steps * math.sin(angle) + along * math.cos(angle)
        i = np.rint(back / laid.spacing[1] + (array.shape[1] - 1) / 2).astype(np.intp)
        j = np.rint(across / laid.spacing[2] + (array.shape[2] - 1) / 2).astype(np.intp)
        inside = (i >= 0) & (i < array.shape[1]) & (j >= 0) & (j < array.shape[2])
        return i, j, inside

    def frame(self, degrees: float, window: float = 10.0) -> bytes:
        """One projection, inverse grey, PNG; 0° is from the front.

        Args:
            degrees: How far the patient is turned, their left side coming to the front.
            window: SUV drawn black.
        """
        array, _, (rows, _) = self._plan()
        i, j, inside = self._turned(degrees)
        flat = np.ascontiguousarray(array).reshape(array.shape[0], -1)
        index = np.where(inside, i * array.shape[2] + j, -1)
        image = np.zeros((array.shape[0], index.shape[1]), np.float32)
        for column in range(index.shape[1]):
            ray = np.unique(index[:, column])
            ray = ray[ray >= 0]
            if ray.size:
                image[:, column] = flat[:, ray].max(axis=1)
        grey = 255 - np.clip(image / window * 255, 0, 255).astype(np.uint8)
        picture = Image.fromarray(grey).resize((grey.shape[1], rows), Image.Resampling.BILINEAR)
        held = io.BytesIO()
        picture.save(held, "PNG", compress_level=1)
        return held.getvalue()

    def pick(self, degrees: float, row: float, column: float) -> tuple[int, int, int]:
        """The hottest voxel (z, y, x) behind a point of a frame.

        Args:
            degrees: Of the frame.
            row: 0–1 from the top.
            column: 0–1 from the left.
        """
        array, _, _ = self._plan()
        i, j, inside = self._turned(degrees)
        k = min(array.shape[0] - 1, int(row * array.shape[0]))
        c = min(i.shape[1] - 1, int(column * i.shape[1]))
        ray = np.flatnonzero(inside[:, c])
        if not ray.size:
            ray = np.array([i.shape[0] // 2])
        ib, ja = np.clip(i[ray, c], 0, array.shape[1] - 1), np.clip(j[ray, c], 0, array.shape[2] - 1)
        best = int(np.argmax(array[k, ib, ja]))
        return self._storage((k, int(ib[best]), int(ja[best])))

    def outline(self, reading: Reading, degrees: float) -> dict[int, tuple[float, float]]:
        """Middle of each region in a frame, row and column 0–1, by region number."""
        laid, shape = layout(self.pet.geometry), self.pet.geometry.shape
        _, mm, (_, columns) = self._plan()
        angle, found = math.radians(degrees), {}
        for region in reading:
            places = np.stack(np.unravel_index(region.voxels, shape), axis=1).astype(float)
            for slot, (axis, flip) in enumerate(zip(laid.order, laid.flip, strict=True)):
                along = places[:, axis] if slot == 0 else places[:, axis] - (shape[axis] - 1) / 2
                if slot == 0:
                    down = (shape[axis] - 1 - along if flip else along).mean()
                elif slot == 1:
                    back = (-along if flip else along).mean() * laid.spacing[1]
                else:
                    across = (-along if flip else along).mean() * laid.spacing[2]
            u = across * math.cos(angle) + back * math.sin(angle)
            row, column = (down + 0.5) / shape[laid.order[0]], (u / mm + columns / 2) / columns
            found[region.number] = (float(row), float(column))
        return found

    def _storage(self, laid_index: tuple[int, int, int]) -> tuple[int, int, int]:
        laid, shape = layout(self.pet.geometry), self.pet.geometry.shape
        found = [0, 0, 0]
        for value, axis, flip in zip(laid_index, laid.order, laid.flip, strict=True):
            found[axis] = shape[axis] - 1 - value if flip else value
        return found[0], found[1], found[2]
