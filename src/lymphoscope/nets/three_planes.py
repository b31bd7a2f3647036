"""A network of two dimensions that sees a box by the three planes through its middle."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import require


class ThreePlanes(Backbone):
    """One network for all planes; each level is the mean of what it makes of them.

    Its levels are those of a plane, so only heads that look at the whole of a box can stand on them.

    Args:
        network: Of two dimensions.
    """

    def __init__(self, network: Backbone) -> None:
        super().__init__()
        self.network = network
        self.describe(network.widths, [(*stride, stride[0]) for stride in network.strides], network.context)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features, finest first: (batch, channels, rows, columns)."""
        found = [self.network(plane) for plane in planes(images)]
        return [torch.stack(level).mean(dim=0) for level in zip(*found, strict=True)]


def planes(boxes: Tensor) -> list[Tensor]:
    """Planes through the middle of cubes (batch, channels, z, y, x): across z, y and x."""
    return [boxes.select(axis, int(boxes.shape[axis]) // 2) for axis in (2, 3, 4)]


def three_planes(channels: int, dims: int, net: Callable[..., Backbone]) -> Backbone:
    """Three planes of a cube, seen by one network.

    Args:
        channels: Of the input.
        dims: 3.
        net: Builder of the network of a plane.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` in two dimensions.
    """
    require(dims == 3, "there are no three planes in two dimensions")
    return ThreePlanes(net(channels=channels, dims=2))
