"""Heads that say how much they know: belief in each class, and what is left over as ignorance.

A mass function here is a tensor (batch, classes + 1, *space) that adds up to 1; its last channel is the mass of not
knowing, Θ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.blocks import Style, require
from lymphoscope.nets.network import Head, Outputs

LEAST = 1e-7
"""Probability that a class is never below, so that it has a logarithm."""


def enn_masses(support: Tensor, membership: Tensor) -> Tensor:
    """Dempster's rule over prototypes, in closed form.

    Prototype k gives class c the mass u_kc s_k and Θ the rest, so m(Θ) ∝ Π(1 − s_k) and
    m(c) ∝ Π(u_kc s_k + 1 − s_k) − Π(1 − s_k).

    Args:
        support: s, (batch, prototypes, *space), 0 … below 1.
        membership: u, (prototypes, classes), rows that add up to 1.

    Reference: Denoeux, IEEE Trans SMC A 2000;30:131; Huang et al., Int J Approx Reason 2022;149:39.
    """
    unknown = torch.log1p(-support)
    shape = (1, *membership.shape, *(1,) * (support.dim() - 2))
    s, u = support.unsqueeze(2), membership.view(shape)
    grown = torch.log1p(u * s / (1 - s)).sum(dim=1)
    nothing = unknown.sum(dim=1, keepdim=True)
    top = (nothing + grown).amax(dim=1, keepdim=True)
    scaled = torch.exp(nothing - top)
    found = torch.cat([scaled * torch.expm1(grown), scaled], dim=1)
    return found / found.sum(dim=1, keepdim=True)


def rbf_masses(evidence: Tensor) -> Tensor:
    """Masses of two classes from weights of evidence: positive ones speak for class 1, negative ones against it.

    Args:
        evidence: Of each prototype, (batch, prototypes, *space).

    Reference: Denoeux, Knowl-Based Syst 2019;176:54; Huang et al., Int J Approx Reason 2022;149:39.
    """
    for_it = evidence.clamp(min=0).sum(dim=1, keepdim=True)
    against = (-evidence).clamp(min=0).sum(dim=1, keepdim=True)
    no = -torch.expm1(-against) * torch.exp(-for_it)
    yes = -torch.expm1(-for_it) * torch.exp(-against)
    found = torch.cat([no, yes, torch.exp(-for_it - against)], dim=1)
    return found / found.sum(dim=1, keepdim=True)


def dempster(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two mass functions combined, and the conflict between them.

    Returns:
        The combination, and κ (batch, 1, *space): the mass that each gives to what the other excludes.

    Reference: Shafer, A Mathematical Theory of Evidence, 1976.
    """
    a, b = first[:, :-1], second[:, :-1]
    no_a, no_b = first[:, -1:], second[:, -1:]
    joint = torch.cat([a * b + a * no_b + no_a * b, no_a * no_b], dim=1)
    agreed = joint.sum(dim=1, keepdim=True)
    return joint / agreed.clamp(min=LEAST), 1 - agreed


def discounted(masses: Tensor, reliability: Tensor) -> Tensor:
    """Masses of two classes, believed as far as their source is reliable for each class.

    pl'(c) = 1 − β_c + β_c pl(c). β = 1 leaves the masses as they are, β = 0 leaves nothing but Θ.

    Args:
        masses: (batch, 3, *space).
        reliability: β of class 0 and of class 1, 0 … 1.

    Reference: Mercier et al., Int J Approx Reason 2008;49:245; Huang et al., MICCAI 2022:401.
    """
    # what speaks for one class says that it is not the other: it is the other's β that weakens it
    kept = masses[:, :2] * reliability.flip(0).view(1, 2, *(1,) * (masses.dim() - 2))
    return torch.cat([kept, 1 - kept.sum(dim=1, keepdim=True)], dim=1)


def pignistic(masses: Tensor) -> Tensor:
    """Probabilities that share the mass of not knowing evenly among the classes."""
    classes = masses[:, :-1]
    return classes + masses[:, -1:] / classes.shape[1]


def plausibility(masses: Tensor) -> Tensor:
    """Probabilities in proportion to how far each class is not excluded."""
    possible = masses[:, :-1] + masses[:, -1:]
    return possible / possible.sum(dim=1, keepdim=True)


DECISIONS = {"pignistic": pignistic, "plausibility": plausibility}


class Prototypes(nn.Module):
    """Masses of every voxel by the distance of its features to prototypes.

    Args:
        inside: Channels that come in.
        dims: 2 or 3.
        classes: Classes, background included.
        features: Length of the vector that one convolution makes of them.
        prototypes: How many.
        layer: ``enn`` (each prototype supports classes) or ``rbf`` (each is evidence for or against a lesion).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another layer, or for ``rbf`` with other than two classes.
    """

    def __init__(
        self, inside: int, dims: int, classes: int, features: int = 2, prototypes: int = 10, layer: str = "enn"
    ) -> None:
        super().__init__()
        require(layer in ("enn", "rbf"), f"an evidential layer is enn or rbf, not {layer!r}")
        require(layer == "enn" or classes == 2, "the layer rbf tells two classes apart")
        self._enn = layer == "enn"
        self.reduce = Style(dims).plain(inside, features)
        self.centres = nn.Parameter(torch.randn(prototypes, features))
        self.gamma = nn.Parameter(torch.full((prototypes,), 0.1))
        self.alpha = nn.Parameter(torch.zeros(prototypes)) if self._enn else None
        self.weight = nn.Parameter(torch.randn(prototypes, classes) if self._enn else torch.randn(prototypes))

    def forward(self, images: Tensor) -> Tensor:
        """Masses (batch, classes + 1, *space) of (batch, inside, *space)."""
        return self.masses(self.reduce(images))

    def masses(self, features: Tensor) -> Tensor:
        """Masses (batch, classes + 1, *space) of vectors (batch, features, *space)."""
        ones = (1,) * (features.dim() - 2)
        # |f − w|² = |f|² − 2 f·w + |w|²: no tensor of prototypes by features is made
        product = torch.einsum("bf...,kf->bk...", features, self.centres)
        square = features.square().sum(dim=1, keepdim=True) + self.centres.square().sum(dim=1).view(1, -1, *ones)
        near = torch.exp(-0.5 * self.gamma.square().view(1, -1, *ones) * (square - 2 * product).clamp(min=0))
        if self.alpha is None:
            return rbf_masses(self.weight.view(1, -1, *ones) * near)
        support = 0.99 * torch.sigmoid(self.alpha).view(1, -1, *ones) * near
        owned = self.weight.square()
        return enn_masses(support, owned / owned.sum(dim=1, keepdim=True))


class Evidence(Head):
    """Belief in each class of every voxel, of one or several sources, combined by Dempster's rule.

    Outputs ``logits`` (one level: log of the probabilities), ``each`` (the same of every source), ``masses`` (of all
    together) and ``conflict`` (κ).

    Args:
        widths: Channels of the backbone's levels; of several sources side by side.
        dims: 2 or 3.
        classes: Classes, background included.
        sources: How many sources the channels of level 0 come from.
        discount: Whether each source has a reliability for each class, which is learnt and begins at ½.
        decide: Probabilities from masses: ``pignistic`` or ``plausibility``.
        layer: Settings of the `Prototypes` of each source.
    """

    tells = ("ignorance", "conflict")

    def __init__(
        self,
        widths: Sequence[int],
        dims: int,
        classes: int,
        sources: int = 1,
        discount: bool = False,
        decide: str = "pignistic",
        **layer: Any,
    ) -> None:
        super().__init__()
        require(decide in DECISIONS, f"masses are decided by {' or '.join(DECISIONS)}, not {decide!r}")
        require(widths[0] % sources == 0, f"{widths[0]} channels are not those of {sources} sources")
        require(not discount or classes == 2, "discounting is of two classes")
        self._sources, self._decide = sources, DECISIONS[decide]
        self.layers = nn.ModuleList(Prototypes(widths[0] // sources, dims, classes, **layer) for _ in range(sources))
        self.reliability = nn.Parameter(torch.zeros(sources, classes)) if discount else None

    @property
    def beliefs(self) -> Tensor | None:
        """Reliability β of each source for each class, (sources, classes); None without discounting."""
        return None if self.reliability is None else torch.sigmoid(self.reliability)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> dict[str, Any]:
        """Logits of all together and of each source, masses, conflict."""
        parts = features[0].float().chunk(self._sources, dim=1)
        each = [layer(one) for one, layer in zip(parts, self.layers, strict=True)]
        beliefs = self.beliefs
        heard = each if beliefs is None else [discounted(m, b) for m, b in zip(each, beliefs, strict=True)]
        together, conflict = heard[0], torch.zeros_like(heard[0][:, :1])
        for masses in heard[1:]:
            together, more = dempster(together, masses)
            conflict = 1 - (1 - conflict) * (1 - more)
        return {
            "logits": [self._logits(together)],
            "each": [self._logits(masses) for masses in each],
            "masses": together,
            "conflict": conflict,
        }

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Of the classes."""
        found: Tensor = self._decide(outputs["masses"])
        return found

    def further(self, outputs: Outputs) -> Tensor:
        """Mass of not knowing, and the conflict of the sources."""
        return torch.cat([outputs["masses"][:, -1:], outputs["conflict"]], dim=1)

    def _logits(self, masses: Tensor) -> Tensor:
        return self._decide(masses).clamp(min=LEAST).log()


def evidence(widths: Sequence[int], dims: int, classes: int, **settings: Any) -> Head:
    """Belief in each class of every voxel; settings of `Evidence`."""
    return Evidence(widths, dims, classes, **settings)
