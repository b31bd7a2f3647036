"""What is made of a backbone's features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lymphoscope.nets.blocks import Style, require
from lymphoscope.nets.network import Head, Outputs, risks_named, risks_told


class Segment(Head):
    """A class for every voxel: one convolution at each chosen level.

    Outputs ``logits``: those of each level in the order asked for. The first is enlarged to full size where its level
    is coarser; the others stay on their own grids.

    Args:
        widths: Channels of the backbone's levels.
        dims: 2 or 3.
        classes: Classes, background included.
        levels: Levels that speak, the one that is predicted first.
        average: Predict the mean of all levels instead of the first.
        kernel: Side of the convolution.
    """

    def __init__(
        self,
        widths: Sequence[int],
        dims: int,
        classes: int,
        levels: Sequence[int] = (0,),
        average: bool = False,
        kernel: int = 1,
    ) -> None:
        super().__init__()
        self.levels, self.average, self.dims = tuple(levels), average, dims
        self.scores = nn.ModuleList(Style(dims).plain(widths[level], classes, kernel) for level in self.levels)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of each level."""
        found = [score(features[level]) for level, score in zip(self.levels, self.scores, strict=True)]
        return {"logits": [enlarged(found[0], size), *found[1:]]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Softmax of the first level, or the mean of those of all levels."""
        logits: list[Tensor] = outputs["logits"]
        if not self.average:
            return logits[0].softmax(dim=1)
        size = logits[0].shape[2:]
        return torch.stack([enlarged(one, size).softmax(dim=1) for one in logits]).mean(dim=0)


class SegmentScans(Head):
    """A class for every voxel of each scan, by the same convolutions: of networks that put scans side by side.

    Outputs ``logits`` of the latest scan as `Segment` has them, and ``logits@1`` of the one before, and so on. What is
    predicted is the latest scan; it tells ``earlier``, the probability of a lesion in the scan before.

    Args:
        widths: Channels of the backbone's levels, of all scans together.
        dims: 2 or 3.
        classes: Classes, background included.
        scans: How many there are, 1 or 2.
        levels: Levels that speak, the one that is predicted first.
    """

    def __init__(
        self, widths: Sequence[int], dims: int, classes: int, scans: int = 2, levels: Sequence[int] = (0,)
    ) -> None:
        super().__init__()
        require(scans in (1, 2), f"scans are one or two, not {scans}")
        self.scans = scans
        self.each = Segment([width // scans for width in widths], dims, classes, levels)
        self.tells = ("earlier",) if scans == 2 else ()

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of each scan and level."""
        scans = zip(*(level.chunk(self.scans, dim=1) for level in features), strict=True)
        return {named("logits", back): self.each(scan, size)["logits"] for back, scan in enumerate(scans)}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Softmax of the latest scan."""
        return self.each.probabilities(outputs)

    def further(self, outputs: Outputs) -> Tensor:
        """Probability of anything but background in the scan before."""
        earlier: Tensor = outputs[named("logits", 1)][0]
        return 1.0 - earlier.softmax(dim=1)[:, :1]


class Features(Head):
    """Features themselves, for losses that look at them: ``features``, those of each chosen level.

    It predicts nothing and cannot come first.

    Args:
        levels: Which.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """The levels as they are."""
        return {"features": [features[level] for level in self.levels]}


class Classify(Head):
    """A class for every image: the mean over space of each chosen level, then one linear layer each.

    Args:
        widths: Channels of the backbone's levels.
        classes: Classes told apart.
        levels: Levels that speak.
        weights: What each counts in the prediction; equal where none are given.
        output: Name of the output, a list of (batch, classes), one of each level.
    """

    def __init__(
        self,
        widths: Sequence[int],
        classes: int,
        levels: Sequence[int] = (-1,),
        weights: Sequence[float] = (),
        output: str = "scores",
    ) -> None:
        super().__init__()
        weights = tuple(weights) or (1.0,) * len(levels)
        require(len(weights) == len(levels), f"{len(levels)} levels have {len(weights)} weights")
        require(min(weights) >= 0 and sum(weights) > 0, f"weights {weights} are not shares")
        self.levels, self.output = tuple(levels), output
        self.foretells = risks_named(self.levels, len(widths)) if output == "risk" else ()
        self.weights = tuple(weight / sum(weights) for weight in weights)
        self.scores = nn.ModuleList(nn.Linear(widths[level], classes) for level in self.levels)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of each level."""
        pooled = (features[level].flatten(2).mean(dim=2) for level in self.levels)
        return {self.output: [score(one) for one, score in zip(pooled, self.scores, strict=True)]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Weighted mean of the softmax of each level."""
        shares = [w * one.softmax(dim=1) for w, one in zip(self.weights, outputs[self.output], strict=True)]
        return torch.stack(shares).sum(dim=0)

    def foretold(self, outputs: Outputs) -> Tensor:
        """Risk of all levels together, and of each."""
        return risks_told(outputs[self.output], self.weights)


def segment(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """A class for every voxel; settings of `Segment`."""
    return Segment(widths, dims, classes, **settings)


def segment_scans(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """A class for every voxel of each scan; settings of `SegmentScans`."""
    return SegmentScans(widths, dims, classes, **settings)


def features(widths: Sequence[int], dims: int, classes: int, levels: Sequence[int] = (0,)) -> Head:
    """The features of some levels."""
    return Features(levels)


def classify(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """A class for every image, of those of the stage; settings of `Classify`."""
    return Classify(widths, classes, **settings)


def risk(widths: Sequence[int], dims: int, classes: int, outcomes: int = 2, **settings: Any) -> Head:
    """An outcome of the patient, of so many; further settings of `Classify`."""
    return Classify(widths, outcomes, output="risk", **settings)


def named(output: str, back: int) -> str:
    """Name of what is put out for the scan so many before the latest: ``logits``, ``logits@1``."""
    return f"{output}@{back}" if back else output


def enlarged(images: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate linearly to a size, unless the image has it."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    mode = "trilinear" if images.dim() == 5 else "bilinear"
    return functional.interpolate(images, size=tuple(size), mode=mode)
