"""What a loss is."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Loss(nn.Module):
    """Something to be minimised.

    A loss of ``labels`` takes logits (batch, classes, *space) and labels (batch, 1, *space) int64 of one size; a loss
    of ``outputs`` takes the outputs of a network and the whole `lymphoscope.learn.batch.Batch`.

    Attributes:
        of: ``labels`` or ``outputs``.
        name: What its value is called in the log.
    """

    of = "labels"
    name = "loss"

    def __init__(self) -> None:
        super().__init__()

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Named values whose sum is minimised."""
        return {self.name: self(*seen)}

    def at(self, done: float) -> None:
        """Hear what share of the training is done, 0 … 1. Only what changes on the way listens."""


def total(parts: dict[str, Tensor]) -> Tensor:
    """The sum of named values."""
    first, *others = parts.values()
    for other in others:
        first = first + other
    return first
