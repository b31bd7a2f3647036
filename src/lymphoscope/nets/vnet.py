"""V-Net: residual stages of wide kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Axes, Residual, Style, cumulative, each_axis, each_level, he


@dataclass(frozen=True)
class VNetSettings:
    """What makes one V-Net another.

    Attributes:
        widths: Channels of each level on the way down, finest first; on the way up twice as many.
        convs: Convolutions of each level, down and up alike.
        kernel: Their kernel.
        norm: As in `Style`; the paper has none.
        act: As in `Style`.
        batch: As in `Style`.
        down_too: Add the last level of the way down as a level behind the bottom, for what is told of the patient.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    convs: Any = (1, 2, 3, 3, 3)
    kernel: Any = 5
    norm: str = "instance"
    act: str = "prelu"
    batch: int = 1
    down_too: bool = False


def vnet(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A V-Net.

    Reference: Milletari et al., 3DV 2016.
    """
    return VNet(channels, dims, VNetSettings(**settings))


class VNet(Backbone):
    """Residual stages down and up; strided convolutions between them, 2 wide.

    The image is added to the first stage through a 1×1 convolution (in the paper, one channel as it is).

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: VNetSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm, plan.act, bias=plan.norm == "none", batch=plan.batch)
        widths, levels = plan.widths, len(plan.widths)
        convs = each_level(plan.convs, levels)
        self.first = _stage(style, channels, widths[0], convs[0], plan.kernel)
        self.halves, self.down = nn.ModuleList(), nn.ModuleList()
        self.doubles, self.up = nn.ModuleList(), nn.ModuleList()
        for level in range(1, levels):
            width = widths[level]
            self.halves.append(style.conv(widths[level - 1], width, 2, 2, padding=0))
            self.down.append(_stage(style, width, width, convs[level], plan.kernel))
        for level in range(levels - 1):
            width, below = 2 * widths[level], widths[level + 1] * (1 if level == levels - 2 else 2)
            raised = [style.transposed(below, width // 2, 2), style.normalisation(width // 2), style.activation()]
            self.doubles.append(nn.Sequential(*raised))
            self.up.append(_stage(style, width, width, convs[level], plan.kernel))
        he(self)
        strides = cumulative([each_axis(1, dims), *[each_axis(2, dims)] * (levels - 1)])
        more = [levels - 2] if plan.down_too else []
        self.down_too = plan.down_too
        ends = [*(2 * width for width in widths[:-1]), widths[-1]]
        self.describe([*ends, *(widths[level] for level in more)], [*strides, *(strides[level] for level in more)])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the way up, finest first, and the bottom; then, where asked for, the last of the way down."""
        skips = [self.first(images)]
        for halve, stage in zip(self.halves, self.down, strict=True):
            skips.append(stage(halve(skips[-1])))
        found = [skips[-1]]
        for level in reversed(range(len(self.up))):
            joined = torch.cat([self.doubles[level](found[0]), skips[level]], dim=1)
            found.insert(0, self.up[level](joined))
        return [*found, skips[-2]] if self.down_too else found


def _stage(style: Style, inside: int, width: int, convs: int, kernel: Axes) -> Residual:
    """So many convolutions around a shortcut; the last is activated behind the sum."""
    body = nn.Sequential()
    for number in range(convs):
        one = style.without("act") if number == convs - 1 else style
        body.append(one.conv(inside if number == 0 else width, width, kernel))
    shortcut = nn.Identity() if inside == width else style.plain(inside, width)
    return Residual(body, shortcut, style.activation())
