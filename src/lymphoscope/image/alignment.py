"""Do PET and CT show the same body in the same place? Coverage, outline, centre, and what the grey values say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.image.resample import covered, ct_on

LEAST_COVERAGE = 0.95
GOOD_DICE = 0.85
LEAST_DICE = 0.70
MOST_SHIFT_MM = 15.0
TRIED_SHIFT_MM = 20.0
BODY_SUV = 0.2
BODY_HU = -500.0
_WORKING_MM = 6.0
_FEWEST_VOXELS = 500
_BINS = 32
_AXIS_WORDS = ("along the body", "front to back", "left to right")

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """How well PET and CT show the same body in the same place.

    Attributes:
        coverage: Share of the PET's slices that the CT reaches.
        dice: Overlap of the bodies where there is CT; None where there is too little body to tell.
        apart_mm: How far the bodies' centres lie apart; None as well.
        better: In which direction a shift by 20 mm makes them agree better; empty for none.
    """

    coverage: float
    dice: float | None = None
    apart_mm: float | None = None
    better: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """``GEO-W-COVERAGE`` and ``GEO-W-ALIGN`` where a limit is passed.

        Raises:
            LymphoscopeError: ``GEO-E-ALIGN`` when bodies overlap with a Dice below 0.70.
        """
        words = f"the CT covers {100 * self.coverage:.0f} % of the PET along the body"
        found = () if self.coverage >= LEAST_COVERAGE else (Message("GEO-W-COVERAGE", words),)
        if self.dice is None or self.apart_mm is None:
            return found
        if self.dice < LEAST_DICE:
            what = f"the bodies of PET and CT overlap with a Dice of {self.dice:.2f} only"
            raise LymphoscopeError("GEO-E-ALIGN", what)
        said = [f"their bodies overlap with a Dice of {self.dice:.2f}"] if self.dice < GOOD_DICE else []
        if self.apart_mm > MOST_SHIFT_MM:
            said.append(f"their bodies have centres {self.apart_mm:.0f} mm apart")
        if self.better:
            said.append(f"they match better when shifted by {TRIED_SHIFT_MM:.0f} mm {self.better}")
        return (*found, Message("GEO-W-ALIGN", f"PET and CT agree poorly: {'; '.join(said)}")) if said else found


def agreement(pet: Volume, ct: Volume) -> Agreement:
    """Measure how well PET and CT agree.

    Args:
        pet: PET in SUV.
        ct: CT in HU, on its own grid or the PET's.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT``.
    """
    pet.values(Unit.SUV_BW)
    grid = _coarse(pet.geometry)
    suv = pet.array[tuple(slice(None, None, s) for s in _strides(pet.geometry))]
    hu = ct_on(ct, grid).array
    reached = covered(ct.geometry, grid)
    coverage = float(reached.any(axis=(1, 2)).mean())
    body, other = pet_body(suv) & reached, ct_body(hu) & reached
    if min(np.count_nonzero(body), np.count_nonzero(other)) < _FEWEST_VOXELS:
        return Agreement(coverage)
    dice = 2 * np.count_nonzero(body & other) / (np.count_nonzero(body) + np.count_nonzero(other))
    apart = float(np.linalg.norm(_centre(body, grid) - _centre(other, grid)))
    return Agreement(coverage, float(dice), apart, better_shift(suv, hu, reached, grid.spacing))


def check_alignment(pet: Volume, ct: Volume) -> tuple[Message, ...]:
    """Compare PET and CT.

    Args:
        pet: PET in SUV.
        ct: CT in HU, on its own grid or the PET's.

    Returns:
        ``GEO-W-COVERAGE`` when the CT covers less than 95 % of the PET along the body; ``GEO-W-ALIGN`` when bodies
        overlap with a Dice below 0.85, their centres lie more than 15 mm apart, or a shift by 20 mm makes PET and CT
        agree better.

    Raises:
        LymphoscopeError: ``GEO-E-ALIGN`` when bodies overlap with a Dice below 0.70, ``GEO-E-UNIT``.
    """
    return agreement(pet, ct).messages


def check_sides(regions: Mapping[str, Array], grid: Geometry) -> tuple[Message, ...]:
    """Ask of organs whether left and right may be exchanged: the liver lies to the right of spleen and heart.

    Args:
        regions: Organ masks on the grid, by name.
        grid: The grid.

    Returns:
        ``GEO-W-FLIP`` when the liver lies to the left of the spleen or the heart.
    """
    centres = {n: _centre(regions[n], grid) for n in ("liver", "spleen", "heart") if n in regions and regions[n].any()}
    # LPS: x grows to the patient's left
    wrong = [
        n for n in ("spleen", "heart") if n in centres and "liver" in centres and centres["liver"][0] > centres[n][0]
    ]
    if not wrong:
        return ()
    return (Message("GEO-W-FLIP", f"the liver lies to the left of the {' and the '.join(wrong)}"),)


def pet_body(suv: Array) -> Mask:
    """The body in a PET: above SUV 0.2, closed, largest part, filled slice by slice, (z, y, x)."""
    return _filled(ndimage.binary_closing(suv > BODY_SUV, iterations=1))


def ct_body(hu: Array) -> Mask:
    """The body in a CT: above −500 HU, thin parts such as the table opened away, largest part, filled, (z, y, x)."""
    return _filled(ndimage.binary_opening(hu > BODY_HU, iterations=1))


def better_shift(suv: Array, hu: Array, reached: Mask, spacing: tuple[float, float, float]) -> str:
    """In which direction a shift by 20 mm makes PET and CT more informative of each other; empty for none.

    Args:
        suv: PET, (z, y, x).
        hu: CT on the same grid.
        reached: Where there is CT.
        spacing: mm along (z, y, x).
    """
    true = _information(suv, hu, reached)
    found: dict[str, float] = {}
    for axis in range(3):
        steps = round(TRIED_SHIFT_MM / spacing[axis])
        if suv.shape[axis] < 4 * steps:
            continue
        for sign in (-steps, steps):
            moved = np.roll(reached, sign, axis)
            edge = [slice(None)] * 3
            edge[axis] = slice(0, sign) if sign > 0 else slice(sign, None)
            moved[tuple(edge)] = False
            found[_AXIS_WORDS[axis]] = max(
                found.get(_AXIS_WORDS[axis], 0.0), _information(suv, np.roll(hu, sign, axis), moved)
            )
    best = max(found, key=lambda words: found[words], default="")
    return best if best and found[best] > true else ""


def _information(suv: Array, hu: Array, where: Mask) -> float:
    """Mutual information of PET and CT, nats, from a joint histogram."""
    if np.count_nonzero(where) < _FEWEST_VOXELS:
        return 0.0
    pet = np.log(np.clip(suv[where], 0, 10) + 0.1)
    counts, _, _ = np.histogram2d(pet, np.clip(hu[where], -1000, 300), bins=_BINS)
    joint = counts / counts.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())


def _filled(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    body = labels == sizes.argmax()
    return np.stack([ndimage.binary_fill_holes(s) for s in body])


def _centre(mask: Array, grid: Geometry) -> NDArray[np.float64]:
    """Centre of a mask, LPS mm."""
    return grid.to_lps(np.array([axis.mean() for axis in np.nonzero(mask)]))


def _strides(grid: Geometry) -> tuple[int, ...]:
    return tuple(max(1, round(_WORKING_MM / s)) for s in grid.spacing)


def _coarse(grid: Geometry) -> Geometry:
    """The grid with voxels left out until they are about 6 mm apart; enough for bodies."""
    strides = _strides(grid)
    shape = tuple(-(-n // s) for n, s in zip(grid.shape, strides, strict=True))
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] * np.array(strides)
    return Geometry((shape[0], shape[1], shape[2]), affine, grid.frame)
