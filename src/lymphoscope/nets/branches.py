"""A head that speaks of the whole patient from several levels, each through convolutions of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.blocks import Style, require
from lymphoscope.nets.network import Head, Outputs, risks_named, risks_told


@dataclass(frozen=True)
class BranchSettings:
    """What makes one such head another.

    Attributes:
        levels: Levels that speak, finest 0, bottom -1.
        weights: What each counts in the prediction; equal where none are given.
        convs: Channels of the 3-wide convolutions of each branch; none for the level as it is.
        pools: Of how many of them, from the first on, a maximum pooling by 2 follows, one number a level; 0 where none
            are given.
        hidden: Features between the two dense layers; 0 for one layer.
        outcomes: Outcomes told apart.
        norm: As in `Style`.
    """

    levels: tuple[int, ...] = (-1,)
    weights: tuple[float, ...] = ()
    convs: tuple[int, ...] = (64, 64)
    pools: tuple[int, ...] = ()
    hidden: int = 32
    outcomes: int = 2
    norm: str = "batch"

    def __post_init__(self) -> None:
        """Settle what was left open, and refuse what cannot be.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        levels = len(self.levels)
        shares = self.weights or (1.0,) * levels
        pools = self.pools or (0,) * levels
        require(len(shares) == levels, f"{levels} levels have {len(shares)} weights")
        require(len(pools) == levels, f"{levels} levels have {len(pools)} numbers of poolings")
        require(min(shares) >= 0 and sum(shares) > 0, f"weights {shares} are not shares")
        require(0 <= min(pools) <= max(pools) <= len(self.convs), f"{pools} poolings of {len(self.convs)} convolutions")
        object.__setattr__(self, "weights", tuple(share / sum(shares) for share in shares))
        object.__setattr__(self, "pools", tuple(pools))


class Branches(Head):
    """An outcome of the patient from each chosen level: convolutions, pooled, their mean over space, two dense layers.

    Outputs ``risk``: a list of (batch, outcomes), one of each level.

    Args:
        widths: Channels of the backbone's levels.
        dims: 2 or 3.
        plan: The head's settings.

    Reference:
        Liu et al., IEEE Access 2022;10: 64 features a level and the poolings are stated; the width between the dense
        layers, and that a ReLU stands there, are ours.
    """

    def __init__(self, widths: Sequence[int], dims: int, plan: BranchSettings) -> None:
        super().__init__()
        self.levels, self.weights = plan.levels, plan.weights
        self.foretells = risks_named(plan.levels, len(widths))
        style, last = Style(dims, plan.norm), plan.convs[-1:]
        each = list(zip(plan.levels, plan.pools, strict=True))
        self.branches = nn.ModuleList(_branch(style, widths[level], plan.convs, pools) for level, pools in each)
        ends = ((*last, widths[level])[0] for level in plan.levels)
        self.scores = nn.ModuleList(_dense(end, plan.hidden, plan.outcomes) for end in ends)

    def maps(self, features: Sequence[Tensor]) -> list[Tensor]:
        """What each branch makes of its level, (batch, channels, *space), before the mean over space."""
        return [branch(features[level]) for level, branch in zip(self.levels, self.branches, strict=True)]

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of each level."""
        pooled = (one.flatten(2).mean(dim=2) for one in self.maps(features))
        return {"risk": [score(one) for one, score in zip(pooled, self.scores, strict=True)]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Weighted mean of the softmax of each level."""
        shares = [w * one.softmax(dim=1) for w, one in zip(self.weights, outputs["risk"], strict=True)]
        return torch.stack(shares).sum(dim=0)

    def foretold(self, outputs: Outputs) -> Tensor:
        """Risk of all levels together, and of each."""
        return risks_told(outputs["risk"], self.weights)


@dataclass(frozen=True)
class FusedSettings:
    """What makes one fused head another.

    Attributes:
        levels: Levels that are fused.
        features: Channels that each level is brought to, by a 1×1 convolution.
        hidden: Features between the two dense layers.
        outcomes: Outcomes told apart.
        norm: As in `Style`.
    """

    levels: tuple[int, ...] = (-1,)
    features: int = 64
    hidden: int = 64
    outcomes: int = 2
    norm: str = "batch"


class Fused(Head):
    """An outcome of the patient from several levels together: their means over space side by side, two dense layers.

    Outputs ``risk``: a list of one (batch, outcomes).

    Args:
        widths: Channels of the backbone's levels.
        dims: 2 or 3.
        plan: The head's settings.

    Reference:
        Zhou et al., Med Image Anal 2021;70:101918, as Liu et al. 2022 tell it; the numbers of features are ours.
    """

    foretells = ("risk",)

    def __init__(self, widths: Sequence[int], dims: int, plan: FusedSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm)
        self.levels = plan.levels
        self.each = nn.ModuleList(style.conv(widths[level], plan.features, 1) for level in plan.levels)
        self.score = _dense(plan.features * len(plan.levels), plan.hidden, plan.outcomes)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of all levels together."""
        brought = (conv(features[level]) for level, conv in zip(self.levels, self.each, strict=True))
        pooled = [one.flatten(2).mean(dim=2) for one in brought]
        return {"risk": [self.score(torch.cat(pooled, dim=1))]}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Softmax."""
        found: Tensor = outputs["risk"][0].softmax(dim=1)
        return found

    def foretold(self, outputs: Outputs) -> Tensor:
        """The risk."""
        return risks_told(outputs["risk"], (1.0,))


def _branch(style: Style, inside: int, convs: Sequence[int], pools: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(zip([inside, *convs], convs, strict=False)):
        layers.append(style.conv(before, after))
        if number < pools:
            layers.append(style.pool("max", 2))
    return nn.Sequential(*layers)


def _dense(inside: int, hidden: int, outcomes: int) -> nn.Module:
    if not hidden:
        return nn.Linear(inside, outcomes)
    return nn.Sequential(nn.Linear(inside, hidden), nn.ReLU(), nn.Linear(hidden, outcomes))


def risk_branches(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """An outcome of the patient from several levels; settings as in `BranchSettings`."""
    return Branches(widths, dims, BranchSettings(**settings))


def risk_fused(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """An outcome of the patient from several levels together; settings as in `FusedSettings`."""
    return Fused(widths, dims, FusedSettings(**settings))
