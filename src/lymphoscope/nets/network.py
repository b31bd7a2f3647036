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

    ``forward(features, size)`` takes the levels of a `Backbone` and the size of space that level 0 stands for.
    ``probabilities(outputs)`` says what of it is predicted: (batch, classes, *size), or (batch, classes) for a head
    that speaks of a whole image.
    """

    tells: tuple[str, ...] = ()

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Outputs by name."""
        raise NotImplementedError

    def probabilities(self, outputs: Outputs) -> Tensor:
        """What is predicted, as probabilities of the classes."""
        raise NotImplementedError

    def further(self, outputs: Outputs) -> Tensor:
        """What `tells` names, (batch, names, *size)."""
        raise NotImplementedError


class Network(nn.Module):
    """A backbone and the heads on it.

    Args:
        backbone: Images in, features out.
        heads: Features in, outputs out; the first says what the network predicts.
    """

    def __init__(self, backbone: Backbone, heads: Sequence[Head]) -> None:
        super().__init__()
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

    @property
    def tells(self) -> tuple[str, ...]:
        """What it tells of every voxel beside the probabilities."""
        return self._first.tells

    def predict(self, images: Tensor) -> Tensor:
        """Probabilities of the first head, then its further maps, as channels."""
        outputs = self(images)
        found = self._first.probabilities(outputs)
        return torch.cat([found, self._first.further(outputs)], dim=1) if self.tells else found

    @property
    def _first(self) -> Head:
        first = self.heads[0]
        assert isinstance(first, Head)
        return first
