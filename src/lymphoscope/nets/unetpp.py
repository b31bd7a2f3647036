"""U-Net++: a U-Net of every depth at once, on nested nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, each_axis, he, stack
from lymphoscope.nets.decoder import enlarge


@dataclass(frozen=True)
class UNetPPSettings:
    """What makes one U-Net++ another.

    Attributes:
        widths: Channels of each row, finest first.
        convs: Convolutions of each node.
        prune: Depth that is built and predicted; 0 for all.
        up: ``transposed`` or ``linear``.
        norm: As in `Style`.
        act: As in `Style`.
        batch: As in `Style`.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    convs: int = 2
    prune: int = 0
    up: str = "transposed"
    norm: str = "instance"
    act: str = "relu"
    batch: int = 1


def unetpp(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A U-Net++; levels are the ends of its nested U-Nets, all at full resolution, the deepest first.

    Reference: Zhou et al., DLMIA 2018.
    """
    return UNetPP(channels, dims, UNetPPSettings(**settings))


class UNetPP(Backbone):
    """Nodes (row, column): column 0 goes down; each further node joins all before it in its row with the one below.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The network's settings.
    """

    def __init__(self, channels: int, dims: int, plan: UNetPPSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm, plan.act, batch=plan.batch)
        self.depth = plan.prune or len(plan.widths) - 1
        widths = plan.widths[: self.depth + 1]
        self.shrink, self.nodes, self.ups = style.pool("max", 2), nn.ModuleDict(), nn.ModuleDict()
        for row, column in self._order():
            width = widths[row]
            inside = (column + 1) * width if column else widths[row - 1] if row else channels
            self.nodes[f"{row}_{column}"] = stack(style, inside, [width] * plan.convs)
            if column:
                self.ups[f"{row}_{column}"] = enlarge(style, widths[row + 1], width, 2, plan.up)
        he(self)
        self.describe([widths[0]] * self.depth, [each_axis(1, dims)] * self.depth, multiple=2**self.depth)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Ends of the nested U-Nets, the deepest first."""
        found: dict[tuple[int, int], Tensor] = {}
        for row, column in self._order():
            node = self.nodes[f"{row}_{column}"]
            if column:
                before = [found[row, earlier] for earlier in range(column)]
                raised = self.ups[f"{row}_{column}"](found[row + 1, column - 1])
                found[row, column] = node(torch.cat([*before, raised], dim=1))
            else:
                found[row, 0] = node(self.shrink(found[row - 1, 0]) if row else images)
        return [found[0, column] for column in range(self.depth, 0, -1)]

    def _order(self) -> list[tuple[int, int]]:
        """Nodes so that each comes after those it reads: by depth, then from the bottom up."""
        return [(depth - column, column) for depth in range(self.depth + 1) for column in range(depth + 1)]
