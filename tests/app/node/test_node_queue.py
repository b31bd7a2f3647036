from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.app.node.queue import Instance, Parcel, Queue


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "node.db")


def test_a_study_is_due_until_a_finished_version_has_seen_all_of_it(queue: Queue) -> None:
    assert queue.add(Instance("s", "1", "1-a")) == ("new", "")
    assert queue.due() == ["s"]
    version = queue.begin("s")
    assert (version.number, version.name) == (1, "s-v1")
    queue.add(Instance("s", "2", "2-a"))
    queue.finish(version, [])
    assert queue.due() == ["s"], "a slice came while the run was on"
    second = queue.begin("s")
    queue.finish(second, [])
    assert second.number == 2
    assert queue.due() == []
    assert queue.add(Instance("s", "2", "2-a")) == ("same", "")
    assert queue.due() == [], "the same again is no work"
    assert queue.add(Instance("s", "2", "2-b")) == ("changed", "2-a")
    assert queue.due() == ["s"]
    assert queue.files("s") == ["1-a", "2-b"]


def test_a_version_that_was_not_finished_is_begun_again(queue: Queue) -> None:
    queue.add(Instance("s", "1", "1-a"))
    queue.begin("s")
    queue.add(Instance("s", "2", "2-a"))
    again = queue.begin("s")
    assert (again.number, again.serial) == (1, 2)


def test_a_run_that_breaks_down_is_tried_so_often_and_again_after_a_restart(queue: Queue) -> None:
    queue.add(Instance("s", "1", "1-a"))
    for attempt in (1, 2):
        assert queue.due() == ["s"]
        assert queue.broke_down(queue.begin("s"), 2) == attempt
    assert queue.due() == []
    queue.reopen()
    assert queue.due() == ["s"]
    assert queue.broke_down(queue.begin("s"), 2) == 1
    assert queue.begin("s").number == 1


def test_a_late_slice_gives_a_failed_study_a_new_version(queue: Queue) -> None:
    queue.add(Instance("s", "1", "1-a"))
    queue.broke_down(queue.begin("s"), 1)
    queue.add(Instance("s", "2", "2-a"))
    assert queue.due() == ["s"]
    assert queue.begin("s").number == 2


def test_a_result_waits_until_it_is_confirmed_or_refused_too_often(queue: Queue) -> None:
    queue.add(Instance("s", "1", "1-a"))
    a, b = (Parcel("s", 1, f"{name}.dcm", "pacs") for name in "ab")
    version = queue.begin("s")
    queue.finish(version, [a, b])
    queue.finish(version, [a, b])
    assert queue.waiting("pacs") == [a, b]
    assert queue.waiting("other") == []
    queue.confirmed(a)
    assert queue.waiting("pacs") == [b]
    assert [queue.refused(b, 2), len(queue.waiting("pacs"))] == [1, 1]
    assert [queue.refused(b, 2), len(queue.waiting("pacs"))] == [2, 0]
    queue.reopen()
    assert queue.waiting("pacs") == [b]


def test_series_are_counted(queue: Queue) -> None:
    for k in range(3):
        queue.add(Instance("s", f"p{k}", f"p{k}", "x", "PT", 5))
    queue.add(Instance("s", "c", "c", "y", "CT"))
    assert sorted(queue.series("s")) == [("CT", 1, 0), ("PT", 3, 5)]


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)),
        st.tuples(st.just("begin"), st.integers(0, 2)),
        st.tuples(st.just("finish"), st.integers(0, 2)),
        st.tuples(st.just("killed")),
    ),
    max_size=25,
)


@given(OPERATIONS)
@settings(max_examples=40, deadline=None)
def test_nothing_falls_out_of_the_queue_whatever_happens(operations: list[tuple]) -> None:
    """A model: a study is due exactly when its content is not that of its last finished version."""
    with tempfile.TemporaryDirectory() as folder:
        queue = Queue(Path(folder) / "node.db")
        held: dict[str, dict[str, str]] = {}
        seen: dict[str, list[str]] = {}
        begun: dict[str, tuple] = {}
        changed: set[str] = set()
        for name, *values in operations:
            study = f"s{values[0]}" if values else ""
            if name == "add":
                sop, file = f"i{values[1]}", f"i{values[1]}-{values[2]}"
                if held.setdefault(study, {}).get(sop) != file:
                    changed.add(study)
                held[study][sop] = file
                queue.add(Instance(study, sop, file))
            elif name == "begin" and study in changed:
                begun[study] = (queue.begin(study), queue.files(study))
                changed.add(study)
            elif name == "finish" and study in begun:
                version, files = begun.pop(study)
                queue.finish(version, [])
                seen[study] = files
            elif name == "killed":
                begun.clear()
                queue.close()
                queue = Queue(Path(folder) / "node.db")
        due = set(queue.due())
        for study, content in held.items():
            if sorted(content.values()) != seen.get(study):
                assert study in due
        queue.close()
