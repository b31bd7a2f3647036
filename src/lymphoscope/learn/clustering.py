"""Weighted box clustering: what several views of a place say of one thing becomes one box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.evaluate.boxes import box_iou

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Votes:
    """Who said each of n boxes.

    Attributes:
        voter: Number of the window or the network.
        expected: How many could have seen a box there.
        weight: How much the word of each counts.
    """

    voter: NDArray[np.int64]
    expected: Floats
    weight: Floats


def surest(boxes: Floats, least_iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: the places of those boxes that no surer one overlaps.

    Args:
        boxes: (n, 2, 3), surest first.
        least_iou: Overlap from which two boxes are of one thing.
    """
    kept, left = [], np.arange(len(boxes))
    while left.size:
        kept.append(left[0])
        apart = box_iou(boxes[left[:1]], boxes[left])[0] < least_iou
        apart[0] = False
        left = left[apart]
    return np.array(kept, np.intp)


def clustered(boxes: Floats, scores: Floats, votes: Votes, least_iou: float) -> tuple[Floats, Floats]:
    """Make one box of each cluster: the surest box with all that overlap it.

    A box counts by its overlap with the surest, its size and the weight of its vote. The coordinates are the mean of
    all corners, weighted by score too. The score is the weighted mean of scores, to which every voter that had to speak
    there and did not adds a score of 0 with the mean weight.

    Args:
        boxes: (n, 2, 3), any unit.
        scores: (n,), above 0.
        votes: Who said each.
        least_iou: Overlap from which two boxes are of one thing.

    Returns:
        Boxes (m, 2, 3) and scores (m,), surest first.

    Reference:
        Jäger et al., Retina U-Net, ML4H 2020; Baumgartner et al., nnDetection, MICCAI 2021.
    """
    sizes = np.prod(boxes[:, 1] - boxes[:, 0], axis=1)
    left = np.argsort(-scores, kind="stable")
    made: list[tuple[Floats, float]] = []
    while left.size:
        overlap = box_iou(boxes[left[:1]], boxes[left])[0]
        # the surest is of its own cluster whatever its size
        near = (overlap >= least_iou) | (left == left[0])
        mine, left = left[near], left[~near]
        weight = np.maximum(overlap[near], 1e-6) * np.maximum(sizes[mine], 1e-6) * votes.weight[mine]
        silent = max(0.0, float(votes.expected[mine].mean()) - np.unique(votes.voter[mine]).size)
        sure = weight * scores[mine]
        place = (boxes[mine] * sure[:, None, None]).sum(axis=0) / sure.sum()
        made.append((place, float(sure.sum() / (weight.sum() + silent * weight.mean()))))
    order = sorted(made, key=lambda one: -one[1])
    return np.array([place for place, _ in order]).reshape(-1, 2, 3), np.array([score for _, score in order])
