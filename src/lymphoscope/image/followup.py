"""Two scans of one patient laid over one another, so that the lesions of one can be looked for in the other.

Nothing is measured on what is moved: an earlier scan's voxels are only taken to where they lie in this one.

Reference: Mattes et al., IEEE Trans Med Imaging 2003;22:120 (mutual information).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.coarse import Bool, Coarse
from lymphoscope.image.registration import mutual_information, one_thread, pet_image, sitk

LEAST_DICE = 0.70
"""Bodies that overlap less, where both scans reach, were not brought together."""

LEAST_COVERED = 0.25
"""Share of this scan's body that the earlier scan has to reach for the two to be compared."""

_FIX = "Compare the two scans by eye."

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where an earlier scan lies in a later one.

    Attributes:
        matrix: 4×4, LPS mm of the earlier scan → LPS mm of the later one.
        dice: Overlap of the two bodies where both scans reach, 0–1.
        covered: Share of the later scan's body that the earlier one reaches, 0–1.
    """

    matrix: NDArray[np.float64]
    dice: float
    covered: float

    @property
    def refusal(self) -> str:
        """Why nothing may be looked for by it; empty where it may be used."""
        if self.covered < LEAST_COVERED:
            return f"the two scans have {100 * self.covered:.0f} % of the body in common"
        if self.dice < LEAST_DICE:
            return f"the two scans could not be laid over one another (Dice of the bodies {self.dice:.2f})"
        return ""

    def here(self, lps: Points) -> Points:
        """Where places of the earlier scan lie in the later one; LPS mm, (n, 3)."""
        return np.asarray(np.asarray(lps) @ self.matrix[:3, :3].T + self.matrix[:3, 3], dtype=np.float64)

    def there(self, lps: Points) -> Points:
        """Where places of the later scan lie in the earlier one; LPS mm, (n, 3)."""
        back = np.linalg.inv(self.matrix)
        return np.asarray(np.asarray(lps) @ back[:3, :3].T + back[:3, 3], dtype=np.float64)


def placed(now: Volume, before: Volume) -> Placement:
    """Find where an earlier PET lies in a later one of the same patient: moved and turned, not bent.

    Args:
        now: The later PET in SUV, (z, y, x).
        before: The earlier PET in SUV, on any grid.

    Returns:
        The place, the same each time; see `Placement.refusal` for whether it may be used.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``, ``GEO-E-REGISTER`` where there is too little to compare.
    """
    here, there = Coarse.of(now), Coarse.of(before)
    if not here.body.any() or not there.body.any():
        raise LymphoscopeError("GEO-E-REGISTER", "one of the scans shows no body", fix=_FIX)
    fixed, moving, centre = _image(here), _image(there), _middle(here)
    try:
        with one_thread():
            method = mutual_information()
            starts = [_start(centre, shift) for shift in _shifts(here, there)]
            transform = min(starts, key=lambda start: _worth(method, start, fixed, moving))
            method.SetInitialTransform(transform, inPlace=True)
            method.Execute(fixed, moving)
    except RuntimeError:
        raise LymphoscopeError("GEO-E-REGISTER", "the two scans have too little in common", fix=_FIX) from None
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    back = np.eye(4)  # ITK's transform leads from points of the later scan to the earlier one's
    back[:3, :3] = turn
    back[:3, 3] = np.array(transform.GetTranslation()) + centre - turn @ centre
    return Placement(np.asarray(np.linalg.inv(back), dtype=np.float64), *_agreement(here, there, back))


def _image(scan: Coarse) -> Any:
    found = replace(scan.geometry, frame=None)
    return pet_image(Volume(scan.suv.astype(np.float32), found, Unit.SUV_BW))


def _middle(scan: Coarse) -> Points:
    return np.asarray(scan.geometry.to_lps(np.argwhere(scan.body).mean(axis=0)), dtype=np.float64)


def _shifts(here: Coarse, there: Coarse) -> list[tuple[float, float, float]]:
    """From where it is worth to begin: middles over one another, or the bodies' upper or lower ends."""
    x, y, z = (float(v) for v in _middle(there) - _middle(here))
    tops, ends = [], []
    for scan in (here, there):
        slices = np.flatnonzero(scan.body.any(axis=(1, 2)))
        heights = [float(scan.geometry.to_lps((int(n), 0, 0))[2]) for n in (slices[0], slices[-1])]
        ends.append(min(heights))
        tops.append(max(heights))
    return [(x, y, shift) for shift in (z, tops[1] - tops[0], ends[1] - ends[0])]


def _start(centre: Points, shift: tuple[float, float, float]) -> Any:
    found = sitk.Euler3DTransform()
    found.SetCenter(centre.tolist())
    found.SetTranslation(shift)
    return found


def _worth(method: Any, start: Any, fixed: Any, moving: Any) -> float:
    method.SetInitialTransform(start, inPlace=True)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:  # nothing lies over anything
        return float("inf")


def _agreement(here: Coarse, there: Coarse, back: NDArray[np.float64]) -> tuple[float, float]:
    """Dice of the bodies where both scans reach, and the share of the later body that the earlier scan reaches."""
    to_index = np.linalg.inv(there.geometry.affine) @ back @ here.geometry.affine

    def brought(mask: Bool) -> Bool:
        shape, offset = here.body.shape, to_index[:3, 3]
        return np.asarray(
            ndimage.affine_transform(mask.astype(np.float32), to_index[:3, :3], offset, shape, order=1) > 0.5
        )

    reached, body = brought(np.ones_like(there.body)), brought(there.body)
    both = here.body & reached
    total = int(both.sum()) + int(body.sum())
    dice = 2.0 * int((both & body).sum()) / total if total else 0.0
    return dice, int(both.sum()) / int(here.body.sum())
