"""Hot regions divided between organs and the rest: what lies in an organ is the organ's, what runs together is cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.volume import Volume
from lymphoscope.image.anatomy import Anatomy
from lymphoscope.image.components import components
from lymphoscope.image.facts import RegionFacts
from lymphoscope.image.split import cut

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class OrganRule:
    """What happens to a region that lies in an organ.

    Attributes:
        organ: Organ region, in the words of `lymphoscope.core.study.ORGANS`.
        margin_mm: The organ region is widened by this much, for motion and blur.
        action: Decision for a region with half or more of itself inside.
        why: The reason, for a reader.
        cuts: True where a confluent region is cut at the organ.
        grows: True where the region found by rules may be too small: like tissue that runs on from it joins it.
    """

    organ: str
    margin_mm: float
    action: str
    why: str
    cuts: bool = False
    grows: bool = False


ORGAN_RULES = (
    OrganRule("brain", 5.0, "remove", "normal brain", cuts=True, grows=True),
    OrganRule("bladder", 8.0, "remove", "urine in the bladder", cuts=True),
    OrganRule("kidneys", 7.0, "remove", "urine and cortex of the kidneys", cuts=True, grows=True),
    OrganRule("ureters", 5.0, "remove", "urine in the ureter"),
    OrganRule("heart", 5.0, "remove", "heart muscle", cuts=True, grows=True),
    OrganRule("stomach", 0.0, "doubt-in", "in the stomach: disease and normal uptake look alike"),
    OrganRule("bowel", 0.0, "doubt-in", "in the bowel: disease and normal uptake look alike"),
    OrganRule("prostate", 0.0, "doubt-in", "in the prostate, where urine is near"),
    OrganRule("head_glands", 3.0, "doubt-in", "in a salivary gland"),
    OrganRule("thyroid", 3.0, "doubt-in", "in the thyroid"),
)
"""Section B4.2 of the quantification specification, as data; margins are its 5 mm and the middle of its 6–8 mm."""

ORGAN_SHARE = 0.5
"""Share q of a region inside an organ from which the region is the organ's."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Part of a hot region.

    Attributes:
        voxels: Its voxels, in the array they were given in.
        rule: The rule of the organ that took it, or None for the rest.
        share: Share q of the region in the organ.
        beside: The rule by which the region was cut and a rest of it stayed, or None.
    """

    voxels: Bool
    rule: OrganRule | None
    share: float
    beside: OrganRule | None


@dataclass(frozen=True, eq=False)
class Parts:
    """Numbered regions, and what was found of each."""

    labels: NDArray[np.int32]
    pieces: Mapping[int, Piece]

    def is_organ(self, facts: RegionFacts, organ: str) -> bool:
        """True where a region was taken by an organ's rule."""
        rule = self.pieces[facts.number].rule
        return rule is not None and rule.organ == organ


def split_at_organs(pet: Volume, hot: Bool, anatomy: Anatomy, min_ml: float, connectivity: int) -> Parts:
    """Number hot regions, divided between organs and the rest.

    Args:
        pet: SUVbw on its native grid.
        hot: Voxels above the threshold, (z, y, x).
        anatomy: Organ regions on the PET grid.
        min_ml: Smallest region, and smallest rest of a region beside an organ, mL.
        connectivity: 6, 18 or 26.

    Returns:
        Parts numbered by decreasing volume. Parts of organs are kept at any size.
    """
    labels = components(hot, connectivity)
    organs = {
        r.organ: (anatomy.regions[r.organ], _widen(anatomy.regions[r.organ], r.margin_mm, pet))
        for r in ORGAN_RULES
        if r.organ in anatomy.regions
    }
    splitter = _Splitter(pet, organs, min_ml, anatomy.source == "rules")
    found: list[tuple[NDArray[np.intp], Piece]] = []
    for number, box in enumerate(ndi.find_objects(labels), start=1):
        region = labels[box] == number
        if not splitter.holds(region):
            break  # ordered by volume: all that follow are smaller
        offset = np.array([s.start for s in box])
        for piece in splitter.pieces(region, box):
            if piece.rule is not None or splitter.holds(piece.voxels):
                found.append((np.argwhere(piece.voxels) + offset, piece))
    found.sort(key=lambda p: (-len(p[0]), tuple(p[0][0])))
    out = np.zeros(hot.shape, dtype=np.int32)
    for number, (index, _) in enumerate(found, start=1):
        out[tuple(index.T)] = number
    return Parts(out, {number: piece for number, (_, piece) in enumerate(found, start=1)})


@dataclass(frozen=True, eq=False)
class _Splitter:
    """Divides hot regions between organs and the rest.

    Attributes:
        pet: SUVbw on its native grid.
        organs: Organ → its region, and the region widened by the rule's margin.
        min_ml: Smallest rest that counts.
        by_rules: True where the organ regions were found by rules, and may be too small.
    """

    pet: Volume
    organs: Mapping[str, tuple[Bool, Bool]]
    min_ml: float
    by_rules: bool

    def holds(self, region: Bool) -> bool:
        """True where a region reaches the smallest volume (specification B3: 1e-6 mL tolerance)."""
        return self._ml(region) >= max(self.min_ml - 1e-6, 1e-9)

    def pieces(self, region: Bool, box: tuple[slice, ...]) -> list[Piece]:
        """Divide one region, given in its box: organs in the order of the rules, then connected parts of the rest."""
        done: list[Piece] = []
        rest, cut_by = region, None
        for rule in ORGAN_RULES:
            if rule.organ not in self.organs or not rest.any():
                continue
            wide = self.organs[rule.organ][1][box]
            share = float(np.count_nonzero(rest & wide) / np.count_nonzero(rest))
            if not rule.cuts and share >= ORGAN_SHARE:
                return [*done, Piece(rest, rule, share, None)]
            if rule.cuts and share >= _CUT_SHARE and self._ml(rest & wide) >= _CUT_ML:
                inside, rest = self._divided(rule, rest, box)
                cut_by = rule if self.holds(rest) else None
                done.append(Piece(inside, rule, share, cut_by))
        labels = components(rest, 18)
        return done + [Piece(labels == k, None, 0.0, cut_by) for k in range(1, int(labels.max(initial=0)) + 1)]

    def _divided(self, rule: OrganRule, region: Bool, box: tuple[slice, ...]) -> tuple[Bool, Bool]:
        organ, wide = (mask[box] for mask in self.organs[rule.organ])
        suv = self.pet.array[box]
        marker = organ if (organ & region).any() else wide
        inside, outside = cut(region, suv, marker, self.pet.geometry, rule.margin_mm)
        labels = components(outside, 18)
        border = ndi.binary_dilation(inside, ndi.generate_binary_structure(3, 3))
        for number in range(1, int(labels.max(initial=0)) + 1):
            part = labels == number
            if self._ml(part) < _CRUMB_ML or (rule.grows and self.by_rules and _runs_on(suv, inside, part, border)):
                inside = inside | part
        return inside, region & ~inside

    def _ml(self, region: Bool) -> float:
        return float(np.count_nonzero(region)) * self.pet.geometry.voxel_ml


_CUT_SHARE, _CUT_ML = 0.05, 1.0
"""Below this share of a region, or this volume, in an organ the organ does not take part in it."""
_CRUMB_ML = 1.0
"""Parts beyond an organ that are smaller than this are the organ's rim."""
_PROMINENCE, _ALIKE = 1.3, 0.6
"""Tissue runs on from an organ where it has no peak above this times the saddle, and at least this share of its SUV."""


def _runs_on(suv: NDArray[np.float32], inside: Bool, part: Bool, border: Bool) -> bool:
    """True where a part beyond an organ is the same tissue: no peak of its own, and not much colder."""
    if not inside.any():
        return False
    saddle = float(suv[part & border].max(initial=0.0))
    alike = float(np.median(suv[part])) >= _ALIKE * float(np.median(suv[inside]))
    return alike and float(suv[part].max()) < _PROMINENCE * saddle


def _widen(region: Bool, margin_mm: float, pet: Volume) -> Bool:
    if margin_mm <= 0 or not region.any():
        return region
    reach = [int(np.ceil(margin_mm / s)) + 1 for s in pet.geometry.spacing]
    found = ndi.find_objects(region.astype(np.int8))[0]
    box = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(found, reach, strict=True))
    wide = np.zeros_like(region)
    wide[box] = ndi.distance_transform_edt(~region[box], pet.geometry.spacing) <= margin_mm
    return wide
