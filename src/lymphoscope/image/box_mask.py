"""From boxes to masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry


def painted(edges: NDArray[np.float64], scores: NDArray[np.float64], grid: Geometry) -> NDArray[np.float32]:
    """Boxes as probabilities of background and lesion: in every voxel whose centre is in a box the highest score.

    Args:
        edges: (n, 2, 3) along (z, y, x); voxel i reaches from i to i + 1.
        scores: (n,), 0 … 1.
        grid: What is painted on.

    Returns:
        (2, z, y, x), float32.
    """
    lesion = np.zeros(grid.shape, np.float32)
    for n in np.argsort(scores, kind="stable"):
        low, high = (np.clip(np.ceil(edge - 0.5), 0, grid.shape).astype(int) for edge in edges[n])
        lesion[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = scores[n]
    return np.stack([1.0 - lesion, lesion])


def hot_in_box(
    probabilities: NDArray[np.float32], suv: NDArray[np.floating], *, share: float = 0.41
) -> NDArray[np.float32]:
    """Keep of each painted box the voxels of at least a share of the highest SUV in it.

    Args:
        probabilities: (classes, z, y, x) as `painted` makes them: even in each box.
        suv: PET on the same grid.
        share: Of SUVmax in the box.

    Returns:
        The same with background where it is colder.

    Reference:
        Boellaard et al., EJNMMI 2015;42:328 (the contour at 41 % of the maximum).
    """
    out = probabilities.copy()
    lesion = 1.0 - probabilities[0]
    for score in np.unique(lesion[lesion > 0]):
        box = lesion == score
        cold = box & (suv < share * suv[box].max())
        out[:, cold] = 0.0
        out[0, cold] = 1.0
    return out
