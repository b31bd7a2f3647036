"""One study made a case: PET and CT on one grid, the mask that belongs to them, numbers and a picture to check."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.app.dataset.making import (
    CANDIDATES_FILE,
    CASE_FILE,
    CASE_NAMES,
    CT_FILE,
    LABELS_FILE,
    LESION_ML,
    NORMALISED,
    PET_FILE,
    PET_GRID,
    PICTURE_FILE,
    Making,
)
from lymphoscope.app.dataset.masks import mask_of
from lymphoscope.app.dataset.quality import quality
from lymphoscope.app.dataset.registration import PlacedCT, placed_ct
from lymphoscope.app.segment import segment
from lymphoscope.core.errors import Notes
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import agreement, ct_body, pet_body
from lymphoscope.image.components import components
from lymphoscope.image.face import find_face
from lymphoscope.image.intensity import normalised, smoothed
from lymphoscope.image.likeness import likeness
from lymphoscope.image.resample import labels_on, resample
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json
from lymphoscope.io.header import Header
from lymphoscope.io.intake import load_study
from lymphoscope.io.nifti import write_nifti
from lymphoscope.io.tracer import require_fdg
from lymphoscope.render.check_picture import check_picture

CANDIDATE, NORMAL = 1, 2
"""Labels of candidate regions, and of hot regions that the rules take for normal uptake."""


def write_case(
    source: Path, headers: Sequence[Header], masks: Sequence[Path], case: Path, making: Making
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Write one case; it appears whole or not at all.

    Args:
        source: Folder of the study's DICOM files.
        headers: Their headers.
        masks: NIfTI masks that lie with it.
        case: Folder of the case.
        making: How cases are made.

    Returns:
        What everybody may know of it, which names nobody, and what only the crosswalk is told: sex, age, day, likeness.

    Raises:
        LymphoscopeError: Whatever keeps the study from becoming a case.
    """
    study = load_study(source, research_tracer=making.research_tracer)
    notes = Notes()
    placed = placed_ct(study.pet, study.ct, making.register, notes)
    study = replace(study, volumes={**study.volumes, "ct": placed.on()})
    fit = agreement(study.pet, study.volumes["ct"])
    notes.items.extend([*study.messages, *require_fdg(study.suv, making.research_tracer), *fit.messages])
    mask, readers = mask_of(study, headers, masks, making.masks, notes)
    numbers = quality(study.pet, study.volumes["ct"], fit, mask, notes)
    images = _on_one_grid(smoothed(study.pet, making.smooth_mm), placed, mask, making.grid)
    faces = _deface(images, study, mask, notes) if making.deface else None
    facts = {
        "quality": numbers,
        "marked": mask is not None,
        "lesion_classes": _sizes(mask),
        "shape": list(images[PET_FILE].geometry.shape),
        "spacing_mm": list(images[PET_FILE].geometry.spacing),
        "making": asdict(making),
        "registration": placed.facts,
        "face_removed": faces,
        "readers": readers,
        "warnings": sorted({m.code for m in notes if m.code.split("-")[1] == "W"}),
    }
    own = {
        "sex": study.patient.sex,
        "age_years": study.patient.age_years,
        "scanned": f"{study.scanned:%Y-%m-%d}" if study.scanned else None,
        "likeness": base64.b64encode(likeness(study.pet).astype("<i2").tobytes()).decode(),
        "pet_sha256": sha256(study.pet.array.tobytes()).hexdigest(),
    }
    with claim(case, True, lambda entry: entry.name in CASE_NAMES) as held, draft(held, durable=False) as new:
        for name, image in (images | _derived(study, images, making)).items():
            write_nifti(new / name, image)
        (new / PICTURE_FILE).write_bytes(_picture(images))
        (new / CASE_FILE).write_bytes(canonical_json(facts))
    return facts, own


def _sizes(mask: LesionMask | None) -> list[int]:
    """Number of lesions in each class of size."""
    if mask is None:
        return [0] * (len(LESION_ML) + 1)
    volumes = np.bincount(components(mask.foreground).ravel())[1:] * mask.geometry.voxel_ml
    return [int(n) for n in np.bincount(np.searchsorted(LESION_ML, volumes, "right"), minlength=len(LESION_ML) + 1)]


def _on_one_grid(pet: Volume, placed: PlacedCT, mask: LesionMask | None, grid: str) -> dict[str, Volume]:
    """Images and mask on one grid by file, each interpolated once at most; the mask as whole numbers of 8 bits."""
    if grid == PET_GRID:
        images = {CT_FILE: placed.on(pet.geometry), PET_FILE: pet}
    else:
        ct = placed.on()
        images = {CT_FILE: ct, PET_FILE: resample(pet, ct.geometry, order=3)}
    if mask is not None:
        there, _ = labels_on(mask, images[PET_FILE].geometry)
        images[LABELS_FILE] = Volume(there.foreground.astype(np.uint8), there.geometry, Unit.LABEL)
    return images


def _deface(images: dict[str, Volume], study: Study, mask: LesionMask | None, notes: Notes) -> bool:
    """Blank the front of the face in the images; whether it was found."""
    face = find_face(study.pet, study.volumes["ct"], [mask] if mask else [])
    if face is None:
        notes.add("DEID-W-FACE", "no brain is in view, by which the face is found: it was not looked for")
        return False
    images |= {name: face.blanked(images[name]) for name in (CT_FILE, PET_FILE)}
    return True


def _picture(images: Mapping[str, Volume]) -> bytes:
    pet = images[PET_FILE]
    inside = images[LABELS_FILE].array > 0 if LABELS_FILE in images else np.zeros(pet.geometry.shape, dtype=bool)
    return check_picture(pet, images[CT_FILE], inside)


def _derived(study: Study, images: Mapping[str, Volume], making: Making) -> dict[str, Volume]:
    """What a case has besides, where it is wanted: normalised images, candidate regions."""
    found = {}
    if making.normalise:
        bodies = {CT_FILE: ct_body(images[CT_FILE].array), PET_FILE: pet_body(images[PET_FILE].array)}
        for name, of in NORMALISED.items():
            found[name] = normalised(images[of], making.normalise, bodies[of])
    if making.candidates:
        hot = segment(study, research_tracer=making.research_tracer, second_look=False)
        regions = np.where(hot.lesions.foreground, CANDIDATE, np.where(hot.candidates.foreground, NORMAL, 0))
        mask = LesionMask(regions.astype(np.int32), study.pet.geometry, "rules")
        there, _ = labels_on(mask, images[PET_FILE].geometry)
        found[CANDIDATES_FILE] = Volume(there.labels.astype(np.uint8), there.geometry, Unit.LABEL)
    return found
