"""Dates and times as DICOM writes them, and as files that break the standard do; what cannot be read is None.

Only what carries at least minutes is a time here: an hour alone cannot support an SUV.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")
_TIME = re.compile(r"(\d{2})(:?)(\d{2})(?:\2(\d{2})(?:\.(\d+))?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_YEARS = range(1800, 3000)
"""Years beyond are damage, and would overflow when a day is taken off."""

DAYS_A_YEAR = 365.25


def parse_date(text: str) -> date | None:
    """Read a DA: ``YYYYMMDD``, or the same with dots or hyphens."""
    match = _DATE.fullmatch(text)
    if match is None or int(match[1]) not in _YEARS:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


def parse_time(text: str) -> timedelta | None:
    """Read a TM as time since midnight: ``HHMM``, ``HHMMSS`` or ``HHMMSS.F…``, with or without colons."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[3]), int(match[4] or 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds + float(f"0.{match[5] or 0}"))


def parse_offset(text: str) -> timedelta | None:
    """Read an offset from UTC: ``+0100``; within what DICOM allows, −1200 to +1400."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) * (-1 if match[1] == "-" else 1)
    return offset if timedelta(hours=-12) <= offset <= timedelta(hours=14) and int(match[3]) < 60 else None


def parse_datetime(text: str) -> tuple[datetime, timedelta | None] | None:
    """Read a DT with at least minutes; a date and a time apart (blank or ``T``) are read too.

    Returns:
        Wall clock as written and its offset from UTC, or None.
    """
    match = re.fullmatch(r"(\d{8}|\d{4}[.-]\d{2}[.-]\d{2})[ T]?([\d:.]+)([+-]\d{4})?", text)
    if match is None:
        return None
    moment = combine(parse_date(match[1]), parse_time(match[2]))
    offset = parse_offset(match[3]) if match[3] else None
    if moment is None or (match[3] and offset is None):
        return None
    return moment, offset


def combine(day: date | None, time: timedelta | None) -> datetime | None:
    """A date and a time since midnight as one moment; None unless both are there."""
    if day is None or time is None:
        return None
    return datetime(day.year, day.month, day.day) + time


def parse_age(text: str) -> float | None:
    """Read an AS such as ``045Y``, ``011M``, ``003W`` or ``010D`` in years."""
    match = re.fullmatch(r"(\d{1,3})([YMWD])", text.upper())
    if match is None:
        return None
    return int(match[1]) / {"Y": 1.0, "M": 12.0, "W": DAYS_A_YEAR / 7, "D": DAYS_A_YEAR}[match[2]]
