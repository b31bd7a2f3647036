"""The box of an image that the body fills: nothing is computed on air."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

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
