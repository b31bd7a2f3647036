"""Movements of space that add up to one resampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.augment.along import along, spline_matrix
from lymphoscope.learn.batch import IGNORE


@dataclass(frozen=True)
class Bend:
    """A smooth random displacement, made again from its seed.

    Attributes:
        seed: Of the displacement.
        mm: Its standard deviation along each axis, mm.
        every: Distance between control points, mm.
    """

    seed: int
    mm: float
    every: float


@dataclass(frozen=True, eq=False)
class Warp:
    """Where each place comes from: ``matrix @ (place + bends) + shift``, mm from the middle in array order.

    Attributes:
        matrix: (dims, dims).
        shift: (dims,), mm.
        bends: Displacements; they act last whatever the order.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    bends: tuple[Bend, ...] = ()

    def then(self, later: Warp) -> Warp:
        """This movement followed by another."""
        matrix, shift = self.matrix @ later.matrix, self.matrix @ later.shift + self.shift
        return Warp(matrix, shift, (*self.bends, *later.bends))

    @property
    def mirrored(self) -> tuple[int, ...] | None:
        """Axes it mirrors, where that is all it does; otherwise None."""
        diagonal = np.diag(self.matrix)
        if self.shift.any() or any(bend.mm for bend in self.bends):
            return None
        exact = np.array_equal(self.matrix, np.diag(diagonal)) and (abs(diagonal) == 1).all()
        return tuple(np.flatnonzero(diagonal < 0).tolist()) if exact else None


def linear(content: NDArray[np.float64], shift: NDArray[np.float64] | None = None) -> Warp:
    """The warp that moves what is seen by a matrix and then by a shift, mm."""
    back = np.asarray(np.linalg.inv(content), np.float64)
    return Warp(back, np.zeros(len(back)) if shift is None else -back @ shift)


def bent(dims: int, bend: Bend) -> Warp:
    """The warp that only bends."""
    return replace(linear(np.eye(dims)), bends=(bend,))


def resample(images: Tensor, labels: Tensor, warp: Warp, spacing: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Move images and labels once.

    Mirroring alone is exact. Otherwise images are interpolated linearly and labels taken from the nearest voxel; what
    comes from outside is as dark as the darkest voxel of the channel, and unknown.

    Args:
        images: (channels, *space) fp32.
        labels: (1, *space) int64.
        warp: Where each place comes from.
        spacing: Voxel size in array order, mm.

    Returns:
        Images and labels of the same sizes.
    """
    mirrored = warp.mirrored
    if mirrored is not None:
        axes = [axis + 1 for axis in mirrored]
        return images.flip(axes), labels.flip(axes)
    places = _places(warp, images.shape[1:], spacing)
    dark = images.flatten(1).amin(1).view(-1, *(1,) * (images.ndim - 1))
    moved = functional.grid_sample((images - dark)[None], places, align_corners=False)[0] + dark
    # grid_sample fills with 0: labels are counted from IGNORE, so that 0 means unknown
    counted = (labels - IGNORE).to(images.dtype)[None]
    chosen = functional.grid_sample(counted, places, mode="nearest", align_corners=False)[0]
    return moved, chosen.long() + IGNORE


def _places(warp: Warp, shape: Sequence[int], spacing: Sequence[float]) -> Tensor:
    """Where each voxel comes from as `grid_sample` counts: (1, *space, dims), axes reversed, −1 … 1 over the grid."""
    half = np.array(shape) * np.array(spacing) / 2
    matrix = warp.matrix * half[None, :] / half[:, None]
    theta = np.concatenate([matrix[::-1, ::-1], (warp.shift / half)[::-1, None]], 1)
    places = functional.affine_grid(torch.tensor(theta[None], dtype=torch.float32), [1, 1, *shape], align_corners=False)
    for bend in warp.bends:
        to_places = torch.from_numpy((warp.matrix / half[:, None])[::-1].astype(np.float32))
        places = places + torch.tensordot(displaced(bend, shape, spacing), to_places, dims=([0], [1]))
    return places


def displaced(bend: Bend, shape: Sequence[int], spacing: Sequence[float]) -> Tensor:
    """The displacement of each voxel along each axis, mm: (dims, *space)."""
    chance = torch.Generator().manual_seed(bend.seed)
    matrices = [spline_matrix(side, mm / bend.every) for side, mm in zip(shape, spacing, strict=True)]
    control = torch.randn(len(shape), *(matrix.shape[1] for matrix in matrices), generator=chance)
    return torch.stack([along(one, matrices) for one in control * bend.mm])
