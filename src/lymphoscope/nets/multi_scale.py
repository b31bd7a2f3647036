"""Features of all levels of a network seen together, at several reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, he
from lymphoscope.nets.deeplab import ASPP, DeepLabSettings
from lymphoscope.nets.heads import enlarged


class MultiScale(Backbone):
    """A network whose finest level is joined by a pyramid over all levels, made at the second.

    Each level is brought to `reach` channels and to the size of the second, and the pyramid looks at all of them.

    Args:
        network: Whose levels are joined.
        style: What stands around a convolution.
        views: Reach and dilations of the pyramid.
    """

    def __init__(self, network: Backbone, style: Style, views: DeepLabSettings) -> None:
        super().__init__()
        reach = views.reach
        self.each = nn.ModuleList(style.conv(width, reach, 1) for width in network.widths)
        self.pyramid = ASPP(style, reach * len(network.widths), views)
        he(self)
        self.network = network
        self.describe([network.widths[0] + reach, *network.widths[1:]], network.strides, network.context)
        self.multiple = network.multiple

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of each level, the finest with what the pyramid saw."""
        features: list[Tensor] = self.network(images)
        size = features[1].shape[2:]
        brought = [enlarged(one(level), size) for one, level in zip(self.each, features, strict=True)]
        seen = enlarged(self.pyramid(torch.cat(brought, dim=1)), features[0].shape[2:])
        return [torch.cat([features[0], seen], dim=1), *features[1:]]


def multi_scale(
    channels: int,
    dims: int,
    net: Callable[..., Backbone],
    reach: int = 16,
    rates: Sequence[int] = (1, 2, 4),
    **style: Any,
) -> Backbone:
    """A pyramid over the levels of a network.

    Args:
        channels: Of the input.
        dims: 2 or 3.
        net: Builder of the network.
        reach: Channels of each level and view.
        rates: Dilations of the views.
        style: Norm and activation of the pyramid, as in `Style`.
    """
    views = DeepLabSettings(reach=reach, rates=tuple(rates))
    return MultiScale(net(channels=channels, dims=dims), Style(dims, **{"act": "prelu", **style}), views)
