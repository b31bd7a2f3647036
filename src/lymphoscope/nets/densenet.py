"""Densely connected networks, and the U-Net on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, cumulative, each_axis, he, recomputed
from lymphoscope.nets.decoder import unet_on


@dataclass(frozen=True)
class DenseNetSettings:
    """What makes one DenseNet another.

    Attributes:
        blocks: Layers of each dense block.
        growth: Channels that each layer adds.
        stem: Channels of the 7-wide first convolution.
        stem_stride: Its stride.
        pool: Whether maximum pooling follows it.
        bottleneck: Channels of each layer's 1×1 convolution, in growths.
        save_memory: Whether a layer's inside is computed again for the gradient instead of kept.
        norm: As in `Style`.
        act: As in `Style`.
        batch: As in `Style`.
    """

    blocks: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    stem: int = 64
    stem_stride: Any = 2
    pool: bool = True
    bottleneck: int = 4
    save_memory: bool = False
    norm: str = "batch"
    act: str = "relu"
    batch: int = 1

    def style(self, dims: int) -> Style:
        """What stands around its convolutions."""
        return Style(dims, self.norm, self.act, batch=self.batch)


def densenet(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A DenseNet; levels are its stem and its dense blocks.

    Reference: Huang et al., CVPR 2017.
    """
    return DenseNet(channels, dims, DenseNetSettings(**settings))


def dense_unet(
    channels: int,
    dims: int = 3,
    decoder_widths: tuple[int, ...] = (),
    decoder_convs: Any = 2,
    up: str = "transposed",
    **settings: Any,
) -> Backbone:
    """A U-Net whose encoder is a DenseNet; level 0 has the stride of its stem."""
    plan = DenseNetSettings(**settings)
    return unet_on(DenseNet(channels, dims, plan), plan.style(dims), decoder_widths, decoder_convs, up)


class DenseLayer(nn.Module):
    """Two convolutions, each behind its norm and activation; what they add stands behind what came in."""

    def __init__(self, style: Style, inside: int, plan: DenseNetSettings) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _before(style, inside, plan.bottleneck * plan.growth, 1),
            _before(style, plan.bottleneck * plan.growth, plan.growth, 3),
        )
        self.save_memory = plan.save_memory

    def forward(self, images: Tensor) -> Tensor:
        """What came in, and what is added."""
        return torch.cat([images, recomputed(self.body, images, self.save_memory and self.training)], dim=1)


class DenseNet(Backbone):
    """Stem, and dense blocks with transitions between that halve channels and size.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: DenseNetSettings) -> None:
        super().__init__()
        style = plan.style(dims)
        self.stem = style.conv(channels, plan.stem, 7, plan.stem_stride)
        first: nn.Module = style.pool("max", 3, 2, padding=1) if plan.pool else nn.Identity()
        self.transitions, self.blocks, width, widths = nn.ModuleList([first]), nn.ModuleList(), plan.stem, [plan.stem]
        for number, layers in enumerate(plan.blocks):
            if number > 0:
                self.transitions.append(nn.Sequential(_before(style, width, width // 2, 1), style.pool("avg", 2)))
                width //= 2
            self.blocks.append(
                nn.Sequential(*(DenseLayer(style, width + n * plan.growth, plan) for n in range(layers)))
            )
            width += layers * plan.growth
            widths.append(width)
        self.last = nn.Sequential(style.normalisation(width), style.activation())
        he(self)
        between = [plan.stem_stride, 2 if plan.pool else 1, *[2] * (len(plan.blocks) - 1)]
        self.describe(widths, cumulative([each_axis(stride, dims) for stride in between]))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the stem and of each block; the last behind norm and activation."""
        found = [self.stem(images)]
        for transition, block in zip(self.transitions, self.blocks, strict=True):
            found.append(block(transition(found[-1])))
        return [*found[:-1], self.last(found[-1])]


def _before(style: Style, inside: int, outside: int, kernel: int) -> nn.Sequential:
    """Norm and activation, then a convolution."""
    return nn.Sequential(
        style.normalisation(inside), style.activation(), style.plain(inside, outside, kernel, bias=False)
    )
