"""Segments of a DICOM Segmentation: binary, fractional and label map, each on the file's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.codec import FAULTS, UndecodableError, decode_frames
from lymphoscope.io.foreign.regions import Region, bounding_box
from lymphoscope.io.header import Header
from lymphoscope.io.slices import MOST_VOXELS
from lymphoscope.io.tags import items

WHERE = "the segmentation"
HALF = 0.5
"""Share of the maximum fractional value from which on a voxel is inside."""

_SHARED, _PER_FRAME, _SEGMENTS = 0x52009229, 0x52009230, 0x00620002
_POSITION, _ORIENTATION, _MEASURES, _SEGMENT = 0x00209113, 0x00209116, 0x00289110, 0x0062000A
_NOT_MORE = 100_000
_ODD = 0.02
_FOUND = 2  # place of the smallest distance found among the candidates for the step

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Frames:
    """Where frames lie and, for all but label maps, what they show.

    Attributes:
        geometry: The grid that holds all frames.
        slice_of: Slice number of each frame.
        segment_of: Segment number of each frame; 0 in label maps.
    """

    geometry: Geometry
    slice_of: tuple[int, ...]
    segment_of: tuple[int, ...]


@dataclass
class _Pieces:
    """What the frames of one segment show: slice, rows and columns, and the part of the plane that holds something."""

    pieces: list[tuple[int, tuple[slice, ...], NDArray[np.bool_]]] = field(default_factory=list)

    def add(self, k: int, plane: NDArray[np.bool_]) -> None:
        if plane.any():
            box = bounding_box(plane)
            self.pieces.append((k, box, plane[box].copy()))


def read_seg(dataset: Dataset, grid: Geometry) -> tuple[Region, ...]:
    """Read the segments of a segmentation.

    Args:
        dataset: The segmentation with its pixels.
        grid: The PET's grid; tells how far apart slices are where the file does not.

    Returns:
        The segments in the order of the file, overlapping or not, each on the piece of the file's grid that holds it.
        Of a label map the value that stands for nothing is left out.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` for another frame of reference or frames that make no grid,
            ``GEO-E-MASKLABELS`` for frames of an unknown segment, ``IO-E-MASK`` for pixels that cannot be read,
            ``IO-E-SYNTAX`` for a compression that is not read, ``IO-E-SIZE`` for too many.

    Reference:
        DICOM PS3.3 C.8.20.
    """
    header = Header(Path(), dataset)
    _require_frame(header.text("FrameOfReferenceUID"), grid)
    kind = header.text("SegmentationType").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise LymphoscopeError("IO-E-MASK", "the segmentation is neither binary nor fractional nor a label map", WHERE)
    names = _names(dataset)
    frames = _frames(dataset, header, grid, kind)
    found: dict[int, _Pieces] = {number: _Pieces() for number in names}
    for n, plane in enumerate(_pixels(dataset, len(frames.slice_of))):
        for number, inside in _shown(plane, kind, header, frames.segment_of[n]):
            if number in found:
                found[number].add(frames.slice_of[n], inside)
            elif kind != "LABELMAP":
                raise LymphoscopeError("GEO-E-MASKLABELS", "a frame belongs to no segment of the file", WHERE)
    return tuple(_region(number, names[number], found[number], frames.geometry) for number in names)


def _require_frame(frame: str, grid: Geometry) -> None:
    if not frame:
        raise LymphoscopeError("GEO-E-MASKGRID", "the segmentation does not say its frame of reference")
    if grid.frame and frame != grid.frame:
        raise LymphoscopeError("GEO-E-MASKGRID", "segmentation and PET have different frames of reference")


def _names(dataset: Dataset) -> Mapping[int, str]:
    """Segment labels by number, without the background of a label map."""
    names: dict[int, str] = {}
    background = Header(Path(), dataset).integer("PixelPaddingValue")
    for item in items(dataset, _SEGMENTS):
        header = Header(Path(), item)
        number = header.integer("SegmentNumber")
        if number is None or number < 0 or number in names:
            raise LymphoscopeError("GEO-E-MASKLABELS", "a segment has no number of its own", WHERE)
        if number not in (0, background):
            names[number] = header.words("SegmentLabel")
    return names


def _frames(dataset: Dataset, header: Header, grid: Geometry, kind: str) -> _Frames:
    per_frame = items(dataset, _PER_FRAME)
    shared = next(iter(items(dataset, _SHARED)), Dataset())
    rows, columns = header.integer("Rows") or 0, header.integer("Columns") or 0
    count = header.integer("NumberOfFrames") or 0
    if rows < 1 or columns < 1 or len(per_frame) != count or not 0 < count <= _NOT_MORE:
        raise LymphoscopeError("IO-E-MASK", "rows, columns or frames are missing or contradict each other", WHERE)
    if rows * columns * count > MOST_VOXELS:
        raise LymphoscopeError("IO-E-SIZE", f"{rows * columns * count / 1e9:.2f}·10⁹ voxels", WHERE)
    positions = np.array([_numbers(f, shared, _POSITION, "ImagePositionPatient", 3) for f in per_frame])
    orientation = _same([_numbers(f, shared, _ORIENTATION, "ImageOrientationPatient", 6) for f in per_frame])
    spacing = _same([_numbers(f, shared, _MEASURES, "PixelSpacing", 2) for f in per_frame])
    measures = next((Header(Path(), m) for f in (shared, per_frame[0]) for m in items(f, _MEASURES)), None)
    between, thick = (measures.number(k) if measures else None for k in ("SpacingBetweenSlices", "SliceThickness"))
    drawn_on_it = (rows, columns) == grid.shape[1:] and np.abs(spacing - grid.spacing[1:]).max() < 1e-3
    steps = (between, grid.spacing[0] if drawn_on_it else None, None, thick, grid.spacing[0])
    geometry, slice_of = _grid(positions, (orientation, spacing), (rows, columns), steps)
    geometry = Geometry(geometry.shape, geometry.affine, header.text("FrameOfReferenceUID"))
    segments = tuple(0 if kind == "LABELMAP" else _segment(f, shared) for f in per_frame)
    return _Frames(geometry, slice_of, segments)


def _numbers(frame: Dataset, shared: Dataset, group: int, keyword: str, count: int) -> tuple[float, ...]:
    """Numbers of a functional group, of the frame or else of all frames."""
    for where in (frame, shared):
        for item in items(where, group):
            numbers = Header(Path(), item).numbers(keyword, count)
            if numbers is not None and max(map(abs, numbers)) < 1e6:
                return numbers
    raise LymphoscopeError("GEO-E-MASKGRID", f"{keyword} is missing in a frame", WHERE)


def _segment(frame: Dataset, shared: Dataset) -> int:
    for where in (frame, shared):
        for item in items(where, _SEGMENT):
            number = Header(Path(), item).integer("ReferencedSegmentNumber")
            if number is not None:
                return number
    raise LymphoscopeError("GEO-E-MASKLABELS", "a frame does not say which segment it shows", WHERE)


def _same(values: Sequence[tuple[float, ...]]) -> Floats:
    if np.ptp(np.array(values), axis=0).max() > 1e-4:
        raise LymphoscopeError("GEO-E-MASKGRID", "frames differ in direction or pixel spacing", WHERE)
    return np.array(values[0])


def _grid(
    positions: Floats,
    plane: tuple[Floats, Floats],
    size: tuple[int, int],
    steps: tuple[float | None, ...],
) -> tuple[Geometry, tuple[int, ...]]:
    """The grid that holds all frames, and the slice of each."""
    orientation, spacing = plane
    across, down = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if abs(lengths[0] - 1) > 1e-3 or abs(lengths[1] - 1) > 1e-3 or abs(across @ down) > 1e-3 or (spacing <= 0).any():
        raise LymphoscopeError("GEO-E-MASKGRID", "frames have no direction or pixel spacing", WHERE)
    across, down = across / lengths[0], down / lengths[1]
    normal = np.cross(across, down)
    distance = positions @ normal
    first = int(distance.argmin())
    away = distance - distance[first]
    step = _step(away, steps)
    slice_of = np.rint(away / step).astype(np.int64)
    off = positions - (positions[first] + np.outer(slice_of * step, normal))
    if np.abs(off).max() > max(0.01, _ODD * step):
        raise LymphoscopeError("GEO-E-MASKGRID", "frames do not lie on one straight, evenly spaced stack", WHERE)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([normal * step, down * spacing[0], across * spacing[1]])
    affine[:3, 3] = positions[first]
    count = int(slice_of.max()) + 1
    if count * size[0] * size[1] > MOST_VOXELS:
        raise LymphoscopeError("IO-E-SIZE", "frames lie too far apart", WHERE)
    return Geometry((count, *size), affine), tuple(slice_of.tolist())


def _step(away: Floats, said: tuple[float | None, ...]) -> float:
    """Distance between slices, mm, when slices without anything may be left out.

    The first candidate counts of which all distances are multiples; None among them is the smallest distance found.

    Args:
        away: Distance of each frame from the first along the stack, mm.
        said: The file's own word and what else it may be, most trusted first.
    """
    levels = np.sort(away)
    length = float(levels[-1])
    gaps = np.diff(levels)
    gaps = gaps[gaps > 0.01]
    found = length / max(1, round(length / float(gaps.min()))) if gaps.size else None
    for step in (found if s is None and n == _FOUND else s for n, s in enumerate(said)):
        if step is None or step < 1e-3:
            continue
        multiples = np.rint(away / step)
        if np.abs(away - multiples * step).max() <= max(0.01, _ODD * step):
            # the mean over the whole stack is more exact than a rounded word
            return length / float(multiples.max()) if multiples.max() else step
    raise LymphoscopeError("GEO-E-MASKGRID", "frames are not evenly spaced", WHERE)


def _pixels(dataset: Dataset, count: int) -> Iterator[NDArray[np.generic]]:
    """Stored values frame by frame.

    Raises:
        LymphoscopeError: ``IO-E-MASK``, or ``IO-E-SYNTAX`` for a compression that is not read.
    """
    done = 0
    try:
        for plane in decode_frames(dataset, count):
            done += 1
            yield plane
    except UndecodableError as problem:
        if str(problem) == "syntax":
            raise LymphoscopeError("IO-E-SYNTAX", FAULTS["syntax"][1], WHERE, "Export it uncompressed.") from None
        raise LymphoscopeError("IO-E-MASK", "the pixels cannot be decoded", WHERE) from None
    if done != count:
        raise LymphoscopeError("IO-E-MASK", f"{done} of {count} frames are there", WHERE)


def _shown(
    plane: NDArray[np.generic], kind: str, header: Header, segment: int
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Segments in a frame."""
    if kind == "BINARY":
        yield segment, np.asarray(plane != 0)
    elif kind == "FRACTIONAL":
        highest = header.integer("MaximumFractionalValue")
        if not highest or highest < 0:
            raise LymphoscopeError("IO-E-MASK", "Maximum Fractional Value is missing", WHERE, tags=("(0062,000E)",))
        yield segment, np.asarray(plane.astype(np.float64) >= HALF * highest)
    else:
        for number in np.unique(plane).tolist():
            yield int(number), np.asarray(plane == number)


def _region(number: int, name: str, found: _Pieces, geometry: Geometry) -> Region:
    """Put the pieces of a segment together, on the smallest part of the grid that holds them."""
    boxes = [(slice(k, k + 1), *box) for k, box, _ in found.pieces] or [(slice(0, 1),) * 3]
    low = [min(box[axis].start for box in boxes) for axis in range(3)]
    high = [max(box[axis].stop for box in boxes) for axis in range(3)]
    inside = np.zeros([h - n for h, n in zip(high, low, strict=True)], dtype=bool)
    for k, (rows, columns), piece in found.pieces:
        there = (slice(rows.start - low[1], rows.stop - low[1]), slice(columns.start - low[2], columns.stop - low[2]))
        inside[k - low[0]][there] |= piece
    return Region(number, name, inside, geometry.part([slice(n, h) for n, h in zip(low, high, strict=True)]))
