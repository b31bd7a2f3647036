"""From closed polygons to pixels: a pixel is inside when its centre is, an odd number of edges away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_CROSSINGS = 1_000_000
"""Rows crossed by edges that are looked at together, so that a contour of millions of points needs no more memory."""


def filled(polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill polygons by the even–odd rule over all of them, so that a polygon in another is a hole.

    Args:
        polygons: Corners as fractional (y, x) indices, (n, 2); the last is joined to the first. Fewer than three
            fill nothing.
        shape: Pixels along (y, x).

    Returns:
        True where a pixel's centre is inside. A centre on a left or upper edge is inside, on a right or lower one not.
    """
    rows, columns = shape
    toggles = np.zeros((rows, columns + 1), dtype=np.int64)
    for polygon in polygons:
        begin, end = polygon, np.roll(polygon, -1, axis=0)
        edges = np.concatenate([begin, end], axis=1)
        for some in np.array_split(edges, 1 + len(edges) * rows // _MOST_CROSSINGS):
            _toggle(toggles, some)
    return np.asarray(np.cumsum(toggles, axis=1)[:, :columns] % 2 == 1)


def _toggle(toggles: NDArray[np.int64], edges: NDArray[np.float64]) -> None:
    """Count, for every row an edge crosses, the first pixel at or right of the crossing; edges are (y, x, y, x)."""
    rows, last = toggles.shape[0], toggles.shape[1] - 1
    low, high = np.minimum(edges[:, 0], edges[:, 2]), np.maximum(edges[:, 0], edges[:, 2])
    first = np.clip(np.ceil(low), 0, rows).astype(np.int64)
    beyond = np.clip(np.ceil(high), 0, rows).astype(np.int64)
    count = beyond - first
    which = np.repeat(np.arange(len(edges)), count)
    if not which.size:
        return
    row = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + first[which]
    y0, x0, y1, x1 = edges[which].T
    crossing = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
    column = np.clip(np.ceil(crossing), 0, last).astype(np.int64)
    np.add.at(toggles, (row, column), 1)
