"""Series: which files belong together, what each series is, and why it can or cannot serve as PET or CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.study import SeriesFact
from lymphoscope.io.header import Header
from lymphoscope.io.slices import Stack, stack

_ENHANCED = {
    "1.2.840.10008.5.1.4.1.1.130": "enhanced PET",
    "1.2.840.10008.5.1.4.1.1.128.1": "legacy converted enhanced PET",
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "legacy converted enhanced CT",
}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_NOT_SLICES = {"LOCALIZER", "SCOUT", "MIP", "MAXIP", "PROJECTION IMAGE", "SCREEN SAVE", "VOLUMERENDERING", "FUSION"}
_MODALITY_OF_CLASS = {"1.2.840.10008.5.1.4.1.1.128": "PT", "1.2.840.10008.5.1.4.1.1.2": "CT"}
_ROLE = {"PT": "PET", "CT": "CT"}


@dataclass(frozen=True)
class Refusal:
    """Why a series was not taken.

    Attributes:
        code: Message code.
        why: The reason, as a clause.
        candidate: False when nobody would have meant this series (a projection, an uncorrected series).
    """

    code: str
    why: str
    candidate: bool = True

    def error(self) -> LymphoscopeError:
        """The refusal as an error."""
        return LymphoscopeError(self.code, self.why)


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one series instance UID.

    Attributes:
        uid: Series instance UID; empty for files without one.
        headers: Slices, without copies, localizers, projections and captures.
        dropped: Number of localizers, projections and captures left out.
        copies: Number of identical copies left out.
        conflict: What makes the files contradict each other, or None.
    """

    uid: str
    headers: tuple[Header, ...]
    dropped: int = 0
    copies: int = 0
    conflict: Refusal | None = None

    @property
    def first(self) -> Header:
        """Any one slice, for facts that hold for the series."""
        return self.headers[0]

    @cached_property
    def modality(self) -> str:
        """Modality (0008,0060), or what the SOP class says where it is empty; empty for a word that is none."""
        if self.first.text("Modality"):
            return self.first.modality
        return _MODALITY_OF_CLASS.get(self.first.text("SOPClassUID"), "")

    @property
    def number(self) -> int | None:
        """Series number."""
        return self.first.integer("SeriesNumber")

    @property
    def name(self) -> str:
        """What the series is called in messages: its modality and number, never its description."""
        number = "without number" if self.number is None else str(self.number)
        return f"{self.modality or 'unknown'} series {number}"

    @property
    def image_type(self) -> tuple[str, ...]:
        """Image Type (0008,0008), upper case."""
        return tuple(t.upper() for t in self.first.texts("ImageType"))

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Positions of the slices that have one, (n, 3), LPS mm."""
        found = [p for h in self.headers if (p := h.numbers("ImagePositionPatient", 3)) is not None]
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the image plane, LPS; zeros when unknown."""
        plane = self.first.numbers("ImageOrientationPatient", 6)
        normal = np.cross(plane[:3], plane[3:]) if plane else np.zeros(3)
        length = float(np.linalg.norm(normal))
        return np.asarray(normal / length if length > 0 else normal)

    @cached_property
    def box(self) -> NDArray[np.float64]:
        """Lowest and highest LPS coordinate of the voxel centres, (2, 3) mm; zeros when unknown."""
        plane, step = self.first.numbers("ImageOrientationPatient", 6), self.first.numbers("PixelSpacing", 2)
        if plane is None or step is None or not len(self.positions):
            return np.zeros((2, 3))
        along = np.array(plane[:3]) * step[1] * ((self.first.integer("Columns") or 1) - 1)
        down = np.array(plane[3:]) * step[0] * ((self.first.integer("Rows") or 1) - 1)
        corners = np.concatenate([self.positions + i * along + j * down for i in (0, 1) for j in (0, 1)])
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    @property
    def extent_mm(self) -> float:
        """Length covered along the body, mm."""
        return float(np.ptp(self.box[:, 2]))

    @property
    def axial(self) -> bool:
        """Whether slices lie across the body."""
        return bool(abs(self.normal[2]) > 0.9)

    @property
    def original(self) -> bool:
        """Whether the scanner's own reconstruction, by Image Type."""
        return self.image_type[:1] == ("ORIGINAL",)

    @cached_property
    def laid(self) -> Stack | Refusal:
        """The slices in order with their grid, or why they have none."""
        try:
            return stack(self.headers)
        except LymphoscopeError as problem:
            return Refusal(problem.code, problem.message.what)

    def fact(self, role: str, why: str, code: str = "") -> SeriesFact:
        """What is told about the series."""
        count = len(self.headers) + self.dropped
        return SeriesFact(self.uid, self.modality, self.first.words("SeriesDescription"), count, role, why, code)


def gather(headers: Sequence[Header]) -> tuple[Series, ...]:
    """Sort headers into series; projections, localizers and copies are set apart.

    Args:
        headers: Everything found, in any order.

    Returns:
        Series, ordered by series number and UID.
    """
    by_uid: dict[tuple[str, str], list[Header]] = {}
    for header in headers:
        by_uid.setdefault((header.text("SeriesInstanceUID"), header.text("Modality")), []).append(header)
    series = [_series(uid, members) for (uid, _), members in by_uid.items()]
    return tuple(sorted(series, key=lambda s: (s.number if s.number is not None else 10**9, s.uid, s.modality)))


def _series(uid: str, members: list[Header]) -> Series:
    slices = [h for h in members if not _is_picture(h)]
    if not slices:
        return Series(uid, tuple(members), 0)
    kept, copies, conflict = _without_copies(slices)
    return Series(uid, tuple(kept), len(members) - len(slices), copies, conflict)


def _is_picture(header: Header) -> bool:
    """Tell whether an image is a localizer, projection or capture instead of a slice."""
    kinds = {t.upper() for t in header.texts("ImageType")[2:]}
    series_type = header.texts("SeriesType")
    return (
        bool(kinds & _NOT_SLICES)
        or header.text("SOPClassUID").startswith(_SECONDARY_CAPTURE)
        or (header.integer("SamplesPerPixel") or 1) > 1
        or (len(series_type) > 1 and series_type[1].upper() == "REPROJECTION")
    )


def _without_copies(headers: list[Header]) -> tuple[list[Header], int, Refusal | None]:
    """Keep one of each SOP instance; refuse instances of one UID whose contents differ."""
    by_uid: dict[tuple[str, ...], list[Header]] = {}
    for header in headers:
        uid = header.text("SOPInstanceUID")
        # without a UID the position stands in: only files that are equal to the byte count as copies then
        by_uid.setdefault((uid,) if uid else ("", header.text("ImagePositionPatient")), []).append(header)
    kept, copies, conflict = [], 0, None
    for key, group in by_uid.items():
        distinct = _distinct(group)
        copies += len(group) - len(distinct)
        kept += distinct
        if len(distinct) > 1 and key[0]:
            what = "files with the same SOP instance UID have different contents"
            conflict = Refusal("IO-E-DUPUID", what)
    return kept, copies, conflict


def _distinct(group: list[Header]) -> list[Header]:
    """One header of each different content; contents are compared without the file meta information."""
    if len(group) == 1:
        return group
    distinct: list[Header] = []
    for header in group:
        if not any(_same(header.path, other.path) for other in distinct):
            distinct.append(header)
    return distinct


def _same(a: Path, b: Path) -> bool:
    if a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes():
        return True
    try:
        return bool(dcmread(a, force=True) == dcmread(b, force=True))
    except Exception:  # what cannot be read cannot be called the same
        return False


def judge(series: Series, chosen_by_user: bool = False) -> Refusal | None:
    """Say why a series cannot serve as PET or CT, going by its headers; None when it can.

    Args:
        series: The series.
        chosen_by_user: Whether the user named it: one frame of a dynamic or gated PET may be read then.
    """
    first, kind = series.first, series.modality
    enhanced = _ENHANCED.get(first.text("SOPClassUID"))
    if enhanced:
        return Refusal("IO-E-ENHANCED", f"it is {enhanced}, which is not supported")
    if kind not in _ROLE:
        return Refusal("IO-E-NOPET", f"modality {kind or 'unknown'} is not used", candidate=False)
    if _is_picture(first):
        return Refusal("IO-W-DROPPED", "it holds projections, localizers or captures, not slices", candidate=False)
    if series.conflict:
        return series.conflict
    return _judge_pet(series, chosen_by_user) if kind == "PT" else None


def _judge_pet(series: Series, chosen_by_user: bool) -> Refusal | None:
    corrected = series.first.texts("CorrectedImage")
    if corrected and "ATTN" not in corrected:
        return Refusal("IO-W-NAC", "it is not corrected for attenuation", candidate=False)
    kind = (series.first.texts("SeriesType") or ("",))[0].upper()
    if kind == "DYNAMIC" and not chosen_by_user:
        return Refusal("IO-E-DYNAMIC", "it is a dynamic PET")
    if kind == "GATED" and not chosen_by_user:
        return Refusal("IO-E-GATED", "it is a gated PET")
    return None
