"""A head that finds boxes: at every place of some levels, anchors that are lesions or not, and how to move them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.apps.detection.networks.retinanet_network import RetinaNetClassificationHead, RetinaNetRegressionHead
from monai.apps.detection.utils.box_coder import BoxCoder
from torch import Tensor, nn

from lymphoscope.nets.blocks import Style, require
from lymphoscope.nets.network import Head, Outputs

Shapes = Sequence[Sequence[float]]
"""Sides of the anchors of a level, voxels along the axes of space."""


class Retina(Head):
    """Anchors with a score each, and with offsets that make a box of it.

    Outputs ``objects`` (batch, anchors), logits; ``offsets`` (batch, anchors, 2·dims), in sides of the anchor, the
    logarithms of the sizes last; ``anchors`` (anchors, 2·dims): lower and upper corner, voxels of the input, whose
    first voxel reaches from 0 to 1; and ``places``, how many there are at each level.

    Args:
        widths: Channels of the backbone's levels.
        dims: 2 or 3.
        levels: That speak, finest 0.
        width: Channels that each is brought to; the two stacks of convolutions behind are shared by all levels.
        anchors: Shapes of the anchors of each level, as many at each; where none are given a cube four places wide.

    Reference:
        Lin et al., ICCV 2017; Jäger et al., ML4H 2020.
    """

    def __init__(
        self, widths: Sequence[int], dims: int, levels: Sequence[int], width: int, anchors: Sequence[Shapes]
    ) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.shapes = tuple(anchors) or tuple(((4.0 * 2**level,) * dims,) for level in self.levels)
        counts = {len(shapes) for shapes in self.shapes}
        require(
            len(self.shapes) == len(self.levels) and len(counts) == 1, "each level has as many anchors as any other"
        )
        require(width % 8 == 0, f"channels are normalised in 8 groups, and {width} is no multiple")
        self.brought = nn.ModuleList(Style(dims).plain(widths[level], width) for level in self.levels)
        self.scores = RetinaNetClassificationHead(width, counts.pop(), 1, spatial_dims=dims)
        self.moves = RetinaNetRegressionHead(width, len(self.shapes[0]), spatial_dims=dims)
        self._coder = BoxCoder((1.0,) * 2 * dims)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Scores and offsets of all anchors."""
        seen = [bring(features[level]) for level, bring in zip(self.levels, self.brought, strict=True)]
        places = [[int(side) for side in one.shape[2:]] for one in seen]
        found = [
            anchors_of(grid, [int(n) // side for n, side in zip(size, grid, strict=True)], shapes)
            for grid, shapes in zip(places, self.shapes, strict=True)
        ]
        return {
            "objects": torch.cat([_flat(one, 1) for one in self.scores(seen)], dim=1)[..., 0],
            "offsets": torch.cat([_flat(one, 2 * len(size)) for one in self.moves(seen)], dim=1),
            "anchors": torch.cat(found).to(seen[0]),
            "places": [len(one) // len(shapes) for one, shapes in zip(found, self.shapes, strict=True)],
        }

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Boxes and their scores, (batch, anchors, 2·dims + 1)."""
        boxes = torch.stack([self._coder.decode_single(one, outputs["anchors"]) for one in outputs["offsets"]])
        return torch.cat([boxes, outputs["objects"].sigmoid()[..., None]], dim=2)


def anchors_of(places: Sequence[int], strides: Sequence[int], shapes: Shapes) -> Tensor:
    """Anchors round the middle of every place of a level, place by place: (places · shapes, 2·dims)."""
    axes = [(torch.arange(n) + 0.5) * stride for n, stride in zip(places, strides, strict=True)]
    middle = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 1, len(axes))
    half = torch.tensor(shapes, dtype=torch.float32, device="cpu") / 2
    return torch.cat([middle - half, middle + half], dim=2).reshape(-1, 2 * len(axes))


def retina(
    widths: Sequence[int],
    dims: int,
    classes: int,
    levels: Sequence[int] = (2, 3),
    width: int = 128,
    anchors: Sequence[Shapes] = (),
) -> Head:
    """Boxes of lesions, of whatever class."""
    return Retina(widths, dims, levels, width, anchors)


def _flat(images: Tensor, numbers: int) -> Tensor:
    """Maps as rows, one an anchor: (batch, anchors, numbers); of a place all its anchors follow each other."""
    batch, channels = images.shape[:2]
    rows = images.reshape(batch, channels // numbers, numbers, -1)
    return rows.permute(0, 3, 1, 2).reshape(batch, -1, numbers)
