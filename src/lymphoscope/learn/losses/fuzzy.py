"""Losses that need no mask: classes are to be clusters of uptake. And one that tells which cluster is the lesion."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.known import lesions
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.outputs import crop
from lymphoscope.nets.network import Outputs

_LEAST = 1e-8
"""Added to sums of memberships, so that an empty cluster has a centre."""


class RobustFuzzyCMeans(Loss):
    """mean Σ_k u_k^q (y − v_k)² + β mean Σ_k u_k^q Σ over neighbours and other classes of u^q.

    v_k = Σ u_k^q y / Σ u_k^q in each example. Which class is the lesion it cannot tell.

    Args:
        beta: Weight of the agreement with the 26 (in slices 8) neighbours.
        exponent: q.
        channel: Number of the image that is clustered, scaled.

    Reference: Chen et al., Med Phys 2021;48:6185; Yousefirizi et al., arXiv 2212.09908 (2022).
    """

    of = "outputs"
    name = "fuzzy"

    def __init__(self, beta: float = 8e-4, exponent: float = 2.0, channel: int = 0) -> None:
        super().__init__()
        self.beta, self.exponent, self.channel = beta, exponent, channel

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean over voxels."""
        logits: Tensor = outputs["logits"][0]
        u = logits.float().softmax(dim=1)
        y = crop(batch.images[:, self.channel : self.channel + 1], u.shape[2:])
        powers = u**self.exponent
        spread = (powers * (y - centres(powers, y)).square()).sum(dim=1).mean()
        if not self.beta:
            return spread
        around = _neighbours(powers)
        others = around.sum(dim=1, keepdim=True) - around
        return spread + self.beta * (powers * others).sum(dim=1).mean()


class LabelledFuzzyCMeans(Loss):
    """mean over known voxels of C⁻¹ Σ_k u_k^q (g_k − 1)²: what is given to classes other than the true one.

    Args:
        exponent: q.

    Reference: Chen et al., Med Phys 2021;48:6185.
    """

    name = "labelled_fuzzy"

    def __init__(self, exponent: float = 2.0) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean; 0 where nothing is known."""
        u = logits.float().softmax(dim=1)
        wrong = ~lesions(labels, u.shape[1], background=True) & (labels != IGNORE)
        known = (labels != IGNORE).sum().clamp(min=1)
        return torch.where(wrong, u**self.exponent, 0.0).sum() / (u.shape[1] * known)


class MumfordShah(Loss):
    """mean Σ_k u_k (y − c_k)² + μ TV(u): regions of even uptake with short borders.

    c_k = Σ u_k y / Σ u_k in each example; TV is the sum of absolute differences along the axes, a voxel.

    Args:
        mu: μ.
        channel: Number of the image, scaled.

    Reference: Kim and Ye, IEEE Trans Image Process 2020;29:1856.
    """

    of = "outputs"
    name = "mumford_shah"

    def __init__(self, mu: float = 1e-3, channel: int = 0) -> None:
        super().__init__()
        self.mu, self.channel = mu, channel

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean over voxels."""
        logits: Tensor = outputs["logits"][0]
        u = logits.float().softmax(dim=1)
        y = crop(batch.images[:, self.channel : self.channel + 1], u.shape[2:])
        spread = (u * (y - centres(u, y)).square()).sum(dim=1).mean()
        steps = [u.diff(dim=axis).abs().sum() for axis in range(2, u.dim())]
        return spread + self.mu * torch.stack(steps).sum() / u[:, 0].numel()


def centres(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted mean of values in each class of each example: (batch, classes, 1 …)."""
    axes = tuple(range(2, weights.dim()))
    return (weights * values).sum(dim=axes, keepdim=True) / (weights.sum(dim=axes, keepdim=True) + _LEAST)


def _neighbours(weights: Tensor) -> Tensor:
    """Sum over the neighbours of each voxel, of each channel by itself; outside is nothing."""
    dims = weights.dim() - 2
    mean = functional.avg_pool3d if dims == 3 else functional.avg_pool2d
    found: Tensor = mean(weights, 3, stride=1, padding=1) * 3**dims - weights
    return found
