"""Rigid registration of a CT to a PET by mutual information, and whether its result may be used.

What moves is the CT's grid, not its values: the result is the same CT with another matrix, so that whoever brings it to
the PET interpolates once. PET is never moved, since everything is measured on it.

PET and CT of one hybrid scan are registered by the scanner; this is for a CT of another frame of reference.

Reference: Mattes et al., IEEE Trans Med Imaging 2003;22:120 (mutual information); the project's quantification
specification, section G (settings and limits).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.resample import ct_on

sitk: Any = SimpleITK
"""The library as type checkers may see it: it has no types of its own."""

MOST_SHIFT_MM = 15.0
MOST_ANGLE_DEG = 5.0
"""A result beyond these is refused: PET and CT of one patient on one table do not lie that far apart."""

HIGHEST_SUV = 10.0
LOWEST_SUV = 0.1
HU_RANGE = (-1000.0, 300.0)
CT_SIGMA_MM = 2.5
BINS = 50
SEED = 42
SHARES = (0.4, 0.2, 0.1)
SHRINKS = (4, 2, 1)
SIGMAS_MM = (4.0, 2.0, 0.0)
_RATE, _LEAST_STEP, _STEPS, _RELAX = 1.0, 1e-3, 200, 0.6
_FEWEST_VOXELS = 8


@dataclass(frozen=True, eq=False)
class Rigid:
    """A movement of the CT that brings it onto the PET.

    Attributes:
        matrix: 4×4, LPS mm of the CT as it was scanned → LPS mm in the PET's frame.
        shift_mm: How far the centre of the PET moves.
        angle_deg: How far it turns.
        information: Mutual information of PET and CT before and after, nats.
    """

    matrix: NDArray[np.float64]
    shift_mm: float
    angle_deg: float
    information: tuple[float, float]

    def refusal(self, most_mm: float = MOST_SHIFT_MM, most_deg: float = MOST_ANGLE_DEG) -> str:
        """Why the result must not be used; empty when it may."""
        if self.shift_mm > most_mm:
            return f"the CT would move by {self.shift_mm:.0f} mm, more than {most_mm:.0f}"
        if self.angle_deg > most_deg:
            return f"the CT would turn by {self.angle_deg:.1f}°, more than {most_deg:.0f}"
        return ""


def register(pet: Volume, ct: Volume) -> Rigid:
    """Find the rigid movement of the CT after which it says most about the PET.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU, on any grid.

    Returns:
        The movement, the same each time; none where PET and CT agree no better after it. See `Rigid.refusal` for
        whether it may be used.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``, or ``GEO-E-REGISTER`` when there is too little to compare.
    """
    fixed = pet_image(pet)
    moving = ct_image(ct, pet.geometry)
    start = sitk.Euler3DTransform()
    centre = pet.geometry.to_lps((np.array(pet.geometry.shape) - 1) / 2)
    start.SetCenter(centre.tolist())
    try:
        with one_thread():
            method = mutual_information()
            method.SetInitialTransform(start, inPlace=True)
            before = -method.MetricEvaluate(fixed, moving)
            method.Execute(fixed, moving)
            after = -method.MetricEvaluate(fixed, moving)
    except RuntimeError:  # no overlap, or nothing in it
        raise LymphoscopeError("GEO-E-REGISTER", "PET and CT have too little in common to be registered") from None
    if after <= before:
        return Rigid(np.eye(4), 0.0, 0.0, (before, before))
    turn = np.array(start.GetMatrix()).reshape(3, 3)
    to_ct = np.eye(4)  # ITK's transform leads from the PET's points to the CT's
    to_ct[:3, :3] = turn
    to_ct[:3, 3] = np.array(start.GetTranslation()) + centre - turn @ centre
    moved = (to_ct[:3, :3] @ centre + to_ct[:3, 3]) - centre
    angle = math.degrees(math.acos(float(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    return Rigid(
        np.asarray(np.linalg.inv(to_ct), dtype=np.float64), float(np.linalg.norm(moved)), angle, (before, after)
    )


def moved(ct: Volume, by: Rigid, frame: str | None) -> Volume:
    """A CT in its new place: the same values, another matrix.

    Args:
        ct: The CT that was registered.
        by: The movement.
        frame: Frame of reference of the PET, which is the CT's from now on.
    """
    grid = Geometry(ct.geometry.shape, by.matrix @ ct.geometry.affine, frame)
    return replace(ct, geometry=grid)


def registered(pet: Volume, ct: Volume) -> tuple[Volume, Rigid]:
    """Register a CT to a PET and take the result only if it may be used.

    Raises:
        LymphoscopeError: ``GEO-E-REGISTER`` with the reason, ``GEO-E-UNIT``.
    """
    found = register(pet, ct)
    if why := found.refusal():
        raise LymphoscopeError("GEO-E-REGISTER", why)
    return moved(ct, found, pet.geometry.frame), found


def pet_image(pet: Volume) -> Any:
    """PET as ITK registers to it: by its logarithm, so that a bladder does not outweigh the body.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    suv = pet.values(Unit.SUV_BW)
    return _image(np.log(np.clip(suv, 0.0, HIGHEST_SUV) + LOWEST_SUV), pet.geometry)


def ct_image(ct: Volume, grid: Geometry) -> Any:
    """CT as ITK registers it: on the PET's grid, smoothed to its sharpness, without the differences between bones.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``, ``GEO-E-REGISTER`` for a PET of too few voxels.
    """
    if min(grid.shape) < _FEWEST_VOXELS:
        raise LymphoscopeError("GEO-E-REGISTER", f"a PET of {grid.shape} voxels is too small to be registered to")
    hu = ct_on(Volume(ct.values(Unit.HU), replace(ct.geometry, frame=None), Unit.HU), replace(grid, frame=None)).array
    clamped = np.clip(hu.astype(np.float32), *HU_RANGE)
    return _image(ndimage.gaussian_filter(clamped, [CT_SIGMA_MM / s for s in grid.spacing]), grid)


def _image(array: NDArray[np.float32], geometry: Geometry) -> Any:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))
    image.SetOrigin(geometry.origin.tolist())
    image.SetSpacing(geometry.spacing[::-1])
    image.SetDirection(geometry.direction[:, ::-1].ravel().tolist())
    return image


def mutual_information() -> Any:
    """The search that lays images over one another here: Mattes' measure, from coarse to fine, the same each time."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(list(SHARES), SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(_RATE, _LEAST_STEP, _STEPS, relaxationFactor=_RELAX)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(SHRINKS))
    method.SetSmoothingSigmasPerLevel(list(SIGMAS_MM))
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


@contextmanager
def one_thread() -> Iterator[None]:
    """Let ITK count alone: several threads add up in another order each time, which changes the last digits."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
