"""Losses made of losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any

from torch import Tensor, nn

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.learn.losses.outputs import of_outputs


class Sum(Loss):
    """Weighted sum of losses. Where one is of all outputs, those of labels are applied to the finest logits.

    Args:
        terms: The losses.
        weights: One a term; 1 each when not given.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where terms and weights differ in number.
    """

    def __init__(self, terms: Sequence[Loss], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if not terms or (weights is not None and len(weights) != len(terms)):
            raise LymphoscopeError("USE-E-VALUE", f"a sum of {len(terms)} losses has weights {weights}")
        if any(term.of == "outputs" for term in terms):
            self.of, terms = "outputs", [of_outputs(term) for term in terms]
        self.terms = nn.ModuleList(terms)
        self.weights = tuple(weights or (1.0,) * len(terms))

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Weighted values of the terms; a name that comes twice is numbered."""
        terms = zip(self.terms, self.weights, strict=True)
        return numbered((name, weight * value) for term, weight in terms if isinstance(term, Loss)
                        for name, value in term.parts(*seen).items())  # fmt: skip

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


def numbered(values: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Named values; a name that comes twice is numbered."""
    found: dict[str, Tensor] = {}
    for name, value in values:
        names = chain([name], (f"{name} {number}" for number in count(2)))
        found[next(free for free in names if free not in found)] = value
    return found
