"""U-Nets: the published ones, and both that nnU-Net plans, by settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import (
    Axes,
    Residual,
    Style,
    cumulative,
    each_axis,
    each_level,
    he,
    require,
    silence,
    stack,
)
from lymphoscope.nets.decoder import Decoder, EncoderDecoder


@dataclass(frozen=True)
class UNetSettings:
    """What makes one U-Net another.

    Attributes:
        widths: Channels of each level, finest first; a tuple in it says those of each convolution of the level.
        strides: Stride into each level, a number or (z, y, x); empty for 1 and then 2.
        kernels: Kernel of each level, a number or (z, y, x), or one number for all.
        convs: Convolutions of each encoder level (residual: blocks of two), or one number.
        decoder_convs: Convolutions of each decoder level, or one number.
        down: ``pool`` (maximum) or ``stride`` (the first convolution of a level).
        up: ``transposed`` or ``linear``.
        residual: Whether the encoder is a stem and residual blocks.
        zero_last: Whether each residual block begins as its shortcut.
        norm: As in `Style`.
        act: As in `Style`.
        bias: As in `Style`.
        batch: As in `Style`.
    """

    widths: tuple[Any, ...] = (32, 64, 128, 256, 512)
    strides: tuple[Any, ...] = ()
    kernels: Any = 3
    convs: Any = 2
    decoder_convs: Any = 2
    down: str = "pool"
    up: str = "transposed"
    residual: bool = False
    zero_last: bool = True
    norm: str = "instance"
    act: str = "relu"
    bias: bool = False
    batch: int = 1


def unet(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A U-Net.

    Reference: Ronneberger et al., MICCAI 2015; Çiçek et al., MICCAI 2016; with strided convolutions, leaky ReLU and
    planned kernels Isensee et al., Nat Methods 2021;18:203; with residual blocks Isensee et al., MICCAI 2024.
    """
    plan = UNetSettings(**settings)
    style = Style(dims, plan.norm, plan.act, plan.bias, plan.batch)
    encoder = UNetEncoder(channels, style, plan)
    levels = len(plan.widths)
    decoder = Decoder(style, encoder, each_level(plan.kernels, levels)[:-1], plan.decoder_convs, plan.up)
    network = EncoderDecoder(encoder, decoder)
    he(network, slope=0.01 if plan.act == "leaky_relu" else 0.0)
    return network


def unet_encoder(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """The way down of a U-Net alone, for what is told of a whole image; settings of the way up have no effect."""
    plan = UNetSettings(**settings)
    encoder = UNetEncoder(channels, Style(dims, plan.norm, plan.act, plan.bias, plan.batch), plan)
    he(encoder, slope=0.01 if plan.act == "leaky_relu" else 0.0)
    return encoder


class UNetEncoder(Backbone):
    """The way down: convolutions at each level, halved between them.

    Args:
        channels: Channels of the input.
        style: What stands around a convolution.
        plan: The network's settings.
    """

    def __init__(self, channels: int, style: Style, plan: UNetSettings) -> None:
        super().__init__()
        levels, dims = len(plan.widths), style.dims
        require(plan.down in ("pool", "stride"), f"down is pool or stride, not {plan.down!r}")
        between = [each_axis(s, dims) for s in each_level(plan.strides or (1, *[2] * (levels - 1)), levels)]
        kernels, convs = each_level(plan.kernels, levels), each_level(plan.convs, levels)
        rows = [_row(width, count) for width, count in zip(plan.widths, convs, strict=True)]
        self.stem: nn.Module = nn.Identity()
        if plan.residual:
            self.stem = style.conv(channels, rows[0][0], kernels[0])
            channels = rows[0][0]
        self.stages = nn.ModuleList()
        for row, stride, kernel in zip(rows, between, kernels, strict=True):
            self.stages.append(_stage(style, plan, (channels, row), kernel, stride))
            channels = row[-1]
        self.describe([row[-1] for row in rows], cumulative(between))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of each level, finest first."""
        found = [self.stem(images)]
        for stage in self.stages:
            found.append(stage(found[-1]))
        return found[1:]


def _row(width: Any, count: int) -> list[int]:
    return [width] * count if isinstance(width, int) else list(width)


def _stage(style: Style, plan: UNetSettings, ends: tuple[int, list[int]], kernel: Axes, stride: Axes) -> nn.Module:
    inside, row = ends
    pooled = plan.down == "pool" and max(each_axis(stride, style.dims)) > 1
    first = [style.pool("max", stride)] if pooled else []
    left = 1 if pooled else stride
    if not plan.residual:
        return nn.Sequential(*first, *stack(style, inside, row, kernel, left))
    ends_of = zip([inside, *row], row, strict=False)
    blocks = [_block(style, pair, kernel, left if number == 0 else 1) for number, pair in enumerate(ends_of)]
    for block in blocks:
        if plan.zero_last:
            silence(block.body)
    return nn.Sequential(*first, *blocks)


def _block(style: Style, ends: tuple[int, int], kernel: Axes, stride: Axes) -> Residual:
    """Two convolutions; the shortcut averages over the stride and is projected only where the width changes."""
    inside, outside = ends
    quiet = style.without("act")
    body = nn.Sequential(style.conv(inside, outside, kernel, stride), quiet.conv(outside, outside, kernel))
    shortcut: list[nn.Module] = []
    if max(each_axis(stride, style.dims)) > 1:
        shortcut.append(style.pool("avg", stride))
    if inside != outside:
        shortcut.append(quiet.conv(inside, outside, 1, bias=False))
    return Residual(body, nn.Sequential(*shortcut), style.activation())
