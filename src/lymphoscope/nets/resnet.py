"""Residual networks, and the U-Net on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Residual, Style, cumulative, each_axis, he, require, silence
from lymphoscope.nets.decoder import unet_on

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
BOTTLENECK_FROM, EXPANSION = 50, 4
STAGES = 4


@dataclass(frozen=True)
class ResNetSettings:
    """What makes one ResNet another.

    Attributes:
        depth: 18, 34, 50 or 101; from 50 on blocks are bottlenecks, four times as wide outside.
        widths: Channels of the four stages (of bottlenecks: inside).
        stem_stride: Stride of the 7-wide first convolution.
        pool: Whether maximum pooling follows it.
        output_stride: Stride of the last stage at most; stages that would go beyond are dilated instead.
        grid: Factors of the last stage's dilation, block by block, repeated.
        zero_last: Whether each block begins as its shortcut.
        norm: As in `Style`.
        act: As in `Style`.
        batch: As in `Style`.
    """

    depth: int = 34
    widths: tuple[int, ...] = (64, 128, 256, 512)
    stem_stride: Any = 2
    pool: bool = True
    output_stride: int = 32
    grid: tuple[int, ...] = (1,)
    zero_last: bool = False
    norm: str = "batch"
    act: str = "relu"
    batch: int = 1

    def style(self, dims: int) -> Style:
        """What stands around its convolutions."""
        return Style(dims, self.norm, self.act, batch=self.batch)


def resnet(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A ResNet; levels are its stem and its four stages.

    Reference: He et al., CVPR 2016.
    """
    return ResNet(channels, dims, ResNetSettings(**settings))


def resunet(
    channels: int,
    dims: int = 3,
    decoder_widths: tuple[int, ...] = (),
    decoder_convs: Any = 2,
    up: str = "transposed",
    **settings: Any,
) -> Backbone:
    """A U-Net whose encoder is a ResNet; level 0 has the stride of its stem."""
    plan = ResNetSettings(**settings)
    return unet_on(ResNet(channels, dims, plan), plan.style(dims), decoder_widths, decoder_convs, up)


class ResNet(Backbone):
    """Stem and four stages of residual blocks.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: ResNetSettings) -> None:
        super().__init__()
        require(plan.depth in BLOCKS, f"a ResNet is {', '.join(map(str, BLOCKS))} deep, not {plan.depth}")
        require(len(plan.widths) == STAGES, f"a ResNet has {STAGES} stages, not {len(plan.widths)}")
        style = plan.style(dims)
        stem, pooled = each_axis(plan.stem_stride, dims), (2 if plan.pool else 1,) * dims
        self.stem = style.conv(channels, plan.widths[0], 7, stem)
        self.pool = style.pool("max", 3, 2, padding=1) if plan.pool else nn.Identity()
        before = max(s * p for s, p in zip(stem, pooled, strict=True))
        strides, dilations = _reach(before, plan)
        inside, self.stages = plan.widths[0], nn.ModuleList()
        for width, count, stride, rates in zip(plan.widths, BLOCKS[plan.depth], strides, dilations, strict=True):
            blocks = nn.Sequential()
            for number in range(count):
                blocks.append(_block(style, plan, (inside, width), stride if number == 0 else 1, rates[number]))
                inside = width * (EXPANSION if plan.depth >= BOTTLENECK_FROM else 1)
            self.stages.append(blocks)
        he(self)
        outside = [width * inside // plan.widths[-1] for width in plan.widths]
        first = tuple(p * strides[0] for p in pooled)
        self.describe([plan.widths[0], *outside], cumulative([stem, first, *[each_axis(s, dims) for s in strides[1:]]]))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the stem and of each stage."""
        found = [self.stem(images)]
        images = self.pool(found[0])
        for stage in self.stages:
            images = stage(images)
            found.append(images)
        return found


def _reach(before: int, plan: ResNetSettings) -> tuple[list[int], list[list[int]]]:
    """Stride of each stage, and dilation of each of its blocks."""
    strides, dilations, stride, dilation = [], [], before, 1
    for number, count in enumerate(BLOCKS[plan.depth]):
        wanted = 1 if number == 0 else 2
        if stride * wanted > plan.output_stride:
            dilation *= wanted
            wanted = 1
        stride *= wanted
        strides.append(wanted)
        last = number == STAGES - 1
        dilations.append([dilation * (plan.grid[n % len(plan.grid)] if last else 1) for n in range(count)])
    return strides, dilations


def _block(style: Style, plan: ResNetSettings, ends: tuple[int, int], stride: int, dilation: int) -> Residual:
    inside, width = ends
    quiet = style.without("act")
    if plan.depth >= BOTTLENECK_FROM:
        outside = EXPANSION * width
        body = nn.Sequential(
            style.conv(inside, width, 1),
            style.conv(width, width, 3, stride, dilation=dilation),
            quiet.conv(width, outside, 1),
        )
    else:
        outside = width
        body = nn.Sequential(
            style.conv(inside, width, 3, stride, dilation=dilation),
            quiet.conv(width, width, 3, dilation=dilation),
        )
    if plan.zero_last:
        silence(body)
    same = stride == 1 and inside == outside
    return Residual(body, nn.Identity() if same else quiet.conv(inside, outside, 1, stride), style.activation())
