"""Boxes round lesions, mm: how two of them overlap, and how far apart they are where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.evaluate.matching import Labels
from lymphoscope.image.components import component_boxes

Boxes = NDArray[np.float64]
"""(n, 2, 3): lower and upper corner, mm along the array's axes."""


def lesion_boxes(labels: Labels, spacing: Sequence[float]) -> Boxes:
    """Boxes round the lesions 1…n of a label map, to the outer edges of their voxels.

    Args:
        labels: (z, y, x), numbered without gaps.
        spacing: mm along (z, y, x).
    """
    corners = [[[s.start for s in box], [s.stop for s in box]] for box in component_boxes(labels).values()]
    return np.asarray(np.array(corners, dtype=np.float64).reshape(-1, 2, 3) * np.asarray(spacing, np.float64))


def _sizes(boxes: Boxes) -> NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(boxes[..., 1, :] - boxes[..., 0, :], 0.0), axis=-1))


def _shared_and_union(ones: Boxes, others: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = ones[:, None], others[None, :]
    low, high = np.maximum(a[..., 0, :], b[..., 0, :]), np.minimum(a[..., 1, :], b[..., 1, :])
    shared = _sizes(np.stack([low, high], axis=-2))
    return shared, _sizes(a) + _sizes(b) - shared


def box_iou(ones: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """IoU of each box (n, 2, 3) with each other box (m, 2, 3), as (n, m)."""
    shared, union = _shared_and_union(np.asarray(ones, np.float64), np.asarray(others, np.float64))
    return shared / np.where(union > 0, union, 1.0)


def box_giou(ones: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Generalised IoU: IoU − (|C| − |A ∪ B|) / |C|, C the smallest box round both; in (−1, 1].

    Reference:
        Rezatofighi et al., CVPR 2019; specification E3.
    """
    first, second = np.asarray(ones, np.float64), np.asarray(others, np.float64)
    a, b = first[:, None], second[None, :]
    low, high = np.minimum(a[..., 0, :], b[..., 0, :]), np.maximum(a[..., 1, :], b[..., 1, :])
    hull = _sizes(np.stack([low, high], axis=-2))
    _, union = _shared_and_union(first, second)
    return box_iou(first, second) - (hull - union) / np.where(hull > 0, hull, 1.0)


def centre_in_box(ones: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Whether the centre of each box (n) lies in each other box (m), as (n, m)."""
    centre = ones.mean(axis=1)[:, None]
    return np.asarray(((others[None, :, 0] <= centre) & (centre <= others[None, :, 1])).all(axis=-1))


def voxels_in(edges: Boxes, labels: Labels) -> NDArray[np.int64]:
    """Voxels of each lesion 1…n whose middle lies in each box.

    Args:
        edges: (m, 2, 3) along (z, y, x); voxel i reaches from i to i + 1.
        labels: (z, y, x).

    Returns:
        (m, n).
    """
    lesions = int(labels.max(initial=0))
    found = np.zeros((len(edges), lesions), np.int64)
    for row, (low, high) in zip(found, np.clip(np.ceil(edges - 0.5), 0, labels.shape).astype(int), strict=True):
        inside = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        row[:] = np.bincount(inside.ravel(), minlength=lesions + 1)[1:]
    return found
