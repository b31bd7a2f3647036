"""Laws of the record: replay to the same bytes, undo and redo without limit, regions that never share a voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.app.reading.history import REDO, UNDO, History
from lymphoscope.app.reading.numbers import preselected, stages_of
from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Act, Reading

SHAPE = (16, 20, 24)

numbers = st.integers(1, 8)
places = st.tuples(*(st.integers(0, n - 1) for n in SHAPE)).map(list)
near = st.tuples(st.integers(3, 8), st.integers(4, 9), st.integers(3, 14)).map(list)
runs = st.lists(st.tuples(st.integers(0, 7680 - 40), st.integers(1, 40)).map(list), min_size=1, max_size=12)
levels = st.sampled_from([2.0, 2.5, 4.0, 6.0])


def act(op: str, **words: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(words).map(lambda w: {"op": op, "words": w, "reason": ""})


ACTS = st.one_of(
    act("remove", regions=st.lists(numbers, min_size=1, max_size=2), organ=st.sampled_from(["", "bladder", "spleen"])),
    act("restore", regions=st.lists(numbers, min_size=1, max_size=2)),
    act("doubt", regions=st.lists(numbers, min_size=1, max_size=1), doubtful=st.booleans()),
    act("site", region=numbers, site=st.text(max_size=8), nodal=st.sampled_from([True, False, None])),
    act("limit", side=st.sampled_from(["head", "foot"]), mm=st.floats(0, 60)),
    act("grow", seed=places | near, at=levels),
    act("redraw", region=numbers, at=levels),
    act("redraw", region=numbers, method=st.sampled_from(["max41", "a50peak"])),
    act("split", region=numbers, points=st.lists(near, min_size=2, max_size=3)),
    act("plane", region=numbers, point=near, normal=st.sampled_from([[0, 0, 1], [0, 1, 0], [1, 1, 0]])),
    act("merge", regions=st.lists(numbers, min_size=2, max_size=3)),
    act("cut", region=numbers, organ=st.just("bladder")),
    act("paint", runs=runs, region=numbers, at=levels | st.none()),
    act("erase", runs=runs),
    st.just({"op": UNDO}),
    st.just({"op": REDO}),
)


def played(scene: Scene, start: Reading, acts: list[dict[str, Any]]) -> tuple[History, list[dict[str, Any]]]:
    """The history, and those acts that could be done."""
    history, taken = History(scene, start), []
    for one in acts:
        try:
            after = history.after(one["op"], one, "reader")
        except LymphoscopeError:
            continue
        history.take(one["op"], after)
        taken.append(one)
    return history, taken


def apart(now: Reading) -> bool:
    return sum(r.voxels.size for r in now) == now.owned().size


@settings(max_examples=40, deadline=None)
@given(acts=st.lists(ACTS, max_size=12))
def test_a_log_replays_to_the_same_bytes(scene: Scene, reading: Reading, acts: list[dict[str, Any]]) -> None:
    history, taken = played(scene, reading, acts)
    again, retaken = played(scene, reading, taken)
    assert retaken == taken, "what could be done once can be done again"
    assert again.now.head == history.now.head
    assert again.now.labels().tobytes() == history.now.labels().tobytes()
    assert again.now.last == history.now.last


@settings(max_examples=40, deadline=None)
@given(acts=st.lists(ACTS, max_size=12))
def test_regions_never_share_a_voxel_and_nothing_preselected_is_lost(
    scene: Scene, reading: Reading, acts: list[dict[str, Any]]
) -> None:
    now = played(scene, reading, acts)[0].now
    assert apart(now)
    assert np.isin(preselected(reading), now.owned()).all(), "what was removed can still be seen and restored"
    volumes = stages_of(now, preselected(reading), 0.064)
    assert np.isclose(volumes["TMTV4"], now.counted_voxels * 0.064)
    assert volumes["TMTV1"] >= volumes["TMTV2"] >= volumes["TMTV3"] <= volumes["TMTV4"]


@settings(max_examples=30, deadline=None)
@given(acts=st.lists(ACTS, max_size=10))
def test_undo_goes_back_to_the_start_and_redo_to_the_end(
    scene: Scene, reading: Reading, acts: list[dict[str, Any]]
) -> None:
    history, _ = played(scene, reading, acts)
    end, steps = history.now.head, 0
    while history.can_undo:
        history.take(UNDO, history.after(UNDO, {}, "reader"))
        steps += 1
    assert history.now.head == reading.head
    for _ in range(steps):
        history.take(REDO, history.after(REDO, {}, "reader"))
    assert history.now.head == end


def test_an_act_after_undo_forgets_what_was_undone_but_not_its_numbers(scene: Scene, reading: Reading) -> None:
    history, _ = played(
        scene,
        reading,
        [
            {"op": "split", "words": {"region": 1, "points": [[5, 6, 6], [5, 6, 11]]}},
            {"op": UNDO},
            {"op": "plane", "words": {"region": 1, "point": [5, 6, 8.5], "normal": [0, 0, 1]}},
        ],
    )
    assert not history.can_redo
    assert set(history.now.regions) == {1, 2, 4}


def test_an_act_is_the_same_after_the_log_has_told_it() -> None:
    told = Act("remove", {"regions": [1]}, "brain").as_record()
    assert Act.of_record(told).as_record() == told


def test_a_thousand_random_edits_replay_to_the_bit(scene: Scene, reading: Reading) -> None:
    rng = np.random.default_rng(7)
    ops: list[dict[str, Any]] = []
    for _ in range(1000):
        n, seed = int(rng.integers(1, 6)), [int(rng.integers(0, s)) for s in SHAPE]
        first = int(rng.integers(0, 7680 - 30))
        ops.append(
            [
                {"op": "remove", "words": {"regions": [n]}},
                {"op": "restore", "words": {"regions": [n]}},
                {"op": "grow", "words": {"seed": seed, "at": 2.0}},
                {"op": "paint", "words": {"runs": [[first, 30]], "region": n, "at": 1.5}},
                {"op": "erase", "words": {"runs": [[first, 30]]}},
                {"op": UNDO},
                {"op": REDO},
            ][int(rng.integers(0, 7))]
        )
    history, taken = played(scene, reading, ops)
    assert len(taken) > 200
    assert played(scene, reading, taken)[0].now.head == history.now.head
