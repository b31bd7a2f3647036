"""Losses of images that are made."""

from __future__ import annotations

import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.known import mean_known
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.outputs import crop
from lymphoscope.nets.network import Outputs


class AbsoluteDifference(Loss):
    """Mean |made − wanted| over voxels whose label is known; over all where there are no labels; 0 where none is known.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where the batch has no image that is to be made.

    Reference: Isola et al., CVPR 2017:1125.
    """

    of = "outputs"
    name = "l1"

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean, in scaled units."""
        made: Tensor = outputs["image"].float()
        if batch.wanted is None:
            raise LymphoscopeError("USE-E-VALUE", "the loss compares with an image, and the batch has none to be made")
        difference = (made - crop(batch.wanted, made.shape[2:])).abs()
        labels = torch.zeros_like(batch.images[:, :1]) if batch.labels is None else batch.labels[:, :1]
        return mean_known(difference, torch.where(crop(labels, made.shape[2:]) == IGNORE, IGNORE, 0))
