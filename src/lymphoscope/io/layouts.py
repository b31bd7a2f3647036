"""Which NIfTI file is what, by the names that data sets use: nnU-Net, autoPET, prefixes, our own case folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError

_NNUNET = re.compile(r"(.+)_(\d{4})")
_CHANNELS = {"0000": "ct", "0001": "pet"}
_WORDS = {
    "pet": ("suv", "suvbw", "pet", "pt", "fdg"),
    "ct": ("ctres", "ct"),
    "mask": ("seg", "mask", "masks", "label", "labels", "lesion", "lesions", "gtv", "roi", "organs", "removed"),
    "other": ("mr", "mri", "t1", "t2"),
}
_FILLERS = {"image", "img", "bw", "gz", "nii"}


@dataclass(frozen=True)
class Layout:
    """The files of one case.

    Attributes:
        pet: The PET.
        ct: Its CT, or None.
        why: How the PET was known.
    """

    pet: Path
    ct: Path | None
    why: str


@dataclass(frozen=True)
class _Named:
    path: Path
    role: str
    rank: int
    case: tuple[Path, str]


def find_layout(files: Sequence[Path], given: Path | None = None) -> Layout:
    """Tell PET and CT among NIfTI files.

    Args:
        files: What lies in the folder, any order.
        given: The file the user gave, when it was a file: the PET, or the CT of its case.

    Raises:
        LymphoscopeError: ``IO-E-CHOOSE`` when there are several cases, ``IO-E-NOPET`` when none can be the PET.
    """
    named = [_named(path) for path in sorted(files)]
    if given is not None:
        return _around(_named(given), named)
    pets = [n for n in named if n.role == "pet"]
    if not pets:
        unknown = [n for n in named if n.role == ""]
        if len(unknown) != 1:
            what = f"none of {len(named)} NIfTI files is named as a PET"
            raise LymphoscopeError("IO-E-NOPET", what, fix="Give the PET file itself.")
        return Layout(unknown[0].path, _partner(unknown[0], named), "the only image that is not named otherwise")
    cases = {n.case for n in pets}
    if len(cases) > 1:
        raise LymphoscopeError("IO-E-CHOOSE", f"PET images of {len(cases)} cases lie there", fix="Give one PET file.")
    return _of_case(pets, named)


def sort_cases(files: Sequence[Path]) -> tuple[tuple[Path, ...], ...]:
    """Sort the NIfTI files of one folder into cases, so that `find_layout` has the files of one case to look at.

    Args:
        files: What lies in the folder, any order.

    Returns:
        For each case its PET and its CT, sorted. Where no file is named as a PET, all that could be one are one case.
        Masks, and CTs without a PET, belong to no case.
    """
    named = [_named(path) for path in sorted(files)]
    pets: dict[tuple[Path, str], list[_Named]] = {}
    for one in named:
        if one.role == "pet":
            pets.setdefault(one.case, []).append(one)
    if not pets:
        unknown = [one for one in named if one.role == ""]
        around = [one for one in named if one.role in ("", "ct")] if unknown else []
        return (tuple(one.path for one in around),) if around else ()
    found = []
    for members in pets.values():
        partner = _partner(members[0], named)
        found.append((*(one.path for one in members), *([partner] if partner is not None else [])))
    return tuple(found)


def named_as_mask(path: Path) -> bool:
    """Whether a NIfTI file is a mask by its name."""
    return _named(path).role == "mask"


def _around(given: _Named, named: Sequence[_Named]) -> Layout:
    """The case of a file that the user gave."""
    if given.role == "mask":
        raise LymphoscopeError("IO-E-NOPET", "the file given is named as a mask", fix="Give the PET file.")
    if given.role == "ct":
        pets = [n for n in named if n.role == "pet" and n.case == given.case]
        if not pets:
            raise LymphoscopeError("IO-E-NOPET", "the file given is named as a CT, and no PET is named like it")
        return _of_case(pets, named)
    return Layout(given.path, _partner(given, named), "given by the user")


def _of_case(pets: Sequence[_Named], named: Sequence[_Named]) -> Layout:
    best = min(n.rank for n in pets)
    first = [n for n in pets if n.rank == best]
    if len(first) > 1:
        raise LymphoscopeError(
            "IO-E-CHOOSE", f"{len(first)} files of one case are named as PET", fix="Give one of them."
        )
    return Layout(first[0].path, _partner(first[0], named), "named as PET")


def _partner(pet: _Named, named: Sequence[_Named]) -> Path | None:
    """The CT of the same case; else the only CT of the folder."""
    cts = sorted((n for n in named if n.role == "ct" and n.case[0] == pet.case[0]), key=lambda n: n.rank)
    same = [n for n in cts if n.case == pet.case]
    if same:
        return same[0].path
    return (
        cts[0].path
        if len({n.case for n in cts}) == 1 and len({n.case for n in named if n.role == "pet"}) <= 1
        else None
    )


def _named(path: Path) -> _Named:
    """Role of a file and the case it belongs to, by its name alone."""
    stem = re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.I)
    channel = _NNUNET.fullmatch(stem)
    if channel and channel[2] in _CHANNELS:
        return _Named(path, _CHANNELS[channel[2]], 0, (path.parent, channel[1].lower()))
    tokens = [t for t in re.split(r"[^a-z0-9]+", stem.lower()) if t]
    found = {role: [words.index(t) for t in tokens if t in words] for role, words in _WORDS.items()}
    known = {t for words in _WORDS.values() for t in words} | _FILLERS
    case = (path.parent, "-".join(t for t in tokens if t not in known))
    for role in ("mask", "other"):
        if found[role]:
            return _Named(path, role, 0, case)
    # a name with both words, such as petct_0007_ct, is what the last of them says
    spoken = [t for t in tokens if t in _WORDS["pet"] or t in _WORDS["ct"]]
    if not spoken:
        return _Named(path, "", 0, case)
    role = "pet" if spoken[-1] in _WORDS["pet"] else "ct"
    return _Named(path, role, min(found[role]), case)
