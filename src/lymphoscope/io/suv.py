"""From the headers of a PET series to what its rescaled values are multiplied by to be SUV by body weight.

Every unit and decay convention of the table of formulas, or a refusal that says what is missing. Where the
specification is silent, what is doubtful is refused, or said:

- Decay Correction missing or another word: refused for Bq/mL and counts (``SUV-E-DECAY``). Corrected Image
  missing: refused (``SUV-E-NAC``).
- Values that are SUV already (GML, CM2ML, Philips' SUV factor) need no activity and no times. Facts that are
  unusable are then information, and an odd uptake a warning, since the scanner computed SUV before any later
  change of the header. A value given by the user that contradicts the header is refused (``SUV-E-OVERRIDE``), for
  it cannot be told what SUV would have been; with Philips' activity factor beside it, SUV is computed anew.
- Philips' factors are taken slice by slice; some slices without one are refused.
- Several injections are refused unless they are equal in everything.
- A time with fewer digits than minutes, or a duration over a day, is taken as missing (``IO-W-HEADER``).

Reference: the project's quantification specification, sections A1–A3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lymphoscope.core import body
from lymphoscope.core.errors import LymphoscopeError, Message, Notes, Severity
from lymphoscope.core.study import Patient, SuvAudit
from lymphoscope.io.pet_series import WHERE, PetSeries, check_corrections, note_intercept
from lymphoscope.io.suv_audit import audit_lines
from lymphoscope.io.suv_facts import SuvFacts, SuvOverrides, note_activity, read_facts
from lymphoscope.io.suv_override import SCAN_FACTS, refuse_baked, replaced, say_overrides
from lymphoscope.io.suv_times import relative_change
from lymphoscope.io.suv_uptake import Timing, check_uptake, read_timing
from lymphoscope.io.tags import PHILIPS_BQML, PHILIPS_SUV, PrivateElement, as_number, private_texts
from lymphoscope.io.tracer import nuclide_by_half_life, read_tracer, require_fdg, unknown_tracer

__all__ = ["SuvFactors", "SuvOverrides", "audit_lines", "require_fdg", "suv_factors"]

DECAYS = ("START", "ADMIN", "NONE")
GML_TYPES = ("", "BW", "LBM", "LBMJAMES128", "LBMJANMA", "IBW")
PHILIPS_TOLERANCE = 0.02

Factors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SuvFactors:
    """What turns a PET series into SUV.

    Attributes:
        factors: One per header, in their order; SUVbw = factor × (slope × stored + intercept).
        audit: Every fact used and every alternative.
        patient: The patient's facts.
        messages: What was noted.
    """

    factors: Factors
    audit: SuvAudit
    patient: Patient
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class _Units:
    """What the header says the values are, as written: Units, SUV Type, Decay Correction."""

    units: str
    suv_type: str
    decay: str


@dataclass(frozen=True, eq=False)
class _Philips:
    """Philips' private factors of each slice, where all slices have one above zero."""

    suv: Factors | None
    bqml: Factors | None


@dataclass(frozen=True)
class _Branch:
    """A row of the table of formulas.

    Attributes:
        name: As the audit has it.
        baked: Facts the values were already divided by; empty where SUV is computed here from activity.
        norm: What the values are normalised by instead of weight; empty otherwise.
        philips: Private factor that is multiplied by: ``suv``, ``bqml`` or empty.
    """

    name: str
    baked: frozenset[str] = frozenset()
    norm: str = ""
    philips: str = ""


def suv_factors(headers: Sequence[Dataset], overrides: SuvOverrides | None = None) -> SuvFactors:
    """Compute the SUV factors of one PET series.

    Args:
        headers: One dataset per slice of one series, in any order; pixels are not needed.
        overrides: Facts the user replaces.

    Raises:
        LymphoscopeError: ``SUV-E-*``, ``IO-E-ENHANCED``, ``IO-E-NOPET`` for headers, whatever they hold;
            ``USE-E-VALUE`` and the range errors for overrides.
    """
    overrides, notes = overrides or SuvOverrides(), Notes()
    series = PetSeries.of(headers)
    says = _read_units(series)
    note_intercept(series, notes)
    facts = read_facts(series, read_tracer(i for items in series.injections for i in items), overrides, notes)
    aside = Notes()
    timing = read_timing(series, says.decay, facts.half_life_s.value, overrides, aside)
    contradicted = replaced(facts, timing, overrides)
    philips = _Philips(_per_slice(series, PHILIPS_SUV, says, notes), _per_slice(series, PHILIPS_BQML, says, notes))
    branch = _choose(says, philips, bool(contradicted & SCAN_FACTS))
    refuse_baked(branch.baked, facts, timing, overrides)
    for note in aside:
        code = "SUV-I-UNUSED" if branch.baked and note.severity is Severity.WARNING else note.code
        notes.add(code, note.what, note.where, note.fix, note.tags)
    check_uptake(timing, bool(branch.baked), notes)
    factors = _factors(branch, facts, timing, philips)
    if not contradicted:
        _crosscheck(facts, timing, philips, notes)
    _note_facts(facts, timing, notes)
    given = say_overrides(branch.baked, facts, timing, overrides, notes)
    audit = _audit(says, branch, factors, (facts, timing), given)
    return SuvFactors(factors, audit, facts.patient, tuple(notes))


def _read_units(series: PetSeries) -> _Units:
    """Read the unit, and refuse a series SUV cannot be had from.

    Raises:
        LymphoscopeError: ``SUV-E-NAC``, ``SUV-E-DECY-CONFLICT``, ``SUV-E-UNITS``, ``SUV-E-DECAY``, ``SUV-E-MIXED``.
    """
    units = series.same_text(0x00541001, "Units")
    suv_type = series.same_text(0x00541006, "SUV Type")
    decay = series.same_text(0x00541102, "Decay Correction")
    check_corrections(series, decay if decay in DECAYS else "")
    types = {"BQML": None, "CNTS": None, "GML": GML_TYPES, "CM2ML": ("", "BSA")}
    allowed = types.get(units)
    if units not in types or (allowed is not None and suv_type not in allowed):
        what = f"Units (0054,1001) is {_word(units)} with SUV Type (0054,1006) {_word(suv_type)}"
        raise LymphoscopeError("SUV-E-UNITS", what, WHERE, tags=("(0054,1001)", "(0054,1006)"))
    if allowed is None and decay not in DECAYS:
        what = f"Decay Correction (0054,1102) is {_word(decay)}; SUV needs START, ADMIN or NONE"
        raise LymphoscopeError("SUV-E-DECAY", what, WHERE, tags=("(0054,1102)",))
    return _Units(units, suv_type, decay)


def _word(written: str) -> str:
    """A coded word as it may be repeated in a message; anything longer than a code is not repeated."""
    return written if written.isalnum() and len(written) <= 16 else "missing" if not written else "not a known word"


def _per_slice(series: PetSeries, element: PrivateElement, says: _Units, notes: Notes) -> Factors | None:
    """A private factor of every slice; None unless all have one above zero.

    Raises:
        LymphoscopeError: ``SUV-E-MIXED`` when counts have it in some slices only.
    """
    values = series.each(lambda header: as_number(private_texts(header, element)))
    if any(value is not None and math.isnan(value) for value in values):
        what = f"the private factor {element.tag} is not a number in some slices"
        notes.add("IO-W-HEADER", what, WHERE, tags=(element.tag,))
        return None
    usable = [value for value in values if value is not None and value > 0]
    if usable and len(usable) < len(values):
        if says.units != "CNTS":
            return None
        what = f"some slices have the private factor {element.tag} and some have not"
        raise LymphoscopeError("SUV-E-MIXED", what, WHERE, tags=(element.tag,))
    return np.array(usable, dtype=np.float64) if usable else None


def _choose(says: _Units, philips: _Philips, replaced_scan_fact: bool) -> _Branch:
    """The row of the table of formulas.

    Philips' activity factor is preferred to the SUV factor when the user replaced a fact the latter contains.

    Raises:
        LymphoscopeError: ``SUV-E-UNITS`` for counts without a factor.
    """
    if says.units == "BQML":
        return _Branch(f"BQML/{says.decay}")
    if says.units == "CM2ML":
        return _Branch("CM2ML/BSA", SCAN_FACTS | {"height_m"}, "BSA")
    if says.units == "GML":
        if says.suv_type in ("", "BW"):
            return _Branch("GML/BW", SCAN_FACTS)
        return _Branch(f"GML/{says.suv_type}", SCAN_FACTS | {"height_m", "sex"}, says.suv_type)
    anew = replaced_scan_fact and philips.bqml is not None
    if philips.suv is not None and says.decay != "NONE" and not anew:
        return _Branch("CNTS/philips-suv", SCAN_FACTS, philips="suv")
    if philips.bqml is not None:
        return _Branch(f"CNTS/philips-bqml/{says.decay}", philips="bqml")
    what = "Units (0054,1001) is CNTS, and neither of Philips' factors (7053,xx00) and (7053,xx09) can be used"
    raise LymphoscopeError("SUV-E-UNITS", what, WHERE, tags=("(0054,1001)", "(7053,xx00)", "(7053,xx09)"))


def _factors(branch: _Branch, facts: SuvFacts, timing: Timing, philips: _Philips) -> Factors:
    """Factors of all slices.

    Raises:
        LymphoscopeError: What a fact that is needed and unusable says; ``SUV-E-NONFINITE``.
    """
    n = len(timing.clocks.acquired)
    if branch.norm:
        factors = np.full(n, 1.0 / _multiplier(branch.norm, facts))
    elif not branch.baked:
        factors = _activity_factors(facts, timing)
        if branch.philips and philips.bqml is not None:
            factors = factors * philips.bqml
    elif philips.suv is not None and branch.philips:
        factors = philips.suv
    else:
        factors = np.ones(n)
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise LymphoscopeError("SUV-E-NONFINITE", "the factor to SUV is not a positive number", WHERE)
    return factors


def _activity_factors(facts: SuvFacts, timing: Timing) -> Factors:
    """SUVbw of 1 Bq/mL in each slice."""
    per_bq = 1000.0 * facts.weight_kg.need() / facts.dose_bq.need()
    clocks = timing.clocks
    if timing.decay == "ADMIN":
        return np.full(len(clocks.acquired), per_bq)
    rate = math.log(2) / facts.half_life_s.need()
    injected = timing.need_injection()
    if timing.decay == "START":
        waited = (timing.need_reference() - injected).total_seconds()
        return np.full(len(clocks.acquired), per_bq * _growth(rate * waited))
    factors = []
    for acquired, frame_s in zip(clocks.acquired, clocks.frame_s, strict=True):
        if acquired is None or frame_s is None:
            what = (
                "without decay correction SUV needs each slice's Acquisition Time and Actual Frame Duration (0018,1242)"
            )
            raise LymphoscopeError("SUV-E-TIME", what, WHERE, "Export the original series.", ("(0018,1242)",))
        mean = rate * frame_s / -math.expm1(-rate * frame_s)
        factors.append(per_bq * mean * _growth(rate * (acquired - injected).total_seconds()))
    return np.array(factors, dtype=np.float64)


def _growth(exponent: float) -> float:
    """Exponential of decay, refused where it would overflow: no scan waits a thousand half-lives."""
    if exponent > 700.0:
        raise LymphoscopeError("SUV-E-NONFINITE", "the decay between injection and scan is beyond all numbers", WHERE)
    return math.exp(exponent)


def _multiplier(kind: str, facts: SuvFacts) -> float:
    """What SUVbw was multiplied by to be normalised as the file says."""
    value = body.suv_multiplier(kind, facts.weight_kg.need(), facts.height_m.need(), facts.sex)
    if not value > 0:
        what = f"weight and height lie beyond what the formula of SUV Type {kind} can be used for"
        raise LymphoscopeError("SUV-E-HEIGHT", what, WHERE, tags=("(0010,1020)", "(0010,1030)"))
    return value


def _crosscheck(facts: SuvFacts, timing: Timing, philips: _Philips, notes: Notes) -> None:
    """Note when Philips' two factors disagree with SUV computed from the header, by more than 2 %."""
    if philips.suv is None or philips.bqml is None or timing.decay not in ("START", "ADMIN"):
        return
    try:
        ratios = _activity_factors(facts, timing) * philips.bqml / philips.suv
    except LymphoscopeError:
        return  # a fact is missing that the values do not need
    worst = float(ratios[np.argmax(np.abs(ratios - 1.0))]) - 1.0
    if abs(worst) > PHILIPS_TOLERANCE:
        what = (
            f"SUV from activity, weight and times differs by {100 * worst:+.1f} % from Philips' SUV factor (7053,xx00)"
        )
        notes.add("SUV-W-PHILIPS-CROSSCHECK", what, WHERE, tags=("(7053,xx00)", "(7053,xx09)"))


def _note_facts(facts: SuvFacts, timing: Timing, notes: Notes) -> None:
    """Note what is odd or unused about patient, tracer and decay."""
    note_activity(facts, notes)
    if facts.tracer.fdg is None:
        message = unknown_tracer()
        notes.add(message.code, message.what, message.where, message.fix, message.tags)
    if timing.decay == "NONE" and len(set(timing.clocks.acquired)) > 1:
        what = "decay was not corrected (0054,1102), neither within nor between the beds"
        notes.add("SUV-W-NONE-OVERLAP", what, WHERE, tags=("(0054,1102)",))
    for fact in (facts.weight_kg, facts.height_m, facts.dose_bq, facts.half_life_s):
        if fact.problem is not None:
            notes.add("SUV-I-UNUSED", fact.problem.message.what, WHERE, tags=fact.problem.message.tags)
    weight, height = facts.weight_kg.value, facts.height_m.value
    if weight is None or height is None:
        return
    if facts.sex not in ("M", "F"):
        what = "Patient's Sex (0010,0040) is neither M nor F"
        notes.add("SUV-W-SEX", what, WHERE, tags=("(0010,0040)",))
    if body.beyond_james(weight, height, facts.sex):
        what = f"body mass index is {body.body_mass_index(weight, height):.1f} kg/m², where James' lean mass falls"
        notes.add("SUV-W-LBM-JAMES-RANGE", what, WHERE, tags=("(0010,1030)", "(0010,1020)"))


def _audit(
    says: _Units, branch: _Branch, factors: Factors, read: tuple[SuvFacts, Timing], given: tuple[str, ...]
) -> SuvAudit:
    """The audit record."""
    facts, timing = read
    half_life_s, chosen = facts.half_life_s.value, timing.reference.moment
    weight, height = facts.weight_kg.value, facts.height_m.value
    nuclide = facts.tracer.nuclide or (nuclide_by_half_life(half_life_s) if half_life_s else None)
    uptake_s = timing.uptake_s
    return SuvAudit(
        branch=branch.name,
        units=says.units,
        decay_correction=says.decay if says.decay in DECAYS else "",
        factor_min=float(factors.min()),
        factor_max=float(factors.max()),
        t_ref=chosen,
        t_ref_source=timing.reference.source,
        candidates=_candidates(timing, None if branch.baked else half_life_s, bool(branch.baked)),
        t_inj=timing.injection.moment,
        t_inj_source=timing.injection.source,
        uptake_min=None if uptake_s is None else uptake_s / 60,
        dose_bq=facts.dose_bq.value,
        half_life_s=half_life_s,
        nuclide=nuclide.name if nuclide else "",
        tracer=facts.tracer.label,
        fdg=facts.tracer.fdg,
        weight_kg=weight,
        height_m=height,
        sex=facts.sex,
        multipliers=body.suv_multipliers(weight, height, facts.sex) if weight and height else {},
        overrides=given,
    )


def _candidates(timing: Timing, half_life_s: float | None, baked: bool) -> dict[str, tuple[datetime, float]]:
    """Every rule's moment with the change it would make; none in values that are SUV already."""
    chosen = timing.reference.moment
    if baked:
        return {name: (moment, 0.0) for name, moment in timing.reference.candidates.items()}
    if chosen is None or half_life_s is None:
        return {}
    return {
        name: (moment, relative_change(moment, chosen, half_life_s))
        for name, moment in timing.reference.candidates.items()
    }
