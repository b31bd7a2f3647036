"""Mean uptake in a small sphere round a voxel: the measure behind SUVpeak."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array

SUBSAMPLES = 10
WEIGHTS = ("partial", "centre")

Sphere = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Index offsets (k, 3) of the voxels in a sphere and their weights (k,), 0 < weight ≤ 1."""


def radius_mm(volume_ml: float) -> float:
    """Radius of a sphere, mm."""
    return float((750.0 * volume_ml / np.pi) ** (1 / 3))


PEAK_RADIUS_MM = radius_mm(1.0)


def sphere(geometry: Geometry, radius: float = PEAK_RADIUS_MM, weights: str = "partial") -> Sphere:
    """The sphere centred on a voxel, on any grid, oblique ones too.

    Args:
        geometry: The grid.
        radius: mm.
        weights: ``partial``: fraction of the voxel inside the sphere, by 10³ sub-voxels; ``centre``: the voxels whose
            centre is within the radius, each with weight 1 (as in the IBSI).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for other weights or a radius that is not positive.

    Reference:
        Specification C1, SUVpeak.
    """
    if weights not in WEIGHTS or not radius > 0:
        raise LymphoscopeError(
            "USE-E-VALUE", f"sphere of {radius} mm with {weights!r} weights; use one of {', '.join(WEIGHTS)}"
        )
    return _sphere(geometry.affine[:3, :3].tobytes(), radius, weights == "partial")


@lru_cache(maxsize=16)
def _sphere(matrix_bytes: bytes, radius: float, partial: bool) -> Sphere:
    matrix = np.frombuffer(matrix_bytes, dtype=np.float64).reshape(3, 3)
    # a ball of radius r spans r·|row of the inverse| indices along each axis; half a voxel more for partial voxels
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(matrix), axis=1) + 0.5).astype(int)
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    weights = _fractions(offsets, matrix, radius) if partial else _centres(offsets, matrix, radius)
    kept = weights > 0
    offsets, weights = offsets[kept], weights[kept]
    offsets.flags.writeable = weights.flags.writeable = False
    return offsets, weights


def _centres(offsets: NDArray[np.intp], matrix: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    far = np.linalg.norm(offsets @ matrix.T, axis=1)
    return np.asarray(far <= radius * (1 + 1e-12), dtype=np.float64)


def _fractions(offsets: NDArray[np.intp], matrix: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    far = np.linalg.norm(offsets @ matrix.T, axis=1)
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    half_diagonal = float(np.linalg.norm(corners @ matrix.T, axis=1).max())
    weights = np.asarray(far + half_diagonal <= radius, dtype=np.float64)
    steps = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    inner = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) @ matrix.T
    for i in np.flatnonzero((weights == 0) & (far - half_diagonal <= radius)):
        points = offsets[i] @ matrix.T + inner
        weights[i] = np.count_nonzero(np.einsum("ij,ij->i", points, points) <= radius**2) / len(inner)
    return weights


def sphere_means(
    array: Array, index: NDArray[np.intp], offsets: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted mean around each voxel. What lies outside the image does not count; the weights are renormalised.

    Args:
        array: The image, (z, y, x).
        index: Voxels (n, 3) to centre on.
        offsets: Index offsets (k, 3).
        weights: Weights (k,).

    Returns:
        Means, (n,) float64.
    """
    low = np.minimum(index.min(axis=0) + offsets.min(axis=0), 0)
    high = np.maximum(index.max(axis=0) + offsets.max(axis=0) - np.array(array.shape) + 1, 0)
    if not (low.any() or high.any()):
        return _gather(array, None, index, offsets, weights)
    start = np.maximum(index.min(axis=0) + offsets.min(axis=0), 0)
    stop = np.minimum(index.max(axis=0) + offsets.max(axis=0) + 1, array.shape)
    crop = array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    around = [(int(-a), int(b)) for a, b in zip(low, high, strict=True)]
    covered = np.pad(np.ones(crop.shape, dtype=np.float32), around)
    return _gather(np.pad(crop, around), covered, index - start - low, offsets, weights)


def _gather(
    array: Array,
    covered: Array | None,
    index: NDArray[np.intp],
    offsets: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    flat = array.ravel()
    strides = np.array([array.shape[1] * array.shape[2], array.shape[2], 1], dtype=np.intp)
    at, steps = index @ strides, offsets @ strides
    total = np.zeros(len(index))
    if covered is None:
        for step, weight in zip(steps, weights, strict=True):
            total += weight * flat[at + step]
        return np.asarray(total / weights.sum())
    inside, share = covered.ravel(), np.zeros(len(index))
    for step, weight in zip(steps, weights, strict=True):
        total += weight * flat[at + step]
        share += weight * inside[at + step]
    return np.asarray(total / share)
