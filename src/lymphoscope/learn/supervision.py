"""Who owns a training step.

A supervision has parts (the network, and whatever else is trained or remembered) and says in `step` which losses move
which part; `fit` owns the loop, the optimizers and the checkpoints.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Protocol

import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.nets.network import Network

Losses = dict[str, Tensor]


class Update(Protocol):
    """Moves parts down the gradient of a loss."""

    def __call__(self, loss: Tensor, *parts: str) -> None:
        """Move the weights of the parts that have any to move."""


class Supervision(Protocol):
    """Owner of a training step.

    Attributes:
        parts: Modules by name; each with weights that need a gradient gets an optimizer, and all are kept in
            checkpoints. ``network`` is the one the recipe names.
        predicts: The part that predicts in the end.
    """

    parts: nn.ModuleDict
    predicts: str

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Do one step: find losses, move parts, and say what the losses were. `done`: share of the training, 0 … 1."""


class Supervised:
    """The plain way: one network, one objective, masks that are given.

    Args:
        network: What is trained.
        objective: What is minimised.
        average: Predict with the running mean of the weights, which keeps so much of itself in a step (0.99 …); 0 for
            the weights themselves. Reference: Polyak and Juditsky, SIAM J Control Optim 1992;30:838.
    """

    def __init__(self, network: Network, objective: Objective, average: float = 0.0) -> None:
        self.parts = nn.ModuleDict({"network": network, "objective": objective})
        self.predicts = "average" if average else "network"
        self._average = average
        if average:
            self.parts["average"] = deepcopy(network).requires_grad_(False)
            self.parts["seen"] = Seen()

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Minimise the objective on a batch."""
        losses: Losses = self.parts["objective"](self.parts["network"](batch.images), batch, done)
        update(total(losses), "network", "objective")
        if self._average:
            steps = self.parts["seen"]()
            follow(self.parts["average"], self.parts["network"], min(self._average, steps / (steps + 10.0)))
        return losses


class Seen(nn.Module):
    """Counts steps; a part, so that the count is in the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self) -> int:
        """One more."""
        self.steps += 1
        return int(self.steps)


def follow(mean: nn.Module, module: nn.Module, keep: float) -> None:
    """Move a running mean of weights towards the weights; counts and statistics are taken over."""
    with torch.no_grad():
        for (name, slow), fast in zip(mean.state_dict().items(), module.state_dict().values(), strict=True):
            if slow.is_floating_point() and "running" not in name:
                slow.lerp_(fast, 1.0 - keep)
            else:
                slow.copy_(fast)
