"""The headers of one PET series, read as one: facts all slices must share, and whether SUV may be computed at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.tags import as_number, items, number, text, texts

WHERE = "the PET series"
"""How messages name the series: without its UID, description or folder."""

PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"})
"""Enhanced, and Legacy Converted Enhanced PET."""

INJECTION = 0x00540016
CORRECTED = 0x00280051

T = TypeVar("T")


@dataclass(frozen=True)
class PetSeries:
    """Headers of one PET series.

    Attributes:
        headers: One dataset per slice, in any order; pixels are not needed.
        injections: Items of the Radiopharmaceutical Information Sequence (0054,0016) of each slice.
    """

    headers: tuple[Dataset, ...]
    injections: tuple[tuple[Dataset, ...], ...]

    @classmethod
    def of(cls, headers: Iterable[Dataset]) -> PetSeries:
        """Gather headers.

        Raises:
            LymphoscopeError: ``IO-E-NOPET`` when there is none, ``IO-E-ENHANCED``, ``SUV-E-MODALITY``.
        """
        headers = tuple(headers)
        if not headers:
            raise LymphoscopeError("IO-E-NOPET", "there is no PET slice")
        for header in headers:
            _require_pet(header)
        return cls(headers, tuple(items(header, INJECTION) for header in headers))

    def same_text(self, tag: int, name: str) -> str:
        """A text all slices share, upper case; empty when none has it.

        Raises:
            LymphoscopeError: ``SUV-E-MIXED``.
        """
        return self._same([text(header, tag).upper() for header in self.headers], tag, name)

    def same_number(self, tag: int, name: str) -> float | None:
        """A number all slices share: None when none has it, NaN when it is not a number.

        Raises:
            LymphoscopeError: ``SUV-E-MIXED``.
        """
        return self._same_number([number(header, tag) for header in self.headers], tag, name)

    def injected_number(self, tag: int, name: str) -> float | None:
        """A number of the injection all slices and items share; as `same_number`.

        Raises:
            LymphoscopeError: ``SUV-E-MIXED``, also for several injections that differ.
        """
        return self._same_number([as_number(parts) for parts in self._injected(tag)], tag, name)

    def injected_text(self, tag: int, name: str) -> str:
        """A text of the injection all slices and items share; empty when none has it.

        Raises:
            LymphoscopeError: ``SUV-E-MIXED``, also for several injections that differ.
        """
        return self._same(["".join(parts[:1]) for parts in self._injected(tag)], tag, name)

    def each(self, read: Callable[[Dataset], T]) -> tuple[T, ...]:
        """Something of every slice, in the order of the headers."""
        return tuple(read(header) for header in self.headers)

    def _injected(self, tag: int) -> list[tuple[str, ...]]:
        return [texts(item, tag) for slice_items in self.injections for item in slice_items or (Dataset(),)]

    def _same_number(self, values: list[float | None], tag: int, name: str) -> float | None:
        """One value for all, equal to within how a decimal string may be rounded."""
        numbers = [v for v in values if v is not None and not math.isnan(v)]
        if len(numbers) == len(values) and max(numbers) - min(numbers) <= 1e-6 * abs(max(numbers)):
            return min(numbers)
        kinds = ["none" if v is None else "unreadable" if math.isnan(v) else f"{v!r}" for v in values]
        return {"none": None, "unreadable": math.nan}[self._same(kinds, tag, name)]

    def _same(self, values: list[str], tag: int, name: str) -> str:
        distinct = set(values)
        if len(distinct) > 1:
            what = f"{name} {written(tag)} has {len(distinct)} different values, and must be one in all slices"
            raise LymphoscopeError("SUV-E-MIXED", what, WHERE, tags=(written(tag),))
        return values[0]


def written(tag: int) -> str:
    """A tag as it is written in documents."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def check_corrections(series: PetSeries, decay: str) -> None:
    """Refuse a series without attenuation correction, or at odds with itself about decay.

    Every slice counts. A Corrected Image (0028,0051) that is missing says nothing of attenuation, and is refused.

    Args:
        series: The headers.
        decay: Decay Correction (0054,1102), or empty when it is not given (then there is nothing to be at odds with).

    Raises:
        LymphoscopeError: ``SUV-E-NAC``, ``SUV-E-MIXED``, ``SUV-E-DECY-CONFLICT``.
    """
    done = series.each(lambda header: frozenset(part.upper() for part in texts(header, CORRECTED)))
    if not all("ATTN" in parts for parts in done):
        what = "Corrected Image (0028,0051) does not name attenuation correction (ATTN)"
        raise LymphoscopeError("SUV-E-NAC", what + " in every slice", WHERE, tags=(written(CORRECTED),))
    decayed = {"DECY" in parts for parts in done}
    if len(decayed) > 1:
        what = "Corrected Image (0028,0051) names decay correction (DECY) in some slices only"
        raise LymphoscopeError("SUV-E-MIXED", what, WHERE, tags=(written(CORRECTED),))
    if decay and (decay != "NONE") != decayed.pop():
        what = f"Decay Correction (0054,1102) is {decay}, and Corrected Image (0028,0051) "
        what += "names decay correction (DECY)" if decay == "NONE" else "does not name decay correction (DECY)"
        raise LymphoscopeError("SUV-E-DECY-CONFLICT", what, WHERE, tags=("(0054,1102)", written(CORRECTED)))


def note_intercept(series: PetSeries, notes: Notes) -> None:
    """Note a rescale intercept that is not zero, as the PET standard asks it to be."""
    if any(value not in (None, 0.0) for value in series.each(lambda header: number(header, 0x00281052))):
        what = "Rescale Intercept (0028,1052) is not zero, as it must be in PET"
        notes.add("SUV-W-INTERCEPT", what, WHERE, tags=("(0028,1052)",))


def _require_pet(header: Dataset) -> None:
    """Refuse a slice that is not classic PET.

    A SOP class other than PET's under modality PT (a secondary capture, say) is not PET data; a missing one is
    forgiven when the modality says PT.
    """
    sop_class, modality = text(header, 0x00080016), text(header, 0x00080060).upper()
    if sop_class in ENHANCED_CLASSES:
        raise LymphoscopeError("IO-E-ENHANCED", "the PET is an enhanced multi-frame object", WHERE)
    if modality not in ("PT", "") or sop_class not in (PET_CLASS, "") or not (modality or sop_class):
        what = "Modality (0008,0060) and SOP class (0008,0016) are not those of PET"
        raise LymphoscopeError("SUV-E-MODALITY", what, WHERE, tags=("(0008,0060)", "(0008,0016)"))
