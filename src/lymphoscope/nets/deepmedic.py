"""DeepMedic: two ways of valid convolutions, one of them on the image three times as coarse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, each_axis, he, require

COARSE = 3
"""How much coarser the second way sees."""


@dataclass(frozen=True)
class DeepMedicSettings:
    """What makes one DeepMedic another.

    Attributes:
        widths: Channels of the 3-wide valid convolutions of either way.
        joined: Channels of the 1×1 convolutions behind both.
        dropout: Share of features dropped before each of those but the first, and before the head.
        norm: As in `Style`.
        act: As in `Style`.
        batch: As in `Style`.
    """

    widths: tuple[int, ...] = (30, 30, 40, 40, 40, 40, 50, 50)
    joined: tuple[int, ...] = (150, 150)
    dropout: float = 0.5
    norm: str = "batch"
    act: str = "prelu"
    batch: int = 1


def deepmedic(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A DeepMedic.

    Reference: Kamnitsas et al., Med Image Anal 2017;36:61.
    """
    return DeepMedic(channels, dims, DeepMedicSettings(**settings))


class DeepMedic(Backbone):
    """Two ways whose ends are put side by side.

    With n convolutions the fine way reads the input without its outer 2n voxels and loses n on each side; the coarse
    way reads means of 3 over all of it. Of the input 3n voxels on each side have no output: 24 for the eight of the
    paper.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: DeepMedicSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm, plan.act, batch=plan.batch)
        self.fine, self.coarse = _way(style, channels, plan.widths), _way(style, channels, plan.widths)
        self.shrink = style.pool("avg", COARSE)
        inside, self.joined = 2 * plan.widths[-1], nn.Sequential()
        for width in plan.joined:
            self.joined.append(nn.Sequential(style.conv(inside, width, 1), nn.Dropout(plan.dropout)))
            inside = width
        he(self)
        self.describe([inside], [each_axis(1, dims)], context=COARSE * len(plan.widths), multiple=COARSE)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the middle of the input.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` for an input without a middle.
        """
        size = [side - 2 * self.context for side in images.shape[2:]]
        require(min(size) > 0, f"an input of {tuple(images.shape[2:])} lies within the context of {self.context}")
        edge = 2 * self.context // COARSE
        middle = functional.pad(images, [-edge] * (2 * len(size)))
        raised = functional.interpolate(self.coarse(self.shrink(images)), size=size, mode="nearest")
        return [self.joined(torch.cat([self.fine(middle), raised], dim=1))]


def _way(style: Style, channels: int, widths: Sequence[int]) -> nn.Sequential:
    ends = zip([channels, *widths], widths, strict=False)
    return nn.Sequential(*(style.conv(inside, outside, 3, padding=0) for inside, outside in ends))
