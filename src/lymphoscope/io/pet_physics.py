"""From SUV to what a scanner stores: the forward model, written from the definitions and not from the reader.

Reading turns stored values into SUV; this module goes the other way, from the physics: activity at the decay
reference, mean activity during a frame, counts, and the normalised units. Kept apart, each checks the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.valuerep import format_number_as_ds

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.volume import Array
from lymphoscope.io.conventions import Convention


@dataclass(frozen=True)
class ScanFacts:
    """A synthetic patient, injection and scan.

    Attributes:
        weight_kg: Body weight.
        height_m: Height, or None to leave it out.
        sex: ``M``, ``F``, ``O`` or empty.
        age_years: Age, or None to leave it out.
        dose_mbq: Injected activity at the time of injection.
        half_life_s: Half-life of the nuclide.
        injected: Injection, wall clock.
        scanned: Decay reference of the PET, wall clock; most vendors write it as Series Time.
        beds: Number of bed positions, in order of the array's first axis.
        bed_s: Frame duration of a bed, s.
        move_s: Seconds from one bed's end to the next one's start.
        tracer: Radiopharmaceutical as text.
        name: Patient's name (clearly synthetic).
        patient_id: Patient's number.
        birth_date: ``YYYYMMDD`` or empty.
        position: Patient Position (0018,5100); the grid is written as it is.
        seed: Changes the UIDs of the study.
    """

    weight_kg: float = 70.0
    height_m: float | None = 1.75
    sex: str = "M"
    age_years: int | None = 50
    dose_mbq: float = 350.0
    half_life_s: float = 6586.2
    injected: datetime = datetime(2024, 3, 1, 9, 0, 0)
    scanned: datetime = datetime(2024, 3, 1, 10, 0, 0)
    beds: int = 6
    bed_s: float = 180.0
    move_s: float = 3.0
    tracer: str = "Fluorodeoxyglucose"
    name: str = "SYNTHETIC^PHANTOM"
    patient_id: str = "SYNTHETIC-0001"
    birth_date: str = ""
    position: str = "HFS"
    seed: int = 0

    @property
    def decay_rate(self) -> float:
        """Decay constant λ, 1/s."""
        return math.log(2) / self.half_life_s

    def suv_per_bq(self, row: Convention) -> float:
        """SUVbw of 1 Bq/mL given at the decay reference (START) or at injection (ADMIN)."""
        waited_s = 0.0 if row.decay == "ADMIN" else (self.scanned - self.injected).total_seconds()
        left_bq = 1e6 * self.dose_mbq * math.exp(-self.decay_rate * waited_s)
        return 1000.0 * self.weight_kg / left_bq


@dataclass(frozen=True)
class Stored:
    """Rescaled values per slice, ready to be rounded.

    Attributes:
        values: Values in the convention's unit, (z, y, x).
        slopes: Rescale slope per slice, exactly as its decimal string says.
        signed: Stored values are signed.
    """

    values: NDArray[np.float64]
    slopes: NDArray[np.float64]
    signed: bool

    def slice(self, k: int) -> tuple[NDArray[np.integer], float, bool]:
        """Stored values, slope and sign of slice k."""
        dtype = np.int16 if self.signed else np.uint16
        return np.rint(self.values[k] / self.slopes[k]).astype(dtype), float(self.slopes[k]), self.signed


def stored_values(suv: Array, facts: ScanFacts, row: Convention) -> Stored:
    """Turn SUVbw into a convention's unit and choose the rescale slopes.

    Args:
        suv: SUVbw, (z, y, x).
        facts: Patient, injection and times.
        row: The convention.

    Raises:
        LymphoscopeError: ``SUV-E-HEIGHT`` when the unit needs a height that is not there, ``SUV-E-NONFINITE``.
    """
    if not np.isfinite(suv).all():
        raise LymphoscopeError("SUV-E-NONFINITE", "the PET to be written has values that are not finite")
    scale = np.array([_unit_per_suv(k, suv.shape[0], facts, row) for k in range(suv.shape[0])])
    values = suv.astype(np.float64) * scale[:, None, None]
    signed = row.signed or bool(values.min(initial=0.0) < 0)
    largest = np.abs(values).max(axis=(1, 2), initial=0.0)
    if row.slopes == "series":
        largest[:] = largest.max(initial=0.0)
    slopes = np.array([_slope(peak, 32767 if signed else 65535) for peak in largest])
    return Stored(values, slopes, signed)


def _slope(peak: float, steps: int) -> float:
    """The smallest slope that fits the peak, rounded as its decimal string will be (and then up a little)."""
    if peak == 0:
        return 1.0
    return float(format_number_as_ds(peak / steps * (1 + 1e-6)))


def _unit_per_suv(k: int, n: int, facts: ScanFacts, row: Convention) -> float:
    """What SUVbw 1 is in the convention's unit in slice k of n."""
    if row.units == "GML":
        return 1.0 if row.suv_type in ("", "BW") else body_norm(row.suv_type, facts) / facts.weight_kg
    if row.units == "CM2ML":
        return body_norm("BSA", facts) * 1e4 / (1000.0 * facts.weight_kg)
    at_reference = 1.0 / facts.suv_per_bq(row)
    if row.decay == "NONE":
        start_s, rate = bed_starts(facts, row)[bed_of(k, n, facts.beds)], facts.decay_rate
        return at_reference * math.exp(-rate * start_s) * -math.expm1(-rate * facts.bed_s) / (rate * facts.bed_s)
    return at_reference / row.bq_per_count if row.units == "CNTS" else at_reference


def body_norm(kind: str, facts: ScanFacts) -> float:
    """Lean mass, ideal weight (kg) or surface (m²) of the patient, by DICOM's name of the SUV type.

    Reference: the formulas of the project's quantification specification, section A1.

    Raises:
        LymphoscopeError: ``SUV-E-HEIGHT`` without a height.
    """
    if facts.height_m is None:
        raise LymphoscopeError("SUV-E-HEIGHT", f"an image in SUV type {kind} needs a height")
    w, h = facts.weight_kg, 100.0 * facts.height_m
    bmi, surface = w / facts.height_m**2, 0.007184 * w**0.425 * h**0.725
    both: dict[str, tuple[float, float]] = {
        "LBM": (1.10 * w - 120 * (w / h) ** 2, 1.07 * w - 148 * (w / h) ** 2),
        "LBMJAMES128": (1.10 * w - 128 * (w / h) ** 2, 1.07 * w - 148 * (w / h) ** 2),
        "LBMJANMA": (9270 * w / (6680 + 216 * bmi), 9270 * w / (8780 + 244 * bmi)),
        "IBW": (48.0 + 1.06 * (h - 152), 45.5 + 0.91 * (h - 152)),
        "BSA": (surface, surface),
    }
    male, female = both[kind]
    return {"M": male, "F": female}.get(facts.sex, (male + female) / 2)


def bed_of(k: int, n: int, beds: int) -> int:
    """Bed that slice k of n belongs to: equal shares in order."""
    return min(k * beds // n, beds - 1)


def bed_starts(facts: ScanFacts, row: Convention) -> tuple[float, ...]:
    """Start of each bed's frame in seconds after the decay reference."""
    return tuple(row.first_frame_s + b * (facts.bed_s + facts.move_s) for b in range(facts.beds))


def average_s(facts: ScanFacts) -> float:
    """Seconds from a frame's start to the moment at which the activity equals its mean over the frame."""
    x = facts.decay_rate * facts.bed_s
    return math.log(x / -math.expm1(-x)) / facts.decay_rate


def frame_reference_s(start_s: float, facts: ScanFacts, row: Convention) -> float:
    """Frame Reference Time of a frame, s after the decay reference, as the vendor counts it."""
    return start_s + (average_s(facts) if row.frame_reference == "average" else 0.0)
