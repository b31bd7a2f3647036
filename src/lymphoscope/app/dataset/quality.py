"""Whether PET, CT and mask of a case belong together, in numbers, and which of them are out of range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lymphoscope.core.errors import Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import Agreement, pet_body
from lymphoscope.image.coarse import Bool
from lymphoscope.image.components import components
from lymphoscope.image.landmarks import MOST_APART_MM, MOST_MISSING, find_landmarks
from lymphoscope.quant.reference import liver_reference

MOST_OUTSIDE = 0.05
"""Share of a mask outside the body from which it is told: the skin's edge alone does not come to that."""

Numbers = Mapping[str, float | str | None]


def quality(pet: Volume, ct: Volume, fit: Agreement, mask: LesionMask | None, notes: Notes) -> Numbers:
    """Measure how well a case hangs together.

    Args:
        pet: PET in SUV on its native grid.
        ct: CT in HU on any grid, in the PET's place.
        fit: How well PET and CT agree.
        mask: The mask on the PET's grid; None where nobody drew one.
        notes: Takes ``GEO-W-ORGANS``, ``GEO-W-MISSING``, ``GEO-W-MASKOUTSIDE`` and ``SUV-W-LIVER``.

    Returns:
        ``coverage`` (share of the PET's slices with CT), ``body_dice``, ``apart_mm`` (between the bodies' centres),
        ``better_shift`` (direction of a shift by 20 mm that fits better, or empty), ``liver_dome_mm``, ``brain_mm``,
        ``bladder_mm`` (how far apart in PET and CT; None where not found in both), ``missing`` (share of the PET's body
        without tissue in the CT), ``liver_suv`` (mean; None where the rules find no liver), ``mask_outside`` (share
        outside the body), ``mask_ml``, ``lesions``, ``suvmax``, all None without a mask.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    suv = pet.values(Unit.SUV_BW)
    inside = np.zeros(suv.shape, dtype=bool) if mask is None else mask.foreground
    organs = find_landmarks(pet, ct)
    _warn(organs.apart_mm, organs.missing, notes)
    found: dict[str, float | str | None] = {
        "coverage": fit.coverage,
        "body_dice": fit.dice,
        "apart_mm": fit.apart_mm,
        "better_shift": fit.better,
        **{f"{organ}_mm": apart for organ, apart in organs.apart_mm.items()},
        "missing": organs.missing,
        "liver_suv": _liver(pet, organs.liver, LesionMask(inside.astype(np.int32), pet.geometry, "drawn"), notes),
    }
    if mask is None:
        return found | dict.fromkeys(("mask_outside", "mask_ml", "lesions", "suvmax"))
    voxels = int(np.count_nonzero(inside))
    outside = float(np.count_nonzero(inside & ~pet_body(suv)) / voxels) if voxels else 0.0
    if outside > MOST_OUTSIDE:
        notes.add("GEO-W-MASKOUTSIDE", f"{100 * outside:.0f} % of the mask lies outside the body")
    return found | {
        "mask_outside": outside,
        "mask_ml": voxels * pet.geometry.voxel_ml,
        "lesions": int(components(inside).max(initial=0)),
        "suvmax": float(suv[inside].max()) if voxels else None,
    }


def _warn(apart_mm: Mapping[str, float | None], missing: float | None, notes: Notes) -> None:
    """Tell of organs that lie elsewhere in CT than in PET, and of a body that the CT does not show whole."""
    far = [
        f"{organ.replace('_', ' ')} {apart:.0f} mm"
        for organ, apart in apart_mm.items()
        if apart is not None and apart > MOST_APART_MM[organ]
    ]
    if far:
        notes.add("GEO-W-ORGANS", f"organs lie apart in PET and CT: {', '.join(far)}")
    if missing is not None and missing > MOST_MISSING:
        notes.add("GEO-W-MISSING", f"{100 * missing:.0f} % of the body in the PET has no tissue in the CT")


def _liver(pet: Volume, liver: Bool | None, mask: LesionMask, notes: Notes) -> float | None:
    """Mean SUV of the liver, where the rules find one."""
    if liver is None:
        return None
    found = liver_reference(pet, liver, mask)
    notes.items.extend(m for m in found.messages if m.code == "SUV-W-LIVER")
    mean = found.measures.value("mean")
    return None if mean is None else float(mean)
