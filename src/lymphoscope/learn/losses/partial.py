"""Losses for masks of which some are incomplete."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.learn.losses.outputs import crop, shrink
from lymphoscope.nets.network import Outputs


class ByExample(Loss):
    """Mean over examples of a loss of labels of each by itself; examples of which nothing is known are left out.

    So an example with few known voxels counts as much as one with many.

    Args:
        loss: Of labels.
        complete: True to leave out also those in which no voxel is known to be background: a mask that shows a part of
            one lesion tells nothing of an overlap.
    """

    def __init__(self, loss: Loss, complete: bool = False) -> None:
        super().__init__()
        self.loss, self.complete = loss, complete

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Named values of the loss, each the mean over examples."""
        logits, labels = seen
        known = labels == 0 if self.complete else labels != IGNORE
        chosen = [number for number in range(len(labels)) if bool(known[number].any())]
        if not chosen:
            return self.loss.parts(logits[:1], torch.full_like(labels[:1], IGNORE))
        found = [self.loss.parts(logits[n : n + 1], labels[n : n + 1]) for n in chosen]
        return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean."""
        return total(self.parts(logits, labels))


class FeatureConsistency(Loss):
    """Σ over levels of 1 − cos(a, b) + max(0, cos(a, n) − margin), mean over examples with an incomplete mask.

    a is the mean feature where a lesion is marked, b where one is predicted (p > ½), n where none is (p < 0.1). Levels
    are those of the head ``features``. A term whose region is empty is left out. An incomplete mask is one without a
    voxel that is known to be background.

    Args:
        margin: How alike marked lesion and background may be.

    Reference: after Huang et al., Comput Biol Med 2022;151:106230; the formula is ours.
    """

    of = "outputs"
    name = "feature_consistency"

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The mean over incomplete examples; 0 where there is none."""
        logits: Tensor = outputs["logits"][0]
        if batch.labels is None:
            return logits.sum() * 0.0
        labels = crop(batch.labels, logits.shape[2:])
        chance = 1 - logits.detach().float().softmax(dim=1)[:, :1]
        partly = (labels > 0).flatten(1).any(dim=1) & ~(labels == 0).flatten(1).any(dim=1)
        terms = torch.stack([self._level(level.float(), labels, chance) for level in outputs["features"]]).sum(dim=0)
        return torch.where(partly, terms, 0.0).sum() / partly.sum().clamp(min=1)

    def _level(self, features: Tensor, labels: Tensor, chance: Tensor) -> Tensor:
        """Both terms of one level: (batch,)."""
        size = features.shape[2:]
        pool: Any = functional.adaptive_avg_pool3d if len(size) == 3 else functional.adaptive_avg_pool2d
        marked, p = shrink(labels, size) > 0, pool(chance, tuple(size))
        regions = marked, p > 0.5, (p < 0.1) & ~marked
        lesion, found, normal = (_mean(features, where) for where in regions)
        some, drawn, quiet = (where.flatten(1).any(dim=1) for where in regions)
        near = 1 - functional.cosine_similarity(lesion, found, dim=1)
        far = (functional.cosine_similarity(lesion, normal, dim=1) - self.margin).clamp(min=0)
        return torch.where(some & drawn, near, 0.0) + torch.where(some & quiet, far, 0.0)


def _mean(features: Tensor, where: Tensor) -> Tensor:
    """Mean feature of a region of each example: (batch, channels)."""
    inside = where.float()
    return (features * inside).flatten(2).sum(dim=2) / inside.flatten(2).sum(dim=2).clamp(min=1)
