"""Which lesion of an earlier scan is which of a later one: by voxels that meet, else by the nearest, one to one."""

from __future__ import annotations

import numpy as np

from lymphoscope.quant.course import Course, courses

TOUCH = 3.5


def ball(x: float, y: float = 0.0, radius: float = 8.0) -> np.ndarray:
    """Middles of the 4 mm voxels of a ball, LPS mm."""
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13, 4.0)] * 3), axis=-1).reshape(-1, 3)
    return grid[(grid**2).sum(axis=1) <= radius**2] + [x, y, 0.0]


def test_every_course_there_is() -> None:
    before = {1: ball(0), 2: ball(100), 3: ball(200), 4: ball(216), 5: ball(300), 9: ball(500)}
    now = {11: ball(4), 12: ball(92, 0, 6), 13: ball(108, 0, 6), 14: ball(208, 0, 12), 15: ball(324), 16: ball(400)}
    found = courses(before, now, TOUCH)
    assert found == (
        Course((1,), (11,), 0.0), Course((2,), (12, 13), 0.0), Course((3, 4), (14,), 0.0), Course((5,), (15,), 8.0),
        Course((), (16,), None), Course((9,), (), None),
    )  # fmt: skip
    names = ["persisting", "split", "merged", "persisting", "new", "resolved"]
    assert [course.name for course in found] == names


def test_a_gap_is_bridged_by_the_nearest_only_and_one_to_one() -> None:
    found = courses({1: ball(0)}, {2: ball(24), 3: ball(-28)}, TOUCH)
    assert found == (Course((1,), (2,), 8.0), Course((), (3,), None))
    assert courses({1: ball(0)}, {2: ball(32)}, TOUCH) == (Course((), (2,), None), Course((1,), (), None)), "16 mm"
    assert courses({}, {}, TOUCH) == ()
    chain = courses({1: ball(0), 2: ball(16)}, {3: ball(8), 4: ball(24)}, TOUCH)
    assert [course.name for course in chain] == ["regrouped"]


def test_turning_time_round_swaps_what_is_split_and_merged() -> None:
    rng = np.random.default_rng(5)
    swapped = {"split": "merged", "merged": "split", "new": "resolved", "resolved": "new"}
    for _ in range(30):
        one, other = ({n: ball(*rng.uniform(-60, 60, 2)) for n in range(1, 7)} for _ in range(2))
        there, back = courses(one, other, TOUCH), courses(other, one, TOUCH)
        assert sorted((c.before, c.now) for c in there) == sorted((c.now, c.before) for c in back)
        assert sorted(swapped.get(c.name, c.name) for c in there) == sorted(c.name for c in back)
        assert sorted(n for c in there for n in c.now) == list(other)
