"""A head that makes an image instead of drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lymphoscope.nets.blocks import Style
from lymphoscope.nets.heads import enlarged
from lymphoscope.nets.network import Head, Outputs


class Image(Head):
    """One value for every voxel: a 1×1 convolution of the finest level. Output ``image``, (batch, 1, *size).

    Args:
        widths: Channels of the backbone's levels.
        dims: 2 or 3.
    """

    tells = ("image",)
    draws = False

    def __init__(self, widths: Sequence[int], dims: int) -> None:
        super().__init__()
        self.value = Style(dims).plain(widths[0], 1)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """The image."""
        return {"image": enlarged(self.value(features[0]), size)}

    def made(self, outputs: Outputs) -> Tensor:
        """The image."""
        image: Tensor = outputs["image"]
        return image

    def further(self, outputs: Outputs) -> Tensor:
        """The image."""
        return self.made(outputs)


def image(widths: Sequence[int], dims: int, classes: int) -> Head:
    """An image of one channel, whatever the classes of the data are."""
    return Image(widths, dims)
