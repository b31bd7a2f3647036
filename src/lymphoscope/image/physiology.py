"""Which hot regions are physiological: what is removed, what is cut, what stays, what a reader must decide.

Every region above the threshold becomes a numbered candidate with one `Decision`. Rules are a table; the first that
applies decides. Nothing is deleted: a removed region keeps its voxels and its number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.measure import Decision
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import Anatomy
from lymphoscope.image.components import components
from lymphoscope.image.facts import RegionFacts, region_facts
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
    """

    organ: str
    margin_mm: float
    action: str
    why: str
    cuts: bool = False


ORGAN_RULES = (
    OrganRule("brain", 5.0, "remove", "normal brain", cuts=True),
    OrganRule("bladder", 8.0, "remove", "urine in the bladder", cuts=True),
    OrganRule("kidneys", 7.0, "remove", "urine and cortex of the kidneys", cuts=True),
    OrganRule("ureters", 5.0, "remove", "urine in the ureter"),
    OrganRule("heart", 5.0, "remove", "heart muscle", cuts=True),
    OrganRule("stomach", 0.0, "doubt-in", "in the stomach: disease and normal uptake look alike"),
    OrganRule("bowel", 0.0, "doubt-in", "in the bowel: disease and normal uptake look alike"),
    OrganRule("prostate", 0.0, "doubt-in", "in the prostate, where urine is near"),
    OrganRule("head_glands", 3.0, "doubt-in", "in a salivary gland"),
    OrganRule("thyroid", 3.0, "doubt-in", "in the thyroid"),
)
"""Section B4.2 of the quantification specification, as data; margins are its 5 mm and the middle of its 6–8 mm."""

_KIDNEY_ML = 180.0
"""Volume of a kidney: more than this at SUV ≥ 4 on one side alone is more likely disease than urine."""

ORGAN_SHARE = 0.5
"""Share q of a region inside an organ from which the region is the organ's."""


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
    return (
        f.hu_mean is None and f.placed and -345 <= f.z <= -60 and f.y < 25 and f.thickness_mm <= 40 and f.suvmax <= 12
    )


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
    PlaceRule("thin, before the spine, no CT", "bowel", "doubt-in", 0, "where bowel lies; no CT to tell", _bowel_place),
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
    parts = _split_at_organs(pet, hot, anatomy, min_ml, connectivity)
    mask = LesionMask(parts.labels, pet.geometry, "candidates")
    facts = region_facts(pet, mask, anatomy, ct_on_pet)
    sides = {side: sum(f.volume_ml for f in facts if f.side == side and _is(parts, f, "kidneys")) for side in (-1, 1)}
    facts = [replace(f, other_side_ml=sides[-f.side]) for f in facts]
    decisions = tuple(_decide(f, parts.organ_of.get(f.number)) for f in facts)
    return Judged(mask, decisions)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Numbered regions, and for those that an organ rule took: the rule, the share q, and whether it was a cut."""

    labels: NDArray[np.int32]
    organ_of: Mapping[int, tuple[OrganRule, float, bool]]


def _is(parts: _Parts, facts: RegionFacts, organ: str) -> bool:
    return facts.number in parts.organ_of and parts.organ_of[facts.number][0].organ == organ


def _split_at_organs(pet: Volume, hot: Bool, anatomy: Anatomy, min_ml: float, connectivity: int) -> _Parts:
    labels = components(hot, connectivity)
    boxes = ndi.find_objects(labels)
    organs = {
        r.organ: (anatomy.regions[r.organ], _widen(anatomy.regions[r.organ], r.margin_mm, pet))
        for r in ORGAN_RULES
        if r.organ in anatomy.regions
    }
    pieces: list[tuple[NDArray[np.intp], OrganRule | None, float, bool]] = []
    for number, box in enumerate(boxes, start=1):
        region = labels[box] == number
        if not _holds(region, pet, min_ml):
            break  # ordered by volume: all that follow are smaller
        offset = np.array([s.start for s in box])
        for piece, rule, share, was_cut in _pieces(pet, region, box, organs, min_ml):
            if rule is not None or _holds(piece, pet, min_ml):
                pieces.append((np.argwhere(piece) + offset, rule, share, was_cut))
    pieces.sort(key=lambda p: (-len(p[0]), tuple(p[0][0])))
    out = np.zeros(hot.shape, dtype=np.int32)
    organ_of: dict[int, tuple[OrganRule, float, bool]] = {}
    for number, (index, rule, share, was_cut) in enumerate(pieces, start=1):
        out[tuple(index.T)] = number
        if rule is not None:
            organ_of[number] = (rule, share, was_cut)
    return _Parts(out, organ_of)


def _pieces(
    pet: Volume, region: Bool, box: tuple[slice, ...], organs: Mapping[str, tuple[Bool, Bool]], min_ml: float
) -> list[tuple[Bool, OrganRule | None, float, bool]]:
    """One region as (voxels, organ rule or None, share q, cut or whole)."""
    done: list[tuple[Bool, OrganRule | None, float, bool]] = []
    rest = region
    for rule in ORGAN_RULES:
        if rule.organ not in organs or not rest.any():
            continue
        organ, wide = (mask[box] for mask in organs[rule.organ])
        share = float(np.count_nonzero(rest & wide) / np.count_nonzero(rest))
        if not rule.cuts:
            if share >= ORGAN_SHARE:
                return [*done, (rest, rule, share, False)]
            continue
        if share < _CUT_SHARE or np.count_nonzero(rest & wide) * pet.geometry.voxel_ml < _CUT_ML:
            continue
        inside, outside = cut(
            rest, pet.array[box], organ if (organ & rest).any() else wide, pet.geometry, rule.margin_mm
        )
        outside, absorbed = _shoulders(pet, inside, outside, box)
        inside |= absorbed
        done.append((inside, rule, share, _holds(outside, pet, min_ml)))
        rest = outside
    if rest.any():
        labels = components(rest, 18)
        done.extend((labels == k, None, 0.0, bool(done)) for k in range(1, int(labels.max()) + 1))
    return done


def _holds(region: Bool, pet: Volume, min_ml: float) -> bool:
    """True where a region reaches the smallest volume (specification B3: 1e-6 mL tolerance)."""
    return bool(np.count_nonzero(region) * pet.geometry.voxel_ml >= max(min_ml - 1e-6, 1e-9))


_CUT_SHARE = 0.05
_CUT_ML = 1.0
_PROMINENCE = 1.3
"""A part beside an organ is disease only if it is hotter than this times the saddle between them; else a shoulder."""


def _shoulders(pet: Volume, inside: Bool, outside: Bool, box: tuple[slice, ...]) -> tuple[Bool, Bool]:
    """Parts beyond an organ that have no peak of their own belong to the organ."""
    suv = pet.array[box]
    border = ndi.binary_dilation(inside, ndi.generate_binary_structure(3, 3))
    labels, count = ndi.label(outside, ndi.generate_binary_structure(3, 2))
    absorbed = np.zeros_like(outside)
    for number in range(1, count + 1):
        part = labels == number
        saddle = float(suv[part & border].max(initial=0.0))
        small = np.count_nonzero(part) * pet.geometry.voxel_ml < 1.0
        if small or float(suv[part].max()) < _PROMINENCE * saddle:
            absorbed |= part
    return outside & ~absorbed, absorbed


def _widen(region: Bool, margin_mm: float, pet: Volume) -> Bool:
    if margin_mm <= 0 or not region.any():
        return region
    reach = [int(np.ceil(margin_mm / s)) + 1 for s in pet.geometry.spacing]
    found = ndi.find_objects(region.astype(np.int8))[0]
    box = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(found, reach, strict=True))
    wide = np.zeros_like(region)
    wide[box] = ndi.distance_transform_edt(~region[box], pet.geometry.spacing) <= margin_mm
    return wide


def _decide(facts: RegionFacts, taken: tuple[OrganRule, float, bool] | None) -> Decision:
    """The decision on one region: its organ's rule, else the first place rule that applies, else it is counted."""
    volume, suvmax = facts.volume_ml, facts.suvmax
    if taken is not None:
        rule, share, was_cut = taken
        stage = 3 if was_cut else 1
        action, why = _guarded(rule, facts)
        name = f"{rule.organ} {'cut' if was_cut else f'q ≥ {ORGAN_SHARE}'}, {rule.margin_mm:g} mm"
        return Decision(
            facts.number, action, stage, rule.organ, round(share, 3), volume, suvmax, name, why, facts.actor
        )
    for place in PLACE_RULES:
        if place.applies(facts):
            return Decision(
                facts.number, place.action, place.stage, place.organ, None, volume, suvmax, place.name, place.why
            )
    if not facts.placed:
        return Decision(
            facts.number, "doubt-in", 0, "", None, volume, suvmax, "no frame", "the body's frame was not found"
        )
    return Decision(facts.number, "include", 0, "", None, volume, suvmax, "preselection", "hot and not physiological")


def _guarded(rule: OrganRule, facts: RegionFacts) -> tuple[str, str]:
    """An organ's rule, or doubt where disease of the organ is as likely (B4.2, column Guard)."""
    if facts.unusual(rule.organ):
        return "doubt-out", f"{rule.why}, but away from the usual place"
    if rule.organ == "heart" and facts.placed and (facts.x < 8 or facts.z > 65 or max(facts.box_mm) > 130):
        return "doubt-in", "at the heart, but not where its left ventricle lies: mediastinal disease is possible"
    if rule.organ == "kidneys" and facts.volume_ml > 40 and facts.volume_ml > 2 * facts.other_side_ml:
        action = "doubt-in" if facts.volume_ml > _KIDNEY_ML else "doubt-out"
        return action, "much larger than on the other side: disease of or beside the kidney is possible"
    return rule.action, rule.why
