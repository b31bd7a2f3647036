"""The box of an image that the body fills: nothing is computed on air."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.crop import Box, bounding_box, widened

BODY_SUV = 0.3
_SMALL = 0.02
"""Parts smaller than this share of the largest are no body: noise, a table, a vial beside the patient."""


def body_box(pet: Volume, margin: int = 2) -> Box:
    """Box round the body in a PET; the whole grid where there is none.

    Args:
        pet: SUVbw.
        margin: Voxels more on every side.
    """
    labels, _ = ndimage.label(pet.values(Unit.SUV_BW)[::2, ::2, ::2] > BODY_SUV)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    box = bounding_box((sizes >= max(1.0, _SMALL * sizes.max()))[labels])
    if box is None:
        return tuple(slice(0, n) for n in pet.array.shape)
    return widened(tuple(slice(2 * s.start, 2 * s.stop) for s in box), margin, pet.array.shape)


def cropped(volume: Volume, box: Box) -> Volume:
    """A part of an image, in its place.

    Args:
        volume: The image.
        box: Slices along (z, y, x).
    """
    affine = volume.geometry.affine.copy()
    affine[:3, 3] = volume.geometry.to_lps([s.start for s in box])
    array = np.ascontiguousarray(volume.array[box])
    return Volume(
        array, Geometry((array.shape[0], array.shape[1], array.shape[2]), affine, volume.geometry.frame), volume.unit
    )
