"""Organs found in PET and in CT, each by itself: how far apart they lie, and what of the body the CT does not show.

In PET an organ is told by its uptake (`lymphoscope.image.frame`, `brain`, `hot_organs`). In CT the liver's dome is
where the lung begins above the dome of the PET, the brain is what the skull encloses, and the bladder is the largest
water about where its uptake is. Breathing, a bladder that fills and a head that turns move them between the two scans.

Reference: the project's quantification specification, section G (limits).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume
from lymphoscope.image.brain import find_brain
from lymphoscope.image.coarse import GRID_MM, Bool, Coarse, Float, closed, largest
from lymphoscope.image.crop import bounding_box, widened
from lymphoscope.image.frame import Frame, find_liver, near
from lymphoscope.image.hot_organs import find_bladder
from lymphoscope.image.resample import covered, ct_on

MOST_APART_MM: Mapping[str, float] = MappingProxyType({"liver_dome": 10.0, "brain": 20.0, "bladder": 20.0})
"""From here on an organ lies elsewhere in CT than in PET."""
MOST_MISSING = 0.02
"""Share of the body in the PET without tissue in the CT from which it is told: arms that the CT cuts off, or moved."""

_AIR_HU, _BONE_HU, _WATER_HU = -400.0, 200.0, (-15.0, 30.0)
_REACH_MM = 60.0
"""How far from the PET's dome, skull or bladder the CT's is looked for."""
_BRAIN_ML, _BLADDER_ML = 500.0, 20.0
_BESIDE = 2
"""Voxels beside the tissue of the CT that do not count as missing: skin and motion."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What was found.

    Attributes:
        liver: The liver in the PET, (z, y, x) on its grid; None where none was found.
        apart_mm: By organ of `MOST_APART_MM`, how far it lies apart: domes along the body, others by their centres;
            None where one of the two was not found.
        missing: Share of the body in the PET that has no tissue in the CT, in slices that both show; None without body.
    """

    liver: Bool | None
    apart_mm: Mapping[str, float | None]
    missing: float | None


def find_landmarks(pet: Volume, ct: Volume) -> Landmarks:
    """Find organs in PET and CT.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU on any grid, in the PET's place.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    work = Coarse.of(pet)
    liver, frame = find_liver(work)
    bare = Geometry(ct.geometry.shape, ct.geometry.affine)
    hu = ct_on(Volume(ct.array, bare, ct.unit), work.geometry).array.astype(np.float64)
    reached = covered(bare, work.geometry)
    apart: dict[str, float | None] = dict.fromkeys(MOST_APART_MM)
    if frame is not None:
        apart["liver_dome"] = None if liver is None else _domes_apart(hu, liver, work, frame)
        bladder, _ = find_bladder(work, frame)
        apart["bladder"] = _apart(bladder, _bladder(hu, bladder)) if bladder.any() else None
    brain = find_brain(work, frame)
    apart["brain"] = None if brain is None else _apart(brain, _brain(hu, brain))
    on_pet = None if liver is None else work.on(liver, pet.geometry)
    return Landmarks(on_pet, apart, _missing(work.body, hu, reached))


def _domes_apart(hu: Float, liver: Bool, work: Coarse, frame: Frame) -> float | None:
    """How far over or under the PET's dome the lung begins in the CT, mm, in the middle of the columns of that dome."""
    top, middle, reach = (
        round(work.slice_at(frame.dome_z)),
        int(work.column(frame.midline_x)),
        round(_REACH_MM / GRID_MM),
    )
    columns = liver[top].copy()
    columns[:, middle:] = False
    air = hu[max(0, top - reach) : top + reach + 1, columns] < _AIR_HU
    found = air.any(axis=0)
    if not found.size or found.mean() < 0.5:
        return None
    first = float(np.median(air.argmax(axis=0)[found])) + max(0, top - reach)
    return abs(first - 1 - top) * GRID_MM


def _brain(hu: Float, brain: Bool) -> Bool | None:
    """What the skull encloses in the slices of the PET's brain; None for too little."""
    slices = np.nonzero(brain.any(axis=(1, 2)))[0]
    part = slice(max(0, int(slices.min() - _REACH_MM / GRID_MM)), int(slices.max() + _REACH_MM / GRID_MM))
    bone, inside = closed(hu[part] > _BONE_HU, 2), np.zeros_like(brain)
    inside[part] = np.stack([ndi.binary_fill_holes(one) for one in bone]) & ~bone
    found = largest(ndi.binary_opening(inside, iterations=1)) if inside.any() else inside
    return found if np.count_nonzero(found) * GRID_MM**3 / 1000 >= _BRAIN_ML else None


def _bladder(hu: Float, bladder: Bool) -> Bool | None:
    """The largest water about the PET's bladder that does not go on beyond; None for none."""
    smooth = ndi.gaussian_filter(hu, 1.0)
    about = near(bladder, GRID_MM, _REACH_MM)
    water = ndi.binary_erosion((smooth > _WATER_HU[0]) & (smooth < _WATER_HU[1]) & about, iterations=1)
    if not water.any():
        return None
    found = ndi.binary_dilation(largest(water), iterations=1)
    rim = about & ~near(bladder, GRID_MM, _REACH_MM - GRID_MM)
    small = np.count_nonzero(found) * GRID_MM**3 / 1000 < _BLADDER_ML
    return None if small or (found & rim).any() else np.asarray(found)


def _apart(one: Bool, other: Bool | None) -> float | None:
    """Distance of centres, mm."""
    if other is None:
        return None
    centres = [np.array([axis.mean() for axis in np.nonzero(mask)]) for mask in (one, other)]
    return float(np.linalg.norm(centres[0] - centres[1]) * GRID_MM)


def _missing(body: Bool, hu: Float, reached: NDArray[np.bool_]) -> float | None:
    """Share of the PET's body that lies beside whatever tissue the CT shows."""
    slices = ndi.binary_erosion(np.asarray(reached.any(axis=(1, 2))))  # the outermost are half beyond
    box = bounding_box(body & slices[:, None, None])
    if box is None:
        return None
    shown, wide = body[box] & slices[box[0], None, None], widened(box, _BESIDE + 1, body.shape)
    tissue = ndi.binary_opening((hu[wide] > _AIR_HU) & reached[wide], iterations=1)
    filled = np.zeros_like(body)
    filled[wide] = ndi.binary_dilation([ndi.binary_fill_holes(one) for one in tissue], iterations=_BESIDE)
    return float(np.count_nonzero(shown & ~filled[box]) / np.count_nonzero(shown))
