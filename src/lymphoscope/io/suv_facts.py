"""Weight, height, activity and half-life for SUV: read, converted where the unit is plainly another, or refused.

A fact that cannot be used is kept as a `Fact` with its error. Whether that stops the study depends on whether the
series' unit needs it: values that are SUV already need none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.study import Patient
from lymphoscope.io.clock import DAYS_A_YEAR, parse_age, parse_date
from lymphoscope.io.pet_series import WHERE, PetSeries
from lymphoscope.io.tags import number, text
from lymphoscope.io.tracer import Tracer, nuclide_by_half_life

WEIGHT, HEIGHT, SEX = 0x00101030, 0x00101020, 0x00100040
DOSE, HALF_LIFE = 0x00181074, 0x00181075

WEIGHT_KG = (2.0, 350.0)
HEIGHT_M = (0.4, 2.5)
DOSE_BQ = (1e6, 5e9)
MBQ_PER_KG = (1.0, 10.0)

T = TypeVar("T")


@dataclass(frozen=True)
class SuvOverrides:
    """Header facts the user replaces; each is recorded in the audit and warned of.

    Attributes:
        weight_kg: Body weight.
        height_m: Height.
        sex: ``M``, ``F`` or ``O``.
        dose_mbq: Injected activity at the time of injection.
        injection_time: Wall clock where the scanner stands; one with a time zone is brought to the study's
            (0008,0201) when that is known.
        reference_time: The moment decay was corrected to; clock as above.
    """

    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    dose_mbq: float | None = None
    injection_time: datetime | None = None
    reference_time: datetime | None = None


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A fact about the series, or why it cannot be used.

    Attributes:
        value: What is used; None when unusable.
        problem: The error to raise when it is needed.
        header: What the header says, also when overridden; None when unusable.
    """

    value: T | None
    problem: LymphoscopeError | None = None
    header: T | None = None

    def need(self) -> T:
        """The value.

        Raises:
            LymphoscopeError: The problem, when there is no value.
        """
        if self.value is None:
            raise self.problem or LymphoscopeError("SUV-E-TIME", "a fact SUV needs is missing", WHERE)
        return self.value


@dataclass(frozen=True)
class SuvFacts:
    """What a series says about patient and injection.

    Attributes:
        weight_kg: Body weight.
        height_m: Height.
        sex: ``M``, ``F``, ``O`` or None.
        age_years: Age at the scan or None.
        dose_bq: Injected activity.
        half_life_s: Half-life; the file's own, or the nuclide's when the file has none.
        tracer: Tracer and nuclide.
        sex_header: Sex as the header has it.
    """

    weight_kg: Fact[float]
    height_m: Fact[float]
    sex: str | None
    age_years: float | None
    dose_bq: Fact[float]
    half_life_s: Fact[float]
    tracer: Tracer
    sex_header: str | None

    @property
    def patient(self) -> Patient:
        """The patient's facts for later calculations."""
        return Patient(self.sex, self.age_years, self.weight_kg.value, self.height_m.value)


def settle(read: Callable[[Notes], T], override: T | None, notes: Notes) -> Fact[T]:
    """Read a fact, keep its problem instead of raising it, and put the user's value in its place when there is one.

    Raises:
        LymphoscopeError: ``SUV-E-MIXED``, which speaks against the series and not only the fact, unless overridden.
    """
    aside = Notes()
    try:
        header, problem = read(aside), None
    except LymphoscopeError as error:
        if error.code == "SUV-E-MIXED" and override is None:
            raise
        header, problem = None, error
    if override is not None:
        return Fact(override, None, header)
    for note in aside if problem is None else ():
        notes.add(note.code, note.what, note.where, note.fix, note.tags)
    return Fact(header, problem, header)


def read_facts(series: PetSeries, tracer: Tracer, overrides: SuvOverrides, notes: Notes) -> SuvFacts:
    """Read patient and injection.

    Raises:
        LymphoscopeError: ``SUV-E-MIXED``; ``SUV-E-WEIGHT-RANGE``, ``SUV-E-HEIGHT``, ``SUV-E-DOSE-RANGE`` or
            ``USE-E-VALUE`` for overrides out of range.
    """
    _check_overrides(overrides)
    dose_bq = None if overrides.dose_mbq is None else 1e6 * overrides.dose_mbq
    sex_header = _sex(series) if overrides.sex is None else _sex_or_none(series)
    return SuvFacts(
        weight_kg=settle(lambda n: _weight(series, n), overrides.weight_kg, notes),
        height_m=settle(lambda n: _height(series, n), overrides.height_m, notes),
        sex=sex_header if overrides.sex is None else overrides.sex,
        age_years=_age(series),
        dose_bq=settle(lambda n: _dose(series, n), dose_bq, notes),
        half_life_s=settle(lambda n: _half_life(series, tracer, n), None, notes),
        tracer=tracer,
        sex_header=sex_header,
    )


def note_activity(facts: SuvFacts, notes: Notes) -> None:
    """Note an activity per weight that is unusual for FDG (own limits, wider than the EANM's 2.5–5 MBq/kg)."""
    if facts.tracer.fdg is False or facts.dose_bq.value is None or facts.weight_kg.value is None:
        return
    per_kg = facts.dose_bq.value / 1e6 / facts.weight_kg.value
    low, high = MBQ_PER_KG
    if not low <= per_kg <= high:
        what = f"injected activity per body weight is {per_kg:.3g} MBq/kg, outside {low:g}–{high:g}"
        notes.add("SUV-W-ACTIVITY", what, WHERE, tags=("(0018,1074)", "(0010,1030)"))


def _weight(series: PetSeries, notes: Notes) -> float:
    """Weight in kg."""
    value = series.same_number(WEIGHT, "Patient's Weight")
    _refuse_swap(series)
    if value is None or math.isnan(value) or value <= 0:
        what = f"Patient's Weight (0010,1030) is {_state(value)}"
        fix = "SUV needs body weight. Supply --weight-kg (recorded in the audit log) or correct the header."
        raise LymphoscopeError("SUV-E-WEIGHT", what, WHERE, fix, ("(0010,1030)",))
    if value > 1000:
        what = f"Patient's Weight (0010,1030) of {value:g} was read as grams ({value / 1000:g} kg)"
        notes.add("SUV-W-WEIGHT-GRAMS", what, WHERE, tags=("(0010,1030)",))
        value /= 1000
    return _within(value, WEIGHT_KG, "SUV-E-WEIGHT-RANGE", "Patient's Weight (0010,1030)", "kg")


def _height(series: PetSeries, notes: Notes) -> float:
    """Height in m."""
    value = series.same_number(HEIGHT, "Patient's Size")
    _refuse_swap(series)
    if value is None or math.isnan(value) or value <= 0:
        what = f"Patient's Size (0010,1020) is {_state(value)}"
        raise LymphoscopeError("SUV-E-HEIGHT", what, WHERE, tags=("(0010,1020)",))
    if value > 3:
        what = f"Patient's Size (0010,1020) of {value:g} was read as centimetres ({value / 100:g} m)"
        notes.add("SUV-W-HEIGHT-CM", what, WHERE, tags=("(0010,1020)",))
        value /= 100
    return _within(value, HEIGHT_M, "SUV-E-HEIGHT", "Patient's Size (0010,1020)", "m")


def _refuse_swap(series: PetSeries) -> None:
    """Refuse weight and height that look exchanged: then neither can be used."""
    for header in series.headers:
        weight, height = number(header, WEIGHT), number(header, HEIGHT)
        if weight is None or height is None or not (height > 3 and 0 < weight < 3):
            continue
        what = f"Patient's Weight (0010,1030) is {weight:g} and Patient's Size (0010,1020) is {height:g}"
        raise LymphoscopeError("SUV-E-SWAP", what, WHERE, tags=("(0010,1030)", "(0010,1020)"))


def _dose(series: PetSeries, notes: Notes) -> float:
    """Injected activity in Bq."""
    value = series.injected_number(DOSE, "Radionuclide Total Dose")
    if value is None or math.isnan(value) or value <= 0:
        what = f"Radionuclide Total Dose (0018,1074) is {_state(value)}"
        fix = "SUV needs the injected activity. Supply --dose-mbq (recorded in the audit log) or correct the header."
        raise LymphoscopeError("SUV-E-DOSE", what, WHERE, fix, ("(0018,1074)",))
    if value < 1e4:
        what = f"Radionuclide Total Dose (0018,1074) of {value:g} was read as MBq"
        notes.add("SUV-W-DOSE-MBQ", what, WHERE, tags=("(0018,1074)",))
        value *= 1e6
    return _within(value, DOSE_BQ, "SUV-E-DOSE-RANGE", "Radionuclide Total Dose (0018,1074)", "Bq")


def _half_life(series: PetSeries, tracer: Tracer, notes: Notes) -> float:
    """Half-life in s.

    The file's value is used even where it is a little off; one off by a factor of two is no rounding but another
    unit (minutes, say), and is refused.
    """
    value = series.injected_number(HALF_LIFE, "Radionuclide Half Life")
    nuclide = tracer.nuclide
    if value is None or math.isnan(value) or value <= 0:
        if nuclide is None or not tracer.coded:
            what = (
                f"Radionuclide Half Life (0018,1075) is {_state(value)} and no Radionuclide Code (0054,0300) is known"
            )
            raise LymphoscopeError("SUV-E-HALFLIFE", what, WHERE, tags=("(0018,1075)", "(0054,0300)"))
        what = f"Radionuclide Half Life (0018,1075) is {_state(value)} ({nuclide.name}: {nuclide.half_life_s:g} s)"
        notes.add("SUV-W-HALFLIFE-TABLE", what, WHERE, tags=("(0018,1075)",))
        return nuclide.half_life_s
    expected = nuclide or nuclide_by_half_life(value)
    if expected is None:
        what = f"Radionuclide Half Life (0018,1075) of {value:g} s is that of no nuclide known here"
        notes.add("SUV-W-HALFLIFE", what, WHERE, tags=("(0018,1075)",))
        return value
    ratio = value / expected.half_life_s
    what = f"Radionuclide Half Life (0018,1075) is {value:g} s; that of {expected.name} is {expected.half_life_s:g} s"
    if not 0.5 < ratio < 2.0:
        raise LymphoscopeError("SUV-E-HALFLIFE", what, WHERE, "Correct the header.", tags=("(0018,1075)",))
    if abs(ratio - 1.0) > 0.01:
        hour = math.expm1(3600.0 * math.log(2) * (1 / expected.half_life_s - 1 / value))
        what += f" (over one hour it would change SUV by {100 * hour:+.1f} %)"
        notes.add("SUV-W-HALFLIFE", what, WHERE, tags=("(0018,1075)",))
    return value


def _sex(series: PetSeries) -> str | None:
    """Sex, or None when it is none of DICOM's words."""
    found = series.same_text(SEX, "Patient's Sex")
    return found if found in ("M", "F", "O") else None


def _sex_or_none(series: PetSeries) -> str | None:
    """Sex in the header, None also when slices disagree: the user said which it is."""
    try:
        return _sex(series)
    except LymphoscopeError:
        return None


def _age(series: PetSeries) -> float | None:
    """Age in years from Patient's Age, else from the birth date and the scan's; None when slices disagree."""
    ages = set(series.each(lambda header: parse_age(text(header, 0x00101010))))
    if ages == {None}:
        pairs = series.each(lambda header: (_date(header, 0x00100030), _date(header, 0x00080020, 0x00080021)))
        ages = {(then - born).days / DAYS_A_YEAR if born and then else None for born, then in pairs}
    age = ages.pop() if len(ages) == 1 else None
    return age if age is not None and 0 <= age <= 130 else None


def _date(header: Dataset, *tags: int) -> date | None:
    """The first of these dates that can be read."""
    return next((day for tag in tags if (day := parse_date(text(header, tag))) is not None), None)


def _check_overrides(overrides: SuvOverrides) -> None:
    """Refuse overrides out of range: they are taken in the unit they are asked in, never converted."""
    if overrides.weight_kg is not None:
        _within(overrides.weight_kg, WEIGHT_KG, "SUV-E-WEIGHT-RANGE", "the weight given", "kg")
    if overrides.height_m is not None:
        _within(overrides.height_m, HEIGHT_M, "SUV-E-HEIGHT", "the height given", "m")
    if overrides.dose_mbq is not None:
        low, high = (limit / 1e6 for limit in DOSE_BQ)
        _within(overrides.dose_mbq, (low, high), "SUV-E-DOSE-RANGE", "the activity given", "MBq")
    if overrides.sex not in (None, "M", "F", "O"):
        raise LymphoscopeError("USE-E-VALUE", "the sex given is not M, F or O", fix="Give M, F or O.")


def _within(value: float, limits: tuple[float, float], code: str, name: str, unit: str) -> float:
    """The value when it lies within the limits."""
    if not limits[0] <= value <= limits[1]:
        what = f"{name} is {value:g} {unit}, outside {limits[0]:g}–{limits[1]:g} {unit}"
        tag = name[name.index("(") :] if "(" in name else ""
        raise LymphoscopeError(code, what, WHERE if tag else "", tags=(tag,) if tag else ())
    return value


def _state(value: float | None) -> str:
    """What is wrong with a number, without repeating text that could be anything."""
    return "missing" if value is None else "not a number" if math.isnan(value) else f"{value:g}, which is not positive"
