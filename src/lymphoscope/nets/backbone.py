"""What every backbone offers, so that heads, sampling and inference need to know nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from torch import Tensor, nn


class Backbone(nn.Module):
    """Images in, features of several levels out.

    ``forward(images)`` takes (batch, channels, *space) and returns one tensor a level, finest first; the last is the
    bottom. An encoder without decoder returns its stages in the same order.

    Attributes:
        widths: Channels of each level.
        strides: Cumulative stride of each level, per axis, relative to the input.
        multiple: The side of an input, per axis, must be a multiple of it.
        context: Voxels on each side of the input that level 0 has not (networks of valid convolutions); 0 for others.
    """

    widths: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    multiple: tuple[int, ...]
    context: int = 0

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features, finest first."""
        raise NotImplementedError

    def describe(
        self, widths: Sequence[int], strides: Sequence[Sequence[int]], context: int = 0, multiple: int = 1
    ) -> None:
        """Say what comes out: called once by every backbone when it is made.

        Args:
            widths: Channels of each level.
            strides: Cumulative stride of each level.
            context: Voxels on each side that level 0 has not.
            multiple: What the side of an input must be a multiple of beside the strides.
        """
        self.widths = tuple(widths)
        self.strides = tuple(tuple(stride) for stride in strides)
        self.multiple = tuple(lcm(multiple, *axis) for axis in zip(*self.strides, strict=True))
        self.context = context
