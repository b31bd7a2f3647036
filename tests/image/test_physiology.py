"""What becomes of hot regions: every rule by a region made for it, and the body phantom as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage as ndi

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.anatomy import Anatomy, find_anatomy
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.facts import RegionFacts
from lymphoscope.image.frame import Frame
from lymphoscope.image.organ_parts import ORGAN_RULES
from lymphoscope.image.physiology import PLACE_RULES, judge

GRID = Geometry.axial((60, 50, 50), (4.0, 4.0, 4.0))
FRAME = Frame(midline_x=100.0, liver_y=100.0, dome_z=120.0, liver_mean=2.0)
FACTS = RegionFacts(number=1, volume_ml=10, suvmax=8, suvmean=5, cv=0.3, placed=True, liver_mean=2.0)


def ball(centre: tuple[int, int, int], radius_mm: float) -> np.ndarray:
    index = np.indices(GRID.shape)
    return np.sqrt(sum(((i - c) * 4.0) ** 2 for i, c in zip(index, centre, strict=True))) <= radius_mm


def anatomy(**regions: np.ndarray) -> Anatomy:
    everywhere = np.ones(GRID.shape, dtype=bool)
    return Anatomy(FRAME, everywhere, regions)


def judged(suv: np.ndarray, where: Anatomy, minimum_ml: float = 3.0):  # type: ignore[no-untyped-def]
    pet = Volume(suv.astype(np.float32), GRID, Unit.SUV_BW)
    return judge(pet, pet.array >= 4.0, where, None, (minimum_ml, 18))


def rules_of(facts: RegionFacts) -> list[str]:
    return [rule.name for rule in PLACE_RULES if rule.applies(facts)]


def test_every_rule_names_a_known_organ() -> None:
    assert {r.organ for r in ORGAN_RULES} | {r.organ for r in PLACE_RULES} <= set(ORGANS)
    assert len({r.name for r in PLACE_RULES}) == len(PLACE_RULES)


@pytest.mark.parametrize("organ", ["brain", "bladder", "kidneys"])
def test_a_region_inside_an_organ_is_removed_and_recorded(organ: str) -> None:
    place = ball((30, 25, 30), 20)
    found = judged(np.where(place, 9.0, 1.0), anatomy(**{organ: place}))
    (decision,) = found.decisions
    assert (decision.action, decision.stage, decision.organ, decision.overlap) == ("remove", 1, organ, 1.0)
    assert decision.volume_ml == pytest.approx(place.sum() * GRID.voxel_ml)
    assert np.array_equal(found.candidates.labels == 1, place)


def test_a_node_that_touches_the_bladder_is_cut_from_it_and_kept() -> None:
    bladder, node = ball((20, 25, 25), 28), ball((20, 25, 36), 14)
    suv = ndi.gaussian_filter(np.where(bladder, 20.0, np.where(node, 9.0, 1.0)), 0.8)
    suv = np.where(ball((20, 25, 32), 0), 3.0, suv)
    found = judged(suv, anatomy(bladder=bladder))
    kept = [d for d in found.decisions if d.counted]
    cut = [d for d in found.decisions if not d.counted]
    assert [d.organ for d in cut] == ["bladder"]
    assert cut[0].stage == 3
    lesion = found.candidates.labels == kept[0].region
    layer = ndi.binary_dilation(node) ^ ndi.binary_erosion(node)
    assert not (lesion & bladder & ~layer).any()
    assert (lesion & node).sum() >= (node & ~bladder & ~layer).sum()


@pytest.mark.parametrize(("radius_mm", "action", "rule"), [(16, "doubt-out", "grown"), (26, "remove", "q ≥ 0.5")])
def test_what_lies_mostly_outside_the_organ_it_runs_on_from_is_not_removed_silently(
    radius_mm: float, action: str, rule: str
) -> None:
    top = ball((38, 25, 25), radius_mm)
    found = judged(np.where(top | ball((30, 25, 25), 28), 6.0, 1.0), anatomy(brain=top))
    (decision,) = found.decisions
    assert (decision.action, decision.organ, decision.rule) == (action, "brain", f"brain {rule}, 5 mm")
    assert ((decision.overlap or 0.0) < 0.5) == (rule == "grown")


def test_no_voxel_is_lost_or_counted_twice() -> None:
    suv = np.where(ball((20, 25, 25), 24) | ball((45, 25, 25), 16) | ball((45, 40, 40), 14), 8.0, 1.0)
    found = judged(suv, anatomy(bladder=ball((20, 25, 25), 20)))
    assert np.array_equal(found.candidates.labels > 0, suv >= 4)
    assert sum(d.volume_ml for d in found.decisions) == pytest.approx((suv >= 4).sum() * GRID.voxel_ml)
    assert [d.region for d in found.decisions] == list(range(1, len(found.decisions) + 1))


@pytest.mark.parametrize(("voxels", "kept"), [(46, 0), (47, 1)])
def test_the_smallest_volume_holds_for_lesions(voxels: int, kept: int) -> None:
    suv = np.ones(GRID.shape)
    suv.reshape(-1)[np.flatnonzero(ball((30, 25, 25), 20))[:voxels]] = 5.0
    assert 46 * GRID.voxel_ml < 3.0 <= 47 * GRID.voxel_ml
    labels = ndi.label(suv >= 4, np.ones((3, 3, 3)))[1]
    assert labels == 1
    assert len(judged(suv, anatomy()).decisions) == kept


def test_without_a_frame_nothing_is_removed_silently() -> None:
    everywhere = np.ones(GRID.shape, dtype=bool)
    found = judged(np.where(ball((30, 25, 25), 16), 9.0, 1.0), Anatomy(None, everywhere, {}))
    assert [d.action for d in found.decisions] == ["doubt-in"]


@pytest.mark.parametrize(
    ("facts", "rule", "action"),
    [
        (
            replace(FACTS, x=30, z=-250, y=40, thickness_mm=14, elongation=4, box_mm=(60, 14, 14)),
            "linear between kidney and bladder",
            "remove",
        ),
        (replace(FACTS, x=2, y=20, z=-440, below_bladder_mm=40), "midline below the bladder", "doubt-out"),
        (replace(FACTS, x=300, z=50, outside_trunk=True, suvmax=60), "hot arm", "doubt-out"),
        (replace(FACTS, x=70, z=150, hu_mean=-90.0), "fat on CT", "doubt-out"),
        (
            replace(FACTS, y=60, z=-100, box_mm=(300, 40, 40), cv=0.15, suvmean=3.9),
            "long, even, in the spine",
            "remove",
        ),
        (replace(FACTS, x=20, z=240), "small, midline, behind the mouth", "doubt-in"),
        (replace(FACTS, x=60, z=-200, hu_mean=20.0, gas_near=0.2), "gas beside it", "doubt-in"),
        (replace(FACTS, x=60, z=-200, y=-40, thickness_mm=20), "thin or sprawling before the spine, no CT", "doubt-in"),
        (replace(FACTS, share={"spleen": 0.9}, suvmean=2.8), "even spleen up to 1.5 × liver", "remove"),
    ],
)
def test_a_place_rule_applies_to_what_it_is_for(facts: RegionFacts, rule: str, action: str) -> None:
    assert rules_of(facts)[0] == rule
    assert next(r.action for r in PLACE_RULES if r.name == rule) == action


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, x=45, y=20, z=60, thickness_mm=30),  # mediastinal node left of the heart's place
        replace(FACTS, x=40, y=40, z=-250, thickness_mm=40, elongation=1.3, box_mm=(40, 35, 35)),  # para-aortic mass
        replace(FACTS, x=-60, y=0, z=160),  # neck
        replace(FACTS, x=70, y=-20, z=-390),  # groin
        replace(FACTS, x=100, z=-50, share={"spleen": 1.0}, suvmean=8.0),  # hot focus in the spleen
        replace(FACTS, y=60, z=-100, box_mm=(60, 40, 40), cv=0.15),  # one vertebra
    ],
)
def test_disease_where_it_usually_is_is_not_removed(facts: RegionFacts) -> None:
    actions = {rule.name: rule.action for rule in PLACE_RULES}
    assert all(actions[name].endswith("in") for name in rules_of(facts))


def test_the_body_phantom() -> None:
    body = body_phantom(BodyOptions(pet_shape=(128, 100, 100), ct_shape=None))
    found = judge(body.pet, body.pet.array >= 4.0, find_anatomy(body.pet))
    counted = np.isin(found.candidates.labels, [d.region for d in found.decisions if d.counted])
    lesions = body.lesions.foreground & (found.candidates.labels > 0)
    assert (counted & lesions).sum() == lesions.sum()
    assert body.organs is not None
    organ = (body.organs.mask.labels > 0) & ~body.lesions.foreground & (found.candidates.labels > 0)
    assert (counted & organ).sum() < 0.01 * organ.sum()
