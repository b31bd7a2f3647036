"""A backbone with its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone

Outputs = Mapping[str, Any]
"""Named outputs of the heads; ``logits`` is a list of (batch, classes, *space), finest first."""


class Head(nn.Module):
    """Features in, named outputs out.

    Attributes:
        tells: Names of what it tells of every voxel beside the probabilities.
        foretells: Names of what it tells of the patient; each begins with ``risk``.

    ``forward(features, size)`` takes the levels of a `Backbone` and the size of space that level 0 stands for.
    ``probabilities(outputs)`` says what of it is predicted: (batch, classes, *size), or (batch, classes) for a head
    that speaks of a whole image.
    """

    tells: tuple[str, ...] = ()
    foretells: tuple[str, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether it tells classes of voxels."""
        return not self.foretells

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Outputs by name."""
        raise NotImplementedError

    def probabilities(self, outputs: Outputs) -> Tensor:
        """What is predicted, as probabilities of the classes."""
        raise NotImplementedError

    def made(self, outputs: Outputs) -> Tensor:
        """What is compared with the truth, voxel by voxel: (batch, channels, *size)."""
        return self.probabilities(outputs)

    def further(self, outputs: Outputs) -> Tensor:
        """What `tells` names, (batch, names, *size)."""
        raise NotImplementedError

    def foretold(self, outputs: Outputs) -> Tensor:
        """What `foretells` names, as probabilities of the outcome, (batch, names)."""
        raise NotImplementedError


class Network(nn.Module):
    """A backbone and the heads on it.

    Args:
        backbone: Images in, features out.
        heads: Features in, outputs out; the first says what the network predicts.
        channels: Of the images, where one asks who is to see the same images.
    """

    def __init__(self, backbone: Backbone, heads: Sequence[Head], channels: int = 0) -> None:
        super().__init__()
        self.channels = channels
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """All outputs of all heads for (batch, channels, *space)."""
        features = self.backbone(images)
        size = [side - 2 * self.backbone.context for side in images.shape[2:]]
        outputs: dict[str, Any] = {}
        for head in self.heads:
            outputs.update(head(features, size))
        return outputs

    def made(self, outputs: Outputs) -> Tensor:
        """What its first head makes of its outputs, to be compared with the truth."""
        return self._first.made(outputs)

    @property
    def tells(self) -> tuple[str, ...]:
        """What it tells beside the probabilities: of every voxel, then of the patient."""
        return (*self._first.tells, *(name for head in self._heads for name in head.foretells))

    def predict(self, images: Tensor) -> Tensor:
        """Probabilities of the first head, then what the network `tells`, as channels.

        What is told of the patient is the same in every voxel. Where the first head draws nothing there is one class,
        and it is the background.
        """
        outputs, size = self(images), [side - 2 * self.backbone.context for side in images.shape[2:]]
        first = self._first
        found = [first.probabilities(outputs) if first.draws else images.new_ones(images.shape[0], 1, *size)]
        if first.tells:
            found.append(first.further(outputs))
        for head in self._heads:
            if head.foretells:
                told = head.foretold(outputs)
                found.append(told.view(*told.shape, *(1,) * len(size)).expand(-1, -1, *size))
        return torch.cat(found, dim=1) if len(found) > 1 else found[0]

    @property
    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]

    @property
    def _first(self) -> Head:
        first = self.heads[0]
        assert isinstance(first, Head)
        return first


def risks_named(levels: Sequence[int], count: int) -> tuple[str, ...]:
    """Names of what a head tells of a patient: all levels together, and each level of a backbone where there are more.

    Args:
        levels: That speak, finest 0, bottom -1.
        count: Levels of the backbone.
    """
    return ("risk", *(f"risk_{level % count}" for level in levels)) if len(levels) > 1 else ("risk",)


def risks_told(logits: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """What `risks_named` names: the probability of anything but outcome 0, (batch, names)."""
    each = torch.stack([1.0 - one.softmax(dim=1)[:, 0] for one in logits], dim=1)
    fused = (each * torch.tensor(weights, dtype=each.dtype, device=each.device)).sum(dim=1, keepdim=True)
    return torch.cat([fused, each], dim=1) if len(logits) > 1 else fused
