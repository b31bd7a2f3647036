"""The door for images: whatever a user has comes in here and becomes one `Study`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.registry import unknown_name
from lymphoscope.core.study import SeriesFact, Study
from lymphoscope.io.dicom_study import Wish, dicom_series, dicom_study
from lymphoscope.io.files import Found, scan
from lymphoscope.io.header import lenient_reading
from lymphoscope.io.suv import SuvOverrides


@dataclass(frozen=True)
class LoadOptions:
    """What the user says about a study, beside where it is.

    Attributes:
        overrides: Header facts replaced by the user; recorded and printed.
        suv: Values of a NIfTI PET are SUV (body weight).
        pet_series: PET series by UID, number or part of its description.
        ct_series: CT series, likewise.
        ct: Where the CT is, when it is not beside the PET.
        organs: Organ label map (NIfTI).
        organ_names: Label number → organ name, for maps that do not follow TotalSegmentator v2.
        research_tracer: Apply methods for FDG to another tracer; marked on every output.
    """

    overrides: SuvOverrides = field(default_factory=SuvOverrides)
    suv: bool = False
    pet_series: str | None = None
    ct_series: str | None = None
    ct: Path | None = None
    organs: Path | None = None
    organ_names: Mapping[int, str] | None = None
    research_tracer: bool = False


def load_study(
    path: str | Path, options: LoadOptions | None = None, progress: Progress = silent, **settings: Any
) -> Study:
    """Read one PET/CT study.

    Args:
        path: A DICOM folder in any mess, one of its files, a zip of it, or a NIfTI PET or a folder of one.
        options: What the user says about it.
        progress: Told as ``reading headers``, ``reading PET`` and ``reading CT``.
        **settings: Fields of `LoadOptions` or `SuvOverrides` by name, such as ``weight_kg=70``; they win.

    Returns:
        The study: PET in SUVbw on its native grid, CT in HU on its own, facts and warnings.

    Raises:
        LymphoscopeError: The fault that makes the study unusable, by its code.
    """
    options = _with_settings(options or LoadOptions(), settings)
    notes = Notes()
    with lenient_reading(notes):
        found = scan(_folder(Path(path)), progress)
        study = _study(found, options, notes, progress)
    return study.noting(*notes)


def list_series(path: str | Path) -> tuple[SeriesFact, ...]:
    """Say of every series of a study whether it would be taken, and why."""
    with lenient_reading(Notes()):
        return dicom_series(scan(_folder(Path(path))))


def _study(found: Found, options: LoadOptions, notes: Notes, progress: Progress) -> Study:
    if found.skipped:
        notes.add("IO-W-SKIPPED", f"{found.skipped} files that are not images were skipped")
    if not found.headers:
        raise LymphoscopeError("IO-E-NOTHING", "no image was found")
    return dicom_study(found, Wish(options.pet_series, options.ct_series, options.overrides), notes, progress)


def _folder(path: Path) -> Path:
    if not path.exists():
        raise LymphoscopeError("IO-E-PATH", "the path does not exist")
    return path if path.is_dir() else path.parent


def _with_settings(options: LoadOptions, settings: Mapping[str, Any]) -> LoadOptions:
    """Options with loose settings put in their place.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for a setting nobody knows.
    """
    own = {f.name for f in fields(LoadOptions)}
    facts = {f.name for f in fields(SuvOverrides)}
    for name in settings:
        if name not in own | facts:
            raise unknown_name("setting", name, dict.fromkeys((*own, *facts)))
    overrides = replace(
        settings.get("overrides", options.overrides), **{k: v for k, v in settings.items() if k in facts}
    )
    return replace(options, **{k: v for k, v in settings.items() if k in own} | {"overrides": overrides})
