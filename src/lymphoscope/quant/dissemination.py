"""How far disease is spread: distances between lesions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lymphoscope.core.volume import LesionMask
from lymphoscope.quant.farthest import farthest, outermost

MM_PER_CM = 10.0


def spread(centres: NDArray[np.float64], volumes: NDArray[np.float64]) -> Mapping[str, float]:
    """Distances between the centres of lesions.

    Args:
        centres: Unweighted centres, (n, 3) LPS mm.
        volumes: Volumes of the same lesions, (n,); the largest (of equals the first) is the bulk.

    Returns:
        ``dmax_cm``, ``dmax_bulk_cm`` and ``spread_sum_cm``; 0 with fewer than two lesions.

    Reference: Cottereau 2020, JNM 61:40.
    """
    if len(centres) < 2:
        return {"dmax_cm": 0.0, "dmax_bulk_cm": 0.0, "spread_sum_cm": 0.0}
    apart = cdist(centres, centres) / MM_PER_CM
    return {
        "dmax_cm": float(apart.max()),
        "dmax_bulk_cm": float(apart[int(volumes.argmax())].max()),
        "spread_sum_cm": float(apart.sum()) / 2,
    }


def dmax_voxel_cm(mask: LesionMask) -> float:
    """Largest distance between the centres of any two lesion voxels, cm; 0 with fewer than two.

    Args:
        mask: Lesions.
    """
    index = outermost(np.stack(np.unravel_index(mask.voxels, mask.geometry.shape), axis=1))
    return farthest(index, mask.geometry.affine[:3, :3]) / MM_PER_CM


def farthest_from_cm(centres: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    """Largest distance from a point to the centre of a lesion, cm; 0 without lesions.

    Args:
        centres: (n, 3) LPS mm.
        point: (3,) LPS mm.
    """
    return float(np.linalg.norm(centres - point, axis=1).max(initial=0.0)) / MM_PER_CM
