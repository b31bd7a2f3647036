"""What became of lesions between two scans of a patient: which of one is which of the other, by where they lie.

A lesion whose voxels meet another's is the same. What meets nothing is compared by the gap between them, since a body
never lies twice alike: the nearest pairs belong together, one to one, as far as `REACH_MM`.

Reference: the project's specification of the report, 2.7 (persisting, resolved, new, split, merged; with the distance).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

Points = NDArray[np.float64]

REACH_MM = 15.0
"""Gap up to which lesions that do not meet are taken for the same: what a rigid registration of a body leaves over."""


@dataclass(frozen=True)
class Course:
    """Lesions that belong together.

    Attributes:
        before: Numbers in the earlier scan, none for what is new.
        now: Numbers in this scan, none for what is gone.
        gap_mm: Widest gap that was bridged between them, mm; 0 where they meet, None where one side is empty.
    """

    before: tuple[int, ...]
    now: tuple[int, ...]
    gap_mm: float | None

    @property
    def name(self) -> str:
        """``persisting``, ``split``, ``merged``, ``regrouped`` (several on either side), ``resolved`` or ``new``."""
        if not self.now:
            return "resolved"
        if not self.before:
            return "new"
        several = (len(self.before) > 1, len(self.now) > 1)
        return {(False, False): "persisting", (False, True): "split", (True, False): "merged"}.get(several, "regrouped")


def courses(
    before: Mapping[int, Points], now: Mapping[int, Points], touch_mm: float, reach_mm: float = REACH_MM
) -> tuple[Course, ...]:
    """Find which lesions belong together.

    Args:
        before: Middles of the voxels of each lesion of the earlier scan where they lie in this one, LPS mm, (n, 3).
        now: The same of this scan's lesions.
        touch_mm: Voxels whose middles are this near meet: half the diagonal of the larger voxel.
        reach_mm: Gap up to which a lesion without any other is given to the nearest that has none either.

    Returns:
        Every lesion in one course, by the numbers now, what is gone last.
    """
    olds, news = list(before), list(now)
    gaps = _meeting(before, now, touch_mm)
    met = ({b for b, _ in gaps}, {n for _, n in gaps})
    free = product([b for b in olds if b not in met[0]], [n for n in news if n not in met[1]])
    for gap, b, n in sorted((_gap(before[b], now[n]), b, n) for b, n in free):
        if gap <= reach_mm and b not in met[0] and n not in met[1]:
            gaps[b, n] = gap
            met[0].add(b)
            met[1].add(n)
    rows = [olds.index(b) for b, _ in gaps]
    columns = [len(olds) + news.index(n) for _, n in gaps]
    size = len(olds) + len(news)
    together = connected_components(coo_array((np.ones(len(gaps)), (rows, columns)), (size, size)), directed=False)[1]
    found = []
    for group in range(int(together.max(initial=-1)) + 1):
        left = tuple(b for b, at in zip(olds, together[: len(olds)], strict=True) if at == group)
        right = tuple(n for n, at in zip(news, together[len(olds) :], strict=True) if at == group)
        bridged = [gap for (b, _), gap in gaps.items() if b in left]
        found.append(Course(left, right, max(bridged) if bridged else None))
    return tuple(sorted(found, key=lambda c: (not c.now, c.now, c.before)))


def _meeting(before: Mapping[int, Points], now: Mapping[int, Points], touch_mm: float) -> dict[tuple[int, int], float]:
    """Pairs of lesions with voxels that meet."""
    found: dict[tuple[int, int], float] = {}
    if not before or not now:
        return found
    for one, other, turned in ((before, now, False), (now, before, True)):
        numbers = np.repeat(list(other), [len(points) for points in other.values()])
        tree = KDTree(np.concatenate(list(other.values())))
        for number, points in one.items():
            near, at = (np.asarray(told) for told in tree.query(points, distance_upper_bound=touch_mm))
            for beside in np.unique(numbers[at[np.isfinite(near)]]):
                found[(int(beside), number) if turned else (number, int(beside))] = 0.0
    return found


def _gap(one: Points, other: Points) -> float:
    return float(np.min(KDTree(one).query(other)[0]))
