"""Losses of networks that judge candidates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.nets.network import Outputs


class CandidateCrossEntropy(Loss):
    """−mean log p of the class of a candidate: that of most of its lesion voxels, background where it has none.

    A candidate is the last channel of an example. One of which no voxel is known is left out.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without masks.
    """

    of = "outputs"
    name = "candidate_ce"

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean over candidates and levels of the head ``classify``."""
        known, lesion = truth_of(batch, outputs["scores"][0].shape[1])
        costs = [functional.cross_entropy(one.float(), lesion, reduction="none") for one in outputs["scores"]]
        return torch.where(known, torch.stack(costs).mean(dim=0), 0.0).sum() / known.sum().clamp(min=1)


def truth_of(batch: Batch, classes: int = 2) -> tuple[Tensor, Tensor]:
    """Of each candidate whether it is known what it is, (batch,) bool, and its class, (batch,) int64."""
    if batch.labels is None:
        raise LymphoscopeError("USE-E-VALUE", "candidates are compared with labels, and the batch has none")
    itself = batch.images[:, -1:] > 0.5
    known = (itself & (batch.labels != IGNORE)).flatten(1).any(dim=1)
    voxels = [(itself & (batch.labels == number)).flatten(1).sum(dim=1) for number in range(1, classes)]
    count, most = torch.stack(voxels).max(dim=0)
    return known, torch.where(count > 0, most + 1, 0)
