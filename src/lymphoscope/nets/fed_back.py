"""A network that sees its input again, with what it said of it before."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, require


class FedBack(Backbone):
    """One network, passed through several times; each pass but the first sees a map that the one before made.

    The map is the logistic function of a 1×1 convolution of the finest features; the first pass sees zeros.

    Args:
        network: Takes one channel more than the input has.
        dims: 2 or 3.
        passes: 2 or more.

    Reference:
        Zhou et al., Med Image Anal 2021;70:101918: there the map is the lesions' probability itself, by the head.
    """

    def __init__(self, network: Backbone, dims: int, passes: int) -> None:
        super().__init__()
        self.network, self.passes = network, passes
        self.score = Style(dims).plain(network.widths[0], 1)
        self.describe(network.widths, network.strides, network.context)
        self.multiple = network.multiple
        require(network.context == 0, "a network of valid convolutions cannot be fed with what it said")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the last pass."""
        told = torch.zeros_like(images[:, :1])
        features = self.network(torch.cat([images, told], dim=1))
        for _ in range(self.passes - 1):
            told = torch.sigmoid(self.score(features[0]))
            features = self.network(torch.cat([images, told], dim=1))
        return list(features)


def fed_back(channels: int, dims: int, net: Callable[..., Backbone], passes: int = 2) -> Backbone:
    """A network passed through so many times; with 1 it is the network itself.

    Args:
        channels: Of the input.
        dims: 2 or 3.
        net: Builder of the network.
        passes: How often the input is seen.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for fewer than one pass.
    """
    require(passes >= 1, f"an input is seen once or more, not {passes} times")
    if passes == 1:
        return net(channels=channels, dims=dims)
    return FedBack(net(channels=channels + 1, dims=dims), dims, passes)
