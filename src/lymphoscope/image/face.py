"""The front of the face, to be blanked in images that are given away: by it a person may be recognised from CT and PET.

The brain, which FDG always shows, tells where the face is: below and before it. A shell below the skin and the front of
every slice are taken, not the throat, where lymphoma is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.alignment import ct_body
from lymphoscope.image.brain import find_brain
from lymphoscope.image.coarse import GRID_MM, Bool, Coarse
from lymphoscope.image.frame import find_liver, near
from lymphoscope.image.resample import OUTSIDE, ct_on

BELOW_BRAIN_MM, ABOVE_BASE_MM = 110.0, 65.0
"""How far the chin lies below the brain's base, and the brow above it."""
HALF_WIDTH_MM = 75.0
SHELL_MM, FRONT_MM = 15.0, 30.0
"""Depth below the skin, and behind the foremost point of a slice, that is taken."""
SPARED_MM = 10.0
"""What lies this near to a lesion or the brain stays."""


@dataclass(frozen=True, eq=False)
class Face:
    """The front of a face, and the air before it.

    Attributes:
        region: Voxels on the working grid, (z, y, x).
        work: The working grid.
    """

    region: Bool
    work: Coarse

    def blanked(self, image: Volume) -> Volume:
        """An image of any grid with air where the face was: −1024 HU, or 0."""
        air = np.array(OUTSIDE.get(image.unit, 0.0), dtype=image.array.dtype)
        return image.with_array(np.where(self.work.on(self.region, image.geometry), air, image.array))


def find_face(pet: Volume, ct: Volume | None, lesions: Iterable[LesionMask] = ()) -> Face | None:
    """Find the front of the face.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU on any grid, in the PET's place; None where there is none.
        lesions: Masks on any grid; their voxels and what is near them stay.

    Returns:
        None where no brain is in view, by which the face would be found.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    work = Coarse.of(pet)
    _, frame = find_liver(work)
    brain = find_brain(work, frame)
    if brain is None:
        return None
    body = work.body
    if ct is not None:
        body = body | ct_body(ct_on(Volume(ct.array, _bare(ct.geometry), ct.unit), work.geometry).array)
    found = _front(body, brain) & ~near(brain, GRID_MM, SPARED_MM)
    for mask in lesions:
        found &= ~near(_touched(mask, work), GRID_MM, SPARED_MM)
    return Face(found, work)


def _front(body: Bool, brain: Bool) -> Bool:
    """The front of the face and the air before it, on the working grid."""
    z, y, x = (axis.astype(float) for axis in np.nonzero(brain))
    low = max(0, int(z.min() - BELOW_BRAIN_MM / GRID_MM))
    high = int(z.min() + ABOVE_BASE_MM / GRID_MM) + 1
    left = max(0, int(x.mean() - HALF_WIDTH_MM / GRID_MM))
    right = int(x.mean() + HALF_WIDTH_MM / GRID_MM) + 1
    found = np.zeros_like(body)
    zone = body[low:high, :, left:right]
    first: NDArray[np.int64] = np.where(zone.any(axis=1), zone.argmax(axis=1), body.shape[1])
    foremost = first.min(axis=1, keepdims=True, initial=body.shape[1])
    shell = np.where(zone.any(axis=1), first + SHELL_MM / GRID_MM, 0)
    depth = np.minimum(np.maximum(shell, foremost + FRONT_MM / GRID_MM), int(y.mean()))
    rows = np.arange(body.shape[1])[None, :, None]
    found[low:high, :, left:right] = (rows < depth[:, None, :]) & (foremost < body.shape[1])[:, :, None]
    return found


def _touched(mask: LesionMask, work: Coarse) -> Bool:
    """Voxels of the working grid that hold the middle of any voxel of a mask, however small it is."""
    found = np.zeros_like(work.body)
    index = np.rint(work.geometry.to_index(mask.geometry.to_lps(np.argwhere(mask.foreground)))).astype(int)
    inside = ((index >= 0) & (index < np.array(found.shape))).all(axis=1)
    found[tuple(index[inside].T)] = True
    return found


def _bare(grid: Geometry) -> Geometry:
    """A grid without its frame of reference: what is compared here lies in one place already."""
    return Geometry(grid.shape, grid.affine)
