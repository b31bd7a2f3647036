"""What became of the lesions of the scan before: where they lie in this one, and which are which.

The machine only proposes: what it finds in this scan alone is a candidate, and "new" is what a reader says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core import shown
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Reading, Region
from lymphoscope.core.volume import Volume
from lymphoscope.image.followup import Placement, Points
from lymphoscope.quant.course import Course, courses

OUTSIDE = "outside the other scan"
_NEW = {None: "candidate new – confirm", True: "new", False: "not new, said the reader"}


@dataclass(frozen=True, eq=False)
class ReadScan:
    """A scan with its regions.

    Attributes:
        pet: SUVbw, (z, y, x).
        reading: Its regions as somebody left them.
    """

    pet: Volume
    reading: Reading

    @property
    def counted(self) -> Iterator[Region]:
        """Its lesions."""
        return (region for region in self.reading if region.counted)

    def lps(self, region: Region) -> Points:
        """Middles of a region's voxels, LPS mm, (n, 3)."""
        places = np.stack(np.unravel_index(region.voxels, self.reading.shape), axis=1)
        return np.asarray(self.pet.geometry.to_lps(places), dtype=np.float64)

    def facts(self, region: Region) -> dict[str, Any]:
        """A lesion in numbers, and its hottest voxel."""
        suv = self.pet.array.reshape(-1)[region.voxels]
        top = np.unravel_index(int(region.voxels[suv.argmax()]), self.reading.shape)
        volume = region.voxels.size * self.pet.geometry.voxel_ml
        return {
            "region": region.number, "id": f"L{region.number:02d}", "site": region.site or region.organ,
            "volume_ml": volume, "suvmax": float(suv.max()),
            "top_lps": [float(v) for v in self.pet.geometry.to_lps(top)],
            "shown": {"volume_ml": shown.with_unit(volume, "mL"), "suvmax": shown.with_unit(float(suv.max()), "g/mL")},
        }  # fmt: skip


def followed(now: ReadScan, before: ReadScan, place: Placement) -> list[dict[str, Any]]:
    """Every counted lesion of two scans, with what became of it.

    Args:
        now: This scan as it is read.
        before: The earlier scan.
        place: Where the earlier one lies in this one; one that may be used.

    Returns:
        A row for lesions that belong together: ``course`` as `Course.name`, ``word`` as it is shown, ``before`` and
        ``now`` in numbers, ``gap_mm``. For what is gone ``site``: where it was in this scan, SUVmax there now, and
        which regions that are not counted lie there. Lesions where the other scan does not reach are said to be there.
    """
    old = {region.number: place.here(before.lps(region)) for region in before.counted}
    new = {region.number: now.lps(region) for region in now.counted}
    touch = max(float(np.linalg.norm(scan.pet.geometry.spacing)) for scan in (now, before)) / 2
    return [_row(course, now, before, place, old) for course in courses(old, new, touch)]


def _row(course: Course, now: ReadScan, before: ReadScan, place: Placement, old: dict[int, Points]) -> dict[str, Any]:
    olds = [before.reading[n] for n in course.before]
    news = [now.reading[n] for n in course.now]
    word = course.name
    site = None
    if not olds:
        word = _NEW[news[0].new]
        if not len(_inside(before.pet.geometry, place.there(now.lps(news[0])))):
            word = f"{OUTSIDE} – {word}"
    elif not news:
        site = _site(now, old[course.before[0]])
        word = word if site else OUTSIDE
    elif any(region.new for region in news):
        word += ", new said the reader"
    return {
        "course": course.name, "word": word, "gap_mm": course.gap_mm,
        "gap_shown": shown.with_unit(course.gap_mm, "mm") if course.gap_mm is not None else shown.NONE,
        "before": [before.facts(region) for region in olds],
        "now": [now.facts(region) for region in news],
        "site": site,
    }  # fmt: skip


def _inside(grid: Geometry, lps: Points) -> NDArray[np.int64]:
    """Nearest voxels (z, y, x) of the places that lie inside a grid; none where that is less than half of them."""
    index = np.rint(grid.to_index(lps)).astype(np.int64)
    inside = index[((index >= 0) & (index < grid.shape)).all(axis=1)]
    return inside if 2 * len(inside) >= len(index) else inside[:0]


def _site(now: ReadScan, places: Points) -> dict[str, Any] | None:
    """What is now where a lesion was, or None where this scan does not reach."""
    index = _inside(now.pet.geometry, places)
    if not len(index):
        return None
    flat = np.unique(np.ravel_multi_index(tuple(index.T), now.reading.shape))
    suvmax = float(now.pet.array.reshape(-1)[flat].max())
    there = [f"L{r.number:02d}" for r in now.reading if not r.counted and np.isin(flat, r.voxels).any()]
    return {
        "lps": [float(v) for v in places.mean(axis=0)], "suvmax": suvmax, "shown": shown.with_unit(suvmax, "g/mL"),
        "not_counted": there,
    }  # fmt: skip
