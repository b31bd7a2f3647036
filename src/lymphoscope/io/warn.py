"""Warnings about a PET that was read: small, thick, short, or with values that should not be."""

from __future__ import annotations

import numpy as np

from lymphoscope.core.errors import Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.suv_checks import check_suv

FEWEST_SLICES = 16
LEAST_EXTENT_MM = 64.0
MOST_SLICE_MM = 6.0
MOST_ANISOTROPY = 3.0
WHOLE_BODY_MM = 1500.0
WHOLE_BODY_SHARE = 0.9
BODY_SUV = 0.2


def note_grid(pet: Volume, height_m: float | None, notes: Notes) -> None:
    """Warn of an image that is small, thick, or of a part of the body only.

    Args:
        pet: PET in SUV.
        height_m: Body height, when known.
        notes: Takes ``IO-W-TINY``, ``IO-W-ANISO`` and ``FOV-W-PARTIAL``.
    """
    spacing, shape = np.array(pet.geometry.spacing), np.array(pet.geometry.shape)
    # how far the grid reaches along the body: each axis adds its share of the body's axis
    reach = float((np.abs(pet.geometry.affine[2, :3]) * shape).sum())
    if shape[0] < FEWEST_SLICES or (spacing * shape).min() < LEAST_EXTENT_MM:
        size = " × ".join(f"{s:.0f}" for s in spacing * shape)
        notes.add("IO-W-TINY", f"the image has {shape[0]} slices and measures {size} mm (z, y, x)")
    if spacing.max() / spacing.min() > MOST_ANISOTROPY or spacing.max() > MOST_SLICE_MM:
        notes.add("IO-W-ANISO", f"voxels are {' × '.join(f'{s:.2f}' for s in spacing)} mm (z, y, x)")
    if reach < (WHOLE_BODY_SHARE * 1000 * height_m if height_m else WHOLE_BODY_MM):
        of = f" of a body of {height_m:.2f} m" if height_m else ""
        notes.add("FOV-W-PARTIAL", f"the scan covers {reach / 10:.0f} cm{of}")


def note_values(pet: Volume, notes: Notes) -> None:
    """Warn of negative values and of values no body has.

    Args:
        pet: PET in SUV.
        notes: Takes ``IO-W-NEGATIVE`` and ``SUV-W-PLAUSIBLE``.
    """
    for message in check_suv(pet.values(Unit.SUV_BW)):
        notes.add(message.code, message.what, message.where, message.fix, message.tags)
