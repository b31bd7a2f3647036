"""Whether PET, CT and mask of a case belong together, in numbers, and which of them are out of range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lymphoscope.core.errors import Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import Agreement, pet_body
from lymphoscope.image.anatomy import liver_alone
from lymphoscope.image.components import components
from lymphoscope.quant.reference import liver_reference

MOST_OUTSIDE = 0.05
"""Share of a mask outside the body from which it is told: the skin's edge alone does not come to that."""

Numbers = Mapping[str, float | str | None]


def quality(pet: Volume, fit: Agreement, mask: LesionMask | None, notes: Notes) -> Numbers:
    """Measure how well a case hangs together.

    Args:
        pet: PET in SUV on its native grid.
        fit: How well PET and CT agree.
        mask: The mask on the PET's grid; None where nobody drew one.
        notes: Takes ``GEO-W-MASKOUTSIDE`` and ``SUV-W-LIVER``.

    Returns:
        ``coverage`` (share of the PET's slices with CT), ``body_dice``, ``apart_mm`` (between the bodies' centres),
        ``better_shift`` (direction of a shift by 20 mm that fits better, or empty), ``liver_suv`` (mean; None where the
        rules find no liver), ``mask_outside`` (share outside the body), ``mask_ml``, ``lesions``, ``suvmax``, all None
        without a mask.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    suv = pet.values(Unit.SUV_BW)
    inside = np.zeros(suv.shape, dtype=bool) if mask is None else mask.foreground
    found: dict[str, float | str | None] = {
        "coverage": fit.coverage,
        "body_dice": fit.dice,
        "apart_mm": fit.apart_mm,
        "better_shift": fit.better,
        "liver_suv": _liver(pet, LesionMask(inside.astype(np.int32), pet.geometry, "drawn"), notes),
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


def _liver(pet: Volume, mask: LesionMask, notes: Notes) -> float | None:
    """Mean SUV of the liver, where the rules find one."""
    liver = liver_alone(pet)
    if liver is None:
        return None
    found = liver_reference(pet, liver, mask)
    notes.items.extend(m for m in found.messages if m.code == "SUV-W-LIVER")
    mean = found.measures.value("mean")
    return None if mean is None else float(mean)
