"""Connected regions, numbered so that equal input gives equal numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.crop import Box, bounding_box

Labels = NDArray[np.int32]

_RANK = {6: 1, 18: 2, 26: 3}
CONNECTIVITIES = tuple(_RANK)
"""What may be called connected: faces, edges, corners."""

VOLUME_TOLERANCE_ML = 1e-6


def connectivity_structure(connectivity: int) -> NDArray[np.bool_]:
    """Neighbourhood of a voxel as a 3×3×3 mask.

    Args:
        connectivity: 6 (faces), 18 (faces and edges) or 26 (faces, edges and corners).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for any other number.
    """
    if connectivity not in _RANK:
        raise LymphoscopeError(
            "USE-E-VALUE", f"connectivity is {connectivity!r}, but it can be 6, 18 or 26", fix="18 is the default."
        )
    return np.asarray(ndimage.generate_binary_structure(3, _RANK[connectivity]))


def components(mask: NDArray[Any], connectivity: int = 18) -> Labels:
    """Number the connected regions of a mask.

    Args:
        mask: (z, y, x); zero is outside.
        connectivity: 6, 18 or 26.

    Returns:
        (z, y, x) int32: 0 outside, 1 the largest region; regions of equal size in the order of their first voxel.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another connectivity.

    Reference:
        Specification B3; 18 is what autoPET and the Microsoft lymphoma code use.
    """
    structure = connectivity_structure(connectivity)
    labels = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is not None:
        found, _ = ndimage.label(mask[box], structure)
        labels[box] = by_volume(found)
    return labels


def by_volume(labels: NDArray[Any]) -> Labels:
    """Renumber regions 1, 2, … by decreasing volume, regions of equal volume by their first voxel in C order.

    Args:
        labels: (z, y, x) whole numbers, 0 outside; numbers may be missing.
    """
    counts, first = _tally(labels)
    present = np.flatnonzero(counts)
    order = present[np.lexsort((first[present], -counts[present]))]
    return _renumbered(labels, order, counts.size)


def keep_volume(labels: NDArray[Any], voxel_ml: float, min_ml: float) -> Labels:
    """Drop the regions below a volume and renumber the rest by decreasing volume.

    Args:
        labels: (z, y, x) whole numbers, 0 outside.
        voxel_ml: Volume of one voxel, mL.
        min_ml: Smallest volume that is kept, mL (``>=``, with a tolerance of 1e-6 mL for sums of voxel volumes).
    """
    counts, first = _tally(labels)
    large = np.flatnonzero((counts > 0) & (counts * voxel_ml >= min_ml - VOLUME_TOLERANCE_ML))
    order = large[np.lexsort((first[large], -counts[large]))]
    return _renumbered(labels, order, counts.size)


def voxel_counts(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Voxels of each region: entry ``k`` belongs to label ``k``; entry 0 is 0."""
    return _tally(labels)[0]


def component_boxes(labels: NDArray[Any]) -> dict[int, Box]:
    """Bounding box of each region by its number."""
    boxes = ndimage.find_objects(labels)
    return {number: box for number, box in enumerate(boxes, start=1) if box is not None}


def _tally(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxel count and first voxel of each label. Slice by slice, so that a large mask needs no large copies."""
    top = int(labels.max(initial=0))
    counts = np.zeros(top + 1, np.int64)
    first = np.zeros(top + 1, np.int64)
    area = labels[0].size if len(labels) else 0
    for z in range(len(labels) - 1, -1, -1):
        flat = labels[z].reshape(-1)
        inside = np.flatnonzero(flat)
        if inside.size:
            numbers = flat[inside]
            counts += np.bincount(numbers, minlength=top + 1)
            # Written backwards, the earliest voxel of a label is the one that stays.
            first[numbers[::-1]] = inside[::-1] + z * area
    return counts, first


def _renumbered(labels: NDArray[Any], order: NDArray[np.int64], size: int) -> Labels:
    table = np.zeros(size, np.int32)
    table[order] = np.arange(1, order.size + 1, dtype=np.int32)
    fresh = np.empty(labels.shape, np.int32)
    for z in range(len(labels)):
        np.take(table, labels[z], out=fresh[z], mode="clip")  # no number is out of range; 'raise' would copy
    return fresh
