"""One study made a case: PET and CT on one grid, the mask that belongs to them, a picture to look at."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from lymphoscope.app.batch.work import FAILED, REFUSED, Ending, gathered
from lymphoscope.app.deid.work import DONE
from lymphoscope.app.failure import known_errors
from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json
from lymphoscope.io.deid.crosswalk import open_crosswalk
from lymphoscope.io.deid.identifiers import patient_key
from lymphoscope.io.files import read_header
from lymphoscope.io.header import Header, lenient_reading
from lymphoscope.render.record import message_record

CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE = (
    "ct.nii.gz",
    "pet.nii.gz",
    "labels.nii.gz",
    "case.json",
    "check.png",
)
CASE_NAMES = (CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE)
PET_GRID, CT_GRID = "pet", "ct"
_MASKS = ("RTSTRUCT", "SEG")


@dataclass(frozen=True)
class Making:
    """How cases are made.

    Attributes:
        grid: Whose grid all images come to: ``pet``, on which everything is measured here, or ``ct``.
        register: Register a CT of another frame of reference rigidly.
        segments: Regions of a mask file to take, by number or name; all when empty.
        research_tracer: Take other tracers than FDG.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another grid.
    """

    grid: str = PET_GRID
    register: bool = False
    segments: tuple[str, ...] = ()
    research_tracer: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.grid not in (PET_GRID, CT_GRID):
            raise LymphoscopeError("USE-E-VALUE", "the grid is pet or ct", "--grid")


@dataclass(frozen=True, repr=False)
class CaseTask:
    """What a worker is told. Its paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: Name of the study in the crosswalk.
        kind: ``dicom``, ``archive`` or ``nifti``.
        files: The files.
        cases: Folder of the cases.
        crosswalk: Folder of the crosswalk.
        making: How cases are made.
        stamp: Changes when the files or the settings do.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    cases: str
    crosswalk: str
    making: Making
    stamp: str

    def __repr__(self) -> str:
        """The name."""
        return f"CaseTask({self.name})"


def make_case(task: CaseTask) -> Ending:
    """Make a case of one study; whatever goes wrong becomes part of the answer."""
    began = time.perf_counter()
    try:
        with known_errors(Path(task.crosswalk)):
            status, message = _made(task)
    except LymphoscopeError as error:
        status, message = FAILED, error.message
    return Ending(task.name, status, message, time.perf_counter() - began)


def _made(task: CaseTask) -> tuple[str, Message | None]:
    from lymphoscope.app.libraries import prepared  # noqa: PLC0415 - slow to load, and only where the work is done

    crosswalk = open_crosswalk(Path(task.crosswalk))
    record: dict[str, Any] = {"stamp": task.stamp, "source": task.files[0], "case": None, "refusal": None}
    try:
        if task.kind != "dicom":
            raise LymphoscopeError("DEID-E-KIND", f"a study as {task.kind} is not taken", fix="Give its DICOM files.")
        with prepared(threads=1), gathered(task.kind, task.files) as source:
            headers = _headers(source)
            key = next((k for h in headers if (k := patient_key(h.dataset))), f"study {task.name}")
            patient = crosswalk.secret.pseudonym(key)
            case = f"{patient}-{task.name}"
            facts = _write(source, headers, Path(task.cases) / case, task.making)
        record |= {"case": case, "patient": patient, "patient_id": headers[0].text("PatientID"), "facts": facts}
        status, refusal = DONE, None
    except LymphoscopeError as error:
        if error.exit_status != 3 or error.code in ("IO-E-WRITE", "IO-E-LOCKED"):
            raise
        record["refusal"], status, refusal = message_record(error.message), REFUSED, error.message
    crosswalk.write_record(task.name, record | {"status": status})
    return status, refusal


def _headers(source: Path) -> list[Header]:
    with lenient_reading(Notes()):
        found = [read_header(path)[0] for path in sorted(source.iterdir())]
    return [header for header in found if header is not None]


def _write(source: Path, headers: Sequence[Header], case: Path, making: Making) -> Mapping[str, Any]:
    """Write one case; it appears whole or not at all. What is told of it names nobody."""
    from lymphoscope.app.fitness import require_fit  # noqa: PLC0415
    from lymphoscope.io.intake import load_study  # noqa: PLC0415
    from lymphoscope.io.nifti import write_nifti  # noqa: PLC0415
    from lymphoscope.render.check_picture import check_picture  # noqa: PLC0415

    study = load_study(source, research_tracer=making.research_tracer)
    ct, moved = _ct(study, making)
    study = replace(study, volumes={**study.volumes, "ct": ct})
    notes = Notes([*study.messages, *require_fit(study, making.research_tracer)])
    mask = _mask(study, headers, making, notes)
    pet, ct, labels = _on_one_grid(study.pet, ct, mask, making.grid)
    facts = {
        "lesion_ml": float(mask.foreground.sum()) * mask.geometry.voxel_ml,
        "shape": list(pet.geometry.shape),
        "spacing_mm": list(pet.geometry.spacing),
        "making": asdict(making),
        "registration": moved,
        "warnings": sorted({m.code for m in notes if m.code.split("-")[1] == "W"}),
    }
    with claim(case, True, lambda entry: entry.name in CASE_NAMES) as held, draft(held, durable=False) as new:
        for name, image in ((CT_FILE, ct), (PET_FILE, pet), (LABELS_FILE, labels)):
            write_nifti(new / name, image)
        (new / PICTURE_FILE).write_bytes(check_picture(pet, ct, labels.foreground))
        (new / CASE_FILE).write_bytes(canonical_json(facts))
    return facts


def _ct(study: Study, making: Making) -> tuple[Volume, Mapping[str, float] | None]:
    """The CT, registered where asked for and needed, and by how much it moved."""
    from lymphoscope.image.registration import registered  # noqa: PLC0415 - ITK is slow to load

    if study.ct is None:
        raise LymphoscopeError(
            "DATA-E-MISSING", "the study has no CT that can be used", fix="See `lymphoscope series`."
        )
    frames = {study.pet.geometry.frame, study.ct.geometry.frame}
    if not making.register or len(frames - {None}) < 2:
        return study.ct, None
    ct, found = registered(study.pet, study.ct)
    return ct, {"shift_mm": found.shift_mm, "angle_deg": found.angle_deg}


def _mask(study: Study, headers: Iterable[Header], making: Making, notes: Notes) -> LesionMask:
    """The mask that belongs to the PET: of several the one that was drawn on it.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` without any, ``IO-E-CHOOSE`` when several fit, those of reading a mask.
    """
    from lymphoscope.app.drawn import drawn_labels  # noqa: PLC0415
    from lymphoscope.io.foreign.drawn import read_drawn  # noqa: PLC0415

    drawn = [header for header in headers if header.text("Modality") in _MASKS]
    pet = {fact.uid for fact in study.series if fact.role == "pet"}
    own = [header for header in drawn if _uids(header.dataset) & pet] or drawn
    if not own:
        raise LymphoscopeError("DATA-E-MISSING", "no segmentation or contours lie with the study")
    if len(own) > 1:
        what = f"{len(own)} segmentations or contours fit the PET"
        raise LymphoscopeError("IO-E-CHOOSE", what, fix="Leave the one that counts with the study.")
    mask = drawn_labels(read_drawn(own[0].path, study.pet, notes), making.segments, study.pet, notes)
    return replace(mask, labels=mask.foreground.astype(np.int32))


def _uids(dataset: Dataset) -> set[str]:
    return {str(element.value) for element in dataset.iterall() if element.VR == "UI"}


def _on_one_grid(pet: Volume, ct: Volume, mask: LesionMask, grid: str) -> tuple[Volume, Volume, LesionMask]:
    """All three on one grid, each interpolated once at most."""
    from lymphoscope.image.resample import ct_on, labels_on, resample  # noqa: PLC0415 - ITK is slow to load

    if grid == PET_GRID:
        return pet, ct_on(ct, pet.geometry), mask
    ct.values(Unit.HU)
    on_ct, _ = labels_on(mask, ct.geometry)
    return resample(pet, ct.geometry, order=3), ct, on_ct
