"""Tasks weighed against each other while they are learnt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.learn.losses.outputs import of_outputs
from lymphoscope.learn.losses.sums import numbered


class Balance(Loss):
    """Several tasks, each a loss, to be weighed."""

    of = "outputs"

    def __init__(self, terms: Sequence[Loss]) -> None:
        super().__init__()
        self.terms = nn.ModuleList(of_outputs(term) for term in terms)

    def forward(self, *seen: Any) -> Tensor:
        """The weighed sum."""
        return total(self.parts(*seen))

    def tasks(self, *seen: Any) -> list[dict[str, Tensor]]:
        """Named values of each task, not weighed."""
        return [term.parts(*seen) for term in self.terms if isinstance(term, Loss)]


class Homoscedastic(Balance):
    """Σ exp(−s_i) L_i + s_i with learnt s_i, which come to ln L_i where L_i stays as it is.

    Args:
        terms: The losses.

    Reference:
        Kendall et al., CVPR 2018.
    """

    def __init__(self, terms: Sequence[Loss]) -> None:
        super().__init__(terms)
        self.s = nn.Parameter(torch.zeros(len(self.terms)))

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Weighed values, and the sum of s."""
        weights = torch.exp(-self.s)
        found = numbered((name, weight * value) for task, weight in zip(self.tasks(*seen), weights, strict=True)
                         for name, value in task.items())  # fmt: skip
        return {**found, "s": self.s.sum()}


class DynamicAverage(Balance):
    """Σ w_i L_i, w_i = K softmax(r_i / T), r_i the loss of the last epoch over that of the one before.

    Args:
        terms: The losses, K of them.
        temperature: T: the higher, the more equal the weights.
        epochs: Parts of the training that count as an epoch; the weights are 1 in the first two.

    Reference:
        Liu et al., CVPR 2019.
    """

    def __init__(self, terms: Sequence[Loss], temperature: float = 2.0, epochs: int = 200) -> None:
        super().__init__(terms)
        self.temperature, self.epochs = temperature, epochs
        # kept in checkpoints: the mean losses of the two last epochs, and the epoch that runs
        self.means: Tensor
        self.sums: Tensor
        self.register_buffer("means", torch.full((2, len(self.terms)), math.nan))
        self.register_buffer("sums", torch.zeros(len(self.terms) + 2))

    def at(self, done: float) -> None:
        """Begin another epoch where it is time."""
        epoch, count = math.floor(done * self.epochs), float(self.sums[-2])
        if epoch > float(self.sums[-1]) and count:
            self.means = torch.stack([self.means[1], self.sums[:-2] / count])
            self.sums = torch.zeros_like(self.sums)
            self.sums[-1] = epoch

    @property
    def weights(self) -> Tensor:
        """w_i."""
        rates = self.means[1] / self.means[0]
        if not bool(rates.isfinite().all()):
            return torch.ones_like(rates)
        return len(rates) * torch.softmax(rates / self.temperature, dim=0)

    def parts(self, *seen: Any) -> dict[str, Tensor]:
        """Weighed values."""
        tasks = self.tasks(*seen)
        if self.training:
            self.sums[:-2] += torch.stack([total(task).detach() for task in tasks])
            self.sums[-2] += 1
        return numbered((name, weight * value) for task, weight in zip(tasks, self.weights, strict=True)
                        for name, value in task.items())  # fmt: skip
