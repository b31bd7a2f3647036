"""Aids to reading response: the five-point scale by measurement, and qPET. The score itself is the reader's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.measure import Measure, Measures
from lymphoscope.quant.catalogue import measured
from lymphoscope.quant.reference import LIVER_RANGE

QPET_LIMITS = (0.95, 1.3, 2.0)
"""qPET from which the score is 3, 4 and 5."""

BORDER = 0.05
"""A value within this fraction of a limit is close to it."""

_ROUNDING = 1e-9
"""Ratios within this of a limit are on it, so that 3.9 / 3.0 is not below 1.3."""


@dataclass(frozen=True)
class Uptake:
    """What is compared with the reference organs.

    Attributes:
        suvmax: SUVmax of the hottest lesion, g/mL; None without a lesion.
        qpet_peak: Highest qPET peak of a lesion, g/mL; None without a lesion.
        background: SUVmax of the tissue round it, g/mL, where it was measured.
        new_lesion: True where a reader confirmed a new lymphoma lesion.
        unlikely_lymphoma: True where a reader holds the new uptake not to be lymphoma.
    """

    suvmax: float | None
    qpet_peak: float | None = None
    background: float | None = None
    new_lesion: bool = False
    unlikely_lymphoma: bool = False

    @classmethod
    def of(cls, patient: Measures, new_lesion: bool = False) -> Uptake:
        """The hottest uptake of a patient, from `lymphoscope.quant.lesions.patient_measures`."""
        return cls(patient.value("suvmax"), patient.value("qpet_peak"), new_lesion=new_lesion)


def response_aids(
    uptake: Uptake,
    references: Mapping[str, Measures],
    k: float = 2.0,
    liver_diseased: bool = False,
) -> tuple[Measures, tuple[Message, ...]]:
    """The five-point aid (maximum against maximum), qPET and the ratios behind them.

    Args:
        uptake: The hottest uptake.
        references: ``liver`` and ``blood_pool``, as far as found, with ``mean`` and ``max``.
        k: From how many times the liver's SUVmax the aid says 5; 2 to 3.
        liver_diseased: True where the liver is known to be diseased.

    Returns:
        Numbers, and what is to be said about them. Where the liver is no sound reference the ratios stand, the
        scores do not.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a factor outside 2 to 3.

    Reference: Barrington 2010, EJNMMI 37:1824; Barrington 2014, JCO 32:3048; Hasenclever 2014, EJNMMI 41:1301.
    """
    if not 2.0 <= k <= 3.0:
        raise LymphoscopeError("USE-E-VALUE", f"the factor for score 5 is {k:g}", fix="Choose from 2 to 3.")
    levels = _Levels.of(references)
    notes = Notes()
    unsound = _unsound(levels, liver_diseased)
    if unsound and levels.liver_mean is not None:
        notes.add("D5PS-W-LIVER", unsound)
    ratios = _ratios(uptake, levels)
    items = [_aid(uptake, levels, k, unsound), measured("deauville_k", k, "setting"), *ratios]
    items.append(_qpet_score(Measures(tuple(ratios)), unsound))
    if not unsound:
        for where in _borders(uptake, levels, k, Measures(tuple(ratios))):
            notes.add("D5PS-W-BORDER", where)
    return Measures(tuple(items)), tuple(notes)


@dataclass(frozen=True)
class _Levels:
    """Uptake of the reference organs, g/mL."""

    liver_mean: float | None
    liver_max: float | None
    blood_max: float | None

    @classmethod
    def of(cls, references: Mapping[str, Measures]) -> _Levels:
        liver, blood = references.get("liver"), references.get("blood_pool")
        return cls(
            liver.value("mean") if liver is not None else None,
            liver.value("max") if liver is not None else None,
            blood.value("max") if blood is not None else None,
        )


def five_point(suvmax: float, liver_max: float, blood_max: float | None, k: float = 2.0) -> int | None:
    """Score of one uptake by maxima: 2 to the blood pool, 3 to the liver, 4 above it, 5 from k times the liver.

    Where the blood pool is as hot as the liver or hotter, only the liver counts: below it 2, equal 3.

    Args:
        suvmax: SUVmax of the uptake, g/mL.
        liver_max: SUVmax of the liver reference, g/mL.
        blood_max: SUVmax of the blood pool, g/mL; None where it was not found.
        k: From how many times the liver's SUVmax the score is 5.

    Returns:
        2 to 5; None where the blood pool decides and was not found.
    """
    if _reaches(suvmax, k * liver_max):
        return 5
    if suvmax > liver_max * (1 + _ROUNDING):
        return 4
    if blood_max is None:
        return None
    if _reaches(blood_max, liver_max):
        return 3 if _reaches(suvmax, liver_max) else 2
    return 3 if suvmax > blood_max * (1 + _ROUNDING) else 2


def qpet_class(ratio: float) -> int:
    """Score of a qPET ratio: 2 (for 1–2) below 0.95, then 3 below 1.3, 4 below 2.0, 5."""
    return 2 + sum(_reaches(ratio, limit) for limit in QPET_LIMITS)


def _reaches(value: float, limit: float) -> bool:
    return value >= limit * (1 - _ROUNDING)


def _unsound(levels: _Levels, diseased: bool) -> str:
    """Why the liver cannot be compared with; empty where it can."""
    if levels.liver_mean is None or levels.liver_max is None:
        return "no liver reference"
    if diseased:
        return "the liver is diseased"
    low, high = LIVER_RANGE
    if not low <= levels.liver_mean <= high:
        return f"liver SUVmean is {levels.liver_mean:.2f} ({low}–{high})"
    return ""


def _aid(uptake: Uptake, levels: _Levels, k: float, unsound: str) -> Measure:
    method = f"SUVmax against SUVmax of blood pool and liver, 5 from {k:g} × liver"

    def score(value: int | str | None, why: str = "") -> Measure:
        return measured("deauville_aid", value, method, why)

    if uptake.new_lesion:
        return score(5)
    if uptake.unlikely_lymphoma:
        return score("X")
    if uptake.suvmax is None:
        return score(None, "no lesion was measured; fainter uptake is the reader's to judge")
    if uptake.background is not None and uptake.suvmax <= uptake.background:
        return score(1)
    if unsound or levels.liver_max is None:
        return score(None, unsound)
    return score(five_point(uptake.suvmax, levels.liver_max, levels.blood_max, k), "no blood pool reference")


def _ratios(uptake: Uptake, levels: _Levels) -> list[Measure]:
    parts = (
        ("max_to_liver_max", uptake.suvmax, levels.liver_max, "liver"),
        ("max_to_liver_mean", uptake.suvmax, levels.liver_mean, "liver"),
        ("max_to_blood_pool_max", uptake.suvmax, levels.blood_max, "blood pool"),
        ("blood_pool_max_to_liver_max", levels.blood_max, levels.liver_max, "liver"),
        ("qpet", uptake.qpet_peak, levels.liver_mean, "liver"),
    )
    found = []
    for name, upper, lower, organ in parts:
        why = f"no {organ} reference" if not lower else "no lesion was measured"
        if name == "blood_pool_max_to_liver_max" and upper is None:
            why = "no blood pool reference"
        found.append(measured(name, upper / lower if upper is not None and lower else None, "", why))
    return found


def _qpet_score(ratios: Measures, unsound: str) -> Measure:
    ratio = ratios["qpet"]
    usable = ratio.value is not None and not unsound
    method = "qPET limits " + ", ".join(f"{limit:g}" for limit in QPET_LIMITS)
    return measured(
        "qpet_score", qpet_class(float(ratio.value or 0.0)) if usable else None, method, unsound or ratio.why
    )


def _borders(uptake: Uptake, levels: _Levels, k: float, ratios: Measures) -> list[str]:
    """The limits that the values are close to, in words."""
    found = []
    qpet = ratios.value("qpet")
    if qpet is not None:
        near = [limit for limit in QPET_LIMITS if _close(qpet, limit)]
        found += [f"qPET is {qpet:.3f}, close to {limit:g}" for limit in near]
    if uptake.suvmax is None or levels.liver_max is None or uptake.new_lesion or uptake.unlikely_lymphoma:
        return found
    limits = [("the liver's SUVmax", levels.liver_max), (f"{k:g} times the liver's SUVmax", k * levels.liver_max)]
    if levels.blood_max is not None and levels.blood_max < levels.liver_max:
        limits.insert(0, ("the blood pool's SUVmax", levels.blood_max))
    found += [
        f"SUVmax {uptake.suvmax:.2f} is close to {name}, {limit:.2f}"
        for name, limit in limits
        if _close(uptake.suvmax, limit)
    ]
    return found


def _close(value: float, limit: float) -> bool:
    return abs(value - limit) <= (BORDER + _ROUNDING) * limit
