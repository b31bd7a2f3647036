"""The two moments SUV stands on: to when decay was corrected, and when the tracer was injected.

No single header time is the decay reference on all scanners, so every rule that can be followed is, in a fixed
order; the first that holds is used, and all are kept so that the report can show what another would change.

Reference: the project's quantification specification, section A2, with the evidence by scanner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lymphoscope.core.errors import Notes
from lymphoscope.io.pet_series import WHERE
from lymphoscope.io.suv_clocks import Clocks

SERIES_TOLERANCE_S = 5.0
"""Series Time may lie this much after the first acquisition (Siemens writes 5 µs)."""
FRAME_TOLERANCE_S = 5.0
"""Back-computed references of all slices must agree within this."""
CONFLICT_S = 60.0
"""Times that differ by more are warned of: 0.63 % SUV for F-18."""
FRAME_START_SHARE = 0.45
"""The smallest Frame Reference Time lies clearly below mid-frame when it is under this share of the frame."""
LONGEST_UPTAKE_S = 6 * 3600.0
USUAL_UPTAKE_MIN = (45.0, 110.0)
"""Own limits; the EANM prefers 55–75 minutes."""

SERIES, BACK_COMPUTED, EARLIEST, DECAY_FACTOR = "series", "back_computed", "earliest_acquisition", "decay_factor"
OVERRIDE, INJECTION = "override", "injection"


@dataclass(frozen=True)
class Reference:
    """The decay reference and what else it could have been.

    Attributes:
        moment: The reference; None when no rule gave one, or without decay correction.
        source: Name of the rule, ``override`` or ``injection``.
        candidates: Every rule's moment, by name, in order of precedence.
        header: What the header gives, also when overridden.
    """

    moment: datetime | None = None
    source: str = ""
    candidates: Mapping[str, datetime] = field(default_factory=dict)
    header: datetime | None = None


@dataclass(frozen=True)
class Injection:
    """When the tracer was injected.

    Attributes:
        moment: Wall clock, or None.
        source: ``start_datetime``, ``start_time``, ``override`` or empty.
        header: What the header says when overridden.
    """

    moment: datetime | None
    source: str
    header: datetime | None


def average_activity_s(frame_s: float, half_life_s: float) -> float:
    """Seconds from a frame's start to the moment at which activity equals its mean over the frame."""
    x = math.log(2) / half_life_s * frame_s
    return frame_s / 2 if x < 1e-6 else math.log(x / -math.expm1(-x)) * half_life_s / math.log(2)


def find_reference(clocks: Clocks, half_life_s: float | None, notes: Notes) -> Reference:
    """Find the moment to which decay was corrected (Decay Correction START): the first rule that holds.

    1. Decay Correction DateTime. 2. The vendor's private time. 3. Series Date and Time, unless later than the
    first acquisition of all slices (a series filed again; also not used where a slice lacks its acquisition, for
    then this cannot be told). 4. Back-computed from acquisition, frame duration and Frame Reference Time, if all
    slices agree. 5. The first acquisition.

    The Decay Factor (0054,1321) is a check and never chosen: where all slices have one beyond 1 and agree, the moment
    it implies is among the candidates.
    """
    candidates = dict(clocks.stated)
    usable = list(candidates)
    earliest = clocks.earliest
    if clocks.series is not None:
        candidates[SERIES] = clocks.series
        if earliest is not None and (clocks.series - earliest).total_seconds() <= SERIES_TOLERANCE_S:
            usable.append(SERIES)
    back = _back_computed(clocks, half_life_s, notes)
    if back is not None:
        candidates[BACK_COMPUTED] = back
        usable.append(BACK_COMPUTED)
    if earliest is not None:
        candidates[EARLIEST] = earliest
        usable.append(EARLIEST)
    by_factor = _by_decay_factor(clocks, half_life_s)
    if by_factor is not None:
        candidates[DECAY_FACTOR] = by_factor
    if not usable:
        return Reference(candidates=candidates)
    return Reference(candidates[usable[0]], usable[0], candidates, candidates[usable[0]])


def find_injection(clocks: Clocks, scanned: datetime | None, given: datetime | None, notes: Notes) -> Injection:
    """Find the injection.

    The DateTime is used; the Time where there is no DateTime, or where the DateTime gives an uptake outside
    0–6 h and the Time does not. The Time gets the date of the first acquisition, or the day before.

    Args:
        clocks: The times.
        scanned: What uptake ends at: the decay reference, or the first acquisition.
        given: The user's value, as wall clock of the study.
        notes: Takes ``SUV-W-INJ-CONFLICT`` and ``SUV-W-INJ-DATE-ASSUMED``.
    """
    day, clock = clocks.injected_datetime, None
    anchor = clocks.earliest or scanned
    if clocks.injected_time is not None and anchor is not None:
        clock = datetime(anchor.year, anchor.month, anchor.day) + clocks.injected_time
        clock -= timedelta(days=1 if clock > anchor else 0)
    prefer_clock = day is None or (_uptake_ok(clock, scanned) and not _uptake_ok(day, scanned))
    header = clock if prefer_clock else day
    if given is not None:
        return Injection(given, OVERRIDE, header)
    if day is not None and clock is not None and abs((day - clock).total_seconds()) > CONFLICT_S:
        what = (
            f"Radiopharmaceutical Start DateTime (0018,1078) and Start Time (0018,1072) differ by "
            f"{(day - clock).total_seconds():+.0f} s (the {'Time' if prefer_clock else 'DateTime'} is used)"
        )
        notes.add("SUV-W-INJ-CONFLICT", what, WHERE, tags=("(0018,1078)", "(0018,1072)"))
    if header is None:
        return Injection(None, "", None)
    if prefer_clock:
        what = "the injection has a time (0018,1072) and no usable date"
        notes.add("SUV-W-INJ-DATE-ASSUMED", what, WHERE, tags=("(0018,1072)",))
    return Injection(header, "start_time" if prefer_clock else "start_datetime", header)


def relative_change(moment: datetime, reference: datetime, half_life_s: float | None) -> float:
    """How SUV would change, as a fraction, if decay had been corrected to another moment; NaN without a half-life."""
    if half_life_s is None:
        return math.nan
    exponent = math.log(2) / half_life_s * (moment - reference).total_seconds()
    return math.expm1(min(exponent, 700.0))  # beyond, only the overflow would be news


def note_candidates(reference: Reference, half_life_s: float | None, notes: Notes) -> None:
    """Log the candidates; warn of those (but the first acquisition) more than a minute off the chosen one."""
    if reference.moment is None:
        return
    found = ", ".join(f"{name} {moment:%Y-%m-%d %H:%M:%S}" for name, moment in reference.candidates.items())
    notes.add("SUV-I-CANDIDATES", f"decay reference by {reference.source}; found: {found or 'no other'}")
    for name, moment in reference.candidates.items():
        difference = (moment - reference.moment).total_seconds()
        if name in (EARLIEST, reference.source) or abs(difference) <= CONFLICT_S:
            continue
        change = 100 * relative_change(moment, reference.moment, half_life_s)
        what = (
            f"{name}:{difference:+.0f} s from {reference.source}, which is used (SUV would change by {change:+.1f} %)"
        )
        notes.add("SUV-W-REFTIME-CONFLICT", what, WHERE)


def _back_computed(clocks: Clocks, half_life_s: float | None, notes: Notes) -> datetime | None:
    """Reference from each slice's acquisition and frame times; the middle one, when all agree."""
    rows = zip(clocks.acquired, clocks.frame_s, clocks.frame_ref_s, strict=True)
    slices = [(moment, frame, after) for moment, frame, after in rows if moment is not None and after is not None]
    if len(slices) < len(clocks.acquired):
        return None
    smallest, its_frame = min((after, frame or 0.0) for _, frame, after in slices)
    if clocks.frame_start or smallest < FRAME_START_SHARE * its_frame:
        found = [moment - timedelta(seconds=after) for moment, _, after in slices]
    elif half_life_s is not None and all(frame is not None for _, frame, _ in slices):
        mean_s = [average_activity_s(frame or 0.0, half_life_s) for _, frame, _ in slices]
        found = [m + timedelta(seconds=mean - after) for (m, _, after), mean in zip(slices, mean_s, strict=True)]
    else:
        return None
    found.sort()
    spread = (found[-1] - found[0]).total_seconds()
    if spread > FRAME_TOLERANCE_S:
        what = f"decay references computed back from Frame Reference Time (0054,1300) differ by {spread:.0f} s"
        notes.add("SUV-W-FRT-INCONSISTENT", what, WHERE, tags=("(0054,1300)",))
        return None
    return found[(len(found) - 1) // 2]


def _by_decay_factor(clocks: Clocks, half_life_s: float | None) -> datetime | None:
    """Reference that the Decay Factor implies: activity at the reference over the mean activity of the frame.

    A factor of 1 in any slice is a default and no fact, for every frame decays.
    """
    if half_life_s is None:
        return None
    rate, found = math.log(2) / half_life_s, []
    for acquired, frame_s, factor in zip(clocks.acquired, clocks.frame_s, clocks.decay_factor, strict=True):
        if acquired is None or frame_s is None or factor is None or not 1.0 < factor < 1e3:
            return None
        after_s = math.log(factor) / rate - average_activity_s(frame_s, half_life_s)
        found.append(acquired - timedelta(seconds=after_s))
    agree = (max(found) - min(found)).total_seconds() <= FRAME_TOLERANCE_S
    return sorted(found)[(len(found) - 1) // 2] if agree else None


def _uptake_ok(injected: datetime | None, scanned: datetime | None) -> bool:
    """Whether an injection gives an uptake of 0–6 h."""
    if injected is None or scanned is None:
        return False
    return 0 <= (scanned - injected).total_seconds() <= LONGEST_UPTAKE_S
