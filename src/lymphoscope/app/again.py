"""What a case folder keeps so that its lesions can be measured again, by the same code and without the study.

Numbers that others rest on are kept as hexadecimal strings: equal to the bit when read back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Doubt, Likeness, Looked, Report, Segmentation
from lymphoscope.core.study import Patient, Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.io.nifti import NiftiImage, read_image, read_nifti

PET_FILE, ORGANS_FILE = "pet.nii.gz", "organs.nii.gz"
_PATIENT = ("age_years", "weight_kg", "height_m")
_DECISION = ("region", "action", "stage", "organ", "overlap", "rule", "why", "actor", "probability")
_MOST_JSON = 32 * 2**20


@dataclass(frozen=True, eq=False)
class Kept:
    """A measured case as it is found in its folder.

    Attributes:
        folder: The case folder.
        study: PET, the patient's facts and the messages on the study.
        segmentation: Its lesions and decisions.
        record: ``report.json``.
        stamp: Time and size of the PET's file when it was read.
    """

    folder: Path
    study: Study
    segmentation: Segmentation
    record: Mapping[str, Any]
    stamp: tuple[int, int] = (0, 0)

    def pet_file(self) -> bytes | None:
        """The PET's file; None where it is not the one that was read."""
        path = self.folder / PET_FILE
        try:
            content = path.read_bytes()
            return content if stamp_of(path) == self.stamp else None
        except OSError:
            return None

    @cached_property
    def ct(self) -> Volume | None:
        """The CT, HU; most of a case's bytes, read when somebody looks at it, since no number rests on it."""
        return read_nifti(self.folder / "ct.nii.gz", Unit.HU) if self.record["input"]["ct"] else None

    @property
    def whole(self) -> Study:
        """The study with its CT."""
        return self.study if self.ct is None else replace(self.study, volumes={"pet": self.study.pet, "ct": self.ct})

    @property
    def ct_spacing(self) -> tuple[float, float, float] | None:
        """Voxel size of the CT, (z, y, x) mm, without reading it; None where there is none."""
        return ct_spacing(self.record)


def ct_spacing(record: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Voxel size of a case's CT, (z, y, x) mm, by its ``report.json``; None where there is none."""
    ct = record["input"]["ct"]
    return None if ct is None else tuple(ct["spacing_zyx_mm"])


def facts(report: Report) -> dict[str, Any]:
    """What ``study.json`` has to say besides the images."""
    study, segmentation = report.study, report.segmentation
    assert segmentation is not None
    noted = (*study.messages, *segmentation.messages)
    return {
        "patient": {"sex": study.patient.sex, **{name: _hex(getattr(study.patient, name)) for name in _PATIENT}},
        "affine": [[_hex(float(v)) for v in row] for row in study.pet.geometry.affine],
        "multipliers": {name: _hex(value) for name, value in study.suv.multipliers.items()},
        "organs": list(segmentation.organs),
        "organs_source": segmentation.organs_source,
        "decisions": [{name: getattr(d, name) for name in _DECISION} for d in segmentation.decisions],
        "doubt": None if segmentation.doubt is None else asdict(segmentation.doubt),
        "looked": None if segmentation.looked is None else asdict(segmentation.looked),
        "messages": [
            {"code": m.code, "what": m.what, "where": m.where, "fix": m.fix, "tags": list(m.tags)} for m in noted
        ],
    }


def organ_bits(segmentation: Segmentation) -> LesionMask:
    """All organ regions in one image, a bit an organ in the order of their names in ``study.json``: they overlap."""
    bits = np.zeros(segmentation.candidates.geometry.shape, np.int32)
    for bit, region in enumerate(segmentation.organs.values()):
        bits |= np.asarray(region, bool).astype(np.int32) << bit
    return LesionMask(bits, segmentation.candidates.geometry, "organs")


@dataclass(frozen=True, eq=False)
class Told:
    """What a case folder says of a measured study in words and numbers, without its images: read in an instant.

    Attributes:
        folder: The case folder.
        record: ``report.json``.
        again: What ``study.json`` keeps for measuring again.
        grid: The PET's grid.
    """

    folder: Path
    record: Mapping[str, Any]
    again: Mapping[str, Any]
    grid: Geometry

    @property
    def digest(self) -> str:
        """What this measurement of the case is known by: the hash of its record, which holds those of its masks."""
        return hashlib.sha256(json.dumps(self.record, sort_keys=True).encode()).hexdigest()[:16]


def told(folder: Path) -> Told:
    """Read of a case folder what is no image.

    Args:
        folder: A case folder of a measured study.

    Raises:
        LymphoscopeError: ``READ-E-CASE`` for a folder that is not one, was refused, or was written by a version that
            kept less.
    """
    record, known = _json(folder / "report.json"), _json(folder / "study.json")
    if record.get("status") != "measured":
        raise LymphoscopeError("READ-E-CASE", "the study was refused: there is nothing to read")
    with _what_reading_needs():
        z, y, x = (int(n) for n in record["input"]["pet"]["shape_zyx"])
        affine = np.array([[float.fromhex(v) for v in row] for row in known["again"]["affine"]])
        return Told(folder, record, known["again"], Geometry((z, y, x), affine))


def read_again(folder: Path) -> Kept:
    """Read a case folder back.

    Args:
        folder: A case folder of a measured study.

    Raises:
        LymphoscopeError: As `told`; ``READ-E-CHANGED`` where its masks are not those of its report; ``IO-E-NIFTI`` for
            an image that is damaged.
    """
    case, stamp = told(folder), stamp_of(folder / PET_FILE)
    with _what_reading_needs(), ThreadPoolExecutor() as pool:  # zlib lets go of the interpreter's lock
        files = (PET_FILE, "lesions.nii.gz", "removed.nii.gz", ORGANS_FILE)
        pet, lesions, removed, organs = pool.map(lambda name: read_image(folder / name, Notes()), files)
        return replace(_kept(case, pet, lesions, removed, organs), stamp=stamp)


def stamp_of(path: Path) -> tuple[int, int]:
    """Time of the last change and size of a file: what tells that it is another by now."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@contextmanager
def _what_reading_needs() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise LymphoscopeError(
            "READ-E-CASE", "the case folder lacks what reading needs", fix="Measure the study again."
        ) from None


def _kept(case: Told, image: NiftiImage, drawn_on: NiftiImage, removed: NiftiImage, organs: NiftiImage) -> Kept:
    record, again, drawn = case.record, case.again, case.record["segmentation"]
    grid = Geometry(image.geometry.shape, case.grid.affine)
    pet = Volume(image.array.astype(np.float32, copy=False), grid, Unit.SUV_BW)
    inside, numbers = _labels(drawn_on, grid)
    lesions = LesionMask.at(inside, numbers, grid, drawn["method"])
    if lesions.sha256 != drawn["lesions_sha256"]:
        raise LymphoscopeError("READ-E-CHANGED", "the lesions in the folder are not those of its report")
    number = np.zeros(lesions.count + 1, np.int32)
    for row in record["lesions"]:
        number[row["lesion"]] = row["region"]
    beside, others = _labels(removed, grid)
    apart = ~np.isin(beside, inside, assume_unique=True)
    voxels, regions = (np.concatenate(pair) for pair in ((inside, beside[apart]), (number[numbers], others[apart])))
    mask = LesionMask.at(voxels, regions, grid, "candidates")
    study = Study(
        {"pet": pet},
        Patient(again["patient"]["sex"], *(_float(again["patient"][name]) for name in _PATIENT)),
        suv=SuvAudit(branch="kept", multipliers={n: float.fromhex(v) for n, v in again["multipliers"].items()}),
        uid_hash=record["input"]["study_uid_hash"] or "",
        messages=tuple(
            Message(m["code"], m["what"], m["where"], m["fix"], tuple(m["tags"])) for m in again["messages"]
        ),
    )
    segmentation = Segmentation(
        lesions=lesions,
        candidates=mask,
        decisions=decisions_of(mask, pet, again["decisions"]),
        method=drawn["method"],
        threshold=drawn["threshold"],
        min_volume_ml=drawn["min_volume_ml"],
        connectivity=drawn["connectivity"],
        stages={row["stage"]: row["tmtv_ml"] for row in drawn["stages"]},
        organs=_organs(*_labels(organs, grid), grid, again["organs"]),
        organs_source=again["organs_source"],
        doubt=_doubt(again.get("doubt")),
        looked=Looked(**again["looked"]) if again.get("looked") else None,
    )
    return Kept(case.folder, study, segmentation, record)


def _doubt(said: Mapping[str, Any] | None) -> Doubt | None:
    """What a network said of itself; nothing in folders of before it was kept."""
    if said is None:
        return None
    return Doubt(said["volumes_ml"], tuple(Likeness(**row) for row in said["likeness"]), said["gives_up"])


def decisions_of(mask: LesionMask, pet: Volume, said: Sequence[Mapping[str, Any]]) -> tuple[Decision, ...]:
    """Decisions with volume and SUVmax as the voxels have them.

    Args:
        mask: Candidate regions.
        pet: SUVbw on the same grid.
        said: What was decided of each region, by the names of `Decision`.
    """
    inside = mask.voxels
    numbers, suv = mask.labels.reshape(-1)[inside], pet.array.reshape(-1)[inside]
    top = max(mask.count, *(row["region"] for row in said), 0)
    count = np.bincount(numbers, minlength=top + 1)
    highest = np.zeros(top + 1, np.float64)
    np.maximum.at(highest, numbers, suv)
    return tuple(
        Decision(
            **row,
            volume_ml=float(count[row["region"]]) * mask.geometry.voxel_ml,
            suvmax=float(highest[row["region"]]),
        )
        for row in said
    )


def _labels(image: NiftiImage, grid: Geometry) -> tuple[Array, Array]:
    """The voxels of a mask and what they hold, found in the narrow type that it was written in."""
    if not np.issubdtype(image.array.dtype, np.integer):
        raise LymphoscopeError("READ-E-CHANGED", "a mask in the folder does not hold whole numbers")
    if image.geometry.shape != grid.shape or not np.allclose(image.geometry.affine, grid.affine, rtol=1e-5, atol=1e-3):
        raise LymphoscopeError("READ-E-CHANGED", "a mask in the folder lies on another grid than the PET")
    flat = image.array.reshape(-1)
    inside = np.flatnonzero(flat)
    return inside, flat[inside].astype(np.int32)


def _organs(inside: Array, bits: Array, grid: Geometry, names: Sequence[str]) -> dict[str, Array]:
    found = {name: np.zeros(grid.shape, bool) for name in names}
    for bit, region in enumerate(found.values()):
        region.reshape(-1)[inside[(bits >> bit & 1).astype(bool)]] = True
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_JSON:
            raise ValueError
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise LymphoscopeError("READ-E-CASE", f"{path.name} is missing from the case folder or damaged") from None
    if not isinstance(found, dict):
        raise LymphoscopeError("READ-E-CASE", f"{path.name} is missing from the case folder or damaged")
    return found


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()


def _float(text: str | None) -> float | None:
    return None if text is None else float.fromhex(text)
