"""Finding the brain: the slices at the head's end that are mostly hot."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from lymphoscope.image.coarse import GRID_MM, Bool, Coarse, closed, nearest_part
from lymphoscope.image.frame import Frame

_BRAIN_SHARE = 0.25
"""Share of a head slice that is hot where the slice holds brain; glands and tonsils stay far below it."""
_BASE_SHARE, _BASE_MM = 0.10, 25.0
"""The same below slices that are brain, where the face is beside it, and in the first slices of a scan that starts at
the eyes, where only the brain's base is seen."""


_HEAD_MM = 240.0
"""A slice wider than this is not the head alone; its middle is then the trunk's."""
_HEIGHT_MM = 150.0
"""Height of a brain: what is hot further below its top is not brain."""
_BOTH_SIDES = 0.25
"""The smaller half of a slice's hot area over the larger one: a brain is on both sides, a mass in the neck is not."""


def find_brain(work: Coarse, frame: Frame | None) -> Bool | None:
    """Find the brain: slices at the cranial end whose head is mostly hot on both sides, closed over cold ventricles.

    Args:
        work: The PET on the working grid.
        frame: The body's axes, or None.

    Returns:
        The brain on the working grid, or None.
    """
    level = max(3.0, 1.5 * frame.liver_mean) if frame else 3.5
    top = work.geometry.shape[0]
    lowest = work.slice_at(frame.dome_z + 245.0) if frame else 0.6 * top
    usual = work.slice_at(frame.dome_z + 275.0) if frame else top
    middle = work.column(frame.midline_x) if frame else work.body.shape[2] / 2
    base = max(usual, top - _BASE_MM / GRID_MM)
    region = np.zeros(work.suv.shape, dtype=bool)
    missed = highest = 0
    for k in range(top - 1, max(0, int(lowest)) - 1, -1):
        head = nearest_part(work.body[k], middle, 0.2)
        hot = (work.suv[k] >= level) & head
        if _is_brain(hot, head, _BASE_SHARE if k >= base or region.any() else _BRAIN_SHARE, middle):
            region[k] = hot
            highest = max(highest, k)
        elif region.any():
            missed += 1
        if missed > 2 or (region.any() and (highest - k) * GRID_MM > _HEIGHT_MM):
            break
    if not region.any():
        return None
    return _with_base(work, closed(region, int(20 / GRID_MM)), level)


def _is_brain(hot: Bool, head: Bool, share: float, middle: float) -> bool:
    """True where enough of a head slice is hot, on both sides of its middle."""
    area = np.count_nonzero(hot)
    if area * GRID_MM**2 < 1000 or area < share * np.count_nonzero(head):
        return False
    columns = np.nonzero(head.any(axis=0))[0]
    if (columns.max() - columns.min()) * GRID_MM < _HEAD_MM:  # no raised arm beside it
        middle = (columns.min() + columns.max()) / 2
    left = np.count_nonzero(hot[:, round(middle) :])
    return bool(min(left, area - left) >= _BOTH_SIDES * max(left, area - left))


def _with_base(work: Coarse, brain: Bool, level: float) -> Bool:
    """Add the hot base (temporal lobes, cerebellum): joined to the brain and at most 25 mm below its lowest slice."""
    lowest = int(np.nonzero(brain.any(axis=(1, 2)))[0].min())
    hot = (work.suv >= level) | brain
    hot[: max(0, lowest - int(25 / GRID_MM))] = False
    hot[lowest + 1 :] &= ndi.binary_dilation(brain, iterations=2)[lowest + 1 :]
    labels, _ = ndi.label(hot)
    return np.asarray(np.isin(labels, np.unique(labels[brain & hot])) & (labels > 0) | brain)
