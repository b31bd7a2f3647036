"""Linear operations that go axis by axis, each as a matrix: on a CPU faster than convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import torch
from torch import Tensor
from torch.nn import functional


def along(image: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply each axis of an image by its matrix (new side, side)."""
    for axis, matrix in enumerate(matrices):
        before, side, after = image.shape[:axis], image.shape[axis], image.shape[axis + 1 :]
        if after:
            rows = matrix @ image.reshape(prod(before), side, prod(after))
            image = rows.reshape(*before, len(matrix), *after)
        else:
            image = image @ matrix.T
    return image


def blur_matrix(side: int, sigma: float) -> Tensor:
    """Weights of a Gaussian of width `sigma` voxels; at the border what is missing is shared out: (side, side)."""
    place = torch.arange(side, dtype=torch.float32)
    weights = torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    # far weights would be denormal numbers: multiplying by them takes 17 times as long
    weights = torch.where(weights > 1e-7, weights, 0.0)
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
