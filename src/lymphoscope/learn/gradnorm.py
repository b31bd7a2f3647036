"""Tasks whose weights are moved until their gradients are in proportion to how slowly they learn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.losses.sums import numbered
from lymphoscope.learn.supervision import Losses, Supervision, Update
from lymphoscope.nets.network import Network


class Shares(nn.Module):
    """Weights of tasks, which add up to their number, and what the tasks cost at the first step.

    Args:
        tasks: How many.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.weights: Tensor
        self.first: Tensor
        self.register_buffer("weights", torch.ones(tasks))
        self.register_buffer("first", torch.full((tasks,), math.nan))

    def moved(self, losses: Tensor, norms: Tensor, alpha: float, rate: float) -> Tensor:
        """Move the weights, and give them.

        Args:
            losses: Of the tasks, now.
            norms: Of their gradients, not weighted.
            alpha: How much a slow task is pushed.
            rate: Step.
        """
        if bool(self.first.isnan().any()):
            self.first.copy_(losses)
        slow = losses / self.first.clamp(min=1e-12)
        wanted = (self.weights * norms).mean() * (slow / slow.mean().clamp(min=1e-12)) ** alpha
        # the gradient of Σ |w_i n_i − wanted_i|, wanted being held
        self.weights -= rate * norms * torch.sign(self.weights * norms - wanted)
        self.weights.clamp_(min=1e-3)
        self.weights *= len(self.weights) / self.weights.sum()
        return self.weights


class GradNorm(Supervision):
    """One network, several tasks (the terms of a sum), weighted by GradNorm; weights of the sum itself are not used.

    Args:
        network: What is trained.
        objective: A sum of losses, one a task.
        alpha: How much a task that learns slowly is pushed.
        rate: Learning rate of the weights, by plain gradient descent.

    Reference:
        Chen et al., ICML 2018:794. The gradients are those of all weights that every task reaches, not of one layer.
    """

    def __init__(self, network: Network, objective: Objective, alpha: float = 1.5, rate: float = 0.025) -> None:
        self.parts = nn.ModuleDict({"network": network, "objective": objective})
        self.predicts = "network"
        self._alpha, self._rate = alpha, rate
        self.parts["shares"] = Shares(len(getattr(objective.loss, "terms", [objective.loss])))

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Move the shares, then the network."""
        network, shares = self.parts["network"], self.parts["shares"]
        tasks = self.parts["objective"].tasks(network(batch.images), batch, done)  # type: ignore[operator]
        values = [total(task) for task in tasks]
        norms = gradient_norms(values, [weight for weight in network.parameters() if weight.requires_grad])
        weights = shares.moved(torch.stack(values).detach(), norms, self._alpha, self._rate)  # type: ignore[operator]
        losses = numbered((name, weight * value) for task, weight in zip(tasks, weights, strict=True)
                          for name, value in task.items())  # fmt: skip
        update(total(losses), "network", "objective")
        return losses


def gradient_norms(values: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Length of each value's gradient over the weights that all of them reach."""
    found = [torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True) for value in values]
    shared = [[g for g in each if g is not None] for each in zip(*found, strict=True)]
    together = [each for each in shared if len(each) == len(values)]
    return torch.stack([torch.stack([each[n].norm() for each in together]).norm() for n in range(len(values))])
