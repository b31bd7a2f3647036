"""Networks that never leave full resolution: what refines or joins maps that others made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Residual, Style, each_axis, each_level, he, require, stack
from lymphoscope.nets.network import Head, Outputs

_LEAST = 1e-6
"""Of a probability, so that its logarithm is a number."""


class Flat(Backbone):
    """Convolutions, then residual blocks of two 3-wide ones; one level.

    Args:
        channels: Channels of the input.
        style: What stands around a convolution.
        widths: Channels of each convolution; none for the input as it is.
        kernels: Kernel of each, one number or (z, y, x); one number for all.
        blocks: Residual blocks behind them.
    """

    def __init__(self, channels: int, style: Style, widths: Sequence[int], kernels: Any, blocks: int) -> None:
        super().__init__()
        ends, sides = (channels, *widths), each_level(kernels, len(widths))
        convs = [style.conv(a, b, side) for a, b, side in zip(ends, widths, sides, strict=False)]
        self.body = nn.Sequential(*convs, *(_block(style, ends[-1]) for _ in range(blocks)))
        he(self)
        self.describe([ends[-1]], [each_axis(1, style.dims)])

    def forward(self, images: Tensor) -> list[Tensor]:
        """The one level."""
        return [self.body(images)]


class WeightedMean(Head):
    """Probability of a lesion as a mean of the maps that the network reads, with weights learnt from equal ones on.

    A 1×1 convolution whose weights are positive and add up to 1, so that what comes out is a probability.

    Args:
        maps: How many there are.

    Reference: the linear opinion pool of Stone, Ann Math Stat 1961;32:1339.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(maps))

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logarithms of both probabilities as logits."""
        maps = features[0]
        weights = self.shares.softmax(dim=0).view(1, -1, *(1,) * (maps.dim() - 2))
        p = (weights * maps).sum(dim=1, keepdim=True).clamp(_LEAST, 1 - _LEAST)
        return {"logits": [torch.cat([1 - p, p], dim=1).log()]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """The mean."""
        shares: Tensor = outputs["logits"][0].exp()
        return shares


def flat(
    channels: int,
    dims: int = 3,
    widths: Sequence[int] = (32,),
    kernels: Any = 3,
    blocks: int = 0,
    **style: Any,
) -> Backbone:
    """A network of one level; further settings of `Style`."""
    return Flat(channels, Style(dims, **style), widths, kernels, blocks)


def weighted_mean(widths: Sequence[int], dims: int, classes: int) -> Head:
    """Lesion or background by the maps that the first level is.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for more classes than lesion and background.
    """
    require(classes == 2, f"a mean of maps tells lesion and background, not {classes} classes")
    return WeightedMean(widths[0])


def _block(style: Style, width: int) -> Residual:
    body = nn.Sequential(*stack(style, width, [width]), style.without("act").conv(width, width))
    return Residual(body, nn.Identity(), style.activation())
