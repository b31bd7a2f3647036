"""Losses that judge each voxel alone. A batch in which nothing is known costs 0."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import class_counts, lesions, mean_known, one_versus_rest, per_class, true_class
from lymphoscope.learn.losses.loss import Loss


class CrossEntropy(Loss):
    """−mean log p of the true class, background included.

    Reference:
        Wu et al., Front. Immunol. 2025, equation 1.
    """

    name = "ce"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels."""
        summed = functional.cross_entropy(logits.float(), labels[:, 0], ignore_index=IGNORE, reduction="sum")
        return summed / (labels != IGNORE).sum().clamp(min=1)


class WeightedCrossEntropy(Loss):
    """Cross-entropy with a weight for each class, divided by the sum of the weights.

    Args:
        weights: One a class. When not given N / (K n_c), counted in the batch and held within `limits`.
        limits: Smallest and largest counted weight.
    """

    name = "weighted_ce"

    def __init__(self, weights: Sequence[float] | None = None, limits: tuple[float, float] = (0.1, 10.0)) -> None:
        super().__init__()
        self.weights, self.limits = weights, limits

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over known voxels."""
        classes = logits.shape[1]
        weight = (
            frequency_weights(labels, classes, self.limits)
            if self.weights is None
            else per_class(self.weights, logits, "weights of weighted_ce")
        )
        summed = functional.cross_entropy(
            logits.float(), labels[:, 0], weight=weight, ignore_index=IGNORE, reduction="sum"
        )
        weighed = (class_counts(labels, classes).to(weight) * weight).sum()
        return summed / torch.where(weighed > 0, weighed, 1.0)


class Focal(Loss):
    """−mean α (1 − p)^γ log p of the true class.

    The mean runs over voxels. MONAI's ``FocalLoss(use_softmax=True)`` runs over voxels and classes and is smaller by
    the number of classes.

    Args:
        gamma: How much easy voxels are held down.
        alpha: Factor, one number for all classes or one a class.

    Reference:
        Lin et al., ICCV 2017.
    """

    name = "focal"

    def __init__(self, gamma: float = 2.0, alpha: float | Sequence[float] = 0.25) -> None:
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels."""
        log_p = true_class(logits, labels)
        alpha = (self.alpha,) * logits.shape[1] if isinstance(self.alpha, int | float) else self.alpha
        factor = per_class(alpha, logits, "alpha of focal")[labels.clamp(min=0)]
        # 1 − p as −expm1 keeps its digits where p is close to 1
        return mean_known(-factor * (-torch.expm1(log_p)).clamp(min=1e-12) ** self.gamma * log_p, labels)


class BinaryCrossEntropy(Loss):
    """Each lesion class against everything else, p of the softmax. With one lesion class it is the cross-entropy."""

    name = "bce"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels and lesion classes."""
        inside, outside = one_versus_rest(logits)
        return mean_known(-torch.where(lesions(labels, logits.shape[1]), inside, outside), labels)


class CosineSine(Loss):
    """−mean of g cos^γ(πp/2) log p + (1 − g) sin^γ(πp/2) log(1 − p), each lesion class against everything else.

    The paper's formula could not be obtained; its abstract says that hard voxels are stressed and well-classified ones
    held down, which this does. The bare cosine and sine (`plain`) do not: the gradient at a hard voxel vanishes.

    Args:
        gamma: Exponent.
        plain: True for mean g cos(πp/2) + (1 − g) sin(πp/2), for comparison.

    Reference:
        After Xu et al., DiSegNet, 2021.
    """

    name = "cosine_sine"

    def __init__(self, gamma: float = 1.0, plain: bool = False) -> None:
        super().__init__()
        self.gamma, self.plain = gamma, plain

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels and lesion classes."""
        inside, outside = one_versus_rest(logits)
        lesion = lesions(labels, logits.shape[1])
        # sin(πp/2) = cos(π(1 − p)/2): both halves are a function of the probability of what is true
        log_true = torch.where(lesion, inside, outside)
        missed = -torch.expm1(log_true)
        if self.plain:
            return mean_known(torch.sin(missed * (pi / 2)), labels)
        hard = torch.sin(missed * (pi / 2)).clamp(min=1e-12) ** self.gamma
        return mean_known(-hard * log_true, labels)


def frequency_weights(labels: Tensor, classes: int, limits: tuple[float, float]) -> Tensor:
    """N / (K n_c) of each class, held within limits: (classes,) float32."""
    counts = class_counts(labels, classes)
    return (counts.sum() / (classes * counts.clamp(min=1))).clamp(*limits).float()
