"""The regulariser that pulls hesitant voxels up to the confidence their class is expected to have."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import true_class
from lymphoscope.learn.losses.loss import Loss


class PriorShift(Loss):
    """λ₁ Σ_c mean over I_c of −(e_c − q)^γ log q + λ₂ Σ_c (e_c − mean of q over class c)².

    q is the probability of a voxel's true class, e_c the expected confidence of class c, and I_c its voxels with
    q < e_c. Each class counts by its own mean, so that many background voxels do not outweigh a few of a lesion. e_c is
    learnt with the network: it belongs to the parameters of the loss and passes no gradient to the first term, as q
    passes none to the second. A class without such voxels adds 0.

    Args:
        classes: Of the network, background included.
        gamma: γ.
        start: e_c before training.
        weights: λ₁ and λ₂.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for logits of another number of classes.

    Reference:
        After Wang et al., PSR-Net, Comput. Biol. Med. 2022, 106215; the formulas are ours.
    """

    name = "prior_shift"

    def __init__(
        self, classes: int = 2, gamma: float = 2.0, start: float = 0.9, weights: tuple[float, float] = (1.0, 1.0)
    ) -> None:
        super().__init__()
        self.gamma, self.weights = gamma, weights
        self.theta = nn.Parameter(torch.full((classes,), log(start / (1 - start))))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Both terms."""
        classes = len(self.theta)
        if logits.shape[1] != classes:
            raise LymphoscopeError(
                "USE-E-VALUE", f"prior_shift is told of {classes} classes, the network has {logits.shape[1]}"
            )
        known = (labels != IGNORE).flatten()
        log_q = true_class(logits, labels).flatten()
        own = torch.where(known, labels.flatten(), 0)
        expected = self.theta.sigmoid()
        lack = expected.detach()[own] - log_q.exp()
        hesitant = known & (lack > 0)
        pull = -(torch.where(hesitant, lack, 0.0) ** self.gamma) * log_q
        shifted = _class_means(pull, own, hesitant, classes)
        mean_q = _class_means(log_q.detach().exp(), own, known, classes)
        present = torch.bincount(own[known], minlength=classes) > 0
        learnt = torch.where(present, (expected - mean_q) ** 2, 0.0)
        return self.weights[0] * shifted.sum() + self.weights[1] * learnt.sum()


def _class_means(values: Tensor, own: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """Mean of the chosen values of each class, 0 where none is chosen: (classes,)."""
    sums = values.new_zeros(classes).index_add(0, own, torch.where(chosen, values, 0.0))
    return sums / torch.bincount(own[chosen], minlength=classes).clamp(min=1)
