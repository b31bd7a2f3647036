"""Non-rigid registration of a CT to a PET by B-splines, after the rigid one, and whether its result may be used.

Mutual information of PET and CT rises with almost any deformation, also of a pair that fits: a result is taken only
within limits. CT is deformed, never PET, since everything is measured on it.

Reference: Rueckert et al., IEEE Trans Med Imaging 1999;18:712 (B-splines); Mattes et al., IEEE Trans Med Imaging
2003;22:120 (mutual information); the project's quantification specification, section G (settings and limits).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.registration import BINS, SEED, ct_image, one_thread, pet_image, sitk
from lymphoscope.image.resample import resample

CONTROL_MM = 60.0
ORDER = 3
LEAST_JACOBIAN = 0.3
JACOBIAN_RANGE = (0.7, 1.4)
"""What the 1st and the 99th percentile of the local change of volume must lie within."""
MOST_SHIFT_MM = 30.0
LEAST_GAIN = 0.05
"""Limits of what is taken; the last is the least relative gain in mutual information."""

_SHARE, _SHRINK, _SIGMA_MM, _STEPS = 0.05, 2, 2.0, 30
_GRADIENT_TOLERANCE = 1e-5
_CHECKED_MM = 6.0
_LITTLE = "PET and CT have too little in common to be registered"


@dataclass(frozen=True, eq=False)
class Deformation:
    """A deformation of a CT that brings it onto the PET.

    Attributes:
        transform: ITK's: LPS mm in the PET → LPS mm in the CT as it was.
        jacobian: Local change of volume: smallest, 1st and 99th percentile.
        shift_mm: The farthest that a point moves.
        information: Mutual information of PET and CT before and after, nats.
    """

    transform: Any
    jacobian: tuple[float, float, float]
    shift_mm: float
    information: tuple[float, float]

    @property
    def gain(self) -> float:
        """Relative gain in mutual information."""
        before, after = self.information
        return after / before - 1 if before > 0 else 0.0

    def refusal(self) -> str:
        """Why the result must not be used; empty when it may."""
        least, low, high = self.jacobian
        if not least > LEAST_JACOBIAN:
            return f"it would press tissue to {least:.2f} of its volume; the limit is {LEAST_JACOBIAN:g}"
        if not JACOBIAN_RANGE[0] <= low <= high <= JACOBIAN_RANGE[1]:
            limits = f"{JACOBIAN_RANGE[0]:g} to {JACOBIAN_RANGE[1]:g}"
            return f"volumes would change to between {low:.2f} and {high:.2f} of what they are; the limits are {limits}"
        if not self.shift_mm < MOST_SHIFT_MM:
            return f"a point would move by {self.shift_mm:.0f} mm; the limit is {MOST_SHIFT_MM:.0f}"
        if not self.gain > LEAST_GAIN:
            return f"PET and CT agree better by {self.gain:.1%} only; the limit is {LEAST_GAIN:.0%}"
        return ""


def deform(pet: Volume, ct: Volume) -> Deformation:
    """Find the deformation of the CT after which it says most about the PET.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU on any grid, registered rigidly.

    Returns:
        The deformation, the same each time. See `Deformation.refusal` for whether it may be used.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``, or ``GEO-E-REGISTER`` when there is too little to compare.
    """
    fixed, moving = pet_image(pet), ct_image(ct, pet.geometry)
    sizes = [n * s for n, s in zip(pet.geometry.shape, pet.geometry.spacing, strict=True)]
    cells = [max(1, round(mm / CONTROL_MM)) for mm in reversed(sizes)]
    found = sitk.BSplineTransformInitializer(fixed, cells, ORDER)
    try:
        with one_thread():
            before = _information(fixed, moving, sitk.Transform(3, sitk.sitkIdentity))
            method = _method()
            method.SetInitialTransform(found, inPlace=True)
            method.Execute(fixed, moving)
            after = _information(fixed, moving, found)
            jacobian, shift = _measured(found, pet.geometry)
    except RuntimeError:  # no overlap, or nothing in it
        raise LymphoscopeError("GEO-E-REGISTER", _LITTLE) from None
    return Deformation(found, jacobian, shift, (before, after))


def deformed(ct: Volume, by: Deformation, grid: Geometry) -> Volume:
    """A deformed CT on a grid, interpolated once (linearly).

    Args:
        ct: The CT that was registered, HU.
        by: The deformation. Beyond the PET there is none.
        grid: The grid wanted, in the PET's frame of reference.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    ct.values(Unit.HU)
    return resample(ct, grid, by=by.transform)


def _method() -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SHARE, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(_GRADIENT_TOLERANCE, _STEPS)
    method.SetShrinkFactorsPerLevel([_SHRINK])
    method.SetSmoothingSigmasPerLevel([_SIGMA_MM])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _information(fixed: Any, moving: Any, transform: Any) -> float:
    """Mutual information over every second voxel along each axis, nats."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform)
    return -float(method.MetricEvaluate(sitk.Shrink(fixed, [_SHRINK] * 3), moving))


def _measured(transform: Any, grid: Geometry) -> tuple[tuple[float, float, float], float]:
    """Local change of volume (smallest, 1st and 99th percentile) and farthest movement, mm, over the PET."""
    steps = [max(1, round(_CHECKED_MM / s)) for s in grid.spacing]
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] * np.array(steps)
    shape = tuple(-(-n // s) for n, s in zip(grid.shape, steps, strict=True))
    coarse = Geometry((shape[0], shape[1], shape[2]), affine)
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, coarse.shape[::-1], coarse.origin.tolist(), coarse.spacing[::-1],
        coarse.direction[:, ::-1].ravel().tolist(),
    )  # fmt: skip
    moves = sitk.GetArrayFromImage(field)
    change = _change_of_volume(moves, affine[:3, :3])
    low, high = np.percentile(change, (1, 99))
    farthest = float(np.linalg.norm(moves, axis=-1).max())
    return (float(change.min()), float(low), float(high)), farthest


def _change_of_volume(moves: NDArray[np.float64], voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Determinant of the Jacobian of a movement.

    Args:
        moves: LPS mm by voxel, (z, y, x, 3).
        voxel: LPS mm along a step of each index, (3, 3).
    """
    along = np.stack([np.asarray(np.gradient(moves, axis=axis)) for axis in range(3)], axis=-1)
    return np.asarray(np.linalg.det(np.eye(3) + along @ np.linalg.inv(voxel)))
