"""A network of its own for each input image, their features side by side."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone


class SideBySide(Backbone):
    """Equal networks that see one channel each; every level holds the channels of the first, then those of the second.

    Args:
        networks: One a channel.
    """

    def __init__(self, networks: list[Backbone]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        first = networks[0]
        self.describe([len(networks) * width for width in first.widths], first.strides, first.context)
        self.multiple = first.multiple

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of all networks, finest first."""
        found = [network(images[:, number : number + 1]) for number, network in enumerate(self.networks)]
        return [torch.cat(level, dim=1) for level in zip(*found, strict=True)]


def side_by_side(channels: int, dims: int, net: Callable[..., Backbone]) -> Backbone:
    """One network for each channel.

    Args:
        channels: Of the input.
        dims: 2 or 3.
        net: Builder of one network.
    """
    return SideBySide([net(channels=1, dims=dims) for _ in range(channels)])
