"""Fully convolutional networks: VGG's convolutions, scores at three levels, learnt interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, he, stack
from lymphoscope.nets.network import Head, Outputs

SCORED = 3
"""Levels that speak: the last stages before the bottom, and the bottom."""


@dataclass(frozen=True)
class VGGSettings:
    """What makes one VGG another.

    Attributes:
        widths: Channels of each stage; maximum pooling follows each.
        convs: Convolutions of each stage.
        bottom: Channels of the two convolutions that stand for VGG's dense layers, 7 wide and 1 wide.
        dropout: Share of features dropped behind either.
        norm: As in `Style`; the paper has none.
        act: As in `Style`.
        batch: As in `Style`.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    convs: tuple[int, ...] = (2, 2, 3, 3, 3)
    bottom: int = 4096
    dropout: float = 0.5
    norm: str = "batch"
    act: str = "relu"
    batch: int = 1


def fcn8s(channels: int, dims: int = 2, **settings: Any) -> Backbone:
    """The network of FCN-8s before its scores: levels at strides 8, 16 and 32.

    Reference: Long et al., CVPR 2015; Simonyan and Zisserman, ICLR 2015.
    """
    return VGG(channels, dims, VGGSettings(**settings))


def fcn(widths: Sequence[int], dims: int, classes: int) -> Head:
    """Scores of every level of `fcn8s`, added and enlarged by learnt interpolation."""
    return Scores(widths, dims, classes)


class VGG(Backbone):
    """Stages of 3-wide convolutions, each followed by pooling.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: VGGSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm, plan.act, bias=plan.norm == "none", batch=plan.batch)
        self.stages, inside = nn.ModuleList(), channels
        for width, convs in zip(plan.widths, plan.convs, strict=True):
            self.stages.append(nn.Sequential(*stack(style, inside, [width] * convs), style.pool("max", 2)))
            inside = width
        self.bottom = nn.Sequential(
            style.conv(inside, plan.bottom, 7),
            nn.Dropout(plan.dropout),
            style.conv(plan.bottom, plan.bottom, 1),
            nn.Dropout(plan.dropout),
        )
        he(self)
        strides = [(2**number,) * dims for number in range(1, len(plan.widths) + 1)]
        self.describe([*plan.widths[-SCORED:-1], plan.bottom], strides[-SCORED:])

    def forward(self, images: Tensor) -> list[Tensor]:
        """The last stages, finest first; the bottom behind the convolutions that stand for dense layers."""
        found = []
        for stage in self.stages:
            images = stage(images)
            found.append(images)
        return [*found[-SCORED:-1], self.bottom(images)]


class Scores(Head):
    """1×1 scores of every level; from the coarsest on doubled and added, at last enlarged eight times.

    Outputs ``logits``: one of full size.

    Args:
        widths: Channels of the backbone's levels, each half as fine as the one before, the first of stride 8.
        dims: 2 or 3.
        classes: Classes, background included.
    """

    def __init__(self, widths: Sequence[int], dims: int, classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(Style(dims).plain(width, classes) for width in widths)
        self.doubles = nn.ModuleList(interpolation(dims, classes, 2) for _ in widths[1:])
        self.last = interpolation(dims, classes, 8)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of full size."""
        scores = [score(one) for score, one in zip(self.scores, features, strict=True)]
        found = scores[-1]
        for double, score in zip(self.doubles, reversed(scores[:-1]), strict=True):
            found = double(found) + score
        return {"logits": [self.last(found)]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Softmax of the logits."""
        logits: Tensor = outputs["logits"][0]
        return logits.softmax(dim=1)


def interpolation(dims: int, width: int, factor: int) -> nn.Module:
    """Transposed convolution of each channel that begins as linear interpolation and learns on."""
    kernel = 2 * factor
    layer: nn.Module = Conv[Conv.CONVTRANS, dims](
        width, width, kernel, stride=factor, padding=factor // 2, groups=width, bias=False
    )
    line = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor
    weights = line
    for _ in range(dims - 1):
        weights = weights[..., None] * line
    with torch.no_grad():
        layer.weight.copy_(weights)  # type: ignore[operator]
    return layer
