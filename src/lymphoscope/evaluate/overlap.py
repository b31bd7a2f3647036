"""Voxels that two masks share: Dice and its kin, volumes, and how far a probability map is off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError

Mask = NDArray[np.bool_]


def ratio(part: float, whole: float) -> float | None:
    """Part of a whole, or None where there is no whole to be a part of."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Confusion:
    """Voxels (or cases, or lesions) counted twice: by the prediction and by the reference.

    A ratio of nothing to nothing is None, and an empty reference leaves Dice, IoU and sensitivity undefined
    whatever was predicted.

    Attributes:
        tp: In both.
        fp: In the prediction only.
        fn: In the reference only.
        tn: In neither.

    Reference:
        Specification E1, E2.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, prediction: Mask, reference: Mask) -> Confusion:
        """Count two masks of one shape, (z, y, x).

        Raises:
            LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.
        """
        require_shape(prediction, reference)
        both = int(np.count_nonzero(prediction & reference))
        predicted, referred = int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))
        outside = prediction.size - predicted - referred + both
        return cls(both, predicted - both, referred - both, outside)

    def __add__(self, other: Confusion) -> Confusion:
        """Pool two counts."""
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def n_pred(self) -> int:
        """Voxels of the prediction."""
        return self.tp + self.fp

    @property
    def n_ref(self) -> int:
        """Voxels of the reference."""
        return self.tp + self.fn

    @property
    def dice(self) -> float | None:
        """2TP / (2TP + FP + FN); None for an empty reference."""
        return ratio(2 * self.tp, self.n_pred + self.n_ref) if self.n_ref else None

    @property
    def iou(self) -> float | None:
        """TP / (TP + FP + FN); None for an empty reference."""
        return ratio(self.tp, self.tp + self.fp + self.fn) if self.n_ref else None

    @property
    def sensitivity(self) -> float | None:
        """TP / (TP + FN), recall."""
        return ratio(self.tp, self.n_ref)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP), positive predictive value."""
        return ratio(self.tp, self.n_pred)

    @property
    def specificity(self) -> float | None:
        """TN / (TN + FP)."""
        return ratio(self.tn, self.tn + self.fp)

    @property
    def accuracy(self) -> float | None:
        """(TP + TN) / all; inflated by background."""
        return ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    @property
    def relative_volume_difference(self) -> float | None:
        """(Vp − Vr) / Vr, signed."""
        return ratio(self.n_pred - self.n_ref, self.n_ref)


def pooled(counts: Iterable[Confusion]) -> Confusion:
    """The counts of many cases as if they were one."""
    return sum(counts, Confusion(0, 0, 0, 0))


def dice_with_empty_as_one(counts: Confusion) -> float | None:
    """Dice where nothing predicted for nothing is 1 and anything predicted for nothing is 0."""
    return ratio(2 * counts.tp, counts.n_pred + counts.n_ref) if counts.n_pred + counts.n_ref else 1.0


@dataclass(frozen=True)
class ProbabilityError:
    """How far a probability map is from the reference, over the voxels that count.

    Attributes:
        mae: Mean |p − y|.
        mse: Mean (p − y)², which is the Brier score.
        mad: Mean |p − mean p|: a dispersion of the map, not an error.
    """

    mae: float
    mse: float
    mad: float


def probability_error(
    probability: NDArray[Any], reference: Mask, inside: Mask | None = None
) -> ProbabilityError | None:
    """Errors of a probability map.

    Args:
        probability: 0–1, (z, y, x).
        reference: (z, y, x).
        inside: Voxels that count, such as the body; all when None.

    Returns:
        The errors, or None where no voxel counts.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.

    Reference:
        Specification E1; catalogue of lymphoma systems, Q3.
    """
    require_shape(probability, reference)
    p = (probability if inside is None else probability[inside]).astype(np.float64).ravel()
    y = (reference if inside is None else reference[inside]).ravel()
    if not p.size:
        return None
    off = p - y
    return ProbabilityError(float(np.abs(off).mean()), float(np.square(off).mean()), float(np.abs(p - p.mean()).mean()))


def require_shape(one: NDArray[Any], other: NDArray[Any]) -> None:
    """Refuse two arrays of different shapes.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID``.
    """
    if one.shape != other.shape:
        raise LymphoscopeError("GEO-E-MASKGRID", f"prediction of {one.shape} and reference of {other.shape} voxels")
