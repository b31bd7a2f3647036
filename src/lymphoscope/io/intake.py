"""The door for images: whatever a user has comes in here and becomes one `Study`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.registry import unknown_name
from lymphoscope.core.study import Identity, SeriesFact, Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.archive import archive_kind, unpacked
from lymphoscope.io.dicom_study import Wish, dicom_series, dicom_study, identity
from lymphoscope.io.files import Found, is_nifti, read_header, scan
from lymphoscope.io.header import lenient_reading
from lymphoscope.io.layouts import find_layout
from lymphoscope.io.masks import read_organs, require_organs_fit
from lymphoscope.io.nifti import read_nifti
from lymphoscope.io.nifti_study import nifti_series, nifti_study, read_nifti_ct
from lymphoscope.io.pixels import read_uncalibrated
from lymphoscope.io.series import gather
from lymphoscope.io.slices import Stack
from lymphoscope.io.suv import SuvOverrides


@dataclass(frozen=True)
class LoadOptions:
    """What the user says about a study, beside where it is.

    Attributes:
        overrides: Header facts replaced by the user; recorded and printed.
        suv: Values of a NIfTI PET are SUV (body weight).
        pet_series: PET series by UID, number or part of its description.
        ct_series: CT series, likewise.
        ct: Where the CT is, when it is not beside the PET: a NIfTI file, a DICOM folder, or a zip of one.
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


@dataclass(frozen=True)
class _Place:
    """Where to look: the folder, and the file in it that the user meant, if it was a file."""

    folder: Path
    file: Path | None = None


@dataclass(frozen=True, repr=False)
class Glance:
    """What can be seen of a study that was refused.

    Attributes:
        series: The series that were looked at.
        identities: Who is named in the headers; goes nowhere, and is what texts are searched for.
        pet: The longest PET that forms a grid, uncalibrated; None where none can be read or several persons lie there.
    """

    series: tuple[SeriesFact, ...] = ()
    identities: tuple[Identity, ...] = ()
    pet: Volume | None = None


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
    with lenient_reading(notes), _opened(Path(path)) as place:
        study = _study(place, options, notes, progress)
        if options.organs is not None:
            organs = read_organs(options.organs, options.organ_names, notes)
            require_organs_fit(organs, study.pet, study.ct)
            study = replace(study, organs=organs)
    return study.noting(*notes)


def list_series(path: str | Path) -> tuple[SeriesFact, ...]:
    """Say of every series of a study whether it would be taken, and why.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``IO-E-ARCHIVE``, ``IO-E-NOTHING`` or ``IO-E-SIZE``; faults of a series are
            told in its entry.
    """
    with lenient_reading(Notes()), _opened(Path(path)) as place:
        found = _found(place, Notes(), silent)
        if found.headers:
            return dicom_series(found)
        return nifti_series(found.nifti, place.file)


def glance(path: str | Path) -> Glance:
    """Look at a study that was refused: as much as can be read, and never an error about the study."""
    seen = Glance()
    with suppress(LymphoscopeError), lenient_reading(Notes()), _opened(Path(path)) as place:
        found = _found(place, Notes(), silent)
        if not found.headers:
            seen = Glance(nifti_series(found.nifti, place.file))
            return replace(seen, pet=read_nifti(find_layout(found.nifti, place.file).pet, Unit.ARBITRARY))
        identities = tuple(dict.fromkeys(identity(header) for header in found.headers))
        seen = Glance(dicom_series(found), identities)
        stacks = [s.laid for s in gather(found.headers) if s.modality == "PT" and isinstance(s.laid, Stack)]
        if stacks and len({(i.name, i.patient_id) for i in identities}) == 1:  # a picture of one patient only
            longest = max(stacks, key=lambda s: s.geometry.shape[0])
            seen = replace(seen, pet=Volume(read_uncalibrated(longest), longest.geometry, Unit.ARBITRARY))
    return seen


def series_slices(path: str | Path, series_uid: str) -> Stack:
    """Read the headers of one PET series again, for what is to refer to it.

    Args:
        path: What the study was loaded from.
        series_uid: Series instance UID, as `Study.series` tells it.

    Returns:
        Headers without pixels in array order, with their grid.

    Raises:
        LymphoscopeError: ``IO-E-NOPET`` when the series is not there, and whatever `list_series` raises.
    """
    with lenient_reading(Notes()), _opened(Path(path)) as place:
        for one in gather(_found(place, Notes(), silent).headers):
            if one.uid == series_uid and one.modality == "PT" and isinstance(one.laid, Stack):
                return one.laid
    raise LymphoscopeError("IO-E-NOPET", "the PET series that was measured is not there any more")


def _study(place: _Place, options: LoadOptions, notes: Notes, progress: Progress) -> Study:
    found = _found(place, notes, progress)
    has_pet = any(h.text("Modality") == "PT" for h in found.headers)
    if found.nifti and not has_pet and (options.suv or not found.headers):
        layout = find_layout(found.nifti, place.file)
        if options.ct is not None:
            layout = replace(layout, ct=options.ct)
        return nifti_study(layout, options.suv, options.overrides, notes)
    wish = Wish(_pet_wanted(place, options), options.ct_series, options.overrides)
    if options.ct is None:
        return dicom_study(found, wish, notes, progress)
    if is_nifti(options.ct):
        study = dicom_study(found, wish, notes, progress, Found((), (), 0, 0))
        ct = read_nifti_ct(options.ct, notes)
        fact = SeriesFact("", "CT", "NIfTI", ct.geometry.shape[0], "ct", "given by the user")
        return replace(study, volumes={**study.volumes, "ct": ct}, series=(*study.series, fact))
    with _opened(options.ct) as elsewhere:
        return dicom_study(found, wish, notes, progress, _found(elsewhere, notes, progress))


def _found(place: _Place, notes: Notes, progress: Progress) -> Found:
    """Everything in a place; a NIfTI file is looked at with its neighbours only.

    Raises:
        LymphoscopeError: ``IO-E-NOTHING`` where no image is, ``IO-E-TRUNCATED`` where damaged ones are.
    """
    if place.file is not None and is_nifti(place.file):
        neighbours = tuple(sorted(p for p in place.folder.iterdir() if is_nifti(p) and p.is_file()))
        return Found((), neighbours, 0, 0)
    found = scan(place.folder, progress)
    if found.damaged:
        what = f"{found.damaged} DICOM files are damaged and cannot be read"
        raise LymphoscopeError("IO-E-TRUNCATED", what, "the input folder")
    if not found.headers and not found.nifti:
        what = "no image was found"
        if found.skipped:
            what += f"; {found.skipped} files are neither DICOM nor NIfTI"
        raise LymphoscopeError("IO-E-NOTHING", what)
    if found.skipped:
        notes.add("IO-W-SKIPPED", f"files that are not images were skipped: {found.skipped}")
    return found


def _pet_wanted(place: _Place, options: LoadOptions) -> str | None:
    """The PET series the user named, or that of the PET file the user gave."""
    if options.pet_series is not None or place.file is None:
        return options.pet_series
    header, _ = read_header(place.file)
    if header is None or header.text("Modality") != "PT":
        return None
    return header.text("SeriesInstanceUID") or None


@contextmanager
def _opened(path: Path) -> Iterator[_Place]:
    """Get at what the user gave: a folder, a file in one, or a zip, unpacked for as long as it is needed.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``IO-E-NOTHING`` or ``IO-E-ARCHIVE``.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):
        is_folder = is_file = False
    if is_folder:
        yield _Place(path)
    elif not is_file:
        raise LymphoscopeError("IO-E-PATH", "the path does not exist or is no file or folder")
    elif is_nifti(path):
        yield _Place(path.parent, path)
    elif kind := archive_kind(path):
        if kind != "zip":
            raise LymphoscopeError("IO-E-ARCHIVE", f"the file is a {kind} archive; of archives only zip is read")
        with unpacked(path) as folder:
            yield _Place(folder)
    elif read_header(path)[1] is False:
        raise LymphoscopeError("IO-E-NOTHING", "the file is neither DICOM nor NIfTI nor a zip")
    else:
        yield _Place(path.parent, path)


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
    merged = replace(options, **{k: v for k, v in settings.items() if k in own} | {"overrides": overrides})
    return replace(
        merged,
        ct=None if merged.ct is None else Path(merged.ct),
        organs=None if merged.organs is None else Path(merged.organs),
    )
