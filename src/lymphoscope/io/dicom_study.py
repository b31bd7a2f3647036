"""A study out of DICOM headers: series chosen, SUV factors applied, facts and warnings gathered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Identity, SeriesFact, Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.choice import Told, choose_ct, choose_pet
from lymphoscope.io.files import Found
from lymphoscope.io.header import Header, digest
from lymphoscope.io.persons import require_one_study, require_same_person
from lymphoscope.io.pixels import read_ct, read_pet
from lymphoscope.io.series import Refusal, Series, gather
from lymphoscope.io.slices import Stack
from lymphoscope.io.suv import SuvOverrides, suv_factors
from lymphoscope.io.warn import note_grid, note_values

_SCANNER = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "software": "SoftwareVersions",
    "reconstruction": "ReconstructionMethod",
    "kernel": "ConvolutionKernel",
    "slice_thickness_mm": "SliceThickness",
    "frame_duration_ms": "ActualFrameDuration",
    "scatter_correction": "ScatterCorrectionMethod",
    "attenuation_correction": "AttenuationCorrectionMethod",
}


_POSITION = re.compile(r"(HF|FF|LF|RF|AF|PF)(S|P|DR|DL)")


@dataclass(frozen=True)
class Wish:
    """What the user asked for when reading DICOM.

    Attributes:
        pet: UID, number or part of the description of the PET series.
        ct: The same for the CT series.
        overrides: Header facts replaced by the user.
    """

    pet: str | None = None
    ct: str | None = None
    overrides: SuvOverrides = field(default_factory=SuvOverrides)


def dicom_study(
    found: Found, wish: Wish, notes: Notes, progress: Progress = silent, ct_found: Found | None = None
) -> Study:
    """Read a study from the headers found and the files behind them.

    Args:
        found: What lies in the folder.
        wish: What the user asked for.
        notes: Takes warnings.
        progress: Told as ``reading PET`` and ``reading CT``.
        ct_found: What lies where the CT is to be looked for, when the user gave another place; empty when the CT
            comes from a file that is no DICOM.

    Raises:
        LymphoscopeError: Any fault of the input, by its code.
    """
    series = gather(found.headers)
    require_one_study(series)
    told = Told(series)
    pet_series = choose_pet(told, wish.pet)
    pet_stack = _laid(pet_series)
    ct_series = _pick_ct(told, pet_series, wish.ct, ct_found)
    _note_series(told, pet_series, notes)
    for one in (pet_series, ct_series):
        if one is not None:
            one.first.examine()
    factors = suv_factors([h.dataset for h in pet_stack.headers], wish.overrides)
    pet = Volume(read_pet(pet_stack, factors.factors, progress), pet_stack.geometry, Unit.SUV_BW)
    volumes = {"pet": pet}
    if ct_series is not None:
        ct_stack = _laid(ct_series)
        volumes["ct"] = Volume(read_ct(ct_stack, notes, progress), ct_stack.geometry, Unit.HU)
        if pet.geometry.frame and ct_stack.geometry.frame and pet.geometry.frame != ct_stack.geometry.frame:
            notes.add("GEO-W-FRAME", "PET and CT have different frames of reference")
    elif ct_found is None:
        _note_no_ct(series, notes)
    note_grid(pet, factors.patient.height_m, notes)
    note_values(pet, notes)
    first = pet_stack.headers[0]
    return Study(
        volumes=volumes,
        patient=factors.patient,
        identity=identity(first),
        suv=factors.audit,
        series=told.all(),
        scanner=scanner_facts(first),
        scanned=_scanned(pet_stack.headers),
        uid_hash=digest(first.text("StudyInstanceUID") or pet_series.uid),
        messages=(*factors.messages, *notes),
    )


def dicom_series(found: Found) -> tuple[SeriesFact, ...]:
    """Say of every series whether it would be taken, and why; faults are told, not raised."""
    told = Told(gather(found.headers))
    try:
        pet = choose_pet(told)
        choose_ct(told, pet)
        _require_suv(told, pet)
    except LymphoscopeError as problem:
        for one in told.series:
            if id(one) not in told.facts and one.modality in ("PT", "CT"):
                told.tell(one, problem.message.what, problem.code)
    return told.all()


def _require_suv(told: Told, pet: Series) -> None:
    """Take a PET back whose headers give no SUV."""
    try:
        suv_factors([h.dataset for h in pet.headers])
    except LymphoscopeError as problem:
        told.tell(pet, problem.message.what, problem.code)


def identity(header: Header) -> Identity:
    """Who the patient is."""
    return Identity(
        name=header.words("PatientName"),
        patient_id=header.words("PatientID"),
        birth_date=header.text("PatientBirthDate"),
        accession=header.words("AccessionNumber"),
        referrer=header.words("ReferringPhysicianName"),
    )


def scanner_facts(header: Header) -> Mapping[str, str]:
    """Scanner and reconstruction as strings; what the header does not say is left out."""
    return {name: words for name, keyword in _SCANNER.items() if (words := header.words(keyword))}


def _laid(series: Series) -> Stack:
    if isinstance(series.laid, Refusal):
        raise LymphoscopeError(series.laid.code, series.laid.why, series.name)
    return series.laid


def _pick_ct(told: Told, pet: Series, wanted: str | None, elsewhere: Found | None) -> Series | None:
    if elsewhere is None:
        return choose_ct(told, pet, wanted)
    if not elsewhere.headers and not elsewhere.nifti:  # nothing to choose among: the CT does not come as DICOM
        return None
    others = Told(gather(elsewhere.headers))
    ct = choose_ct(others, pet, wanted)
    if ct is None:
        raise LymphoscopeError("USE-E-VALUE", "no CT that can serve lies where --ct points")
    require_same_person(pet, ct)
    told.series = [*told.series, *others.series]
    told.facts.update(others.facts)
    return ct


def _note_series(told: Told, pet: Series, notes: Notes) -> None:
    """Warn of what was left out or is missing in the series chosen."""
    for one in told.series:
        role, _, code = told.facts.get(id(one), ("", "", ""))
        if code == "IO-W-NAC":
            notes.add("IO-W-NAC", "a series without attenuation correction was left out", one.name)
        if role and one.copies:
            notes.add("IO-W-DUPLICATE", f"identical copies of slices were dropped: {one.copies}", one.name)
        if role and one.dropped:
            notes.add("IO-W-DROPPED", f"localizers, projections or captures were dropped: {one.dropped}", one.name)
    promised, count = pet.first.integer("NumberOfSlices"), len(pet.headers)
    if promised is not None and promised > count:
        what = f"{count} slices were found of {promised} that the header promises"
        notes.add("IO-W-ENDS", what, pet.name, tags=("(0054,0081)",))
    position = pet.first.text("PatientPosition")
    if position not in ("HFS", ""):
        said = position if _POSITION.fullmatch(position) else "no known word"
        notes.add("IO-W-POSITION", f"patient position is {said}", pet.name, tags=("(0018,5100)",))


def _note_no_ct(series: Sequence[Series], notes: Notes) -> None:
    kinds = {s.modality for s in series}
    if "MR" in kinds and "CT" not in kinds:
        notes.add("IO-W-PETMR", "the study has MR instead of CT")
    else:
        notes.add("IO-W-NOCT", "no CT that can serve was found" if "CT" in kinds else "there is no CT")


def _scanned(headers: Sequence[Header]) -> datetime | None:
    """The earliest acquisition of the PET, or what comes closest."""
    for event in ("Acquisition", "Series", "Study"):
        moments = [m for h in headers if (m := h.moment(event)) is not None]
        if moments:
            return min(moments)
    return None
