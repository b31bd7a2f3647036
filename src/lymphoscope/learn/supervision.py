"""Who owns a training step.

A supervision has parts (the network, and whatever else is trained or remembered) and says in `step` which losses move
which part; `fit` owns the loop, the optimizers and the checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.optimizing import MakeOptimizer
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
        optimizers: What moves a part, by its name, where that is not what the recipe says of all.
    """

    parts: nn.ModuleDict
    predicts: str
    optimizers: Mapping[str, MakeOptimizer] = MappingProxyType({})

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Do one step: find losses, move parts, and say what the losses were. `done`: share of the training, 0 … 1."""


class Supervised(Supervision):
    """The plain way: one network, one objective, masks that are given.

    Args:
        network: What is trained.
        objective: What is minimised.
        average: Predict with the running mean of the weights, which keeps so much of itself in a step (0.99 …); 0 for
            the weights themselves. Reference: Polyak and Juditsky, SIAM J Control Optim 1992;30:838.
    """

    def __init__(self, network: Network, objective: Objective, average: float = 0.0) -> None:
        self.parts = nn.ModuleDict({"network": network, "objective": objective})
        self._mean = Mean(self.parts, average)
        self.predicts = self._mean.predicts

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Minimise the objective on a batch."""
        losses: Losses = self.parts["objective"](self.parts["network"](batch.images), batch, done)
        update(total(losses), "network", "objective")
        self._mean.follow()
        return losses


class Mean:
    """A running mean of a network's weights, among the parts of a supervision: ``average``, with ``seen`` steps.

    Args:
        parts: With a ``network``.
        keep: Share that the mean keeps of itself in a step; 0 for no mean.
    """

    def __init__(self, parts: nn.ModuleDict, keep: float) -> None:
        self._parts, self._keep = parts, keep
        self.predicts = "average" if keep else "network"
        if keep:
            parts["average"] = deepcopy(parts["network"]).requires_grad_(False)
            parts["seen"] = Seen()

    def follow(self) -> None:
        """Move the mean, where there is one, towards the network."""
        if self._keep:
            steps = self._parts["seen"]()
            follow(self._parts["average"], self._parts["network"], min(self._keep, steps / (steps + 10.0)))


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
