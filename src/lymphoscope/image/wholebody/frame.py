"""The body frame of a whole-body phantom: working grid, cleaned organs, midline, spine curve, height scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS, OrganMap
from lymphoscope.core.volume import Array

CODE: Mapping[str, int] = {name: number for number, name in enumerate(ORGANS, start=1)}
"""Organ name → number in every organ label map of the phantom."""

_NEEDED = ("liver", "lungs", "bladder")
_PIECES = {"kidneys": 2, "lungs": 2, "head_glands": 4}
_LEAST_ML = {"prostate": 5.0, "head_glands": 0.4}
_SIDE_MM, _FRONT_BACK_MM = 300.0, (110.0, 120.0)
_GUARD_MM = 28.0
_BRAIN_HEIGHT_MM, _BRAIN_HALF_MM = 128.0, (66.0, 84.0)


@dataclass(frozen=True, eq=False)
class Frame:
    """Where things are in one body.

    Body coordinates are (u, x, y): u is the height above the bladder's centroid over the distance from there to
    the lung apex, x mm to the left of the midline, y mm in front of the vertebral-body centres.

    Attributes:
        geometry: The working grid, axis-aligned, isotropic.
        organ: Cleaned organ label map, (z, y, x) uint8, numbers of `CODE`.
        u: Height of each slice.
        mid: LPS x of the midline in each slice, mm.
        spine: LPS y of the vertebral-body centre in each slice, mm.
        rise: Distance from the bladder's centroid to the lung apex, mm.
        fov: Lowest and highest z of the scanned slab, mm.
        centroid: Organ name → LPS centroid, mm.
    """

    geometry: Geometry
    organ: NDArray[np.uint8]
    u: NDArray[np.float64]
    mid: NDArray[np.float64]
    spine: NDArray[np.float64]
    rise: float
    fov: tuple[float, float]
    centroid: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def step(self) -> float:
        """Voxel edge, mm."""
        return self.geometry.spacing[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        return self.geometry.shape

    @cached_property
    def z(self) -> NDArray[np.float64]:
        """LPS z of the slices, mm."""
        return np.asarray(self.geometry.origin[2] + self.step * np.arange(self.shape[0]))

    @cached_property
    def left(self) -> NDArray[np.float32]:
        """Distance to the left of the midline, (z, 1, x) mm."""
        x = self.geometry.origin[0] + self.step * np.arange(self.shape[2])
        return np.asarray(x[None, None, :] - self.mid[:, None, None], dtype=np.float32)

    @cached_property
    def front(self) -> NDArray[np.float32]:
        """Distance in front of the vertebral-body centre, (z, y, 1) mm."""
        y = self.geometry.origin[1] + self.step * np.arange(self.shape[1])
        return np.asarray(self.spine[:, None, None] - y[None, :, None], dtype=np.float32)

    @cached_property
    def up(self) -> NDArray[np.float32]:
        """Height u, (z, 1, 1)."""
        return self.u[:, None, None].astype(np.float32)

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Voxels of the named organs."""
        if len(names) == 1:
            return np.asarray(self.organ == CODE[names[0]])
        return np.asarray(np.isin(self.organ, [CODE[n] for n in names]))

    def place(self, point: Array) -> NDArray[np.float64]:
        """LPS mm (x, y, z) of body coordinates (…, 3) = (u, x, y)."""
        point = np.asarray(point, dtype=np.float64)
        z = self.z_of(point[..., 0])
        x = np.interp(z, self.z, self.mid) + point[..., 1]
        y = np.interp(z, self.z, self.spine) - point[..., 2]
        return np.stack([x, y, z], axis=-1)

    def body(self, lps: Array) -> NDArray[np.float64]:
        """Body coordinates (u, x, y) of LPS mm (…, 3)."""
        lps = np.asarray(lps, dtype=np.float64)
        z = lps[..., 2]
        x = lps[..., 0] - np.interp(z, self.z, self.mid)
        y = np.interp(z, self.z, self.spine) - lps[..., 1]
        return np.stack([(z - self.z[0]) / self.rise + self.u[0], x, y], axis=-1)

    def z_of(self, u: float | Array) -> NDArray[np.float64]:
        """LPS z of a height."""
        return np.asarray((np.asarray(u) - self.u[0]) * self.rise + self.z[0])

    def slab(self, low: float, high: float) -> slice:
        """Slices with low ≤ u ≤ high."""
        first, last = np.searchsorted(self.u, (low, high))
        return slice(int(first), int(last))


def frame_of(organs: OrganMap, step: float, whole_head: bool) -> Frame:
    """Clean an organ map and find the body frame in it.

    Args:
        organs: Organ labels on any grid, named by `ORGANS`; at least liver, lungs and bladder.
        step: Edge of the working voxel, mm.
        whole_head: Continue a brain that the scan cut, up to the vertex; otherwise the scan ends where it did.

    Raises:
        LymphoscopeError: ``GEO-E-MASKLABELS`` when an organ the frame rests on is absent.
    """
    codes, low, high = _coded(organs)
    geometry, fov = _grid(organs.mask.geometry, low, high, step, whole_head)
    organ = _resampled(codes, organs.mask.geometry, geometry)
    _clean(organ, step)
    absent = [name for name in _NEEDED if not (organ == CODE[name]).any()]
    if absent:
        raise LymphoscopeError("GEO-E-MASKLABELS", f"the organ map lacks {', '.join(absent)}")
    centroid = _centroids(organ, geometry)
    z = geometry.origin[2] + step * np.arange(geometry.shape[0])
    lung_slices = np.flatnonzero((organ == CODE["lungs"]).any(axis=(1, 2)))
    foot = centroid["bladder"][2]
    rise = float(z[lung_slices[-1]] + step / 2 - foot)
    u = (z - foot) / rise
    mid = _midline(organ, geometry, centroid, z)
    spine = _spine(organ, geometry, centroid, u)
    _continue_brain(organ, geometry, mid, fov)
    top = z[np.flatnonzero((organ == CODE["brain"]).any(axis=(1, 2)))].max(initial=fov[1])
    fov = (fov[0], float(min(top + 12.0, z[-1])) if whole_head else fov[1])
    return Frame(geometry, organ, u, mid, spine, rise, fov, centroid)


def _coded(organs: OrganMap) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """Recode labels and find the LPS box of what is labelled."""
    labels = organs.mask.labels
    table = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    for label, name in organs.names.items():
        if label < table.size and name in CODE:
            table[label] = CODE[name]
    codes = table[labels]
    where = [np.flatnonzero(codes.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    if not all(w.size for w in where):
        raise LymphoscopeError("GEO-E-MASKLABELS", "the organ map holds no organ that is known by name")
    corners = np.array(list(product(*((w[0], w[-1]) for w in where))), dtype=float)
    lps = organs.mask.geometry.to_lps(corners)
    return codes, lps.min(axis=0), lps.max(axis=0)


def _grid(
    source: Geometry, low: NDArray[np.float64], high: NDArray[np.float64], step: float, whole_head: bool
) -> tuple[Geometry, tuple[float, float]]:
    """Working grid around the organs, and the scanned range of z."""
    ends = source.to_lps(np.array([[-0.5, 0, 0], [source.shape[0] - 0.5, 0, 0]]))[:, 2]
    fov = (float(ends.min()), float(ends.max()))
    top = max(fov[1], high[2] + 20.0) + (150.0 if whole_head else _GUARD_MM)
    centre = (low[0] + high[0]) / 2
    start = np.array([centre - _SIDE_MM, low[1] - _FRONT_BACK_MM[0], fov[0] - _GUARD_MM / 2])
    stop = np.array([centre + _SIDE_MM, high[1] + _FRONT_BACK_MM[1], top])
    nx, ny, nz = (int(n) for n in np.ceil((stop - start) / step))
    return Geometry.axial((nz, ny, nx), (step, step, step), (start[0], start[1], start[2])), fov


def _resampled(codes: NDArray[np.uint8], source: Geometry, target: Geometry) -> NDArray[np.uint8]:
    change = np.linalg.inv(source.affine) @ target.affine
    return np.asarray(
        ndimage.affine_transform(codes, change[:3, :3], change[:3, 3], target.shape, order=0, mode="constant"),
        dtype=np.uint8,
    )


def _clean(organ: NDArray[np.uint8], step: float) -> None:
    """Keep the largest piece of an organ, two of paired ones; drop traces."""
    for name, code in CODE.items():
        box = ndimage.find_objects((organ == code).astype(np.uint8))
        if not box:
            continue
        view = organ[box[0]]
        pieces = ndimage.label(view == code)[0]
        sizes = np.bincount(pieces.ravel())[1:]
        least = _LEAST_ML.get(name, 0.0) * 1000.0 / step**3
        keep = [i + 1 for i in np.argsort(sizes)[::-1][: _PIECES.get(name, 1)] if sizes[i] >= least]
        view[(view == code) & ~np.isin(pieces, keep)] = 0


def _centroids(organ: NDArray[np.uint8], geometry: Geometry) -> dict[str, NDArray[np.float64]]:
    centres = {}
    for name, code in CODE.items():
        box = ndimage.find_objects((organ == code).astype(np.uint8))
        if box:
            start = np.array([b.start for b in box[0]])
            centres[name] = geometry.to_lps(np.argwhere(organ[box[0]] == code).mean(axis=0) + start)
    return centres


def _sides(organ: NDArray[np.uint8], geometry: Geometry, name: str) -> NDArray[np.float64] | None:
    """Mean of the centroids of the two pieces of a paired organ (a large one must not pull the midline)."""
    pieces, count = ndimage.label(organ == CODE[name])
    if count < 2:
        return None
    sizes = np.bincount(pieces.ravel())[1:]
    pair = np.argsort(sizes)[::-1][:2] + 1
    return np.asarray(geometry.to_lps(np.array(ndimage.center_of_mass(pieces > 0, pieces, pair))).mean(axis=0))


def _midline(
    organ: NDArray[np.uint8], geometry: Geometry, centroid: Mapping[str, NDArray[np.float64]], z: Array
) -> NDArray[np.float64]:
    """A straight line through bladder, kidneys, lung box and glands; a lying body is straight enough."""
    x = geometry.origin[0] + geometry.spacing[2] * np.arange(geometry.shape[2])
    lungs = np.flatnonzero((organ == CODE["lungs"]).any(axis=(0, 1)))
    points = [(centroid["bladder"][2], centroid["bladder"][0], 0.5)]
    points.append((centroid["lungs"][2], (x[lungs[0]] + x[lungs[-1]]) / 2, 1.0))
    for name, weight in (("kidneys", 1.0), ("head_glands", 0.7)):
        pair = _sides(organ, geometry, name) if name in centroid else None
        if pair is not None:
            points.append((pair[2], pair[0], weight))
    if "brain" in centroid:
        points.append((centroid["brain"][2], centroid["brain"][0], 1.0))
    zs, xs, weights = np.array(points).T
    slope, offset = np.polyfit(zs, xs, 1, w=weights)
    return np.asarray(slope * z + offset)


def _spine(
    organ: NDArray[np.uint8], geometry: Geometry, centroid: Mapping[str, NDArray[np.float64]], u: Array
) -> NDArray[np.float64]:
    """Vertebral-body centres from the back of the lungs, kidneys, bladder and glands (rules measured on 160 maps)."""
    y = geometry.origin[1] + geometry.spacing[1] * np.arange(geometry.shape[1])
    points: list[tuple[float, float]] = []
    lung = organ == CODE["lungs"]
    area = np.count_nonzero(lung, axis=(1, 2))
    whole = area > 0.35 * area.max()  # slices with but a tip of lung say nothing about the spine
    lungs = lung.any(axis=2)
    for k in np.flatnonzero((u > 0.60) & (u < 0.93)):
        rows = np.flatnonzero(lungs[k])
        if rows.size and whole[k]:
            points.append((u[k], y[rows[-1]] - 32.0))
    chest = np.array(points)
    chest[:, 1] = ndimage.gaussian_filter1d(chest[:, 1], 15.0 / geometry.spacing[0], mode="nearest")
    points = [(float(a), float(b)) for a, b in chest[:: max(1, len(chest) // 6)]]
    bladder = centroid["bladder"][1]
    kidney = centroid["kidneys"][1] if "kidneys" in centroid else (bladder + 62.0 + points[0][1]) / 2
    low = (bladder + kidney + 30.0) / 2  # a full bladder reaches far forward; half of that is not the spine's doing
    points += [(0.45, kidney - 5.0), (0.24, kidney + 4.0), (0.12, low + 30.0), (0.0, low + 38.0)]
    neck = centroid["head_glands"][1] + 42.0 if "head_glands" in centroid else chest[-1, 1] - 15.0
    points.append((1.2, neck))
    points.sort()
    us, ys = np.array(points).T
    curve = PchipInterpolator(us, ys)(np.clip(u, us[0], us[-1]))
    return np.asarray(ndimage.gaussian_filter1d(curve, 16.0 / geometry.spacing[0], mode="nearest"))


def _continue_brain(
    organ: NDArray[np.uint8], geometry: Geometry, mid: NDArray[np.float64], fov: tuple[float, float]
) -> None:
    """Continue a brain cut by the end of the scan as an ellipsoid, beyond the scanned slab."""
    brain = organ == CODE["brain"]
    slices = np.flatnonzero(brain.any(axis=(1, 2)))
    z = geometry.origin[2] + geometry.spacing[0] * np.arange(geometry.shape[0])
    if not slices.size or z[slices[-1]] < fov[1] - 3 * geometry.spacing[0]:
        return
    last = max(int(slices[-1]) - 1, int(slices[0]))  # the map's own last slice may be half empty
    half = _BRAIN_HEIGHT_MM / 2
    centre_z = max(z[slices[0]] + half, z[last] - 0.6 * half)
    rows = np.flatnonzero(brain[max(last - 3, 0) : last + 1].any(axis=(0, 2)))
    y = geometry.origin[1] + geometry.spacing[1] * np.arange(geometry.shape[1])
    x = geometry.origin[0] + geometry.spacing[2] * np.arange(geometry.shape[2])
    lateral, depth = _BRAIN_HALF_MM
    size = (y[rows[-1]] - y[rows[0]]) / 2
    here = np.sqrt(max(1.0 - ((z[last] - centre_z) / half) ** 2, 0.2))
    depth = float(np.clip(size / here, 70.0, 92.0))
    lateral *= depth / _BRAIN_HALF_MM[1]
    for k in range(last + 1, geometry.shape[0]):
        level = 1.0 - ((z[k] - centre_z) / half) ** 2
        if level <= 0:
            break
        middle = (y[rows[0]] + y[rows[-1]]) / 2
        inside = ((x[None, :] - mid[k]) / lateral) ** 2 + ((y[:, None] - middle) / depth) ** 2 < level
        organ[k][inside] = CODE["brain"]
