"""Choosing the PET and its CT among the series of a study, by rules that are said; when rules do not decide, asking."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.study import SeriesFact
from lymphoscope.io.series import Refusal, Series, judge

SAME_LENGTH = 0.9
SAME_COVER = 0.05
ONE_BED_MM = 300.0
_SHARP = re.compile(r"lung|bone|edge|sharp|detail|[BIHQ][a-z]?[5-9]\d", re.I)

Rule = tuple[str, Callable[[list[Series]], list[Series]]]


@dataclass
class Told:
    """What became of each series, filled while choosing.

    Attributes:
        series: All series found.
        facts: Role, reason and code of each that was spoken of, by its `id`.
    """

    series: Sequence[Series]
    facts: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def tell(self, one: Series, why: str, code: str = "", role: str = "") -> None:
        """Record what became of a series; the last word counts."""
        self.facts[id(one)] = (role, why, code)

    def all(self) -> tuple[SeriesFact, ...]:
        """Facts on every series, in order."""
        unsaid = ("", "not needed", "")
        return tuple(s.fact(*self.facts.get(id(s), unsaid)) for s in self.series)


def choose_pet(told: Told, wanted: str | None = None) -> Series:
    """Choose the PET series.

    Among attenuation-corrected series the longest wins; among those of like length one that is a whole grid, the
    scanner's own reconstruction, and axial slices, in this order. Derived images that are no grid (rotating
    projections that do not say so) are never meant when there is anything else.

    Args:
        told: The series, and the place to say what became of each.
        wanted: Series instance UID, series number or part of the description, when the user named one.

    Raises:
        LymphoscopeError: ``IO-E-NOPET``, ``IO-E-CHOOSE``, ``USE-E-NAME`` or the fault of the series that would have
            been taken.
    """
    pets = [s for s in told.series if s.modality == "PT"]
    fit = _fit(told, pets, wanted is not None)
    if wanted is not None:
        chosen = named(wanted, pets, "PET", "--pet-series")
        refusal = _refusal(chosen, by_user=True)
        if refusal:
            raise _as_error(refusal, chosen)
        told.tell(chosen, "named by the user", role="pet")
        return chosen
    if not fit:
        raise _no_pet(told, pets)
    fit = _narrow(told, fit, _PET_RULES)
    if len(fit) > 1:
        raise _ask(fit, "PET", "--pet-series")
    chosen = fit[0]
    if isinstance(chosen.laid, Refusal):
        told.tell(chosen, chosen.laid.why, chosen.laid.code)
        raise _as_error(chosen.laid, chosen)
    why = "the only attenuation-corrected PET" if len(pets) == 1 or _alone(told, pets) else "the best PET"
    told.tell(chosen, f"{why}: {len(chosen.headers)} slices over {chosen.extent_mm:.0f} mm", role="pet")
    return chosen


def choose_ct(told: Told, pet: Series, wanted: str | None = None) -> Series | None:
    """Choose the CT that goes with a PET, or None when no CT can serve.

    One in the PET's frame of reference wins; then axial, original slices, the best cover of the PET, the most
    slices, and a kernel that is not sharp, in this order.

    Raises:
        LymphoscopeError: ``IO-E-CHOOSE``, ``USE-E-NAME`` or the fault of the series the user named.
    """
    cts = [s for s in told.series if s.modality == "CT"]
    fit = _fit(told, cts, wanted is not None)
    if wanted is not None:
        chosen = named(wanted, cts, "CT", "--ct-series")
        refusal = _refusal(chosen, by_user=True)
        if refusal:
            raise _as_error(refusal, chosen)
        told.tell(chosen, "named by the user", role="ct")
        return chosen
    for one in list(fit):
        if isinstance(one.laid, Refusal):
            told.tell(one, one.laid.why, one.laid.code)
            fit.remove(one)
        elif cover(one, pet) <= 0:
            told.tell(one, "it does not overlap the PET", "GEO-W-COVERAGE")
            fit.remove(one)
    if not fit:
        return None
    fit = _narrow(told, fit, _ct_rules(pet))
    if len(fit) > 1:
        raise _ask(fit, "CT", "--ct-series")
    told.tell(
        fit[0], f"covers {100 * cover(fit[0], pet):.0f} % of the PET with {len(fit[0].headers)} slices", role="ct"
    )
    return fit[0]


def named(wanted: str, series: Sequence[Series], what: str, option: str) -> Series:
    """Find the series a user named by UID, by number, or by a part of its description.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` when none answers to it, ``IO-E-CHOOSE`` when several do.
    """
    for matches in (
        [s for s in series if s.uid == wanted],
        [s for s in series if str(s.number) == wanted.strip()],
        [s for s in series if wanted.lower() in s.first.words("SeriesDescription").lower()],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise _ask(matches, what, option)
    known = ", ".join(str(s.number) for s in series if s.number is not None) or "none with a number"
    raise LymphoscopeError("USE-E-NAME", f"no {what} series answers to the name given", fix=f"Known: {known}.")


def cover(ct: Series, pet: Series) -> float:
    """Share of the PET's box that lies inside the CT's box, 0…1."""
    low, high = np.maximum(ct.box[0], pet.box[0]), np.minimum(ct.box[1], pet.box[1])
    size = np.maximum(pet.box[1] - pet.box[0], 1e-6)
    return float(np.prod(np.clip((high - low) / size, 0, 1)))


def _fit(told: Told, series: Sequence[Series], by_user: bool) -> list[Series]:
    fit = []
    for one in series:
        refusal = judge(one, by_user)
        if refusal is None:
            fit.append(one)
        else:
            told.tell(one, refusal.why, refusal.code)
    return fit


def _refusal(one: Series, by_user: bool) -> Refusal | None:
    return judge(one, by_user) or (one.laid if isinstance(one.laid, Refusal) else None)


def _as_error(refusal: Refusal, series: Series) -> LymphoscopeError:
    code = {"IO-W-NAC": "SUV-E-NAC", "IO-W-DROPPED": "IO-E-NOPET"}.get(refusal.code, refusal.code)
    return LymphoscopeError(code, refusal.why, series.name)


def _no_pet(told: Told, pets: Sequence[Series]) -> LymphoscopeError:
    """The error for a study without usable PET: the fault of the largest candidate, if there is one."""
    refused = [(s, r) for s in pets if (r := judge(s))]
    meant = [(s, r) for s, r in refused if r.candidate] or [(s, r) for s, r in refused if r.code == "IO-W-NAC"]
    if meant:
        largest, refusal = max(meant, key=lambda pair: len(pair[0].headers))
        return _as_error(refusal, largest)
    kinds: dict[str, int] = {}
    for one in told.series:
        kinds[one.modality or "unknown"] = kinds.get(one.modality or "unknown", 0) + 1
    found = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none"
    return LymphoscopeError("IO-E-NOPET", f"no usable PET series was found (series by modality: {found})")


def _alone(told: Told, pets: Sequence[Series]) -> bool:
    """Whether all other PET series were never candidates."""
    return sum((r := judge(s)) is None or r.candidate for s in pets) == 1


def _narrow(told: Told, fit: list[Series], rules: Sequence[Rule]) -> list[Series]:
    """Apply rules in turn, saying of each series left behind which rule it lost by."""
    for why, rule in rules:
        kept = rule(fit)
        for loser in fit:
            if loser not in kept:
                told.tell(loser, why)
        fit = kept
        if len(fit) == 1:
            break
    return fit


def _preferring(test: Callable[[Series], bool]) -> Callable[[list[Series]], list[Series]]:
    return lambda fit: [s for s in fit if test(s)] or fit


def _longest(fit: list[Series]) -> list[Series]:
    top = max(s.extent_mm for s in fit)
    return [s for s in fit if s.extent_mm >= SAME_LENGTH * top]


_PET_RULES: tuple[Rule, ...] = (
    ("it is derived and no grid of slices", _preferring(lambda s: s.original or not isinstance(s.laid, Refusal))),
    ("another series covers more of the body", _longest),
    ("another series like it is complete", _preferring(lambda s: not isinstance(s.laid, Refusal))),
    ("another series is the scanner's original", _preferring(lambda s: s.original)),
    ("another series has axial slices", _preferring(lambda s: s.axial)),
)


def _ct_rules(pet: Series) -> tuple[Rule, ...]:
    frame = pet.first.text("FrameOfReferenceUID")

    def best_cover(fit: list[Series]) -> list[Series]:
        top = max(cover(s, pet) for s in fit)
        return [s for s in fit if cover(s, pet) >= top - SAME_COVER]

    def most_slices(fit: list[Series]) -> list[Series]:
        top = max(len(s.headers) for s in fit)
        return [s for s in fit if len(s.headers) == top]

    return (
        (
            "another CT shares the PET's frame of reference",
            _preferring(lambda s: s.first.text("FrameOfReferenceUID") == frame),
        ),
        ("another CT has axial slices", _preferring(lambda s: s.axial)),
        ("another CT is the scanner's original", _preferring(lambda s: s.original)),
        ("another CT covers more of the PET", best_cover),
        ("another CT has more slices", most_slices),
        (
            "another CT has a smoother kernel",
            _preferring(lambda s: not _SHARP.search(s.first.text("ConvolutionKernel"))),
        ),
    )


def _ask(fit: Sequence[Series], what: str, option: str) -> LymphoscopeError:
    """The error for several series that fit alike; or for beds that were never joined."""
    if what == "PET" and _are_beds(fit):
        return LymphoscopeError(
            "IO-E-BEDS", f"{len(fit)} PET series lie one after the other", ", ".join(s.name for s in fit)
        )
    listed = "; ".join(f"{s.name} ({len(s.headers)} slices over {s.extent_mm:.0f} mm)" for s in fit)
    fix = f"Name one with {option}: its number, UID or a part of its description."
    return LymphoscopeError("IO-E-CHOOSE", f"{len(fit)} {what} series fit equally well: {listed}", fix=fix)


def _are_beds(fit: Sequence[Series]) -> bool:
    if any(s.extent_mm > ONE_BED_MM for s in fit) or len({s.first.text("FrameOfReferenceUID") for s in fit}) > 1:
        return False
    spans = sorted((float(s.box[0, 2]), float(s.box[1, 2])) for s in fit)
    return all(low - before[0] > 0.5 * (before[1] - before[0]) for before, (low, _) in pairwise(spans))
