"""Probabilities and means over the voxels whose label is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE


def mean_known(values: Tensor, labels: Tensor) -> Tensor:
    """Mean over known voxels; 0 where none is known.

    Args:
        values: (batch, classes, *space).
        labels: (batch, 1, *space).
    """
    known = labels != IGNORE
    count = known.sum().clamp(min=1) * values.shape[1]
    return torch.where(known, values, 0.0).sum() / count


def lesions(labels: Tensor, classes: int, background: bool = False) -> Tensor:
    """What each class holds: (batch, classes, *space) bool; without the background unless asked. Unknown is nowhere."""
    first = 0 if background else 1
    names = torch.arange(first, classes, device=labels.device)
    return labels == names.view(1, -1, *(1,) * (labels.ndim - 2))


def class_counts(labels: Tensor, classes: int) -> Tensor:
    """Known voxels of each class, background first: (classes,) float64."""
    return lesions(labels, classes, background=True).flatten(2).sum((0, 2)).double()


def per_class(values: Sequence[float], logits: Tensor, what: str) -> Tensor:
    """A setting with a number for each class: (classes,) fp32.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where there are not as many as classes.
    """
    if len(values) != logits.shape[1]:
        raise LymphoscopeError("USE-E-VALUE", f"{what} has {len(values)} numbers for {logits.shape[1]} classes")
    return torch.tensor(values, dtype=torch.float32, device=logits.device)


def one_versus_rest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Both log p and log(1 − p) of each lesion class, p of the softmax: (batch, classes − 1, *space) each, fp32."""
    scores = logits.float()
    whole = scores.logsumexp(1, keepdim=True)
    if scores.shape[1] == 2:
        return scores[:, 1:] - whole, scores[:, :1] - whole
    others = [
        torch.cat([scores[:, :c], scores[:, c + 1 :]], 1).logsumexp(1, keepdim=True) for c in range(1, scores.shape[1])
    ]
    return scores[:, 1:] - whole, torch.cat(others, 1) - whole


def true_class(logits: Tensor, labels: Tensor) -> Tensor:
    """The log p of the true class of each voxel, of class 0 where it is unknown: (batch, 1, *space), fp32."""
    return functional.log_softmax(logits.float(), 1).gather(1, labels.clamp(min=0))
