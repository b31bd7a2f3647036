"""Contours of an RT Structure Set as voxels: a voxel is inside when its centre is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.foreign.filling import filled
from lymphoscope.io.foreign.regions import Region, cropped
from lymphoscope.io.header import Header
from lymphoscope.io.tags import items, text, texts

WHERE = "the structure set"
_ROIS, _ROI_NUMBER, _ROI_NAME, _ROI_FRAME = 0x30060020, 0x30060022, 0x30060026, 0x30060024
_ROI_CONTOURS, _OF_ROI, _CONTOURS, _TYPE, _POINTS = 0x30060039, 0x30060084, 0x30060040, 0x30060042, 0x30060050
_FRAMES, _FRAME = 0x30060010, 0x00200052
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MOST_POINTS = 50_000_000
_ON_SLICE = 0.02
_ALOFT = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Plane:
    """The polygons of one region in one plane: position along the stack in slices, corners as (y, x) indices."""

    k: float
    polygons: tuple[Floats, ...]


@dataclass
class _Tally:
    """What was met in the contours of a file."""

    contours: int = 0
    open: int = 0
    outside: int = 0
    cut: int = 0
    small: int = 0
    between: bool = False
    gaps: bool = False


def read_rtstruct(dataset: Dataset, grid: Geometry, notes: Notes) -> tuple[Region, ...]:
    """Fill the contours of a structure set on a grid.

    Polygons of one region in one plane are filled by the even–odd rule (DICOM's XOR), so holes drawn as keyholes and
    as separate contours come out alike. Contours that do not lie on slices, because they were drawn on another series,
    hold as far as half-way to the next plane.

    Args:
        dataset: The structure set.
        grid: The PET's grid.
        notes: Takes ``GEO-W-MASKPART`` for contours outside the grid, ``GEO-W-MASKSMALL`` for contours without a
            voxel centre, ``GEO-W-MASKRESAMPLED`` for contours between slices, ``GEO-W-MASKGAPS`` for slices left out.

    Returns:
        The regions in the order of the file.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` for another frame of reference, contours aslant to the slices or all of
            them outside, ``IO-E-MASK`` for coordinates that are none.

    Reference:
        DICOM PS3.3 C.8.8.6.
    """
    contours = {_number(item, _OF_ROI): items(item, _CONTOURS) for item in items(dataset, _ROI_CONTOURS)}
    tally = _Tally()
    regions = []
    for roi in items(dataset, _ROIS):
        number = _number(roi, _ROI_NUMBER)
        drawn = contours.get(number, ())
        if drawn:
            _require_frame(text(roi, _ROI_FRAME) or _frame(dataset), grid)
        planes = _planes(_closed(drawn, grid, tally), grid, tally)
        name = Header(Path(), roi).words("ROIName")
        regions.append(cropped(number, name, _volume(planes, grid, tally), grid))
    _say(tally, notes)
    return tuple(regions)


def _number(item: Dataset, tag: int) -> int:
    value = text(item, tag)
    if not value.lstrip("+-").isdecimal():
        raise LymphoscopeError("IO-E-MASK", "a region has no number", WHERE)
    return int(value)


def _frame(dataset: Dataset) -> str:
    for item in items(dataset, _FRAMES):
        if found := text(item, _FRAME):
            return found
    return text(dataset, _FRAME)


def _require_frame(frame: str, grid: Geometry) -> None:
    if not frame:
        raise LymphoscopeError("GEO-E-MASKGRID", "the structure set does not say its frame of reference")
    if grid.frame and frame != grid.frame:
        raise LymphoscopeError("GEO-E-MASKGRID", "contours and PET have different frames of reference")


def _closed(contours: Sequence[Dataset], grid: Geometry, tally: _Tally) -> Iterator[tuple[float, Floats]]:
    """Closed contours in the grid: position along the stack, and corners as (y, x) indices."""
    for contour in contours:
        tally.contours += 1
        if text(contour, _TYPE).upper() not in _CLOSED:
            tally.open += 1
            continue
        index = grid.to_index(_points(contour))
        if not len(index):
            tally.small += 1
            continue
        k = float(index[:, 0].mean())
        if np.ptp(index[:, 0]) > _ALOFT:
            what = "contours do not lie in the planes of the PET's slices"
            raise LymphoscopeError("GEO-E-MASKGRID", what, WHERE, "Draw them on slices parallel to the PET's.")
        beyond = _beyond(index, grid)
        if beyond == "all":
            tally.outside += 1
            continue
        tally.cut += beyond == "part"
        yield k, index[:, 1:]


def _points(contour: Dataset) -> Floats:
    """Corners in LPS mm, (n, 3)."""
    parts = texts(contour, _POINTS)
    try:
        if len(parts) % 3 or len(parts) > 3 * _MOST_POINTS:
            raise ValueError
        points = np.array(parts, dtype=np.float64).reshape(-1, 3)
        if not (np.abs(points) < 1e6).all():  # also for what is not a number
            raise ValueError
    except ValueError:
        raise LymphoscopeError("IO-E-MASK", "coordinates of a contour cannot be read", WHERE) from None
    return points


def _beyond(index: Floats, grid: Geometry) -> str:
    """Whether a contour lies outside the grid: ``all`` of it, ``part`` of it or nothing."""
    size = np.array(grid.shape)
    low, high = index.min(axis=0), index.max(axis=0)
    if (high < -0.5 - _ON_SLICE).any() or (low > size - 0.5 + _ON_SLICE).any():
        return "all"
    aside = (low[1:] < -0.5 - _ON_SLICE) | (high[1:] > size[1:] - 0.5 + _ON_SLICE)
    return "part" if aside.any() else ""


def _planes(contours: Iterator[tuple[float, Floats]], grid: Geometry, tally: _Tally) -> list[_Plane]:
    """Contours gathered by plane, in the order of the planes."""
    ordered = sorted(contours, key=lambda contour: contour[0])
    apart = max(_ON_SLICE, 0.05 / grid.spacing[0])
    groups: list[list[tuple[float, Floats]]] = []
    for contour in ordered:
        if groups and contour[0] - groups[-1][0][0] <= apart:
            groups[-1].append(contour)
        else:
            groups.append([contour])
    planes = [_Plane(float(np.mean([k for k, _ in g])), tuple(p for _, p in g)) for g in groups]
    return [_settled(plane, apart) for plane in planes]


def _settled(plane: _Plane, apart: float) -> _Plane:
    """The plane moved onto a slice when it is as good as there: coordinates are rounded."""
    slice_number = round(plane.k)
    return _Plane(float(slice_number), plane.polygons) if abs(plane.k - slice_number) <= apart else plane


def _volume(planes: Sequence[_Plane], grid: Geometry, tally: _Tally) -> NDArray[np.bool_]:
    inside = np.zeros(grid.shape, dtype=bool)
    if not planes:
        return inside
    positions = np.array([plane.k for plane in planes])
    gaps = np.diff(positions)
    on_slices = bool((positions == np.rint(positions)).all())
    step = 1.0 if on_slices or not gaps.size else float(gaps.min())
    tally.between |= not on_slices
    tally.gaps |= on_slices and len(gaps) > 1 and float(gaps.min()) > 1.5
    pictures: dict[int, NDArray[np.bool_]] = {}
    reach = 0.5 * step + 1e-9
    for k in range(max(0, int(np.ceil(positions[0] - reach))), min(grid.shape[0], int(positions[-1] + reach) + 1)):
        nearest = int(np.abs(positions - k).argmin())
        if abs(positions[nearest] - k) > reach:
            continue
        if nearest not in pictures:
            pictures[nearest] = _picture(planes[nearest], grid.shape[1:], tally)
        inside[k] = pictures[nearest]
    return inside


def _picture(plane: _Plane, shape: tuple[int, int], tally: _Tally) -> NDArray[np.bool_]:
    picture = np.zeros(shape, dtype=bool)
    for polygon in plane.polygons:
        low = np.clip(np.floor(polygon.min(axis=0)), 0, shape).astype(int)
        high = np.clip(np.ceil(polygon.max(axis=0)) + 1, 0, shape).astype(int)
        part = filled([polygon - low], (max(0, int(high[0] - low[0])), max(0, int(high[1] - low[1]))))
        tally.small += not part.any()
        picture[low[0] : high[0], low[1] : high[1]] ^= part
    return picture


def _say(tally: _Tally, notes: Notes) -> None:
    closed = tally.contours - tally.open
    if closed and tally.outside == closed:
        raise LymphoscopeError("GEO-E-MASKGRID", f"all {closed} contours lie outside the PET")
    if tally.outside or tally.cut:
        what = f"{tally.outside} of {closed} contours lie outside the PET and {tally.cut} reach beyond it"
        notes.add("GEO-W-MASKPART", what)
    if tally.open:
        notes.add("GEO-W-MASKPART", f"{tally.open} points or open lines were left out: they enclose nothing")
    if tally.small:
        notes.add("GEO-W-MASKSMALL", f"{tally.small} contours hold no voxel's centre")
    if tally.between:
        notes.add("GEO-W-MASKRESAMPLED", "contours lie between the PET's slices")
    if tally.gaps:
        notes.add("GEO-W-MASKGAPS", "contours were drawn on every second slice or fewer")
