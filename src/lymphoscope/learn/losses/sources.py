"""Losses of networks that hear several sources: what each says alone, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.outputs import crop
from lymphoscope.nets.network import Outputs


class Each(Loss):
    """Σ over sources of a loss of labels.

    Args:
        loss: Of the logits that one source gives alone.
    """

    of = "outputs"
    name = "each"

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The sum over sources."""
        assert batch.labels is not None
        each: Sequence[Tensor] = outputs["each"]
        labels = crop(batch.labels, each[0].shape[2:])
        return torch.stack([self.loss(logits, labels) for logits in each]).sum()


class Concordance(Loss):
    """1 − soft Dice of what two sources call lesion; 0 where they agree.

    Args:
        smooth: Added above and below, so that two empty masks agree.

    Reference: after Huang et al., arXiv 2108.05422 (2021), which gives no formula.
    """

    of = "outputs"
    name = "concordance"

    def __init__(self, smooth: float = 1e-5) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean over images."""
        first, second = (1.0 - logits.softmax(dim=1)[:, :1] for logits in outputs["each"])
        if batch.labels is not None:
            known = crop(batch.labels, first.shape[2:]) != IGNORE
            first, second = first * known, second * known
        both = (first * second).flatten(1).sum(dim=1)
        squares = (first.square() + second.square()).flatten(1).sum(dim=1)
        overlap: Tensor = (2.0 * both + self.smooth) / (squares + self.smooth)
        return (1.0 - overlap).mean()
