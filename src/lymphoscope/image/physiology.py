"""Which hot regions are physiological: what is removed, what is cut, what stays, what a reader must decide.

Every region above the threshold becomes a numbered candidate with one `Decision`. Rules are a table; the first that
applies decides. Nothing is deleted: a removed region keeps its voxels and its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.measure import Decision
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import Anatomy
from lymphoscope.image.facts import RegionFacts, region_facts
from lymphoscope.image.organ_parts import ORGAN_SHARE, OrganRule, Piece, split_at_organs

Bool = NDArray[np.bool_]


_HEART_Z, _HEART_CUT_Z = 60.0, 40.0
"""Height above the liver dome, mm, up to which uptake is the left ventricle's: for a region of its own, and for a part
cut off a region that reaches further."""

_KIDNEY_ML = 100.0
"""A kidney of 165 mL has 22–32 % of its voxels at SUV ≥ 4 (phantom specification, T1): twice that on one side alone is
more likely disease than urine."""


@dataclass(frozen=True)
class PlaceRule:
    """What happens to a region by its own place and shape, where no organ region speaks.

    Attributes:
        name: Name of the rule, printed in the removal record.
        organ: Organ it stands for.
        action: Decision.
        stage: Stage of the benchmark workflow.
        why: The reason, for a reader.
        applies: Test on the region's facts.
    """

    name: str
    organ: str
    action: str
    stage: int
    why: str
    applies: Callable[[RegionFacts], bool]


def _ureter(f: RegionFacts) -> bool:
    return (
        f.placed
        and 8 <= abs(f.x) <= 70
        and -375 <= f.z <= -110
        and -20 <= f.y <= 75
        and f.thickness_mm <= 22
        and f.elongation >= 2.2
        and f.box_mm[0] >= 1.4 * max(f.box_mm[1:])
        and f.suvmax >= 5
        and f.volume_ml <= 12
    )


def _pelvic_urine(f: RegionFacts) -> bool:
    return (
        f.placed
        and abs(f.x) <= 22
        and f.below_bladder_mm is not None
        and 0 <= f.below_bladder_mm <= 90
        and f.volume_ml <= 60
    )


def _fat(f: RegionFacts) -> bool:
    return f.hu_mean is not None and -150 <= f.hu_mean <= -40 and f.placed and f.z >= -120


def _mirrored_fat(f: RegionFacts) -> bool:
    return f.hu_mean is None and f.mirrored and f.placed and -120 <= f.z <= 230 and f.elongation >= 1.6


def _tonsil(f: RegionFacts) -> bool:
    return f.placed and 190 <= f.z <= 300 and abs(f.x) <= 45 and f.volume_ml <= 15


def _gland(f: RegionFacts) -> bool:
    return f.placed and f.mirrored and 190 <= f.z <= 330 and 25 <= abs(f.x) <= 90


def _injection(f: RegionFacts) -> bool:
    return f.outside_trunk and f.liver_mean is not None and f.suvmax >= 10 * f.liver_mean


def _marrow(f: RegionFacts) -> bool:
    return (
        f.placed
        and abs(f.x) <= 30
        and f.box_mm[0] >= 150
        and f.cv < 0.25
        and f.liver_mean is not None
        and f.suvmean < 2 * f.liver_mean
    )


def _spleen_diffuse(f: RegionFacts) -> bool:
    return f.share.get("spleen", 0.0) >= ORGAN_SHARE and f.liver_mean is not None and f.suvmean <= 1.5 * f.liver_mean


def _bowel_gas(f: RegionFacts) -> bool:
    return f.gas_near > 0.05 and f.placed and -350 <= f.z <= -20 and f.y < 60


def _bowel_place(f: RegionFacts) -> bool:
    """In front of the spine in the belly, and either thin or sprawling, as bowel is and most masses are not."""
    if f.hu_mean is not None or not f.placed or not -345 <= f.z <= -60 or f.y >= 25:
        return False
    sprawling = max(f.box_mm) >= 150 and f.thickness_mm <= 0.35 * max(f.box_mm)
    return sprawling or (f.thickness_mm <= 40 and f.suvmax <= 12)


def _testis(f: RegionFacts) -> bool:
    return f.placed and abs(f.x) <= 28 and f.z <= -440 and f.y <= -10 and f.volume_ml <= 40


def _at_heart(f: RegionFacts) -> bool:
    return f.expected.get("heart", 0.0) > 0.5


def _stomach(f: RegionFacts) -> bool:
    return f.hu_mean is None and f.expected.get("stomach", 0.0) > 0.5


PLACE_RULES = (
    PlaceRule("linear between kidney and bladder", "ureters", "remove", 1, "urine in the ureter", _ureter),
    PlaceRule("hot arm", "injection_site", "doubt-out", 1, "far outside the trunk and very hot", _injection),
    PlaceRule(
        "midline below the bladder", "bladder", "doubt-out", 1, "urine in the urethra or prostate", _pelvic_urine
    ),
    PlaceRule("fat on CT", "brown_fat", "doubt-out", 1, "uptake in fat tissue", _fat),
    PlaceRule("long, even, in the spine", "marrow", "remove", 2, "diffuse marrow uptake", _marrow),
    PlaceRule("even spleen up to 1.5 × liver", "spleen", "remove", 2, "diffuse spleen uptake", _spleen_diffuse),
    PlaceRule(
        "mirrored string between neck and loin", "brown_fat", "doubt-in", 0, "as on the other side", _mirrored_fat
    ),
    PlaceRule("small, midline, behind the mouth", "tonsils", "doubt-in", 0, "tonsil or nodal disease", _tonsil),
    PlaceRule("mirrored in the jaw's height", "head_glands", "doubt-in", 0, "gland or nodal disease", _gland),
    PlaceRule("at the heart", "heart", "doubt-in", 0, "atrium, right ventricle or disease beside the heart", _at_heart),
    PlaceRule("at the stomach, no CT", "stomach", "doubt-in", 0, "where the stomach lies; no CT to tell", _stomach),
    PlaceRule("gas beside it", "bowel", "doubt-in", 0, "touches bowel gas", _bowel_gas),
    PlaceRule(
        "thin or sprawling before the spine, no CT",
        "bowel",
        "doubt-in",
        0,
        "where bowel lies; no CT to tell",
        _bowel_place,
    ),
    PlaceRule("below the pubis, in front", "muscle", "doubt-in", 0, "testis or skin fold", _testis),
)


@dataclass(frozen=True, eq=False)
class Judged:
    """All candidates with what became of them.

    Attributes:
        candidates: Regions numbered by decreasing volume; numbers are never reused.
        decisions: One per region, in the order of their numbers.
    """

    candidates: LesionMask
    decisions: tuple[Decision, ...] = field(default_factory=tuple)


def judge(
    pet: Volume, hot: Bool, anatomy: Anatomy, ct_on_pet: Volume | None = None, rule: tuple[float, int] = (3.0, 18)
) -> Judged:
    """Number the hot regions and decide on each.

    Args:
        pet: SUVbw on its native grid.
        hot: Voxels above the method's threshold, (z, y, x).
        anatomy: Organ regions on the PET grid.
        ct_on_pet: CT in HU brought to the PET grid, or None.
        rule: Smallest region in mL, applied after organs are cut away, and connectivity.

    Returns:
        Candidates and decisions. Parts of organs keep no minimum volume; everything else below it is dropped.
    """
    min_ml, connectivity = rule
    parts = split_at_organs(pet, hot, anatomy, min_ml, connectivity)
    mask = LesionMask(parts.labels, pet.geometry, "candidates")
    facts = region_facts(pet, mask, anatomy, ct_on_pet)
    sides = {
        side: sum(f.volume_ml for f in facts if f.side == side and parts.is_organ(f, "kidneys")) for side in (-1, 1)
    }
    facts = [replace(f, other_side_ml=sides[-f.side]) for f in facts]
    decisions = tuple(_decide(f, parts.pieces[f.number]) for f in facts)
    return Judged(mask, decisions)


def _decide(facts: RegionFacts, piece: Piece) -> Decision:
    """The decision on one region: its organ's rule, else the first place rule that applies, else it is counted."""
    number, volume, suvmax = facts.number, facts.volume_ml, facts.suvmax
    if piece.rule is not None:
        rule, was_cut = piece.rule, piece.beside is not None
        action, why = _guarded(rule, facts, was_cut)
        grown = not was_cut and piece.share < ORGAN_SHARE
        if grown and action == "remove":
            action, why = "doubt-out", f"{rule.why}, but most of it lies outside the {rule.organ} as that was found"
        how = "cut" if was_cut else "grown" if grown else f"q ≥ {ORGAN_SHARE}"
        name = f"{rule.organ} {how}, {rule.margin_mm:g} mm"
        stage, share = (3 if was_cut else 1), round(piece.share, 3)
        return Decision(number, action, stage, rule.organ, share, volume, suvmax, name, why, facts.actor)
    for place in PLACE_RULES:
        if place.applies(facts):
            return Decision(number, place.action, place.stage, place.organ, None, volume, suvmax, place.name, place.why)
    if piece.beside is not None:
        organ = piece.beside.organ
        why = f"ran together with the {organ}: look where it was cut"
        return Decision(number, "doubt-in", 0, organ, None, volume, suvmax, "rest of a cut", why, facts.actor)
    if not facts.placed:
        return Decision(number, "doubt-in", 0, "", None, volume, suvmax, "no frame", "the body's frame was not found")
    return Decision(number, "include", 0, "", None, volume, suvmax, "preselection", "hot and not physiological")


def _guarded(rule: OrganRule, facts: RegionFacts, was_cut: bool) -> tuple[str, str]:
    """An organ's rule, or doubt where disease of the organ is as likely (B4.2, column Guard)."""
    if facts.unusual(rule.organ):
        return "doubt-out", f"{rule.why}, but away from the usual place"
    highest = _HEART_CUT_Z if was_cut else _HEART_Z
    if rule.organ == "heart" and facts.placed and (facts.x < 15 or facts.z > highest or max(facts.box_mm) > 130):
        return "doubt-in", "at the heart, but not where its left ventricle lies: mediastinal disease is possible"
    if rule.organ == "kidneys" and facts.volume_ml > 40 and facts.volume_ml > 2 * facts.other_side_ml:
        action = "doubt-in" if facts.volume_ml > _KIDNEY_ML else "doubt-out"
        return action, "much larger than on the other side: disease of or beside the kidney is possible"
    return rule.action, rule.why
