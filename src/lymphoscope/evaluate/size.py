"""How large a lesion is: volume and short axis, and the classes that results are given by."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from lymphoscope.core.geometry import Geometry
from lymphoscope.evaluate.overlap import Mask

Points = NDArray[np.float64]
_TOLERANCE = 1e-6
"""A size is a sum of voxels and may miss a limit by rounding."""


@dataclass(frozen=True)
class Strata:
    """Classes of size. A limit belongs to the class above it.

    Attributes:
        name: Of the quantity.
        unit: Of the limits.
        limits: Rising.
    """

    name: str
    unit: str
    limits: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, smallest first, such as ``< 1 mL``, ``1–3 mL``, ``≥ 30 mL``."""
        between = [f"{low:g}–{high:g} {self.unit}" for low, high in zip(self.limits, self.limits[1:], strict=False)]
        return (f"< {self.limits[0]:g} {self.unit}", *between, f"≥ {self.limits[-1]:g} {self.unit}")

    def of(self, size: float) -> str:
        """The class of a size."""
        return self.names[bisect_right(self.limits, size + _TOLERANCE)]


BY_VOLUME = Strata("volume", "mL", (1.0, 3.0, 10.0, 30.0))
"""Specification E3."""

BY_SHORT_AXIS = Strata("short axis", "mm", (5.0, 10.0, 15.0))
"""Nodes below 10 mm are normal and from 15 mm pathological in size (RECIST 1.1); systems are trained from 5 mm."""


def short_axis_mm(inside: Mask, geometry: Geometry) -> float:
    """Width across the longest diameter, in the axial slice in which that diameter is longest.

    The outline runs half-way between voxel centres inside and outside. Axial are the slices across the array axis
    nearest to the patient's long axis.

    Args:
        inside: The lesion, (z, y, x), on a grid of this direction and spacing (it may be cropped).
        geometry: The grid.

    Returns:
        mm; 0 for an empty mask.
    """
    axis = int(np.abs(geometry.direction[2]).argmax())
    plane = [a for a in range(3) if a != axis]
    steps = np.linalg.qr(geometry.affine[:3, plane])[1]  # index steps to mm in a frame of the plane's own
    longest = width = 0.0
    for part in np.moveaxis(inside, axis, 0):
        if part.any():
            length, across = _axes(_outline(part) @ steps.T)
            if length > longest:
                longest, width = length, across
    return width


def _outline(part: Mask) -> Points:
    """Points half-way between pixels in and out, (n, 2), index coordinates."""
    padded = np.pad(part, 1)
    rows = np.argwhere(padded[1:] ^ padded[:-1]) + np.array([0.5, 0.0])
    columns = np.argwhere(padded[:, 1:] ^ padded[:, :-1]) + np.array([0.0, 0.5])
    return np.concatenate([rows, columns])


def _axes(points: Points) -> tuple[float, float]:
    """Longest diameter of points of a plane, and their width across it, mm."""
    corners = points[ConvexHull(points).vertices]
    apart = corners[:, None] - corners[None, :]
    lengths = np.linalg.norm(apart, axis=-1)
    one, other = np.unravel_index(int(lengths.argmax()), lengths.shape)
    along = apart[one, other] / lengths[one, other]
    across = corners @ np.array([-along[1], along[0]])
    return float(lengths[one, other]), float(np.ptp(across))
