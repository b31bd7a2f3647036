"""From slices to a grid: order and spacing come from positions, and whatever is not a grid is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.header import Header

MOST_VOXELS = 1_500_000_000
MOST_SLICES = 100_000
TILT_DEGREES = 0.1
GAP_RATIO = 1.5
UNEVEN_RATIO = 0.01
_DIRECTION_TOLERANCE = 1e-4
_FRAME_FACTS = ("TemporalPositionIdentifier", "FrameReferenceTime", "AcquisitionDate", "AcquisitionTime")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one series in order, with their grid.

    Attributes:
        headers: One a slice, in array order (rising along the normal of the image plane).
        geometry: The grid, LPS.
    """

    headers: tuple[Header, ...]
    geometry: Geometry


def stack(headers: Sequence[Header]) -> Stack:
    """Order slices along their normal and find their grid.

    The step between slices is the mean distance of positions; slice thickness and the spacing tag are never used.

    Args:
        headers: Slices of one series, in any order, without copies.

    Returns:
        The slices in order, with the grid.

    Raises:
        LymphoscopeError: ``IO-E-POSITION``, ``IO-E-SLICESIZE``, ``IO-E-SIZE``, ``IO-E-BEDS``, ``IO-E-DYNAMIC``,
            ``IO-E-GATED``, ``IO-E-DUPPOS``, ``IO-E-TILT``, ``IO-E-GAP`` or ``IO-E-SPACING``.

    Reference:
        DICOM PS3.3 C.7.6.2 (image plane).
    """
    _require_alike(headers)
    _require_size(headers)
    positions, orientation, spacing = plane_facts(headers)
    normal = np.cross(orientation[:3], orientation[3:])
    distance = positions @ normal
    order = np.lexsort((*positions.T, distance))
    headers = [headers[i] for i in order]
    positions, distance = positions[order], distance[order]
    gaps = np.diff(distance)
    _require_distinct(headers, distance, gaps)
    _require_straight(positions, normal)
    _require_even(distance, gaps)
    affine = np.eye(4)
    affine[:3, 0] = (positions[-1] - positions[0]) / (len(headers) - 1)
    affine[:3, 1] = orientation[3:] * spacing[0]
    affine[:3, 2] = orientation[:3] * spacing[1]
    affine[:3, 3] = positions[0]
    shape = (len(headers), headers[0].integer("Rows") or 0, headers[0].integer("Columns") or 0)
    return Stack(tuple(headers), Geometry(shape, affine, headers[0].text("FrameOfReferenceUID") or None))


def plane_facts(headers: Sequence[Header]) -> tuple[Floats, Floats, Floats]:
    """Positions (n, 3), the orientation (6,) made orthonormal, and pixel spacing (2,) as (row, column) step, mm.

    Raises:
        LymphoscopeError: ``IO-E-POSITION`` where one is missing or impossible.
    """
    wanted = (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2))
    columns = [[h.numbers(keyword, count) for h in headers] for keyword, count in wanted]
    for (keyword, _), column in zip(wanted, columns, strict=True):
        missing = sum(v is None for v in column)
        if missing or not column:
            what = f"{keyword} is missing or unreadable in {missing} of {len(column)} slices"
            raise LymphoscopeError("IO-E-POSITION", what)
    positions, orientations, spacings = (np.array(c, dtype=np.float64) for c in columns)
    # the lowest file in the order of position decides, so that the result does not depend on file names
    first = int(np.lexsort(positions.T)[0])
    across, down = orientations[first, :3], orientations[first, 3:]
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if abs(lengths[0] - 1) > 1e-3 or abs(lengths[1] - 1) > 1e-3 or abs(across @ down) > 1e-3:
        raise LymphoscopeError("IO-E-POSITION", "ImageOrientationPatient does not hold two perpendicular unit vectors")
    spacing = spacings[first]
    if (spacing <= 0).any():
        raise LymphoscopeError("IO-E-POSITION", "PixelSpacing is not positive")
    return positions, np.concatenate([across / lengths[0], down / lengths[1]]), spacing


def _require_alike(headers: Sequence[Header]) -> None:
    """Refuse slices of different size, spacing, direction or frame of reference."""
    sizes = {(h.integer("Rows"), h.integer("Columns")) for h in headers}
    if any(not rows or not columns or rows < 0 or columns < 0 for rows, columns in sizes):
        raise LymphoscopeError("IO-E-PIXELS", "rows or columns are missing")
    if len(sizes) > 1:
        found = ", ".join(f"{rows}×{columns}" for rows, columns in sorted(sizes))
        raise LymphoscopeError("IO-E-SLICESIZE", f"slices of {len(sizes)} sizes in one series: {found}")
    for keyword, count, what in (("PixelSpacing", 2, "pixel spacing"), ("ImageOrientationPatient", 6, "direction")):
        values = [v for h in headers if (v := h.numbers(keyword, count)) is not None]
        if values and np.ptp(np.array(values), axis=0).max() > _DIRECTION_TOLERANCE:
            raise LymphoscopeError("IO-E-SLICESIZE", f"slices of one series differ in {what}")
    frames = {h.text("FrameOfReferenceUID") for h in headers}
    if len(frames) > 1:
        raise LymphoscopeError("IO-E-BEDS", f"{len(frames)} frames of reference in one series")


def _require_size(headers: Sequence[Header]) -> None:
    """Refuse what would not fit, before a pixel is read."""
    voxels = len(headers) * (headers[0].integer("Rows") or 0) * (headers[0].integer("Columns") or 0)
    if voxels > MOST_VOXELS or len(headers) > MOST_SLICES:
        what = f"{len(headers)} slices with {voxels / 1e9:.2f}·10⁹ voxels; at most {MOST_SLICES} and 1.50·10⁹ are read"
        raise LymphoscopeError("IO-E-SIZE", what)
    if len(headers) < 2:
        raise LymphoscopeError("IO-E-POSITION", "a single slice does not say how far apart slices are")


def tolerance(gaps: Floats) -> float:
    """How far a position may be off, mm: decimal strings are rounded."""
    return max(0.01, 0.005 * float(np.median(gaps))) if gaps.size else 0.01


def _require_distinct(headers: Sequence[Header], distance: Floats, gaps: Floats) -> None:
    """Refuse two slices at one place, saying whether they are time frames, gates, beds or nothing of the kind."""
    distinct = gaps[gaps > 0.01]
    same = gaps <= tolerance(distinct)
    if not same.any():
        return
    place = np.concatenate([[0], np.cumsum(~same)])
    shared = int(same.sum())
    if len({h.text("TriggerTime") for h in headers}) > 1:
        raise LymphoscopeError("IO-E-GATED", f"{shared + 1} or more slices with different trigger times at one place")
    frames: dict[tuple[str, ...], list[int]] = {}
    for header, where in zip(headers, place, strict=True):
        frames.setdefault(tuple(header.text(f) for f in _FRAME_FACTS), []).append(int(where))
    if len(frames) > 1 and all(len(set(p)) == len(p) for p in frames.values()):
        kept = list(frames.values())[:64]
        overlap = max(len(set(a) & set(b)) / min(len(a), len(b)) for a, b in combinations(kept, 2))
        if overlap > 0.5:
            raise LymphoscopeError("IO-E-DYNAMIC", f"{len(frames)} times of acquisition at the same positions")
        raise LymphoscopeError("IO-E-BEDS", f"beds overlap in {shared} slices that were not joined")
    where = ", ".join(f"{d:.2f}" for d in distance[1:][same][:5])
    raise LymphoscopeError("IO-E-DUPPOS", f"{shared} slices lie where another lies (at {where} mm along the stack)")


def _require_straight(positions: Floats, normal: Floats) -> None:
    """Refuse a tilted gantry and slices pushed sideways."""
    track = positions[-1] - positions[0]
    length = float(track @ normal)
    aside = float(np.linalg.norm(track - length * normal))
    if aside > max(0.01, np.tan(np.radians(TILT_DEGREES)) * length):
        angle = np.degrees(np.arctan2(aside, length))
        raise LymphoscopeError("IO-E-TILT", f"slices are stacked {angle:.2f}° off their normal")
    line = positions[0] + ((positions - positions[0]) @ track / (track @ track))[:, None] * track
    worst = float(np.linalg.norm(positions - line, axis=1).max())
    if worst > max(0.05, 0.005 * length / (len(positions) - 1)):
        raise LymphoscopeError("IO-E-SPACING", f"slices are shifted sideways by up to {worst:.2f} mm")


def _require_even(distance: Floats, gaps: Floats) -> None:
    """Refuse missing slices and uneven steps."""
    median = float(np.median(gaps))
    wide = np.flatnonzero(gaps > GAP_RATIO * median)
    if wide.size:
        missing = int(np.round(gaps[wide] / median - 1).sum())
        where = ", ".join(f"{distance[i]:.2f} and {distance[i + 1]:.2f}" for i in wide[:5])
        what = f"about {missing} slices are missing, between {where} mm along the stack (step {median:.3f} mm)"
        raise LymphoscopeError("IO-E-GAP", what)
    if gaps.std() > max(UNEVEN_RATIO * median, 0.005):
        what = f"steps between slices vary from {gaps.min():.3f} to {gaps.max():.3f} mm"
        raise LymphoscopeError("IO-E-SPACING", what)
