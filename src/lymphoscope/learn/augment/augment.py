"""What an augmentation is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.augment.warp import Warp

Drawn = dict[str, Any]
"""What happens to an example, as data that JSON can hold."""


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Something that may happen to an example.

    Attributes:
        probability: That it happens.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no probability.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        if not 0 <= self.probability <= 1:
            raise LymphoscopeError("USE-E-VALUE", f"a probability is {self.probability}, but lies in 0 … 1")

    def draw(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn | None:
        """Say what happens, or None for nothing. All chance is here.

        Args:
            rng: Source of chance.
            channels: Of the example.
            dims: 2 or 3.
        """
        return self.happening(rng, channels, dims) if rng.random() < self.probability else None

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """Say what happens, given that it does."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Spatial(Augment):
    """Something that moves images and labels."""

    def warp(self, drawn: Drawn) -> Warp:
        """Where things go, in mm from the middle."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Valued(Augment):
    """Something that changes the values of images: ``channels`` of a drawing has an entry each, None for nothing."""

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """A new image (*space) fp32; the one given stays as it is."""
        raise NotImplementedError

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """New images (channels, *space)."""
        pairs = zip(images, drawn["channels"], strict=True)
        return torch.stack([image if one is None else self.change(image, one) for image, one in pairs])


@dataclass(frozen=True, kw_only=True)
class EachChannel(Valued):
    """Something that changes each channel by its own drawing.

    Attributes:
        per_channel: Probability that it happens to a channel, where it happens to an example.
    """

    per_channel: float = 1.0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """A drawing for each channel."""
        return {"channels": [self.channel(rng) if rng.random() < self.per_channel else None for _ in range(channels)]}

    def channel(self, rng: np.random.Generator) -> Drawn:
        """Say what happens to a channel."""
        raise NotImplementedError


def between(rng: np.random.Generator, limits: Sequence[float]) -> float:
    """A number from a range."""
    low, high = limits
    return float(rng.uniform(low, high))


def about_one(rng: np.random.Generator, limits: Sequence[float]) -> float:
    """A factor from a range round 1: as often below as above, however the range lies."""
    low, high = limits
    below = low < 1 and (high <= 1 or rng.random() < 0.5)
    return float(rng.uniform(low, min(high, 1.0)) if below else rng.uniform(max(low, 1.0), high))


def seed(rng: np.random.Generator) -> int:
    """A seed for chance that is too much to write down."""
    return int(rng.integers(2**31))
