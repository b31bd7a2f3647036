"""Linear operations that go axis by axis, each as a matrix: on a CPU faster than convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional


def along(image: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply each axis of an image by its matrix (new side, side)."""
    for matrix in matrices:
        # takes the first axis and puts the new one last: after a round all are in order again
        image = torch.tensordot(image, matrix, dims=([0], [1]))
    return image


def blur_matrix(side: int, sigma: float) -> Tensor:
    """Weights of a Gaussian of width `sigma` voxels; at the border what is missing is shared out: (side, side)."""
    place = torch.arange(side, dtype=torch.float32)
    weights = torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    return weights / weights.sum(1, keepdim=True)


def spline_matrix(side: int, step: float) -> Tensor:
    """Cubic B-splines at each voxel, scaled so that independent control points of variance 1 give variance 1.

    Args:
        side: Voxels.
        step: Voxel size as a share of the distance between control points.

    Returns:
        (side, control points).
    """
    place = torch.arange(side, dtype=torch.float32) * step
    points = torch.arange(-1, ceil((side - 1) * step) + 2, dtype=torch.float32)
    far = (place[:, None] - points).abs()
    near, wide = 2 / 3 - far**2 * (1 - far / 2), (2 - far).clamp(min=0) ** 3 / 6
    weights = torch.where(far < 1, near, wide)
    return functional.normalize(weights, dim=1)
