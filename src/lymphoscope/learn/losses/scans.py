"""Losses of networks that see several scans of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.learn.losses.outputs import of_outputs
from lymphoscope.nets.heads import named
from lymphoscope.nets.network import Outputs


class EachScan(Loss):
    """Σ w L of each scan: of the latest ``logits`` and the first labels, of the one before ``logits@1`` and the second.

    Args:
        loss: Of one scan.
        weights: One a scan, the latest first; equal shares of 1 when not given.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where there are not as many weights as scans, or no labels.

    Reference: Tie et al., Radiol Artif Intell 2025: a half each.
    """

    of = "outputs"

    def __init__(self, loss: Loss, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss, self.weights = of_outputs(loss), weights

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Named values of each scan, weighted; those of the scan before end in ``@1``."""
        outputs, batch = seen
        if batch.labels is None:
            raise LymphoscopeError("USE-E-VALUE", "the loss compares with labels, and the batch has none")
        scans = batch.labels.split(1, dim=1)
        weights = self.weights or (1.0 / len(scans),) * len(scans)
        if len(weights) != len(scans):
            raise LymphoscopeError("USE-E-VALUE", f"the loss has {len(weights)} weights for {len(scans)} scans")
        found = {}
        for back, (labels, weight) in enumerate(zip(scans, weights, strict=True)):
            own = {"logits": outputs[named("logits", back)]}
            for name, value in self.loss.parts(own, replace(batch, labels=labels)).items():
                found[named(name, back)] = weight * value
        return found

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The weighted sum."""
        return total(self.parts(outputs, batch))
