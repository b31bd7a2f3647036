"""Mean uptake in a small sphere round a voxel: the measure behind SUVpeak."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError

PEAK_RADIUS_MM = 6.2035
"""Radius of the sphere of 1.000 mL."""

_SUBSAMPLES = 10


def sphere_weights(
    spacing: tuple[float, float, float], radius_mm: float = PEAK_RADIUS_MM, mode: str = "partial"
) -> NDArray[np.float64]:
    """Weight of each voxel round a centre voxel.

    Args:
        spacing: mm along (z, y, x).
        radius_mm: Radius of the sphere, mm.
        mode: ``partial``: fraction of the voxel inside the sphere, by 10³ sub-voxels; ``centre``: 1 where the voxel's
            centre is within the radius (as in the IBSI).

    Returns:
        Odd-sized (z, y, x) array of weights 0–1, centre voxel in the middle.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another mode or a radius that is not positive.

    Reference:
        Specification C1, SUVpeak.
    """
    if mode not in ("partial", "centre") or not radius_mm > 0:
        raise LymphoscopeError("USE-E-VALUE", f"sphere of {radius_mm} mm with {mode!r} weights; use partial or centre")
    n = _SUBSAMPLES if mode == "partial" else 1
    offsets = (np.arange(n) + 0.5) / n - 0.5
    squares = []
    for step in spacing:
        reach = int(np.ceil(radius_mm / step + 0.5))
        places = (np.arange(-reach, reach + 1)[:, None] + offsets) * step
        squares.append(places**2)
    z, y, x = squares
    distance = z[:, None, None, :, None, None] + y[None, :, None, None, :, None] + x[None, None, :, None, None, :]
    weights = (distance <= radius_mm**2).mean(axis=(3, 4, 5))
    keep = tuple(_filled(weights, axis) for axis in range(3))
    return np.ascontiguousarray(weights[keep])


def sphere_means(
    array: NDArray[Any], indices: NDArray[np.integer[Any]], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted mean round each of some voxels.

    The sphere may leave a lesion but not the image: weights outside the image count nothing and the rest is
    renormalised.

    Args:
        array: Values, (z, y, x).
        indices: Voxels, (n, 3) in (z, y, x) order.
        weights: From `sphere_weights`.

    Returns:
        (n,) means.
    """
    indices = np.asarray(indices, dtype=np.int64).reshape(-1, 3)
    sums = np.zeros(len(indices))
    norms = np.zeros(len(indices))
    middle = np.array(weights.shape) // 2
    limits = np.array(array.shape)
    for place in np.argwhere(weights > 0):
        weight = float(weights[tuple(place)])
        at = indices + (place - middle)
        inside = ((at >= 0) & (at < limits)).all(axis=1)
        if inside.all():
            sums += weight * array[at[:, 0], at[:, 1], at[:, 2]].astype(np.float64)
            norms += weight
        else:
            held = at[inside]
            sums[inside] += weight * array[held[:, 0], held[:, 1], held[:, 2]].astype(np.float64)
            norms[inside] += weight
    return sums / norms


def _filled(weights: NDArray[np.float64], axis: int) -> slice:
    """The part of an axis that holds weight, symmetric about its middle."""
    used = np.flatnonzero(weights.any(axis=tuple(a for a in range(3) if a != axis)))
    return slice(int(used[0]), int(used[-1]) + 1)
