"""The largest distance within a set of points, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

_BLOCK = 2**21
"""Distances held at a time: 16 MB."""


def farthest(points: NDArray[np.float64] | NDArray[np.intp], matrix: NDArray[np.float64]) -> float:
    """Largest distance between two points.

    The two farthest points are vertices of the convex hull, so only these are compared, block by block. The hull is
    found in index space, where voxel centres are whole numbers.

    Args:
        points: Index coordinates, (n, d).
        matrix: Index to mm, (m, d).

    Returns:
        mm; 0 with fewer than two points.
    """
    if len(points) < 2:
        return 0.0
    ends = np.asarray(points, dtype=np.float64)
    ends = ends[_vertices(ends)] @ matrix.T
    rows = max(1, _BLOCK // len(ends))
    return max(float(cdist(ends[i : i + rows], ends).max()) for i in range(0, len(ends), rows))


def outermost(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Voxels that can be hull vertices: the first and last of every row along x; all others lie between two of them.

    Args:
        index: Voxels (n, 3) in C order.

    Returns:
        Those voxels, (m, 3), m ≤ n.
    """
    if len(index) < 3:
        return index
    new_row = np.any(index[1:, :2] != index[:-1, :2], axis=1)
    kept = np.concatenate(([True], new_row)) | np.concatenate((new_row, [True]))
    return index[kept]


def _vertices(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the convex hull's vertices; flat and straight sets are handled in their own dimension."""
    centred = points - points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    rank = int(np.count_nonzero(sizes > sizes[0] * 1e-9)) if sizes[0] > 0 else 0
    if rank == 0:
        return np.zeros(1, dtype=np.intp)
    if rank == 1:
        along = centred @ axes[0]
        return np.array([along.argmin(), along.argmax()], dtype=np.intp)
    if len(points) <= rank + 1:
        return np.arange(len(points))
    flat = points if rank == points.shape[1] else centred @ axes[:rank].T
    return np.asarray(ConvexHull(flat).vertices, dtype=np.intp)
