"""The grid on which organs are looked for: coarse, smooth, along the patient's axes. Nothing is measured on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.crop import bounding_box

GRID_MM = 5.0
"""Spacing of the working grid."""

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coarse:
    """The PET, smoothed, on an axis-aligned working grid (z to the head, y to the back, x to the left)."""

    suv: Float
    body: Bool
    geometry: Geometry

    @classmethod
    def of(cls, pet: Volume) -> Coarse:
        """Bring a PET (SUVbw) to the working grid, and find the body on it."""
        suv = pet.values(Unit.SUV_BW)
        smooth = ndi.gaussian_filter(suv, [3.0 / s for s in pet.geometry.spacing], output=np.float32)
        corners = pet.geometry.to_lps(
            [[(n - 1) * bit for n, bit in zip(pet.geometry.shape, bits, strict=True)] for bits in np.ndindex(2, 2, 2)]
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        shape = tuple(int(n) for n in np.floor((high - low)[::-1] / GRID_MM) + 1)
        grid = Geometry.axial(shape, (GRID_MM,) * 3, tuple(low))  # type: ignore[arg-type]
        to_native = np.linalg.inv(pet.geometry.affine) @ grid.affine
        coarse = ndi.affine_transform(smooth, to_native[:3, :3], to_native[:3, 3], shape, order=1).astype(np.float64)
        return cls(coarse, largest(closed(coarse > 0.2, 2)), grid)

    def on(self, region: Bool, geometry: Geometry) -> Bool:
        """Bring a region to another grid: linear, threshold 0.5; only the box it fills is computed."""
        there = np.zeros(geometry.shape, dtype=bool)
        box = bounding_box(region)
        if box is None:
            return there
        ends = np.array([[s.start - 1, s.stop] for s in box], dtype=np.float64)
        corners = np.array([[ends[axis, bit] for axis, bit in enumerate(bits)] for bits in np.ndindex(2, 2, 2)])
        index = geometry.to_index(self.geometry.to_lps(corners))
        low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, geometry.shape)
        high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, geometry.shape)
        if (high <= low).any():
            return there
        to_here = np.linalg.inv(self.geometry.affine) @ geometry.affine
        offset = to_here[:3, :3] @ low + to_here[:3, 3]
        size = tuple(int(n) for n in high - low)
        soft = ndi.affine_transform(region.astype(np.float32), to_here[:3, :3], offset, size, order=1, mode="nearest")
        there[tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))] = soft >= 0.5
        return there

    def lps(self) -> Float:
        """Positions of all voxels, (z, y, x, 3), mm."""
        return self.geometry.to_lps(np.moveaxis(np.indices(self.suv.shape), 0, -1))

    def column(self, x_mm: float) -> float:
        """Column index, fractional, of an LPS x, mm."""
        return float(self.geometry.to_index([x_mm, 0.0, 0.0])[2])

    def slice_at(self, z_mm: float) -> float:
        """Slice index, fractional, of an LPS z, mm."""
        return float(self.geometry.to_index([0.0, 0.0, z_mm])[0])


def nearest_part(body: Bool, middle: float, share: float) -> Bool:
    """The part of one axial slice nearest to a column.

    Args:
        body: The body in the slice, (y, x).
        middle: The column.
        share: Parts smaller than this share of the largest do not count.
    """
    labels, count = ndi.label(body)
    if not count:
        return np.zeros_like(body)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    columns = np.array([c for _, c in ndi.center_of_mass(body, labels, range(1, count + 1))])
    distance = np.where(areas >= share * areas.max(), np.abs(columns - middle), np.inf)
    return np.asarray(labels == int(distance.argmin()) + 1)


def closed(mask: Bool, reach: int) -> Bool:
    """Closing that does not eat the border of the field of view."""
    padded = np.pad(mask, reach, mode="edge")
    return np.asarray(ndi.binary_closing(padded, iterations=reach)[reach:-reach, reach:-reach, reach:-reach])


def largest(mask: Bool) -> Bool:
    """The largest connected part of a mask."""
    labels, count = ndi.label(mask)
    if count < 2:
        return np.asarray(mask)
    return np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1)
