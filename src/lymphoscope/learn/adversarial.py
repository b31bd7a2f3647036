"""A network and a critic: one makes, the other learns to tell what was made from what is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.known import lesions
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.losses.outputs import crop
from lymphoscope.learn.optimizing import MakeOptimizer
from lymphoscope.learn.supervision import Losses, Mean, Supervision, Update
from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, require
from lymphoscope.nets.network import Network


class Adversarial(Supervision):
    """The objective, and on top of it what a critic thinks of what the network makes.

    Both are moved in every step: the network down L + λ BCE(D(x, ŷ), 1), then the critic down
    ½ BCE(D(x, y), 1) + ½ BCE(D(x, ŷ), 0), x being the images, y the truth and ŷ what was made: probabilities of the
    classes, or an image. Where the truth is not known the critic sees what was made in its place, so that it learns
    nothing there.

    Args:
        network: What is trained to predict.
        objective: L.
        critic: Builder of D's backbone; its last level is scored place by place.
        weight: λ.
        average: As in `lymphoscope.learn.supervision.Supervised`.
        optimizer: What moves the critic; what the recipe says of all when None.

    Reference:
        Luc et al., arXiv 1611.08408 (2016), for masks; Isola et al., CVPR 2017:1125, for images.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        critic: Callable[..., Backbone],
        weight: float = 0.01,
        average: float = 0.0,
        optimizer: MakeOptimizer | None = None,
    ) -> None:
        self.parts = nn.ModuleDict({"network": network, "objective": objective})
        self.parts["critic"] = Critic(critic, network.channels + _made_by(network), len(network.backbone.multiple))
        if optimizer is not None:
            self.optimizers = {"critic": optimizer}
        self._mean = Mean(self.parts, average)
        self.predicts = self._mean.predicts
        self._made, self._weight = network.made, weight

    def step(self, batch: Batch, update: Update, done: float) -> Losses:
        """Move the network, then the critic."""
        critic, outputs = self.parts["critic"], self.parts["network"](batch.images)
        losses: Losses = self.parts["objective"](outputs, batch, done)
        made = self._made(outputs).float()
        images = crop(batch.images, made.shape[2:])
        with held(critic):
            losses["deceive"] = self._weight * taken_for(True, critic(torch.cat([images, made], dim=1)))
        update(total(losses), "network", "objective")
        self._mean.follow()
        made = made.detach()
        told = taken_for(True, critic(torch.cat([images, truth_of(batch, made)], dim=1)))
        losses["critic"] = (told + taken_for(False, critic(torch.cat([images, made], dim=1)))) / 2
        update(losses["critic"], "critic")
        return losses


class Critic(nn.Module):
    """Scores of places: above 0 for what is taken for true.

    Args:
        build: Builder of the backbone.
        channels: Of images and truth together.
        dims: 2 or 3.
    """

    def __init__(self, build: Callable[..., Backbone], channels: int, dims: int) -> None:
        super().__init__()
        self.backbone = build(channels=channels, dims=dims)
        self.score = Style(dims).plain(self.backbone.widths[-1], 1)

    def forward(self, seen: Tensor) -> Tensor:
        """One score for every place of the last level: (batch, 1, *coarse)."""
        scores: Tensor = self.score(self.backbone(seen)[-1])
        return scores


def taken_for(true: bool, scores: Tensor) -> Tensor:
    """Mean of −log p of being taken for true, or for made; ln 2 where nobody can tell."""
    scores = scores.float()
    return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(true)))


def truth_of(batch: Batch, made: Tensor) -> Tensor:
    """What should have been made; where that is not known, what was made.

    Args:
        batch: With the image that is to be made, else with labels.
        made: (batch, channels, *space).
    """
    labels = None if batch.labels is None else crop(batch.labels, made.shape[2:])
    if batch.wanted is not None:
        wanted = crop(batch.wanted, made.shape[2:])
        return wanted if labels is None else torch.where(labels == IGNORE, made, wanted)
    if labels is None:
        return made
    return torch.where(labels == IGNORE, made, lesions(labels, made.shape[1], background=True).to(made.dtype))


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """Let gradients through a module, and none into its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


def _made_by(network: Network) -> int:
    """Channels of what a network makes, found by trying.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where it makes nothing of single voxels, or does not know what it sees.
    """
    require(network.channels > 0, "a critic sees what the network sees, and that is not said")
    backbone = network.backbone
    sides = [side * (2 + ceil(2 * backbone.context / side)) for side in backbone.multiple]
    training = network.training
    with torch.no_grad():
        made = network.eval().made(network(torch.zeros(1, network.channels, *sides)))
    network.train(training)
    require(made.ndim == 2 + len(sides), "a critic judges what is made of every voxel, not of a patient")
    return made.shape[1]
