"""Brushes for whole-body phantoms: tubes, ellipsoids, smooth random fields, on a working grid with soft edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Stroke:
    """Part of the grid that a brush covered.

    Attributes:
        box: Where in the grid.
        cover: Covered fraction of each voxel of the box, float32 0…1.
        along: For tubes, the position of the nearest centre-line point as a fraction of the length; else 0.
    """

    box: Box
    cover: NDArray[np.float32]
    along: NDArray[np.float32]

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Voxels of the box that are covered at least by half."""
        return np.asarray(self.cover >= 0.5)


def box_around(geometry: Geometry, low: Array, high: Array, margin: float) -> Box:
    """Slices of the grid that hold an LPS box widened by a margin, mm."""
    corners = geometry.to_index(np.stack([np.asarray(low) - margin, np.asarray(high) + margin]))
    first = np.floor(corners.min(axis=0)).astype(int)
    last = np.ceil(corners.max(axis=0)).astype(int) + 1
    parts = [
        slice(min(max(a, 0), n), max(min(b, n), min(max(a, 0), n)))
        for a, b, n in zip(first, last, geometry.shape, strict=True)
    ]
    return parts[0], parts[1], parts[2]


def positions(geometry: Geometry, box: Box) -> tuple[Array, Array, Array]:
    """LPS x, y, z of the voxel centres in a box of an axial grid, ready to broadcast as (z, y, x)."""
    dz, dy, dx = geometry.spacing
    ox, oy, oz = geometry.origin
    z = (oz + dz * np.arange(box[0].start, box[0].stop)).astype(np.float32)[:, None, None]
    y = (oy + dy * np.arange(box[1].start, box[1].stop)).astype(np.float32)[None, :, None]
    x = (ox + dx * np.arange(box[2].start, box[2].stop)).astype(np.float32)[None, None, :]
    return x, y, z


def densify(points: Array, step: float) -> NDArray[np.float64]:
    """Points (n, m) along a polyline at most `step` mm apart (first three columns are the position)."""
    points = np.asarray(points, dtype=np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
    count = max(2, int(np.ceil(length[-1] / step)) + 1)
    at = np.linspace(0.0, length[-1], count)
    return np.stack([np.interp(at, length, column) for column in points.T], axis=1)


def tube(geometry: Geometry, points: Array, radius: ArrayLike) -> Stroke:
    """Cover a tube around a polyline of LPS points (n, 3); the radius, mm, may change from point to point."""
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(points),))
    line = densify(np.column_stack([points, radii]), geometry.spacing[0] / 2)
    widest = float(line[:, 3].max())
    box = box_around(geometry, line[:, :3].min(axis=0), line[:, :3].max(axis=0), widest + geometry.spacing[0])
    x, y, z = positions(geometry, box)
    shape = tuple(s.stop - s.start for s in box)
    cover = np.zeros(shape, np.float32)
    along = np.zeros(shape, np.float32)
    if 0 in shape:
        return Stroke(box, cover, along)
    grid = np.stack(np.broadcast_arrays(x, y, z), axis=-1).reshape(-1, 3)
    reach = widest + geometry.spacing[0]
    found = cKDTree(line[:, :3]).query(grid, distance_upper_bound=reach)
    distance, nearest = np.asarray(found[0]), np.asarray(found[1])
    near = np.isfinite(distance)
    edge = geometry.spacing[0]
    cover.ravel()[near] = np.clip(0.5 + (line[nearest[near], 3] - distance[near]) / edge, 0.0, 1.0)
    along.ravel()[near] = nearest[near] / (len(line) - 1)
    return Stroke(box, cover, along)


def ellipsoid(geometry: Geometry, centre: ArrayLike, half: ArrayLike, turn: Array | None = None) -> Stroke:
    """Cover an ellipsoid.

    Args:
        geometry: Working grid.
        centre: LPS mm.
        half: Half axes along (x, y, z) before turning, mm.
        turn: 3×3 rotation whose columns are the directions of the half axes, LPS; None for upright.
    """
    half = np.maximum(np.asarray(half, dtype=np.float64), 0.3)
    reach = float(half.max()) if turn is not None else 0.0
    span = np.maximum(half, reach)
    centre = np.asarray(centre, dtype=np.float64)
    box = box_around(geometry, centre - span, centre + span, geometry.spacing[0])
    x, y, z = positions(geometry, box)
    away = (x - centre[0], y - centre[1], z - centre[2])
    axes: tuple[Array, ...] = away
    if turn is not None:
        axes = tuple(away[0] * t[0] + away[1] * t[1] + away[2] * t[2] for t in np.asarray(turn).T)
    scaled = np.sqrt(sum((a / h) ** 2 for a, h in zip(axes, half, strict=True)))
    distance = (1.0 - scaled) * float(half.min())
    cover = np.clip(0.5 + distance / geometry.spacing[0], 0.0, 1.0).astype(np.float32)
    return Stroke(box, cover, np.zeros_like(cover))


def smooth_field(shape: tuple[int, ...], length: float, draw: np.random.Generator) -> NDArray[np.float32]:
    """A Gaussian random field of mean 0 and variance 1; `length` is the smoothing σ in voxels."""
    coarse = max(1, int(length / 1.5))
    small = tuple(int(np.ceil(n / coarse)) + 2 for n in shape)
    field = draw.standard_normal(small, dtype=np.float32)
    field = ndimage.gaussian_filter(field, length / coarse, mode="wrap")
    if coarse > 1:
        field = ndimage.zoom(field, coarse, order=1)
    field = field[tuple(slice(n) for n in shape)]
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), dtype=np.float32)


def inside_depth(mask: NDArray[np.bool_], step: float) -> NDArray[np.float32]:
    """Distance, mm, of each voxel of a mask to its surface; 0 outside. Computed in the mask's own box."""
    depth = np.zeros(mask.shape, np.float32)
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return depth
    box = found[0]
    padded = np.pad(mask[box], 1)
    inner = ndimage.distance_transform_edt(padded)[1:-1, 1:-1, 1:-1]
    depth[box] = np.maximum(inner * step - step / 2, 0.0) * mask[box]
    return depth
