"""The way back to full resolution, for any encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Axes, Style, each_level, he, require, stack


class Decoder(nn.Module):
    """From the bottom up: enlarge, put the encoder's features of that level beside, convolve.

    Args:
        style: What stands around a convolution.
        encoder: What is decoded; each of its levels becomes one of the decoder's.
        kernels: Kernel of each level but the bottom, finest first, or one for all.
        convs: Convolutions of each level but the bottom, or one number.
        up: ``transposed`` (kernel = stride) or ``linear`` (1×1 convolution, then interpolation).
        widths: Channels of each level but the bottom, finest first; the encoder's where none are given.

    Reference: Ronneberger et al., MICCAI 2015.
    """

    def __init__(
        self,
        style: Style,
        encoder: Backbone,
        kernels: Any = 3,
        convs: Any = 2,
        up: str = "transposed",
        widths: Sequence[int] = (),
    ) -> None:
        super().__init__()
        levels = len(encoder.widths) - 1
        kernels, convs = each_level(kernels, levels), each_level(convs, levels)
        self.widths = (*each_level(tuple(widths) or encoder.widths[:-1], levels), encoder.widths[-1])
        self.ups, self.stages = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            width, below = self.widths[level : level + 2]
            stride = [b // a for a, b in zip(*encoder.strides[level : level + 2], strict=True)]
            self.ups.append(enlarge(style, below, width, stride, up))
            self.stages.append(stack(style, width + encoder.widths[level], [width] * convs[level], kernels[level]))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of every level, finest first; the bottom is handed on."""
        found = [features[-1]]
        for level in reversed(range(len(self.stages))):
            raised = self.ups[level](found[0])
            found.insert(0, self.stages[level](torch.cat([raised, features[level]], dim=1)))
        return found


class EncoderDecoder(Backbone):
    """An encoder with the decoder that brings its bottom back to its first level."""

    def __init__(self, encoder: Backbone, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.describe(decoder.widths, encoder.strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the decoder, finest first, and the bottom."""
        features: list[Tensor] = self.decoder(self.encoder(images))
        return features


def unet_on(
    encoder: Backbone, style: Style, decoder_widths: Sequence[int] = (), decoder_convs: Any = 2, up: str = "transposed"
) -> EncoderDecoder:
    """A U-Net on an encoder that is published without one; the decoder's settings are those of `Decoder`."""
    decoder = Decoder(style, encoder, convs=decoder_convs, up=up, widths=decoder_widths)
    he(decoder)
    return EncoderDecoder(encoder, decoder)


def enlarge(style: Style, inside: int, outside: int, stride: Axes, up: str) -> nn.Module:
    """Enlarge by a stride.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a way that is not known.
    """
    require(up in ("transposed", "linear"), f"up is transposed or linear, not {up!r}")
    if up == "transposed":
        return style.transposed(inside, outside, stride)
    factor = float(stride) if isinstance(stride, int) else tuple(map(float, stride))
    mode = "trilinear" if style.dims == 3 else "bilinear"
    return nn.Sequential(style.plain(inside, outside), nn.Upsample(scale_factor=factor, mode=mode))
