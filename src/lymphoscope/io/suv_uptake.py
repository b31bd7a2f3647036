"""Decay reference and injection together, by decay convention, and whether the uptake between them can be true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.pet_series import WHERE, PetSeries
from lymphoscope.io.suv_clocks import DECAY_DATETIME, Clocks, read_clocks
from lymphoscope.io.suv_facts import SuvOverrides
from lymphoscope.io.suv_times import (
    EARLIEST,
    INJECTION,
    LONGEST_UPTAKE_S,
    OVERRIDE,
    USUAL_UPTAKE_MIN,
    Injection,
    Reference,
    find_injection,
    find_reference,
    note_candidates,
)

_TIME_TAGS = ("(0018,1078)", "(0018,1072)", "(0008,0021)", "(0008,0031)", "(0008,0022)", "(0008,0032)")


@dataclass(frozen=True)
class Timing:
    """When a series was injected and scanned.

    Attributes:
        decay: Decay Correction (0054,1102) as written.
        clocks: All times.
        reference: What decay was corrected to: found by the five rules for START, the injection for ADMIN, none else.
        injection: The injection.
        scanned: What uptake ends at: the reference for START, else the first acquisition.
    """

    decay: str
    clocks: Clocks
    reference: Reference
    injection: Injection
    scanned: datetime | None

    @property
    def uptake_s(self) -> float | None:
        """Seconds from injection to scan."""
        if self.scanned is None or self.injection.moment is None:
            return None
        return (self.scanned - self.injection.moment).total_seconds()

    @property
    def longest_s(self) -> float | None:
        """Seconds from injection to the last time a factor is computed for: each slice's own, if not corrected."""
        known = [moment for moment in self.clocks.acquired if moment is not None]
        if self.decay != "NONE" or self.injection.moment is None or not known:
            return self.uptake_s
        return (max(known) - self.injection.moment).total_seconds()

    def need_reference(self) -> datetime:
        """The decay reference.

        Raises:
            LymphoscopeError: ``SUV-E-TIME``.
        """
        if self.reference.moment is None:
            what = "no rule gives the time decay was corrected to: neither a Decay Correction DateTime (0018,9701) nor "
            what += "a vendor's private time is there, and Acquisition Date and Time are not in every slice"
            raise LymphoscopeError("SUV-E-TIME", what, WHERE, "Supply --reference-time.", _TIME_TAGS[2:])
        return self.reference.moment

    def need_injection(self) -> datetime:
        """The injection.

        Raises:
            LymphoscopeError: ``SUV-E-TIME``.
        """
        if self.injection.moment is None:
            what = "neither Radiopharmaceutical Start DateTime (0018,1078) nor Start Time (0018,1072) can be used"
            raise LymphoscopeError("SUV-E-TIME", what, WHERE, "Supply --injection-time.", _TIME_TAGS[:2])
        return self.injection.moment


def read_timing(
    series: PetSeries, decay: str, half_life_s: float | None, overrides: SuvOverrides, notes: Notes
) -> Timing:
    """Find decay reference and injection.

    Args:
        series: The headers.
        decay: Decay Correction (0054,1102); another word than START and ADMIN has no reference.
        half_life_s: Half-life, or None when it is not known.
        overrides: The user's values.
        notes: Takes warnings.

    Raises:
        LymphoscopeError: ``SUV-E-MIXED``; ``SUV-E-OVERRIDE`` for a reference time where decay was not corrected to
            the scan's start.
    """
    clocks = read_clocks(series, overrides.reference_time is not None, notes)
    given_reference, given_injection = clocks.local(overrides.reference_time), clocks.local(overrides.injection_time)
    if given_reference is not None and decay != "START":
        what = f"Decay Correction (0054,1102) is {decay if decay in ('ADMIN', 'NONE') else 'not START'}, "
        what += "so a reference time cannot act"
        raise LymphoscopeError("SUV-E-OVERRIDE", what, WHERE, "Leave --reference-time out.", ("(0054,1102)",))
    if decay == "START":
        reference = find_reference(clocks, half_life_s, notes)
        if given_reference is not None:
            reference = Reference(given_reference, OVERRIDE, reference.candidates, reference.header)
        injection = find_injection(clocks, reference.moment, given_injection, notes)
        scanned = reference.moment
    else:
        scanned = clocks.earliest
        injection = find_injection(clocks, scanned, given_injection, notes)
        stated = {DECAY_DATETIME: clocks.stated[DECAY_DATETIME]} if DECAY_DATETIME in clocks.stated else {}
        reference = (
            Reference(injection.moment, INJECTION, stated, injection.header) if decay == "ADMIN" else Reference()
        )
    if reference.source == EARLIEST:
        what = "no rule but the last gives the time decay was corrected to: it is taken to be the first acquisition"
        notes.add("SUV-W-REF-EARLIEST-ACQ", what, WHERE, tags=("(0008,0022)", "(0008,0032)"))
    note_candidates(reference, half_life_s, notes)
    return Timing(decay, clocks, reference, injection, scanned)


def check_uptake(timing: Timing, baked: bool, notes: Notes) -> None:
    """Refuse an uptake that cannot be true, and note one that is unusual.

    Args:
        timing: The times.
        baked: The values are SUV already; the times do not act, and are only noted when they cannot be true.
        notes: Takes ``SUV-W-UPTAKE``.

    Raises:
        LymphoscopeError: ``SUV-E-NEGATIVE-UPTAKE``, ``SUV-E-UPTAKE-LONG``; ``SUV-E-TIME`` where injection and scan
            are both at midnight to the second, as de-identification leaves times it removes.
    """
    uptake_s, longest_s = timing.uptake_s, timing.longest_s
    if uptake_s is None or longest_s is None:
        return
    if uptake_s == 0 and not baked and timing.scanned is not None and timing.scanned.time() == time():
        what = "injection and scan are both at midnight to the second: the times were removed from the header"
        raise LymphoscopeError("SUV-E-TIME", what, WHERE, tags=_TIME_TAGS)
    ends = timing.reference.source if timing.decay == "START" else EARLIEST
    code, what = "", ""
    if uptake_s < 0:
        code = "SUV-E-NEGATIVE-UPTAKE"
        what = f"the injection ({timing.injection.source}) lies {-uptake_s / 60:.1f} min after the scan ({ends})"
    elif longest_s > LONGEST_UPTAKE_S:
        code = "SUV-E-UPTAKE-LONG"
        what = f"uptake from the injection ({timing.injection.source}) to the scan ({ends}) is {longest_s / 60:.1f} min"
    if code and not baked:
        raise LymphoscopeError(code, what + _others(timing), WHERE, tags=_TIME_TAGS)
    low, high = USUAL_UPTAKE_MIN
    if not code and not low <= uptake_s / 60 <= high:
        what = f"uptake is {uptake_s / 60:.1f} min, outside {low:g}–{high:g} min"
    if what:
        notes.add(
            "SUV-W-UPTAKE", what + (" (SUV was computed by the scanner)" if baked else ""), WHERE, tags=_TIME_TAGS
        )


def _others(timing: Timing) -> str:
    """The uptake other times of the header would give."""
    injected = timing.injection.moment
    if injected is None:
        return ""
    others = [
        f"{name} {(moment - injected).total_seconds() / 60:.1f} min"
        for name, moment in timing.reference.candidates.items()
        if name != timing.reference.source
    ]
    return f" (other times of the header would give: {', '.join(others)})" if others else ""
