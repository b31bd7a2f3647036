"""Warnings about a PET that was read: small, thick, short, or with values that should not be."""

from __future__ import annotations

import numpy as np

from lymphoscope.core.errors import Notes
from lymphoscope.core.volume import Volume

FEWEST_SLICES = 16
LEAST_EXTENT_MM = 64.0
MOST_SLICE_MM = 6.0
MOST_ANISOTROPY = 3.0
WHOLE_BODY_MM = 1500.0
NEGATIVE_SUV = -1.0
NEGATIVE_SHARE = 0.01


def note_grid(pet: Volume, height_m: float | None, notes: Notes) -> None:
    """Warn of an image that is small, thick or part of the body only, and of negative values.

    Args:
        pet: PET in SUV.
        height_m: Body height, when known.
        notes: Takes ``IO-W-TINY``, ``IO-W-ANISO``, ``FOV-W-PARTIAL`` and ``IO-W-NEGATIVE``.
    """
    spacing, shape = np.array(pet.geometry.spacing), np.array(pet.geometry.shape)
    # how far the grid reaches along the body: each axis adds its share of the body's axis
    reach = float((np.abs(pet.geometry.affine[2, :3]) * shape).sum())
    along = int(np.argmax(np.abs(pet.geometry.direction[2])))
    if shape[along] < FEWEST_SLICES or (spacing * shape).min() < LEAST_EXTENT_MM:
        size = " × ".join(f"{s:.0f}" for s in spacing * shape)
        notes.add("IO-W-TINY", f"the image has {shape[along]} slices and measures {size} mm (z, y, x)")
    if spacing.max() / spacing.min() > MOST_ANISOTROPY or spacing.max() > MOST_SLICE_MM:
        notes.add("IO-W-ANISO", f"voxels are {' × '.join(f'{s:.2f}' for s in spacing)} mm (z, y, x)")
    wanted = 0.9 * 1000 * height_m if height_m else WHOLE_BODY_MM
    if reach < wanted:
        of = f" of a body of {height_m:.2f} m" if height_m else ""
        notes.add("FOV-W-PARTIAL", f"the scan covers {reach / 10:.0f} cm{of}")
    lowest = float(pet.array.min())
    if lowest < 0:
        share = float(np.count_nonzero(pet.array < 0)) / pet.array.size
        if lowest < NEGATIVE_SUV or share > NEGATIVE_SHARE:
            notes.add("IO-W-NEGATIVE", f"{100 * share:.1f} % of voxels are negative, the lowest at SUV {lowest:.2f}")
