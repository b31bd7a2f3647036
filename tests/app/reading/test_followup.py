"""A scan before and this one: which lesion is which, what is gone, what is there now, and what the reader calls new."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.app.reading.acts import apply
from lymphoscope.app.reading.followup import ReadScan, followed
from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Act, Reading, Region, voxel_set
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.followup import Placement

SHIFT = (40.0, -8.0, 600.0)
GRID = Geometry.axial((20, 24, 28), (4.0, 4.0, 4.0))


def scan(places: dict[int, tuple[int, int, int]], grid: Geometry, out: tuple[int, ...] = ()) -> ReadScan:
    """Cubes of 3 voxels a side at some indices, SUV 5 and 8 in the middle; some of them removed."""
    suv = np.ones(grid.shape, np.float32)
    regions = {}
    for number, (z, y, x) in places.items():
        cube = np.zeros(grid.shape, bool)
        cube[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = True
        suv[cube], suv[z, y, x] = 5.0, 8.0
        action = "remove" if number in out else "include"
        regions[number] = Region(number, voxel_set(np.flatnonzero(cube)), action)
    return ReadScan(Volume(suv, grid, Unit.SUV_BW), Reading(grid.shape, regions))


@pytest.fixture
def before() -> ReadScan:
    """The same body, 600 mm further along the table; its field of view ends lower at the head."""
    grid = Geometry.axial((16, 24, 28), (4.0, 4.0, 4.0), SHIFT)
    return scan({1: (4, 6, 6), 2: (10, 16, 20), 3: (4, 20, 6), 4: (14, 4, 6)}, grid)


@pytest.fixture
def now() -> ReadScan:
    return scan({11: (4, 6, 7), 12: (10, 8, 20), 13: (18, 12, 12), 14: (4, 20, 6)}, GRID, out=(14,))


def move(shift: tuple[float, float, float]) -> Placement:
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return Placement(matrix, 0.9, 0.8)


def test_every_lesion_of_both_scans_is_told_once(now: ReadScan, before: ReadScan) -> None:
    rows = followed(now, before, move((-40.0, 8.0, -600.0)))
    told = [([b["id"] for b in row["before"]], [n["id"] for n in row["now"]], row["word"]) for row in rows]
    assert told == [
        (["L01"], ["L11"], "persisting"),
        ([], ["L12"], "candidate new – confirm"),
        ([], ["L13"], "outside the other scan – candidate new – confirm"),
        (["L02"], [], "resolved"),
        (["L03"], [], "resolved"),
        (["L04"], [], "resolved"),
    ]
    assert rows[0]["gap_mm"] == 0.0
    assert rows[0]["now"][0]["volume_ml"] == pytest.approx(27 * 0.064)
    assert rows[0]["now"][0]["suvmax"] == 8.0
    gone, hidden = rows[3]["site"], rows[4]["site"]
    assert (gone["suvmax"], gone["not_counted"]) == (1.0, [])
    assert np.allclose(gone["lps"], GRID.to_lps((10, 16, 20)))
    assert (hidden["suvmax"], hidden["not_counted"]) == (8.0, ["L14"]), "what is there is not counted, and told"


def test_what_lies_beyond_this_scan_is_not_called_resolved(now: ReadScan, before: ReadScan) -> None:
    for along, word in ((-590.0, "resolved"), (-560.0, "outside the other scan")):
        rows = followed(now, before, move((-40.0, 8.0, along)))
        gone = next(row for row in rows if row["before"] and row["before"][0]["id"] == "L04")
        assert (gone["word"], gone["site"] is None) == (word, word != "resolved")


def test_a_lesion_on_both_sides_of_this_scan_is_beyond_it_though_its_middle_is_not(now: ReadScan) -> None:
    long = scan({1: (4, 6, 6), 2: (55, 6, 6)}, Geometry.axial((60, 24, 28), (4.0, 4.0, 4.0)))
    both = np.union1d(long.reading[1].voxels, long.reading[2].voxels)
    parted = ReadScan(long.pet, Reading(long.reading.shape, {1: Region(1, both, "include")}))
    rows = followed(now, parted, move((0.0, 0.0, -4.0 * 20)))
    assert [row["word"] for row in rows if row["before"]] == ["outside the other scan"]


def test_new_is_what_a_reader_says_and_changes_nothing_else(now: ReadScan, before: ReadScan) -> None:
    scene, head = Scene(now.pet), now.reading.head
    said = apply(scene, now.reading, Act("new", {"regions": [12], "new": True}), "ann")
    assert said.head != head
    assert [r.number for r in said if r.new] == [12]
    words = {
        tuple(n["region"] for n in row["now"]): row["word"]
        for row in followed(ReadScan(now.pet, said), before, move((-40.0, 8.0, -600.0)))
    }
    assert words[(12,)] == "new"
    back = apply(scene, said, Act("new", {"regions": [12], "new": None}), "ann")
    assert back.head == head, "a log of before the word was known leads to the same mask"
