"""Which nuclide and which tracer a PET was made with, from codes, names and half-life."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.study import SuvAudit
from lymphoscope.io.tags import items, text

NUCLIDE_CODES = 0x00540300
TRACER_CODES = 0x00540304
TRACER_NAME = 0x00180031


@dataclass(frozen=True)
class Nuclide:
    """A positron emitter.

    Attributes:
        name: ``F-18`` and the like.
        half_life_s: Half-life in seconds.
        codes: Code values (SCT, and SRT as older files have it under several scheme names).
        element: Name of the element.
    """

    name: str
    half_life_s: float
    codes: tuple[str, str]
    element: str

    @property
    def spellings(self) -> frozenset[str]:
        """How code meanings and names spell it, lower case and without punctuation."""
        symbol, mass = self.name.lower().split("-")
        words = {f"{a}{b}" for a, b in ((symbol, mass), (self.element, mass))}
        words |= {f"{mass}{symbol}", f"{mass}{self.element}", f"{self.element}{symbol}{mass}"}
        return frozenset(words)


NUCLIDES: Mapping[str, Nuclide] = MappingProxyType(
    {
        row.name: row
        for row in (
            Nuclide("F-18", 6586.2, ("77004003", "C-111A1"), "fluorine"),
            Nuclide("C-11", 1223.4, ("40565003", "C-105A1"), "carbon"),
            Nuclide("N-13", 597.9, ("21576001", "C-107A1"), "nitrogen"),
            Nuclide("O-15", 122.24, ("129504001", "C-B1038"), "oxygen"),
            Nuclide("Ga-68", 4062.6, ("35337001", "C-131A3"), "gallium"),
            Nuclide("Rb-82", 76.38, ("79197006", "C-159A2"), "rubidium"),
            Nuclide("Cu-64", 45720.0, ("3932008", "C-127A2"), "copper"),
            Nuclide("Zr-89", 282276.0, ("63360001", "C-168A4"), "zirconium"),
            Nuclide("I-124", 360806.4, ("40937006", "C-114A5"), "iodine"),
        )
    }
)
"""Nuclides by name. Reference: ICRP 107 (half-lives); DICOM PS3.16 CID 4020 (codes)."""

FDG_CODES = frozenset({"35321007", "C-B1031"})

_FDG = re.compile(r"fdg|fluorodeoxy|fludeoxy")
_FDG_SQUEEZED = re.compile(r"fluorodeoxy|fludeoxy|fluoro2deoxy")
_NOT_GLUCOSE = re.compile(r"thymidine|galactose|fdgal|uridine|cytidine|adenosine|arabino|mannose|sorbitol")
_SAYS_NOTHING = frozenset(
    ("", "solution", "unknown", "other", "none", "na", "pet", "tracer", "radiopharmaceutical", "isotope", "default")
) | {"notspecified", "unspecified", "anonymized", "anonymised", "anonymous", "removed"}


@dataclass(frozen=True)
class Tracer:
    """What the header says about the tracer.

    Attributes:
        label: In words; empty when nothing was said.
        fdg: True for FDG, False for another tracer or nuclide, None when not known.
        nuclide: Nuclide as coded, or, not coded, as FDG implies it; None when not known.
        coded: The nuclide comes from its code (0054,0300).
    """

    label: str
    fdg: bool | None
    nuclide: Nuclide | None
    coded: bool


def read_tracer(injections: Iterable[Dataset]) -> Tracer:
    """Read tracer and nuclide from the items of the Radiopharmaceutical Information Sequence (0054,0016).

    FDG needs a code or a name that says so and nothing that speaks against it: another name beside it, a nuclide
    other than F-18, or a name of another deoxy compound make it not FDG, which stops the methods unless overridden.

    Args:
        injections: Items of all slices; repeated ones do no harm.
    """
    injections = tuple(injections)
    coded = {_nuclide_of(code) for item in injections for code in items(item, NUCLIDE_CODES)} - {None}
    nuclide = next(iter(coded)) if len(coded) == 1 else None
    verdicts: dict[str, bool] = {}
    for item in injections:
        verdicts.update(_verdicts(item))
    fdg: bool | None = all(verdicts.values()) if verdicts else None
    if len(coded) > 1 or (nuclide is not None and nuclide.name != "F-18"):
        fdg = False
    implied = NUCLIDES["F-18"] if fdg and nuclide is None else nuclide
    return Tracer(" / ".join(sorted(verdicts)), fdg, implied, nuclide is not None)


def nuclide_by_half_life(half_life_s: float) -> Nuclide | None:
    """The nuclide whose half-life is within 1 % of the one given."""
    return next((n for n in NUCLIDES.values() if abs(half_life_s / n.half_life_s - 1.0) <= 0.01), None)


def require_fdg(audit: SuvAudit, research: bool = False) -> tuple[Message, ...]:
    """Stop methods that were made for FDG on another tracer.

    Args:
        audit: The study's SUV audit.
        research: The user's override; it is said on every output.

    Returns:
        ``TRACER-W-UNKNOWN`` when the tracer is not named, ``TRACER-W-RESEARCH`` when overridden, else nothing.

    Raises:
        LymphoscopeError: ``TRACER-E-NOTFDG``.
    """
    if audit.fdg:
        return ()
    if audit.fdg is None:
        if not audit.units:  # values declared to be SUV: there was no header to look in
            return (Message("TRACER-W-UNKNOWN", "the files do not name a tracer"),)
        return (unknown_tracer(),)
    found = f"the tracer is {audit.tracer or 'not FDG'}" + (f" ({audit.nuclide})" if audit.nuclide else "")
    if research:
        return (Message("TRACER-W-RESEARCH", found + ": methods for FDG were applied to it", "the PET series"),)
    raise LymphoscopeError("TRACER-E-NOTFDG", found, "the PET series", tags=("(0018,0031)", "(0054,0304)"))


def unknown_tracer() -> Message:
    """The warning for a tracer that is not named."""
    return Message(
        "TRACER-W-UNKNOWN",
        "Radiopharmaceutical (0018,0031) and its code do not name a tracer",
        "the PET series",
        tags=("(0018,0031)", "(0054,0304)"),
    )


def _nuclide_of(code: Dataset) -> Nuclide | None:
    """The nuclide of a code item, by value or else by meaning."""
    value, meaning = text(code, 0x00080100).upper(), _squeezed(text(code, 0x00080104))
    by_value = (n for n in NUCLIDES.values() if value in n.codes)
    by_meaning = (n for n in NUCLIDES.values() if meaning in n.spellings)
    return next(by_value, None) or next(by_meaning, None)


def _verdicts(item: Dataset) -> dict[str, bool]:
    """What each name and code of an item says: label → whether it is FDG. What says nothing is left out."""
    found = {}
    for code in items(item, TRACER_CODES):
        if text(code, 0x00080100).upper() in FDG_CODES:
            found["FDG"] = True
    names = [text(item, TRACER_NAME), *(text(code, 0x00080104) for code in items(item, TRACER_CODES))]
    for name in names:
        squeezed = _squeezed(name)
        if squeezed in _SAYS_NOTHING or any(squeezed in n.spellings for n in NUCLIDES.values()):
            continue
        found[_printable(name)] = _names_fdg(name.lower(), squeezed)
    return found


def _names_fdg(lower: str, squeezed: str) -> bool:
    """Whether a name is one of FDG's."""
    named = _FDG.search(lower) or _FDG_SQUEEZED.search(squeezed)
    return bool(named) and not _NOT_GLUCOSE.search(squeezed)


def _squeezed(name: str) -> str:
    """Letters and digits only, lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _printable(name: str) -> str:
    """A short label that is safe to show."""
    return "".join(c for c in name if c.isprintable())[:64]
