"""Which predicted lesion is which reference lesion: three criteria, panoptic quality, and what each counts.

Lesions are numbered 1…n in a label map; here lesion ``k`` has row or column ``k − 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lymphoscope.evaluate.overlap import ratio, require_shape

Labels = NDArray[np.int32]
Flags = NDArray[np.bool_]

IOU_LEVELS = (0.1, 0.25, 0.5)
"""Least IoU of a one-to-one match; criteria and average precision are given at each."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """How many voxels each predicted lesion shares with each reference lesion.

    Attributes:
        predicted: Voxels of each predicted lesion, (n_pred,).
        referred: Voxels of each reference lesion, (n_ref,).
        shared: Voxels in both, (n_pred, n_ref).
    """

    predicted: NDArray[np.int64]
    referred: NDArray[np.int64]
    shared: NDArray[np.int64]

    @classmethod
    def of(cls, prediction: Labels, reference: Labels) -> Overlaps:
        """Count two label maps, (z, y, x), numbered from 1 without gaps.

        Raises:
            LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.
        """
        require_shape(prediction, reference)
        p, r = np.ravel(prediction), np.ravel(reference)
        predicted, referred = _sizes(p), _sizes(r)
        both = np.flatnonzero((p > 0) & (r > 0))
        pairs = (p[both].astype(np.int64) - 1) * referred.size + r[both] - 1
        shared = np.bincount(pairs, minlength=predicted.size * referred.size)
        return cls(predicted, referred, shared.reshape(predicted.size, referred.size).astype(np.int64))

    @property
    def iou(self) -> NDArray[np.float64]:
        """IoU of every predicted with every reference lesion, (n_pred, n_ref)."""
        union = self.predicted[:, None] + self.referred[None, :] - self.shared
        return np.asarray(self.shared / np.maximum(union, 1), dtype=np.float64)

    @property
    def false_positive_voxels(self) -> int:
        """Voxels of the predicted lesions without any reference voxel, as autoPET counts them."""
        return int(self.predicted[~self.shared.any(axis=1)].sum())

    @property
    def false_negative_voxels(self) -> int:
        """Voxels of the reference lesions without any predicted voxel, as autoPET counts them."""
        return int(self.referred[~self.shared.any(axis=0)].sum())


def _sizes(labels: NDArray[Any]) -> NDArray[np.int64]:
    return np.bincount(labels[labels > 0], minlength=1)[1:].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Detection:
    """What a criterion says of the lesions of one or more cases.

    Attributes:
        found: Of each reference lesion: was it found?
        true: Of each predicted lesion: is it one?
        pairs: (predicted, reference) rows and columns that were matched, for one-to-one criteria.
    """

    found: Flags
    true: Flags
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def recall(self) -> float | None:
        """Found / reference lesions; None without any."""
        return ratio(int(self.found.sum()), self.found.size)

    @property
    def precision(self) -> float | None:
        """True / predicted lesions; None without any."""
        return ratio(int(self.true.sum()), self.true.size)

    @property
    def f1(self) -> float | None:
        """Harmonic mean; 0 where only one side has lesions, None where neither has."""
        return f1_score(self.recall, self.precision)


def f1_score(recall: float | None, precision: float | None) -> float | None:
    """Harmonic mean of recall and precision; one that is not defined stands for 0, both for None."""
    if recall is None and precision is None:
        return None
    r, p = recall or 0.0, precision or 0.0
    return 2 * r * p / (r + p) if r + p else 0.0


def any_overlap(overlaps: Overlaps) -> Detection:
    """C1: a reference lesion is found if one voxel of it is predicted, a predicted one true if one voxel is reference.

    Reference:
        Specification E3; criterion 1 of the Microsoft lymphoma code, with both sides counted apart.
    """
    shared = overlaps.shared > 0
    return Detection(np.asarray(shared.any(axis=0)), np.asarray(shared.any(axis=1)))


def one_to_one(overlaps: Overlaps, least_iou: float = IOU_LEVELS[0]) -> Detection:
    """C2: pairs of IoU ≥ `least_iou` with the greatest sum of IoU, each lesion in one pair at most.

    Reference:
        Specification E3 (Hungarian method). Pairs below the limit take no part in the assignment, so that none of
        them can displace one above it.
    """
    iou = overlaps.iou
    worth = np.where(iou >= least_iou, iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = worth[rows, columns] > 0
    pairs = tuple(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))
    found, true = np.zeros(overlaps.referred.size, bool), np.zeros(overlaps.predicted.size, bool)
    found[columns[kept]], true[rows[kept]] = True, True
    return Detection(found, true, pairs)


def hottest_voxel(prediction: Labels, reference: Labels, suv: NDArray[Any]) -> Detection:
    """C3: a reference lesion is found if a voxel of its SUVmax (any of equals) is predicted; such predictions are true.

    Args:
        prediction: Lesions, (z, y, x).
        reference: Lesions, (z, y, x).
        suv: PET, (z, y, x).

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.
    """
    require_shape(prediction, reference)
    require_shape(prediction, suv)
    inside = np.flatnonzero(reference)
    numbers, values = reference.reshape(-1)[inside], suv.reshape(-1)[inside]
    highest = np.full(int(numbers.max(initial=0)) + 1, -np.inf)
    np.maximum.at(highest, numbers, values)
    peaks = values == highest[numbers]
    hit = prediction.reshape(-1)[inside[peaks]]
    found, true = np.zeros(highest.size - 1, bool), np.zeros(int(prediction.max(initial=0)), bool)
    found[numbers[peaks][hit > 0] - 1] = True
    true[hit[hit > 0] - 1] = True
    return Detection(found, true)


@dataclass(frozen=True)
class PanopticQuality:
    """Panoptic quality of one case.

    Attributes:
        sq: Segmentation quality: mean IoU of the matched lesions; None without a match.
        rq: Recognition quality: TP / (TP + FP/2 + FN/2); None without lesions on either side.
        pq: Their product; 0 without a match, None without lesions on either side.
    """

    sq: float | None
    rq: float | None
    pq: float | None


def panoptic_quality(overlaps: Overlaps, least_iou: float = 0.5) -> PanopticQuality:
    """Judge detection and delineation in one number.

    Reference:
        Kirillov et al., CVPR 2019; specification E3.
    """
    match, iou = one_to_one(overlaps, least_iou), overlaps.iou
    rq = match.f1
    sq = float(np.mean([iou[pair] for pair in match.pairs])) if match.pairs else None
    return PanopticQuality(sq, rq, None if rq is None else rq * (sq or 0.0))
