"""A study out of NIfTI files whose values the user declared to be SUV."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.body import suv_multipliers
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.study import Patient, SeriesFact, Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.io.layouts import Layout, find_layout
from lymphoscope.io.nifti import read_nifti
from lymphoscope.io.pixels import AIR_HU
from lymphoscope.io.suv import SuvOverrides
from lymphoscope.io.suv_facts import HEIGHT_M, WEIGHT_KG
from lymphoscope.io.warn import BODY_SUV, note_grid, note_values


def nifti_study(layout: Layout, declared: bool, overrides: SuvOverrides, notes: Notes) -> Study:
    """Read a PET and, where there is one, its CT.

    Args:
        layout: Which file is what.
        declared: Whether the user said that the values are SUV.
        overrides: Weight, height and sex, for quantities that need them.
        notes: Takes warnings.

    Raises:
        LymphoscopeError: ``IO-E-NIFTIUNIT`` without the declaration, ``SUV-E-NONFINITE``, and those of `read_nifti`.
    """
    if not declared:
        raise LymphoscopeError("IO-E-NIFTIUNIT", "NIfTI does not say in which unit the PET's values are")
    raw = read_nifti(layout.pet, Unit.SUV_BW, notes)
    pet = raw.with_array(finite_pet(raw.array, notes))
    notes.add("IO-W-SUVDECLARED", "values were declared to be SUV (body weight) by the user")
    volumes = {"pet": pet}
    if layout.ct is not None:
        volumes["ct"] = read_nifti_ct(layout.ct, notes)
    else:
        notes.add("IO-W-NOCT", "there is no CT")
    given = _given(overrides, notes)
    patient = Patient(sex=overrides.sex, weight_kg=overrides.weight_kg, height_m=overrides.height_m)
    note_grid(pet, patient.height_m, notes)
    note_values(pet, notes)
    return Study(
        volumes=volumes,
        patient=patient,
        suv=_audit(patient, given),
        series=tuple(_fact(volumes[role], role, layout) for role in volumes),
        uid_hash=_content_hash(layout.pet),
        messages=tuple(notes),
    )


def read_nifti_ct(path: Path, notes: Notes) -> Volume:
    """Read a CT; what is not finite or below air becomes air."""
    ct = read_nifti(path, Unit.HU, notes)
    array = ct.array
    if not np.isfinite(array).all():
        notes.add("IO-W-NONFINITE", "CT values that were not finite were set to air")
        array = np.where(np.isfinite(array), array, np.float32(AIR_HU))
    if array.min() < AIR_HU:
        notes.add("IO-W-PADDING", f"CT values below {AIR_HU} HU are padding")
        array = np.maximum(array, np.array(AIR_HU, dtype=array.dtype))
    return ct.with_array(array)


def finite_pet(array: Array, notes: Notes) -> Array:
    """PET values with 0 in place of what is not finite, as long as that lies outside the body.

    Args:
        array: SUV, (z, y, x).
        notes: Takes ``IO-W-NONFINITE``.

    Raises:
        LymphoscopeError: ``SUV-E-NONFINITE`` when the body is affected.
    """
    odd = ~np.isfinite(array)
    if not odd.any():
        return array
    clean = np.where(odd, np.float32(0), array)
    if (odd & _filled_body(clean)).any() or odd.all():
        raise LymphoscopeError("SUV-E-NONFINITE", f"{int(odd.sum())} values are not finite, some of them in the body")
    notes.add("IO-W-NONFINITE", f"{int(odd.sum())} values outside the body were not finite and were set to 0")
    return clean


def _filled_body(suv: Array) -> NDArray[np.bool_]:
    """The body with its holes filled, slice by slice, so that a hole of undefined values counts as body."""
    body = suv > BODY_SUV
    return np.stack(
        [ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(s, 2), iterations=2))[2:-2, 2:-2] for s in body]
    )


def _given(overrides: SuvOverrides, notes: Notes) -> tuple[str, ...]:
    """Record the facts the user gave.

    Raises:
        LymphoscopeError: ``SUV-E-WEIGHT-RANGE`` or ``SUV-E-HEIGHT`` for a body that cannot be.
    """
    if overrides.weight_kg is not None and not WEIGHT_KG[0] <= overrides.weight_kg <= WEIGHT_KG[1]:
        raise LymphoscopeError("SUV-E-WEIGHT-RANGE", f"a body weight of {overrides.weight_kg:g} kg is impossible")
    if overrides.height_m is not None and not HEIGHT_M[0] <= overrides.height_m <= HEIGHT_M[1]:
        raise LymphoscopeError("SUV-E-HEIGHT", f"a height of {overrides.height_m:g} m is impossible")
    lines = []
    for name, value in vars(overrides).items():
        if value is not None:
            used = name in ("weight_kg", "height_m", "sex")
            effect = "" if used else " (SUV does not use it, the values being SUV already)"
            lines.append(f"{name}: nothing in the header, {value} given")
            notes.add("SUV-W-OVERRIDE", lines[-1] + effect)
    return tuple(lines)


def _audit(patient: Patient, given: tuple[str, ...]) -> SuvAudit:
    multipliers = {}
    if patient.weight_kg and patient.height_m:
        multipliers = suv_multipliers(patient.weight_kg, patient.height_m, patient.sex)
    return SuvAudit(
        branch="declared",
        weight_kg=patient.weight_kg,
        height_m=patient.height_m,
        sex=patient.sex,
        multipliers=multipliers,
        overrides=given,
    )


def _fact(volume: Volume, role: str, layout: Layout) -> SeriesFact:
    why = layout.why if role == "pet" else "named as the PET's CT"
    return SeriesFact("", {"pet": "PT", "ct": "CT"}[role], "NIfTI", volume.geometry.shape[0], role, why)


def _content_hash(path: Path) -> str:
    with path.open("rb") as file:
        state = sha256()
        while piece := file.read(2**20):
            state.update(piece)
    return state.hexdigest()[:16]


def nifti_series(files: Sequence[Path], given: Path | None) -> tuple[SeriesFact, ...]:
    """Say of NIfTI files what they would be taken for."""
    try:
        layout = find_layout(files, given)
    except LymphoscopeError as problem:
        return tuple(SeriesFact("", "", "NIfTI", 1, "", problem.message.what, problem.code) for _ in files)
    roles = {layout.pet: ("pet", "PT", layout.why), layout.ct: ("ct", "CT", "named as the PET's CT")}
    told = [roles.get(path, ("", "", "not needed")) for path in files]
    return tuple(SeriesFact("", modality, "NIfTI", 1, role, why) for role, modality, why in told)
