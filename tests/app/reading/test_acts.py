"""What each act does, and what no act may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.reading.acts import OPERATIONS, apply
from lymphoscope.app.reading.adjudication import disputed
from lymphoscope.app.reading.faint import faint_foci
from lymphoscope.app.reading.numbers import preselected, stages_of
from lymphoscope.app.reading.scene import Scene
from lymphoscope.app.references import Level
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Act, Reading
from lymphoscope.image.correction import runs_of

HILL, OTHER, NODE = [5, 6, 6], [5, 6, 11], [11, 14, 18]


def done(scene: Scene, reading: Reading, op: str, **words: Any) -> Reading:
    return apply(scene, reading, Act(op, words), "reader")


def stages(start: Reading, now: Reading) -> list[float]:
    return list(stages_of(now, preselected(start), 1.0).values())


def test_the_phantom_is_two_joined_hills_and_a_node(reading: Reading) -> None:
    assert len(reading.regions) == 2
    assert reading[1].voxels.size > reading[2].voxels.size > 0


def test_a_whole_region_removed_leaves_every_stage(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "remove", regions=[1], organ="bladder")
    node = reading[2].voxels.size
    assert stages(reading, now) == [node] * 4
    assert (now[1].action, now[1].stage, now[1].organ, now[1].actor, now[1].read) == (
        "remove", 1, "bladder", "reader", True,
    )  # fmt: skip
    assert np.array_equal(now[1].voxels, reading[1].voxels), "its voxels are kept"
    back = done(scene, now, "restore", regions=[1])
    assert stages(reading, back) == stages(reading, reading)


def test_marrow_and_spleen_leave_from_stage_2_on(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "remove", regions=[1], organ="spleen")
    whole, node = reading.counted_voxels, reading[2].voxels.size
    assert stages(reading, now) == [whole, node, node, node]


def test_what_is_erased_leaves_from_stage_3_on_and_can_be_restored(scene: Scene, reading: Reading) -> None:
    runs = runs_of(reading[1].voxels[:7])
    now = done(scene, reading, "erase", runs=runs)
    whole = reading.counted_voxels
    assert stages(reading, now) == [whole, whole, whole - 7, whole - 7]
    shed = now[3]
    assert (shed.action, shed.shed_from, shed.voxels.size) == ("remove", 1, 7)
    assert done(scene, now, "restore", regions=[3]).counted_voxels == whole


def test_a_node_added_by_click_is_added_however_small_and_only_to_stage_4(scene: Scene, reading: Reading) -> None:
    start = reading.without(2)
    now = done(scene, start, "grow", seed=[11, 14, 17], at=4.0)
    assert np.array_equal(now[3].voxels, reading[2].voxels), "the click snaps to the local maximum"
    assert reading[2].voxels.size * scene.pet.geometry.voxel_ml < 3.0
    before, n = start.counted_voxels, reading[2].voxels.size
    assert stages(start, now) == [before, before, before, before + n]


def test_numbers_are_never_given_again(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading.without(2), "grow", seed=NODE)
    assert set(now.regions) == {1, 3}


def test_a_click_on_nothing_or_on_a_region_takes_nothing(scene: Scene, reading: Reading) -> None:
    for seed, code in (([0, 0, 23], "READ-E-BELOW"), (HILL, "READ-E-TAKEN")):
        with pytest.raises(LymphoscopeError) as error:
            done(scene, reading, "grow", seed=seed)
        assert error.value.code == code


def test_a_split_adds_up_and_each_point_gets_its_hill(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "split", region=1, points=[HILL, OTHER])
    parts = [now[1].voxels, now[3].voxels]
    assert np.array_equal(np.sort(np.concatenate(parts)), reading[1].voxels)
    first, second = (np.ravel_multi_index(p, scene.suv.shape) for p in (HILL, OTHER))
    assert (first in parts[0]) != (second in parts[0])
    assert stages(reading, now) == stages(reading, reading)
    merged = done(scene, now, "merge", regions=[1, 3])
    assert np.array_equal(merged[1].voxels, reading[1].voxels)
    assert set(merged.regions) == {1, 2}


def test_a_plane_divides_by_index(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "plane", region=1, point=[5, 6, 8.5], normal=[0, 0, 1])
    for number in (1, 3):
        x = now[number].voxels % scene.suv.shape[2]
        assert (x >= 9).all() or (x <= 8).all()
    assert now.counted_voxels == reading.counted_voxels


def test_an_organ_is_cut_off_and_nothing_is_lost(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "cut", region=1, organ="bladder")
    shed = now[3]
    assert (shed.action, shed.stage, shed.organ) == ("remove", 3, "bladder")
    assert np.array_equal(np.union1d(now[1].voxels, shed.voxels), reading[1].voxels)
    whole, left = reading.counted_voxels, now.counted_voxels
    assert 0 < left < whole
    assert stages(reading, now) == [whole, whole, left, left]


def test_a_higher_threshold_sheds_and_a_lower_one_takes_back(scene: Scene, reading: Reading) -> None:
    high = done(scene, reading, "redraw", region=1, at=6.0)
    suv = scene.suv.reshape(-1)
    assert suv[high[1].voxels].min() >= 6.0
    back = done(scene, high, "redraw", region=1, at=4.0)
    assert np.array_equal(back[1].voxels, reading[1].voxels)
    assert 3 not in back.regions, "what had been shed belongs to the lesion again"
    low = done(scene, reading, "redraw", region=1, at=2.5)
    assert np.isin(reading[1].voxels, low[1].voxels).all()
    gained = low[1].voxels.size - reading[1].voxels.size
    whole = reading.counted_voxels
    assert stages(reading, low) == [whole, whole, whole, whole + gained]


def test_a_method_draws_one_lesion_as_it_would_alone(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "redraw", region=2, method="max41")
    suv = scene.suv.reshape(-1)
    top = suv[reading[2].voxels].max()
    assert suv[now[2].voxels].min() >= np.float32(0.41 * top)
    assert np.array_equal(now[1].voxels, reading[1].voxels)


def test_the_brush_takes_only_free_voxels_above_the_threshold(scene: Scene, reading: Reading) -> None:
    everything = [[0, scene.suv.size]]
    suv = scene.suv.reshape(-1)
    now = done(scene, reading, "paint", runs=everything, region=2, at=2.0)
    gained = np.setdiff1d(now[2].voxels, reading[2].voxels)
    assert suv[gained].min() >= 2.0
    assert not np.isin(gained, reading[1].voxels).any()
    fresh = done(scene, reading, "paint", runs=[[0, 3]], at=None)
    assert fresh[3].voxels.tolist() == [0, 1, 2]
    with pytest.raises(LymphoscopeError):
        done(scene, reading, "paint", runs=[[0, 3]], at=4.0)


def test_limits_remove_only_what_lies_wholly_beyond(scene: Scene, reading: Reading) -> None:
    height = float(scene.pet.geometry.to_lps([[8, 0, 0]])[0, 2])
    assert [r.number for r in done(scene, reading, "limit", side="head", mm=height) if not r.counted] == [2]
    assert [r.number for r in done(scene, reading, "limit", side="foot", mm=height) if not r.counted] == [1]
    assert all(r.counted for r in done(scene, reading, "limit", side="head", mm=11 * 4.0)), (
        "a region that reaches over the limit stays"
    )


def test_doubt_changes_no_volume_and_confirming_settles_it(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "doubt", regions=[1], doubtful=True)
    assert now[1].action == "doubt-in"
    assert now.counted_voxels == reading.counted_voxels
    assert done(scene, now, "doubt", regions=[1], doubtful=False)[1].action == "include"


def test_a_site_is_kept_as_it_was_typed(scene: Scene, reading: Reading) -> None:
    now = done(scene, reading, "site", region=1, site="<b>=1+1</b>", nodal=True)
    assert (now[1].site, now[1].nodal) == ("<b>=1+1</b>", True)
    with pytest.raises(LymphoscopeError):
        done(scene, reading, "site", region=1, site="line\nbreak")


NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("explode", {}),
    ("remove", {}),
    ("remove", {"regions": [99]}),
    ("remove", {"regions": [True]}),
    ("remove", {"regions": [1], "organ": "tail"}),
    ("remove", {"regions": [1], "colour": "red"}),
    ("grow", {"seed": [0, 0]}),
    ("grow", {"seed": [0, 0, 24]}),
    ("grow", {"seed": [-1, 0, 0]}),
    ("grow", {"seed": HILL, "at": float("nan")}),
    ("grow", {"seed": HILL, "connectivity": 7}),
    ("redraw", {"region": 1}),
    ("redraw", {"region": 1, "at": 4.0, "method": "max41"}),
    ("redraw", {"region": 1, "method": "../etc"}),
    ("redraw", {"region": 1, "at": 50.0}),
    ("split", {"region": 1, "points": [HILL, HILL]}),
    ("split", {"region": 1, "points": [HILL, NODE]}),
    ("plane", {"region": 1, "point": [0, 0, 0], "normal": [1, 0, 0]}),
    ("merge", {"regions": [1]}),
    ("cut", {"region": 2, "organ": "bladder"}),
    ("cut", {"region": 1, "organ": "liver"}),
    ("paint", {"runs": [[0, 10**12]]}),
    ("paint", {"runs": [[-5, 3]]}),
    ("paint", {"runs": []}),
    ("erase", {"runs": [[0, 1]]}),
    ("limit", {"side": "left", "mm": 0}),
    ("doubt", {"regions": [1], "doubtful": 1}),
    ("new", {"regions": [1], "new": 1}),
]


@pytest.mark.parametrize(("op", "words"), NONSENSE, ids=lambda v: str(v)[:40])
def test_nonsense_is_refused_in_words(scene: Scene, reading: Reading, op: str, words: dict[str, Any]) -> None:
    head = reading.head
    with pytest.raises(LymphoscopeError):
        apply(scene, reading, Act(op, words), "reader")
    assert reading.head == head


def test_every_act_is_tested_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{op}"' in text for op in OPERATIONS)


def test_two_readings_laid_over_one_another_differ_where_they_differ(scene: Scene, reading: Reading) -> None:
    cut = runs_of(reading[1].voxels[:7])
    one = done(scene, done(scene, reading, "erase", runs=cut), "remove", regions=[2])
    two = done(scene, reading, "paint", runs=[[100, 5]])
    laid = disputed(one, two, scene.connectivity)
    doubts = {r.number: r for r in laid if r.doubtful}
    assert laid[1].counted
    assert not laid[1].doubtful
    assert laid[2].action == "doubt-out", "a region that one removed keeps its number"
    assert sorted(r.voxels.size for r in doubts.values()) == sorted([5, 7, reading[2].voxels.size])
    assert {r.action for r in doubts.values()} == {"doubt-out"}
    assert {r.action for r in disputed(two, one, scene.connectivity) if r.doubtful} == {"doubt-in"}
    settled = done(scene, laid, "restore", regions=list(doubts))
    counted = np.sort(np.concatenate([r.voxels for r in settled if r.counted]))
    theirs = np.sort(np.concatenate([r.voxels for r in two if r.counted]))
    assert np.array_equal(counted, theirs), "all doubts settled one reader's way give that reader's mask"
    voxels = np.concatenate([r.voxels for r in laid])
    assert np.unique(voxels).size == voxels.size
    assert not [r for r in disputed(one, one, scene.connectivity) if r.doubtful]


def test_a_faint_focus_is_what_no_region_holds_and_the_liver_does_not_reach(scene: Scene, reading: Reading) -> None:
    assert faint_foci(scene, reading) == []
    (focus,) = faint_foci(scene, reading.without(2))
    assert focus.top == tuple(NODE)
    assert focus.volume_ml > reading[2].voxels.size * scene.pet.geometry.voxel_ml, "at 2.5 it is larger than at 4.0"
    hot = replace(scene, references={"liver": Level(3.0, 0.5, 6.0)})
    assert faint_foci(hot, reading.without(2)) == []
