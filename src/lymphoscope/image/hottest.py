"""The part of a lesion that somebody in a hurry would mark."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.image.components import components

_FACES = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


def hottest_part(lesions: NDArray[Any], image: NDArray[np.floating[Any]], share: float) -> NDArray[np.bool_]:
    """A connected part of the hottest lesion: grown from its hottest voxel, always by the hottest neighbour.

    Args:
        lesions: Above 0 inside a lesion, (z, y, x).
        image: Uptake, (z, y, x).
        share: Most of the lesion's voxels that are taken; one at least.

    Returns:
        The part; empty without a lesion.
    """
    numbered = components(lesions > 0)
    part = np.zeros(numbered.shape, bool)
    if not numbered.any():
        return part
    first = np.unravel_index(int(np.argmax(np.where(numbered > 0, image, -np.inf))), numbered.shape)
    left = np.pad(numbered == numbered[first], 1)  # so that no neighbour lies outside
    wanted = max(1, int(share * np.count_nonzero(left)))
    start = z, y, x = int(first[0]), int(first[1]), int(first[2])
    left[z + 1, y + 1, x + 1] = False
    waiting = [(0.0, start)]
    while waiting and wanted:
        _, (z, y, x) = heapq.heappop(waiting)
        part[z, y, x] = True
        wanted -= 1
        for dz, dy, dx in _FACES:
            near = z + dz, y + dy, x + dx
            if left[near[0] + 1, near[1] + 1, near[2] + 1]:
                left[near[0] + 1, near[1] + 1, near[2] + 1] = False
                heapq.heappush(waiting, (-float(image[near]), near))
    return part
