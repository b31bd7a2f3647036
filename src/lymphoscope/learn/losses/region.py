"""Losses that compare whole regions by their overlap."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import class_counts, lesions, one_versus_rest, per_class
from lymphoscope.learn.losses.loss import Loss


class Sums(NamedTuple):
    """Soft sums of each image and class, each (batch or 1, classes).

    Attributes:
        both: Σ p g.
        predicted: Σ p, or Σ p².
        true: Σ g.
    """

    both: Tensor
    predicted: Tensor
    true: Tensor


def soft_sums(logits: Tensor, labels: Tensor, background: bool, squared: bool, batchwise: bool) -> Sums:
    """Add up probabilities and labels over known voxels, in fp32."""
    inside = lesions(labels, logits.shape[1], background)
    p = functional.softmax(logits.float(), 1)[:, logits.shape[1] - inside.shape[1] :]
    # an unknown voxel is inside nothing: it has to be kept out of the second sum alone
    sums = p * inside, torch.where(labels != IGNORE, p * p if squared else p, 0.0), inside
    both, predicted, true = (part.flatten(2).sum(2, dtype=torch.float32) for part in sums)
    found = Sums(both, predicted, true)
    return Sums(*(part.sum(0, keepdim=True) for part in found)) if batchwise else found


class Dice(Loss):
    """1 − (2 Σpg + s) / (Σp + Σg + s), mean over images and classes.

    An image without lesion in which nothing is predicted costs 0; with anything predicted it costs nearly 1.

    Args:
        squared: True for Σp² and Σg² below (V-Net).
        background: True to count the background as a class.
        batchwise: True to take the examples of a batch as one image.
        smooth: s.

    Reference:
        Milletari et al., 3DV 2016; Wu et al., Front. Immunol. 2025, equation 2.
    """

    name = "dice"

    def __init__(
        self, squared: bool = False, background: bool = False, batchwise: bool = False, smooth: float = 1e-5
    ) -> None:
        super().__init__()
        self.squared, self.background, self.batchwise, self.smooth = squared, background, batchwise, smooth

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over images and classes."""
        both, predicted, true = soft_sums(logits, labels, self.background, self.squared, self.batchwise)
        return (1 - (2 * both + self.smooth) / (predicted + true + self.smooth)).mean()


class Tversky(Loss):
    """1 − (TP + s/2) / (TP + α FP + β FN + s/2), mean over images and classes; Dice where α = β = ½.

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        background: True to count the background as a class.
        batchwise: True to take the examples of a batch as one image.
        smooth: s.

    Reference:
        Salehi et al., MLMI 2017.
    """

    name = "tversky"

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        background: bool = False,
        batchwise: bool = False,
        smooth: float = 1e-5,
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.background, self.batchwise = alpha, beta, background, batchwise
        self.smooth = smooth

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over images and classes."""
        both, predicted, true = soft_sums(logits, labels, self.background, False, self.batchwise)
        wrong = self.alpha * (predicted - both) + self.beta * (true - both)
        return (1 - (both + self.smooth / 2) / (both + wrong + self.smooth / 2)).mean()


class ClassBalancedDice(Loss):
    """Dice of all classes, background included, each weighted by the inverse of its effective number of voxels.

    A class that is absent has no weight; the weights of the others add up to the number of classes. Where β is small
    for the counts, effective numbers are all 1 / (1 − β) and the weights equal: 0.99 is so at thousands of voxels.

    Args:
        beta: 0 for equal weights, towards 1 for inverse frequency.
        counts: Voxels of each class in the training set; counted in the batch when not given.
        batchwise: True to take the examples of a batch as one image.
        smooth: s.

    Reference:
        After Liu et al. (class-balanced Dice loss); Cui et al., CVPR 2019.
    """

    name = "class_balanced_dice"

    def __init__(
        self,
        beta: float = 0.9999,
        counts: Sequence[float] | None = None,
        batchwise: bool = True,
        smooth: float = 1e-6,
    ) -> None:
        super().__init__()
        if not 0 <= beta < 1:
            raise LymphoscopeError("USE-E-VALUE", f"beta of class_balanced_dice is {beta}, but lies in [0, 1)")
        self.beta, self.counts, self.batchwise, self.smooth = beta, counts, batchwise, smooth

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over classes."""
        counts = (
            class_counts(labels, logits.shape[1])
            if self.counts is None
            else per_class(self.counts, logits, "counts of class_balanced_dice").double()
        )
        both, predicted, true = soft_sums(logits, labels, True, False, self.batchwise)
        dice = (2 * both + self.smooth) / (predicted + true + self.smooth)
        return ((1 - dice) * effective_weights(counts, self.beta).float()).mean()


def effective_weights(counts: Tensor, beta: float) -> Tensor:
    """C / E_c over the sum of 1 / E of all C classes, E = (1 − βⁿ) / (1 − β); 0 for a class without voxel."""
    # 1 − βⁿ as −expm1(n log β): for β close to 1 the difference has no digits left
    effective = -torch.expm1(counts * log(beta)) / (1 - beta) if beta else (counts > 0).to(counts)
    inverse = torch.where(counts > 0, 1 / effective.clamp(min=1e-300), 0.0)
    return inverse * len(counts) / inverse.sum().clamp(min=1e-300)


class Structure(Loss):
    """Cross-entropy and overlap, both weighted where a voxel differs from what surrounds it.

    Args:
        window: Side of the window, voxels, odd.
        overlap: Factor of the overlap term.

    Reference:
        Wei et al., F3Net, AAAI 2020.
    """

    name = "structure"

    def __init__(self, window: int = 31, overlap: float = 2.0) -> None:
        super().__init__()
        if window % 2 == 0:
            raise LymphoscopeError("USE-E-VALUE", f"the window of the structure loss is {window}, but must be odd")
        self.window, self.overlap = window, overlap

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over images and lesion classes."""
        inside, outside = one_versus_rest(logits)
        lesion = lesions(labels, logits.shape[1])
        g = lesion.float()
        weight = torch.where(labels != IGNORE, 1 + 5 * (_window_mean(g, self.window) - g).abs(), 0.0)
        wrong = weight * -torch.where(lesion, inside, outside)
        p = inside.exp()
        both, either, wrong, weighed = (
            part.flatten(2).sum(2) for part in (weight * p * g, weight * (p + g - p * g), wrong, weight)
        )
        entropy = wrong / weighed.clamp(min=1.0)
        return (entropy + self.overlap * (1 - (both + 1) / (either + 1))).mean()


def _window_mean(image: Tensor, side: int) -> Tensor:
    """Mean over a window, 0 beyond the image, by running sums: as fast for a wide window as for a narrow one."""
    for axis in range(2, image.ndim):
        length = image.shape[axis]
        reach = [0, 0] * (image.ndim - 1 - axis) + [side // 2 + 1, side // 2]
        sums = functional.pad(image, reach).cumsum(axis)
        image = sums.narrow(axis, side, length) - sums.narrow(axis, 0, length)
    return image.div(side ** (image.ndim - 2))
