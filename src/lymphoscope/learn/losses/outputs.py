"""Losses of what a network puts out and the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.nets.heads import enlarged
from lymphoscope.nets.network import Outputs


class Finest(Loss):
    """A loss of labels, applied to the finest logits."""

    of = "outputs"

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Named values of the loss."""
        outputs, batch = seen
        logits = outputs["logits"][0]
        return self.loss.parts(logits, crop(_labels(batch), logits.shape[2:]))

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss."""
        return total(self.parts(outputs, batch))


class Deep(Loss):
    """Deep supervision: a loss of labels at every level of logits, weighted.

    Args:
        loss: The loss at each level.
        weights: One a level, finest first; when not given those of `halving`. A level of weight 0 is not computed.
        smaller: How labels come to a coarser level: ``max``, so that a lesion of one voxel stays, or ``nearest``;
            ``none`` leaves them as they are and enlarges the logits.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where there are not as many weights as levels of logits, or for another word.

    Reference:
        Lee et al., AISTATS 2015; Isensee et al., Nat. Methods 2021.
    """

    of = "outputs"

    def __init__(self, loss: Loss, weights: Sequence[float] | None = None, smaller: str = "max") -> None:
        super().__init__()
        if smaller not in _SMALLER:
            raise LymphoscopeError("USE-E-VALUE", f"labels are made smaller by max, nearest or none, not {smaller!r}")
        self.loss, self.weights, self.smaller = loss, weights, _SMALLER[smaller]

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Named values, each summed over the levels."""
        outputs, batch = seen
        levels: Sequence[Tensor] = outputs["logits"]
        weights = halving(len(levels)) if self.weights is None else self.weights
        if len(weights) != len(levels):
            raise LymphoscopeError(
                "USE-E-VALUE", f"deep supervision has {len(weights)} weights for {len(levels)} levels of logits"
            )
        labels = crop(_labels(batch), levels[0].shape[2:])
        found: dict[str, Tensor] = {}
        for logits, weight in zip(levels, weights, strict=True):
            if weight:
                marked = self.smaller(labels, logits.shape[2:])
                for name, value in self.loss.parts(enlarged(logits, marked.shape[2:]), marked).items():
                    found[name] = found[name] + weight * value if name in found else weight * value
        return found

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The weighted sum."""
        return total(self.parts(outputs, batch))


class OutcomeCrossEntropy(Loss):
    """−mean of w_y log p_y over the cases whose outcome is known, p = Σ a_i softmax(risk_i); 0 where none is.

    Args:
        target: Name of the outcome, as in ``outcome:NAME``; when not given, the only outcome of the batch.
        levels: a_i, one for each output of the risk head, divided by their sum; equal when not given.
        weights: w of outcome 0 and of outcome 1; 1 when not given.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where the batch has no such outcome, or the levels are not as many.

    Reference:
        Liu et al. 2022: p is held above 1e-7.
    """

    name = "outcome_ce"
    of = "outputs"

    def __init__(
        self,
        target: str | None = None,
        levels: Sequence[float] | None = None,
        weights: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(weights, str):
            raise LymphoscopeError("USE-E-VALUE", f"{weights} weights of an outcome are counted before a training")
        self.target, self.levels, self.weights = target, levels, weights

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The weighted mean over known outcomes."""
        risks: Sequence[Tensor] = outputs["risk"]
        levels = self.levels or (1.0,) * len(risks)
        if len(levels) != len(risks):
            raise LymphoscopeError("USE-E-VALUE", f"{len(levels)} weights for {len(risks)} outputs of the risk head")
        shares = [a * functional.softmax(risk.float(), 1) for a, risk in zip(levels, risks, strict=True)]
        p = torch.stack(shares).sum(0) / sum(levels)
        outcome = self._outcome(batch)
        known = ~outcome.isnan()
        true = torch.where(known, outcome, 0.0).long()
        weight = torch.tensor(self.weights or (1.0, 1.0), device=p.device)[true]
        cost = -weight * p.gather(1, true[:, None])[:, 0].clamp(min=1e-7).log()
        return torch.where(known, cost, 0.0).sum() / known.sum().clamp(min=1)

    def _outcome(self, batch: Batch) -> Tensor:
        names = [name for name in batch.targets if name.startswith("outcome:")]
        wanted = names if self.target is None else [f"outcome:{self.target}"]
        if len(wanted) != 1 or wanted[0] not in batch.targets:
            raise LymphoscopeError("USE-E-VALUE", f"the batch has the outcomes {names}; the loss wants {self.target!r}")
        return batch.targets[wanted[0]].float()


def of_outputs(loss: Loss) -> Loss:
    """The loss, or where it is of labels the same of the finest logits."""
    return Finest(loss) if loss.of == "labels" else loss


def halving(levels: int) -> tuple[float, ...]:
    """nnU-Net's weights: 1, ½, ¼ … with the coarsest 0, divided by their sum; 1 for a single level."""
    raw = [0.5**level for level in range(levels)]
    if levels > 1:
        raw[-1] = 0.0
    return tuple(weight / sum(raw) for weight in raw)


def crop(labels: Tensor, size: Sequence[int]) -> Tensor:
    """The middle of labels: networks of valid convolutions put out less than they read."""
    for axis, side in enumerate(size, 2):
        labels = labels.narrow(axis, (labels.shape[axis] - side) // 2, side)
    return labels


def shrink(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Labels at a coarser size, so that a lesion of one voxel stays.

    A coarse voxel is the highest lesion class inside it; without one it is unknown where anything in it is unknown.

    Args:
        labels: (batch, 1, *space).
        size: Wanted size of space.
    """
    if tuple(labels.shape[2:]) == tuple(size):
        return labels
    # between background and the first lesion class, so that one maximum answers both questions
    unknown = 0.5
    ranked = torch.where(labels == IGNORE, unknown, labels.to(torch.float32))
    strides = [side // small for side, small in zip(labels.shape[2:], size, strict=True)]
    flat = labels.ndim == 4
    if all(side == stride * small for side, stride, small in zip(labels.shape[2:], strides, size, strict=True)):
        best = (functional.max_pool2d if flat else functional.max_pool3d)(ranked, strides)
    else:
        best = (functional.adaptive_max_pool2d if flat else functional.adaptive_max_pool3d)(ranked, tuple(size))
    return torch.where(best == unknown, float(IGNORE), best).long()


def thin(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Labels at a coarser size, each the nearest to its centre: a lesion of one voxel may be lost."""
    return functional.interpolate(labels.float(), size=tuple(size), mode="nearest-exact").long()


_SMALLER: Mapping[str, Callable[[Tensor, Sequence[int]], Tensor]] = {
    "max": shrink,
    "nearest": thin,
    "none": lambda labels, size: labels,
}


def _labels(batch: Batch) -> Tensor:
    if batch.labels is None:
        raise LymphoscopeError("USE-E-VALUE", "the loss compares with labels, and the batch has none")
    return batch.labels[:, :1]  # who does not ask for each scan means the latest
