"""Losses of how an outline looks: how steep and how smooth."""

from __future__ import annotations

from math import pi, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import lesions
from lymphoscope.learn.losses.loss import Loss


class BoundaryGradient(Loss):
    """Mean over a band of | ‖S p‖ − ‖S g‖ |: the prediction is to be as steep as the label where the label ends.

    S is the Sobel gradient, scaled so that a unit step has ½; the band is the dilated label without the eroded one. An
    image without lesion adds nothing, so this is no loss to be used alone.

    Reference:
        After Zhu et al., CGBO-Net, Comput. Biol. Med. 2022, 106534; the details are ours.
    """

    name = "boundary_gradient"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels of the bands of all lesion classes."""
        known = labels != IGNORE
        p = functional.softmax(logits.float(), 1)[:, 1:]
        # a gradient reaches into neighbouring voxels: unknown ones must not hear of it
        p = torch.where(known, p, p.detach())
        g = lesions(labels, logits.shape[1]).float()
        pool = functional.max_pool2d if g.ndim == 4 else functional.max_pool3d
        band = (pool(g, 3, 1, 1) + pool(-g, 3, 1, 1) > 0) & known
        wrong = (steepness(p) - steepness(g)).abs()
        return torch.where(band, wrong, 0.0).sum() / band.sum().clamp(min=1)


class Irregularity(Loss):
    """(BI(p) − BI(g))², BI = 1 − 2 Σ m S(m) / (Σ m + Σ S(m)): outlines are to be as regular as those of the labels.

    S(m) is max(0, 2 (G∗m) − 1) with a Gaussian G: what of m is left when it is smoothed. BI is taken for each axial
    slice in which the label has lesion, and for both p and g with the same soft S: with a hard one for g, as in the
    published scripts, the loss would not be 0 where p = g. It does not see where an outline is.

    Args:
        sigma: Width of the Gaussian, voxels.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a width that is not above 0.

    Reference:
        After Jurdi et al.; the weight beside Dice (0.1) is ours.
    """

    name = "irregularity"

    def __init__(self, sigma: float = 2.0) -> None:
        super().__init__()
        if sigma <= 0:
            raise LymphoscopeError("USE-E-VALUE", f"sigma of irregularity is {sigma}, but must be above 0")
        self.sigma = sigma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over slices with lesion, of all images and lesion classes; 0 without any."""
        p = functional.softmax(logits.float(), 1)[:, 1:]
        p = torch.where(labels != IGNORE, p, 0.0)
        g = lesions(labels, logits.shape[1]).float()
        has = g.flatten(-2).any(-1)
        wrong = (boundary_irregularity(p, self.sigma) - boundary_irregularity(g, self.sigma)) ** 2
        return torch.where(has, wrong, 0.0).sum() / has.sum().clamp(min=1)


def boundary_irregularity(masks: Tensor, sigma: float) -> Tensor:
    """BI of each slice: 0 for what smoothing leaves as it is; (…, rows, columns) to (…)."""
    rows, columns = (_gaussian(side, sigma).to(masks) for side in masks.shape[-2:])
    smooth = functional.relu(2 * (rows @ masks @ columns.T) - 1)
    both, each = (part.flatten(-2).sum(-1) for part in (masks * smooth, masks + smooth))
    return 1 - (2 * both + 1e-6) / (each + 1e-6)


def steepness(images: Tensor) -> Tensor:
    """Length of the Sobel gradient, (batch, classes, *space), ½ at both voxels of a unit step; edges are continued."""
    space = range(2, images.ndim)
    squares = torch.zeros_like(images)
    for axis in space:
        slope = images
        for other in space:
            slope = _weighed(slope, other, (-0.5, 0.0, 0.5) if other == axis else (0.25, 0.5, 0.25))
        squares = squares + slope**2
    # the root has no slope at 0; the offset is far below what a slope means
    return (squares + 1e-12).sqrt()


def _weighed(images: Tensor, axis: int, weights: tuple[float, float, float]) -> Tensor:
    """Weighted sum of each voxel's neighbour before, itself and its neighbour after."""
    length = images.shape[axis]
    wide = torch.cat([images.narrow(axis, 0, 1), images, images.narrow(axis, length - 1, 1)], axis)
    before, middle, after = (wide.narrow(axis, start, length) for start in range(3))
    found = weights[0] * before + weights[2] * after
    return found + weights[1] * middle if weights[1] else found


def _gaussian(side: int, sigma: float) -> Tensor:
    """Weights of a Gaussian, (side, side); beyond the border there is nothing."""
    place = torch.arange(side, dtype=torch.float32)
    weights = torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi))
    # far weights would be denormal numbers, which are slow
    return torch.where(weights > 1e-7, weights, 0.0)
