"""What a case folder keeps so that its lesions can be measured again, by the same code and without the study.

Numbers that others rest on are kept as hexadecimal strings: equal to the bit when read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Report, Segmentation
from lymphoscope.core.study import Patient, Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.io.nifti import read_image, read_nifti

ORGANS_FILE = "organs.nii.gz"
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
    """

    folder: Path
    study: Study
    segmentation: Segmentation
    record: Mapping[str, Any]

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
        ct = self.record["input"]["ct"]
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


def read_again(folder: Path) -> Kept:
    """Read a case folder back.

    Args:
        folder: A case folder of a measured study.

    Raises:
        LymphoscopeError: ``READ-E-CASE`` for a folder that is not one, was refused, or was written by a version that
            kept less; ``READ-E-CHANGED`` where its masks are not those of its report; ``IO-E-NIFTI`` for an image
            that is damaged.
    """
    record, known = _json(folder / "report.json"), _json(folder / "study.json")
    if record.get("status") != "measured":
        raise LymphoscopeError("READ-E-CASE", "the study was refused: there is nothing to read")
    try:
        return _kept(folder, record, known)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise LymphoscopeError(
            "READ-E-CASE", "the case folder lacks what reading needs", fix="Measure the study again."
        ) from None


def _kept(folder: Path, record: Mapping[str, Any], known: Mapping[str, Any]) -> Kept:
    again, drawn = known["again"], record["segmentation"]
    pet = read_nifti(folder / "pet.nii.gz", Unit.SUV_BW)
    grid = Geometry(pet.geometry.shape, np.array([[float.fromhex(v) for v in row] for row in again["affine"]]))
    pet = Volume(pet.array, grid, Unit.SUV_BW)
    lesions = _mask(folder / "lesions.nii.gz", grid, drawn["method"])
    if lesions.sha256 != drawn["lesions_sha256"]:
        raise LymphoscopeError("READ-E-CHANGED", "the lesions in the folder are not those of its report")
    candidates = np.array(_mask(folder / "removed.nii.gz", grid, "candidates").labels)
    number = np.zeros(lesions.count + 1, np.int32)
    for row in record["lesions"]:
        number[row["lesion"]] = row["region"]
    candidates = np.where(lesions.labels > 0, number[lesions.labels], candidates)
    mask = LesionMask(candidates, grid, "candidates")
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
        organs=_organs(folder / ORGANS_FILE, grid, again["organs"]),
        organs_source=again["organs_source"],
    )
    return Kept(folder, study, segmentation, record)


def decisions_of(mask: LesionMask, pet: Volume, said: Sequence[Mapping[str, Any]]) -> tuple[Decision, ...]:
    """Decisions with volume and SUVmax as the voxels have them.

    Args:
        mask: Candidate regions.
        pet: SUVbw on the same grid.
        said: What was decided of each region, by the names of `Decision`.
    """
    inside = np.flatnonzero(mask.labels)
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


def _mask(path: Path, grid: Geometry, source: str) -> LesionMask:
    image = read_image(path, Notes())
    if not np.issubdtype(image.array.dtype, np.integer):
        raise LymphoscopeError("READ-E-CHANGED", "a mask in the folder does not hold whole numbers")
    if image.geometry.shape != grid.shape or not np.allclose(image.geometry.affine, grid.affine, rtol=1e-5, atol=1e-3):
        raise LymphoscopeError("READ-E-CHANGED", "a mask in the folder lies on another grid than the PET")
    return LesionMask(image.array, grid, source)


def _organs(path: Path, grid: Geometry, names: Sequence[str]) -> dict[str, Array]:
    bits = _mask(path, grid, "organs").labels
    return {name: (bits >> bit & 1).astype(bool) for bit, name in enumerate(names)}


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
