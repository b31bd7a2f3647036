"""Cross-entropy that stresses the gaps between neighbouring lesions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import mean_known
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.voxel import frequency_weights


class BorderCrossEntropy(Loss):
    """Mean of w CE, w = w_c + w₀ exp(−(d₁ + d₂)² / 2σ²) outside lesions and w = w_c inside.

    w_c is N / (K n_c), counted in the batch and held within limits; d₁ and d₂ are the distances to the nearest and the
    second nearest lesion, voxels. Lesions touching by a corner are one.

    Args:
        height: w₀.
        sigma: σ, voxels.
        limits: Smallest and largest w_c.

    Reference:
        Ronneberger et al., MICCAI 2015, equation 2.
    """

    name = "border_ce"

    def __init__(self, height: float = 10.0, sigma: float = 5.0, limits: tuple[float, float] = (0.1, 10.0)) -> None:
        super().__init__()
        self.height, self.sigma, self.limits = height, sigma, limits

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels."""
        entropy = functional.cross_entropy(logits.float(), labels[:, 0], ignore_index=IGNORE, reduction="none")
        return mean_known(entropy[:, None] * self.weights(labels, logits.shape[1]), labels)

    def weights(self, labels: Tensor, classes: int) -> Tensor:
        """Weight w of each voxel: (batch, 1, *space)."""
        by_class = frequency_weights(labels, classes, self.limits).to(labels.device)[labels.clamp(min=0)]
        gaps = np.stack([gap_width(image > 0) for image in labels[:, 0].cpu().numpy()])[:, None]
        gap = torch.from_numpy(gaps).to(labels.device)
        return by_class + self.height * torch.exp(-(gap**2) / (2 * self.sigma**2))


def gap_width(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """d₁ + d₂ of each voxel outside all objects, voxels; infinite inside, and where there are fewer than two."""
    touching = np.ones((3,) * mask.ndim)
    objects, count = ndimage.label(mask, touching)
    nearest = np.full(mask.shape, np.inf, np.float32)
    second = nearest.copy()
    for number in range(1, count + 1):
        distance = ndimage.distance_transform_edt(objects != number).astype(np.float32)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return np.where(mask, np.float32(np.inf), nearest + second)
