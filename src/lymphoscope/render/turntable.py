"""A projection that turns round the long axis of the body, and where regions lie in it: display only, resampled."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from skimage.measure import find_contours

from lymphoscope.core.reading import Reading, Voxels
from lymphoscope.core.volume import Array, Volume
from lymphoscope.image.projections import layout

FRAMES = 36
"""Frames of a whole turn; frame 0 is from the front, frame 9 from the patient's left."""

FRONT_SUV = 10.0
"""SUV drawn black in the projection that a case folder keeps, and in every picture unless another is chosen."""

FAINTEST = 0.3
"""Lowest SUV for which a projection leaves room: below it nothing can be seen."""

Line = list[tuple[float, float]]
"""A closed line in a frame: row and column, 0–1 each."""


@dataclass(frozen=True, eq=False)
class Turntable:
    """Projections of a PET round the body's long axis.

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

    def shadows(self, reading: Reading, degrees: float) -> dict[int, tuple[tuple[float, float], list[Line]]]:
        """Middle and outlines of each region in a frame, row and column 0–1, by region number.

        A voxel is as wide as the step between neighbours is from there, so that no region has gaps from any side.
        """
        return {region.number: self._shadow(region.voxels, degrees) for region in reading}

    def _shadow(self, voxels: Voxels, degrees: float) -> tuple[tuple[float, float], list[Line]]:
        laid, shape = layout(self.pet.geometry), self.pet.geometry.shape
        _, mm, (_, columns) = self._plan()
        places = [p.astype(float) for p in np.unravel_index(voxels, shape)]
        down, back, across = (
            shape[axis] - 1 - places[axis] if flip else places[axis]
            for axis, flip in zip(laid.order, laid.flip, strict=True)
        )
        angle, (_, deep, wide) = math.radians(degrees), laid.spacing
        back, across = (back - (shape[laid.order[1]] - 1) / 2) * deep, (across - (shape[laid.order[2]] - 1) / 2) * wide
        u = across * math.cos(angle) + back * math.sin(angle)
        half = max(abs(math.cos(angle)) * wide, abs(math.sin(angle)) * deep) / 2
        first = np.rint((u - half) / mm + columns / 2).astype(np.intp)
        last = np.maximum(np.rint((u + half) / mm + columns / 2).astype(np.intp), first + 1)
        rows = down.astype(np.intp)
        top, left = int(rows.min()), int(first.min())
        covered = np.zeros((int(rows.max()) - top + 1, int(last.max()) - left + 1), np.intp)
        np.add.at(covered, (rows - top, first - left), 1)
        np.add.at(covered, (rows - top, last - left), -1)
        height = shape[laid.order[0]]
        padded = np.pad(covered.cumsum(axis=1) > 0, 1).astype(float)
        found = find_contours(padded, 0.5)  # type: ignore[no-untyped-call]
        lines = [
            [(round((r - 0.5 + top) / height, 5), round((c - 0.5 + left) / columns, 5)) for r, c in line]
            for line in found
        ]
        return (float((down.mean() + 0.5) / height), float((u.mean() / mm + columns / 2) / columns)), lines

    def _storage(self, laid_index: tuple[int, int, int]) -> tuple[int, int, int]:
        laid, shape = layout(self.pet.geometry), self.pet.geometry.shape
        found = [0, 0, 0]
        for value, axis, flip in zip(laid_index, laid.order, laid.flip, strict=True):
            found[axis] = shape[axis] - 1 - value if flip else value
        return found[0], found[1], found[2]
