"""Augmentations that change the values of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.augment.along import along, blur_matrix
from lymphoscope.learn.augment.augment import Drawn, EachChannel, Valued, about_one, between, seed


@dataclass(frozen=True, kw_only=True)
class Noise(EachChannel):
    """Add Gaussian noise.

    Attributes:
        sd: Smallest and largest standard deviation, in units of the scaled image.
    """

    sd: tuple[float, float] = (0.0, 0.05)

    def channel(self, rng: np.random.Generator) -> Drawn:
        """How much, and the seed of the noise."""
        return {"sd": between(rng, self.sd), "seed": seed(rng)}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The noisy image."""
        chance = torch.Generator().manual_seed(drawn["seed"])
        return torch.randn(image.shape, generator=chance).mul_(drawn["sd"]).add_(image)


@dataclass(frozen=True, kw_only=True)
class Blur(EachChannel):
    """Blur with a Gaussian.

    Attributes:
        sigma: Smallest and largest width, voxels.
    """

    sigma: tuple[float, float] = (0.5, 1.0)

    def channel(self, rng: np.random.Generator) -> Drawn:
        """The width."""
        return {"sigma": between(rng, self.sigma)}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The blurred image."""
        sigma = drawn["sigma"]
        return along(image, [blur_matrix(side, sigma) for side in image.shape]) if sigma else image


@dataclass(frozen=True, kw_only=True)
class LowResolution(EachChannel):
    """Keep fewer voxels, by the nearest, and enlarge again linearly.

    Attributes:
        share: Smallest and largest share of the voxels along an axis that is kept.
    """

    share: tuple[float, float] = (0.5, 1.0)

    def channel(self, rng: np.random.Generator) -> Drawn:
        """The share."""
        return {"share": between(rng, self.share)}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The coarse image on the old grid."""
        fewer = [max(1, round(side * drawn["share"])) for side in image.shape]
        coarse = functional.interpolate(image[None, None], fewer, mode="nearest-exact")
        mode = "trilinear" if image.ndim == 3 else "bilinear"
        return functional.interpolate(coarse, list(image.shape), mode=mode)[0, 0]


@dataclass(frozen=True, kw_only=True)
class Intensity(EachChannel):
    """Multiply, and stretch about the mean within the image's range.

    Attributes:
        brightness: Smallest and largest factor; None to leave it.
        contrast: Smallest and largest factor of the distance from the mean; None to leave it.
    """

    brightness: tuple[float, float] | None = (0.75, 1.25)
    contrast: tuple[float, float] | None = (0.75, 1.25)

    def channel(self, rng: np.random.Generator) -> Drawn:
        """Both factors, 1 for one that is left."""
        return {
            "brightness": about_one(rng, self.brightness) if self.brightness else 1.0,
            "contrast": about_one(rng, self.contrast) if self.contrast else 1.0,
        }

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The changed image."""
        if drawn["brightness"] != 1:
            image = image * drawn["brightness"]
        if drawn["contrast"] != 1:
            low, high = torch.aminmax(image)
            image = torch.lerp(image.mean(), image, float(drawn["contrast"])).clamp(low, high)
        return image


@dataclass(frozen=True, kw_only=True)
class Gamma(EachChannel):
    """Raise to a power between the image's lowest and highest value.

    Attributes:
        exponent: Smallest and largest.
        inverted: True to work on the negative.
        keep_statistics: True to give mean and standard deviation back.
    """

    exponent: tuple[float, float] = (0.7, 1.5)
    inverted: bool = False
    keep_statistics: bool = False

    def channel(self, rng: np.random.Generator) -> Drawn:
        """The exponent."""
        return {"exponent": about_one(rng, self.exponent)}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The changed image; a constant one stays."""
        low, high = torch.aminmax(image)
        if drawn["exponent"] == 1 or low == high:
            return image
        share = (high - image if self.inverted else image - low) / (high - low)
        changed = share.clamp(0, 1).pow(drawn["exponent"]) * (high - low)
        changed = high - changed if self.inverted else changed + low
        if self.keep_statistics:
            changed = (changed - changed.mean()) * (image.std() / changed.std()) + image.mean()
        return changed


@dataclass(frozen=True, kw_only=True)
class SuvScale(Valued):
    """Multiply PET alone, as a wrong weight or dose would. For images whose 0 is SUV 0.

    Attributes:
        factor: Smallest and largest.
        pet: Number of its channel.
    """

    factor: tuple[float, float] = (0.8, 1.25)
    pet: int = 0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """The factor for PET, nothing for others."""
        factor = about_one(rng, self.factor)
        return {"channels": [{"factor": factor} if number == self.pet else None for number in range(channels)]}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The scaled image."""
        return image.mul(drawn["factor"])


@dataclass(frozen=True, kw_only=True)
class ChannelDropout(Valued):
    """Take one channel away, where there are several.

    Attributes:
        fill: Value it has instead.
    """

    fill: float = 0.0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """Which one."""
        gone = int(rng.integers(channels)) if channels > 1 else -1
        return {"channels": [{"fill": self.fill} if number == gone else None for number in range(channels)]}

    def change(self, image: Tensor, drawn: Drawn) -> Tensor:
        """The empty channel."""
        return torch.full_like(image, drawn["fill"])
