"""What was suggested of the regions that a reader drew without seeing it: shares of voxels by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.app.reading.suggestion import beside
from lymphoscope.core.reading import Reading, Region, voxel_set

SHAPE = (1, 10, 10)


def region(number: int, first: int, count: int, action: str, **said: str) -> Region:
    return Region(number, voxel_set(np.arange(first, first + count)), action, **said)


def reading(*regions: Region) -> Reading:
    return Reading(SHAPE, {r.number: r for r in regions})


SUGGESTION = reading(
    region(1, 0, 10, "include"),
    region(2, 10, 10, "remove", organ="brain"),
    region(3, 20, 10, "doubt-in", why="near the bladder"),
)


@pytest.mark.parametrize(
    ("drawn", "share", "word", "differs"),
    [
        (region(4, 0, 10, "include"), 1.0, "counted", False),
        (region(4, 0, 10, "remove"), 1.0, "counted", True),
        (region(4, 12, 5, "include"), 0.0, "removed (brain)", True),
        (region(4, 12, 5, "remove"), 0.0, "removed (brain)", False),
        (region(4, 20, 10, "include"), 1.0, "doubtful (near the bladder)", False),
        (region(4, 4, 10, "include"), 0.6, "counted, 60 % of it counted", False),
        (region(4, 7, 10, "include"), 0.3, "removed (brain), 30 % of it counted", True),
        (region(4, 80, 5, "include"), 0.0, "not found", True),
        (region(4, 80, 5, "remove"), 0.0, "not found", False),
    ],
)
def test_what_was_suggested(drawn: Region, share: float, word: str, differs: bool) -> None:
    found = beside(SUGGESTION, reading(drawn))[4]
    assert (found.share, found.word, found.differs) == (pytest.approx(share), word, differs)
    assert beside(reading(), reading(drawn))[4].word == "not found"
