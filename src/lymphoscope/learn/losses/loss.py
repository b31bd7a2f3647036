"""What a loss is, and how losses are put together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import Any

from torch import Tensor, nn

from lymphoscope.core.errors import LymphoscopeError


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


class Sum(Loss):
    """Weighted sum of losses of one kind.

    Args:
        terms: The losses.
        weights: One a term; 1 each when not given.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where terms and weights differ in number or kind.
    """

    def __init__(self, terms: Sequence[Loss], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if not terms or (weights is not None and len(weights) != len(terms)):
            raise LymphoscopeError("USE-E-VALUE", f"a sum of {len(terms)} losses has weights {weights}")
        if len({term.of for term in terms}) > 1:
            raise LymphoscopeError("USE-E-VALUE", "a sum adds losses of labels to losses of outputs")
        self.of = terms[0].of
        self.terms = nn.ModuleList(terms)
        self.weights = tuple(weights or (1.0,) * len(terms))

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Weighted values of the terms; a name that comes twice is numbered."""
        found: dict[str, Tensor] = {}
        for term, weight in zip(self.terms, self.weights, strict=True):
            assert isinstance(term, Loss)
            for name, value in term.parts(*seen).items():
                names = chain([name], (f"{name} {number}" for number in count(2)))
                found[next(free for free in names if free not in found)] = weight * value
        return found

    def forward(self, *seen: Any) -> Tensor:
        """The sum."""
        return total(self.parts(*seen))


class Ramp(Loss):
    """A loss whose weight runs straight from one value to another over the training.

    Args:
        loss: The loss.
        start: Weight at the first step.
        end: Weight from the end of the ramp on.
        until: Share of the training at which the ramp ends.

    Reference:
        Kervadec et al., MIDL 2019: 0.01 more at each of 100 epochs, which are the defaults.
    """

    def __init__(self, loss: Loss, start: float = 0.01, end: float = 1.0, until: float = 1.0) -> None:
        super().__init__()
        self.loss, self.start, self.end, self.until = loss, start, end, until
        self.of = loss.of
        self.weight = start

    def at(self, done: float) -> None:
        """Set the weight."""
        along = min(1.0, done / self.until) if self.until > 0 else 1.0
        self.weight = self.start + along * (self.end - self.start)

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Weighted values of the loss."""
        return {name: self.weight * value for name, value in self.loss.parts(*seen).items()}

    def forward(self, *seen: Any) -> Tensor:
        """The weighted loss."""
        return total(self.parts(*seen))


def total(parts: dict[str, Tensor]) -> Tensor:
    """The sum of named values."""
    first, *others = parts.values()
    for other in others:
        first = first + other
    return first
