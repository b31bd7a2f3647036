"""One study made a case: PET and CT on one grid, the mask that belongs to them, numbers and a picture to check."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lymphoscope.app.dataset.masks import Wanted, mask_of
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json
from lymphoscope.io.header import Header

if TYPE_CHECKING:
    from lymphoscope.app.dataset.registration import PlacedCT

CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE = (
    "ct.nii.gz",
    "pet.nii.gz",
    "labels.nii.gz",
    "case.json",
    "check.png",
)
CASE_NAMES = (CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE)
PET_GRID, CT_GRID = "pet", "ct"
LESION_ML = 0.5, 5.0, 50.0
"""Borders of the classes of lesion size that a data set tells of, mL."""


@dataclass(frozen=True)
class Making:
    """How cases are made.

    Attributes:
        grid: Whose grid all images come to: ``pet``, on which everything is measured here, or ``ct``.
        register: ``rigid`` or ``deformable``: register every CT to its PET; empty: only one of another frame of
            reference, rigidly.
        masks: Which masks count, and what several come to.
        research_tracer: Take other tracers than FDG.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another grid.
    """

    grid: str = PET_GRID
    register: str = ""
    masks: Wanted = field(default_factory=Wanted)
    research_tracer: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.grid not in (PET_GRID, CT_GRID):
            raise LymphoscopeError("USE-E-VALUE", "the grid is pet or ct", "--grid")


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
    from lymphoscope.app.dataset.quality import quality  # noqa: PLC0415 - slow to load, and only where work is done
    from lymphoscope.app.dataset.registration import placed_ct  # noqa: PLC0415
    from lymphoscope.app.fitness import require_fit  # noqa: PLC0415
    from lymphoscope.image.likeness import likeness  # noqa: PLC0415
    from lymphoscope.io.intake import load_study  # noqa: PLC0415
    from lymphoscope.io.nifti import write_nifti  # noqa: PLC0415
    from lymphoscope.render.check_picture import check_picture  # noqa: PLC0415

    study = load_study(source, research_tracer=making.research_tracer)
    notes = Notes()
    placed = placed_ct(study.pet, study.ct, making.register, notes)
    study = replace(study, volumes={**study.volumes, "ct": placed.on()})
    notes.items.extend([*study.messages, *require_fit(study, making.research_tracer)])
    mask, readers = mask_of(study, headers, masks, making.masks, notes)
    numbers = quality(study.pet, study.volumes["ct"], mask, notes)
    pet, ct, labels = _on_one_grid(study.pet, placed, mask, making.grid)
    facts = {
        "quality": numbers,
        "lesion_classes": _sizes(mask),
        "shape": list(pet.geometry.shape),
        "spacing_mm": list(pet.geometry.spacing),
        "making": asdict(making),
        "registration": placed.facts,
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
        for name, image in ((CT_FILE, ct), (PET_FILE, pet), (LABELS_FILE, labels)):
            write_nifti(new / name, image)
        (new / PICTURE_FILE).write_bytes(check_picture(pet, ct, labels.values(Unit.LABEL) > 0))
        (new / CASE_FILE).write_bytes(canonical_json(facts))
    return facts, own


def _sizes(mask: LesionMask) -> list[int]:
    """Number of lesions in each class of size."""
    from lymphoscope.image.components import components  # noqa: PLC0415

    volumes = np.bincount(components(mask.foreground).ravel())[1:] * mask.geometry.voxel_ml
    return [int(n) for n in np.bincount(np.searchsorted(LESION_ML, volumes, "right"), minlength=len(LESION_ML) + 1)]


def _on_one_grid(pet: Volume, placed: PlacedCT, mask: LesionMask, grid: str) -> tuple[Volume, Volume, Volume]:
    """All three on one grid, each interpolated once at most; the mask as whole numbers of 8 bits."""
    from lymphoscope.image.resample import labels_on, resample  # noqa: PLC0415 - ITK is slow to load

    if grid == PET_GRID:
        return pet, placed.on(pet.geometry), _labels(mask)
    ct = placed.on()
    on_ct, _ = labels_on(mask, ct.geometry)
    return resample(pet, ct.geometry, order=3), ct, _labels(on_ct)


def _labels(mask: LesionMask) -> Volume:
    return Volume(mask.foreground.astype(np.uint8), mask.geometry, Unit.LABEL)
