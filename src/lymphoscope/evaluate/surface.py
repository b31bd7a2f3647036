"""Distances between the surfaces of two masks, mm.

A surface is made of the mask's voxels that have a 6-neighbour outside; what lies beyond the image is outside. Distances
run between voxel centres. Nearest points are found with a k-d tree of the surface voxels and not with a distance
transform: the same numbers, and the time grows with the surfaces and not with the box round them, which in lymphoma is
most of the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lymphoscope.evaluate.overlap import Mask, require_shape

TOLERANCE_MM = 4.0
"""Default tolerance of NSD and boundary F1: one voxel of a usual PET."""

Distances = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Distance of each surface voxel of one mask to the nearest of the other; neither is empty.

    Attributes:
        from_prediction: mm, one a surface voxel of the prediction.
        from_reference: mm, one a surface voxel of the reference.

    Reference:
        Specification E1; catalogue of node systems, ME04–ME07.
    """

    from_prediction: Distances
    from_reference: Distances

    @property
    def _both(self) -> Distances:
        return np.concatenate([self.from_prediction, self.from_reference])

    def hausdorff_mm(self, percent: float = 100.0) -> float:
        """The larger of the two directed percentiles, as MONAI has it; 100 is the Hausdorff distance."""
        return float(max(np.percentile(self.from_prediction, percent), np.percentile(self.from_reference, percent)))

    def pooled_percentile_mm(self, percent: float = 95.0) -> float:
        """A percentile of both directions together."""
        return float(np.percentile(self._both, percent))

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: mean of both directions together (mean surface distance, pooled)."""
        return float(self._both.mean())

    @property
    def ahd_mm(self) -> float:
        """Average Hausdorff distance: mean of the two directed means."""
        return float((self.from_prediction.mean() + self.from_reference.mean()) / 2)

    def nsd(self, tolerance_mm: float = TOLERANCE_MM) -> float:
        """Normalised surface Dice: part of both surfaces together that lies within a tolerance of the other."""
        return float(np.mean(self._both <= tolerance_mm))

    def boundary_f1(self, tolerance_mm: float = TOLERANCE_MM) -> float:
        """Harmonic mean of the parts of either surface that lie within a tolerance of the other."""
        precision = float(np.mean(self.from_prediction <= tolerance_mm))
        recall = float(np.mean(self.from_reference <= tolerance_mm))
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def surface_distances(prediction: Mask, reference: Mask, spacing: Sequence[float]) -> SurfaceDistances | None:
    """Measure two masks against each other.

    Args:
        prediction: (z, y, x).
        reference: (z, y, x).
        spacing: mm along (z, y, x).

    Returns:
        The distances, or None where either mask is empty.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.
    """
    require_shape(prediction, reference)
    ours, theirs = surface(prediction), surface(reference)
    if not len(ours) or not len(theirs):
        return None
    step = np.asarray(spacing, dtype=np.float64)
    return SurfaceDistances(_nearest(ours, theirs, step), _nearest(theirs, ours, step))


def surface(mask: Mask) -> NDArray[np.intp]:
    """Indices (n, 3) of the mask's voxels that have a 6-neighbour outside, in C order."""
    flat = np.ascontiguousarray(mask).reshape(-1)
    inside = np.flatnonzero(flat)
    inner = np.ones(inside.size, dtype=bool)
    places = np.unravel_index(inside, mask.shape)
    for axis, (place, length) in enumerate(zip(places, mask.shape, strict=True)):
        stride = int(np.prod(mask.shape[axis + 1 :], dtype=np.int64))
        inner &= (place > 0) & (place < length - 1)
        for step in (-stride, stride):
            inner &= flat.take(inside + step, mode="clip")
    return np.stack([place[~inner] for place in places], axis=1)


def _nearest(points: NDArray[np.intp], others: NDArray[np.intp], step: Distances) -> Distances:
    tree = cKDTree(others * step, balanced_tree=False, compact_nodes=False)
    distances, _ = tree.query(points * step)
    return np.asarray(distances, dtype=np.float64)
