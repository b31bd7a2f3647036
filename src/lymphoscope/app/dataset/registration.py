"""The CT of a case in its place: as it was scanned, moved rigidly, or deformed where that is wanted and may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume
from lymphoscope.image.deformation import Deformation, deform, deformed
from lymphoscope.image.registration import registered
from lymphoscope.image.resample import ct_on

RIGID, DEFORMABLE = "rigid", "deformable"


@dataclass(frozen=True, eq=False)
class PlacedCT:
    """A CT in its place.

    Attributes:
        ct: Its values on its own grid, moved rigidly if it was registered.
        by: How it is deformed besides; None for not.
        facts: By how much it moved; None where it was not registered.
    """

    ct: Volume
    by: Deformation | None = None
    facts: Mapping[str, Any] | None = None

    def on(self, grid: Geometry | None = None) -> Volume:
        """The CT on a grid, its own when None; interpolated once at most."""
        if self.by is None:
            return self.ct if grid is None else ct_on(self.ct, grid)
        return deformed(self.ct, self.by, grid or self.ct.geometry)


def placed_ct(pet: Volume, ct: Volume | None, wanted: str, notes: Notes) -> PlacedCT:
    """Register a CT to its PET where its frame of reference is another or it is asked for.

    Args:
        pet: PET in SUV.
        ct: CT in HU; None where the study has none.
        wanted: ``rigid`` or ``deformable``: every CT is registered; empty: only one of another frame, rigidly.
        notes: Takes ``GEO-W-DEFORM`` where the deformation may not be used; the CT is then moved rigidly alone.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` without a CT, ``GEO-E-REGISTER``, ``GEO-E-UNIT``.
    """
    if ct is None:
        raise LymphoscopeError(
            "DATA-E-MISSING", "the study has no CT that can be used", fix="See `lymphoscope series`."
        )
    if not wanted and len({pet.geometry.frame, ct.geometry.frame} - {None}) < 2:
        return PlacedCT(ct)
    moved, found = registered(pet, ct)
    facts: dict[str, Any] = {"shift_mm": found.shift_mm, "angle_deg": found.angle_deg, "deformation": None}
    if wanted != DEFORMABLE:
        return PlacedCT(moved, None, facts)
    bending = deform(pet, moved)
    why = bending.refusal()
    facts["deformation"] = {
        "taken": not why,
        "shift_mm": bending.shift_mm,
        "jacobian": list(bending.jacobian),
        "gain": bending.gain,
    }
    if why:
        notes.add("GEO-W-DEFORM", f"the CT was not deformed: {why}")
    return PlacedCT(moved, None if why else bending, facts)
