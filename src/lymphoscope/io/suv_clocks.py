"""Every clock a PET series carries that SUV may need, read into one zone; what cannot be read is noted and missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.clock import combine, parse_date, parse_datetime, parse_offset, parse_time
from lymphoscope.io.pet_series import WHERE, PetSeries
from lymphoscope.io.tags import GE_REFERENCE, SIEMENS_REFERENCE, PrivateElement, made_by, number, private_texts, text

DECAY_DATETIME = "decay_correction_datetime"


def _private(element: PrivateElement) -> Callable[[Dataset], str]:
    """A reader of a private element's first value."""
    return lambda header: next(iter(private_texts(header, element)), "")


_STATED: Mapping[str, Callable[[Dataset], str]] = MappingProxyType(
    {
        DECAY_DATETIME: lambda header: text(header, 0x00189701),
        "siemens_private": _private(SIEMENS_REFERENCE),
        "ge_private": _private(GE_REFERENCE),
    }
)
"""Where a header states the decay reference outright, in order of precedence."""


@dataclass(frozen=True)
class Clocks:
    """All times of a series as wall clock in the study's zone.

    Attributes:
        acquired: Acquisition of each slice, or None.
        frame_s: Actual Frame Duration of each slice, or None.
        frame_ref_s: Frame Reference Time of each slice, or None.
        decay_factor: Decay Factor of each slice, or None; not a clock, but one can be had from it.
        stated: References the header states outright, by rule name, in order of precedence.
        series: Series Date and Time, or None.
        frame_start: The vendor's Frame Reference Time counts to the frame's start.
        injected_datetime: Radiopharmaceutical Start DateTime, or None.
        injected_time: Radiopharmaceutical Start Time since midnight, or None.
        offset: Offset of the study's clocks from UTC, or None.
    """

    acquired: tuple[datetime | None, ...]
    frame_s: tuple[float | None, ...]
    frame_ref_s: tuple[float | None, ...]
    decay_factor: tuple[float | None, ...]
    stated: Mapping[str, datetime]
    series: datetime | None
    frame_start: bool
    injected_datetime: datetime | None
    injected_time: timedelta | None
    offset: timedelta | None

    @property
    def earliest(self) -> datetime | None:
        """The first acquisition of all slices; None unless every slice has one."""
        known = [moment for moment in self.acquired if moment is not None]
        return min(known) if known and len(known) == len(self.acquired) else None

    def local(self, moment: datetime | None) -> datetime | None:
        """A moment given by the user as wall clock of the study."""
        if moment is None or moment.tzinfo is None:
            return moment
        if self.offset is None:
            return moment.replace(tzinfo=None)
        return (moment - (moment.utcoffset() or timedelta()) + self.offset).replace(tzinfo=None)


def read_clocks(series: PetSeries, reference_given: bool, notes: Notes) -> Clocks:
    """Read every time of the series.

    A time that cannot be read is noted (``IO-W-HEADER``) and taken as missing. A DT with an offset from UTC is
    brought to the study's zone (0008,0201); where the study does not name its zone the DT's wall clock is taken and
    noted, for nothing says how far its other clocks are from UTC.

    Args:
        series: The headers.
        reference_given: The user gave the reference, so slices may differ about it.
        notes: Takes warnings.

    Raises:
        LymphoscopeError: ``SUV-E-MIXED`` when slices differ about Series Time, a stated reference or the injection.
    """
    reader = _Reader(series, _zone(series, notes), notes)
    stated: dict[str, datetime] = {}
    at_series: datetime | None = None
    try:
        for name, read in _STATED.items():
            if (moment := reader.same_moment(name, read)) is not None:
                stated[name] = moment
        series.same_text(0x00080021, "Series Date")
        series.same_text(0x00080031, "Series Time")
        at_series = reader.paired(series.headers[0], "Series", (0x00080021, 0x00080031))
    except LymphoscopeError:
        if not reference_given:
            raise
    injected = series.injected_text(0x00181078, "Radiopharmaceutical Start DateTime")
    clock = series.injected_text(0x00181072, "Radiopharmaceutical Start Time")
    return Clocks(
        acquired=series.each(reader.acquisition),
        frame_s=series.each(lambda header: reader.seconds(header, 0x00181242, "Actual Frame Duration", least=1e-3)),
        frame_ref_s=series.each(lambda header: reader.seconds(header, 0x00541300, "Frame Reference Time", least=0.0)),
        decay_factor=series.each(lambda header: number(header, 0x00541321)),
        stated=stated,
        series=at_series,
        frame_start=any(series.each(lambda header: made_by(header, "GE"))),
        injected_datetime=reader.moment(injected, "Radiopharmaceutical Start DateTime (0018,1078)"),
        injected_time=reader.since_midnight(clock, "Radiopharmaceutical Start Time (0018,1072)"),
        offset=reader.zone,
    )


def _zone(series: PetSeries, notes: Notes) -> timedelta | None:
    """The study's offset from UTC (0008,0201)."""
    written = series.same_text(0x00080201, "Timezone Offset From UTC")
    offset = parse_offset(written)
    if written and offset is None:
        notes.add("IO-W-HEADER", "Timezone Offset From UTC (0008,0201) cannot be read", WHERE, tags=("(0008,0201)",))
    return offset


@dataclass(frozen=True)
class _Reader:
    """Reads single times, noting what cannot be read."""

    series: PetSeries
    zone: timedelta | None
    notes: Notes

    def moment(self, written: str, name: str) -> datetime | None:
        """A DT as wall clock of the study."""
        if not written:
            return None
        parsed = parse_datetime(written)
        if parsed is None:
            self._unreadable(name)
            return None
        moment, offset = parsed
        if offset is not None and self.zone is not None:
            moment += self.zone - offset
        elif offset is not None:
            what = f"{name} names its time zone and the study (0008,0201) does not (its wall clock is used)"
            self.notes.add("IO-W-HEADER", what, WHERE, tags=("(0008,0201)",))
        return moment

    def since_midnight(self, written: str, name: str) -> timedelta | None:
        """A TM since midnight."""
        parsed = parse_time(written)
        if written and parsed is None:
            self._unreadable(name)
        return parsed

    def same_moment(self, name: str, read: Callable[[Dataset], str]) -> datetime | None:
        """A stated reference; slices that have it must agree within a second."""
        found = {self.moment(written, name.replace("_", " ")) for written in set(self.series.each(read))} - {None}
        moments = sorted(moment for moment in found if moment is not None)
        if moments and (moments[-1] - moments[0]).total_seconds() > 1.0:
            raise LymphoscopeError("SUV-E-MIXED", f"slices state different decay references ({name})", WHERE)
        return moments[0] if moments else None

    def paired(self, header: Dataset, name: str, tags: tuple[int, int]) -> datetime | None:
        """A DA and a TM as one moment."""
        day, clock = (text(header, tag) for tag in tags)
        if day and parse_date(day) is None:
            self._unreadable(f"{name} Date")
        return combine(parse_date(day), self.since_midnight(clock, f"{name} Time"))

    def acquisition(self, header: Dataset) -> datetime | None:
        """Acquisition Date and Time of a slice, else Acquisition DateTime (0008,002A)."""
        found = self.paired(header, "Acquisition", (0x00080022, 0x00080032))
        return found or self.moment(text(header, 0x0008002A), "Acquisition DateTime (0008,002A)")

    def seconds(self, header: Dataset, tag: int, name: str, least: float) -> float | None:
        """A duration in ms as seconds; up to a day."""
        value = number(header, tag)
        if value is None:
            return None
        if not least <= value / 1000 <= 86400:
            self._unreadable(name)
            return None
        return value / 1000

    def _unreadable(self, name: str) -> None:
        self.notes.add("IO-W-HEADER", f"{name} cannot be read", WHERE)
