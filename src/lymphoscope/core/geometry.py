"""Where voxels lie in the patient: one grid type, one guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.core.errors import LymphoscopeError

SPACING_TOLERANCE_MM = 1e-3
ORIGIN_TOLERANCE_MM = 1e-2
DIRECTION_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid in the patient frame (DICOM LPS, mm).

    Attributes:
        shape: Voxels along (z, y, x).
        affine: 4×4 matrix from array index to LPS mm. Its columns follow the array axes:
            ``lps = affine @ (k, j, i, 1)`` for ``array[k, j, i]``.
        frame: Frame of reference UID, or None when the source has none (NIfTI).
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    frame: str | None = None

    def __post_init__(self) -> None:
        """Freeze the matrix and check that it is one."""
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise LymphoscopeError("GEO-E-AFFINE", "the grid's matrix is singular or not finite")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @classmethod
    def axial(
        cls,
        shape: tuple[int, int, int],
        spacing: tuple[float, float, float],
        origin_lps: tuple[float, float, float] = (0.0, 0.0, 0.0),
        frame: str | None = None,
    ) -> Geometry:
        """Make an axis-aligned head-first-supine grid: z to the head, y to the back, x to the left.

        Args:
            shape: Voxels along (z, y, x).
            spacing: mm along (z, y, x).
            origin_lps: LPS position (x, y, z) of the first voxel's centre, mm.
            frame: Frame of reference UID.
        """
        affine = np.eye(4)
        affine[:3, :3] = np.zeros((3, 3))
        for axis, lps in ((0, 2), (1, 1), (2, 0)):
            affine[lps, axis] = spacing[axis]
        affine[:3, 3] = origin_lps
        return cls(shape, affine, frame)

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x), mm."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @cached_property
    def direction(self) -> NDArray[np.float64]:
        """Unit vectors of the array axes as columns, LPS."""
        return np.asarray(self.affine[:3, :3] / np.array(self.spacing))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def origin(self) -> NDArray[np.float64]:
        """LPS position of the first voxel's centre, mm."""
        return np.asarray(self.affine[:3, 3])

    def to_lps(self, index: ArrayLike) -> NDArray[np.float64]:
        """LPS mm of array indices (…, 3) in (z, y, x) order; fractions allowed."""
        return np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, lps: ArrayLike) -> NDArray[np.float64]:
        """Array index (z, y, x), fractional, of LPS points (…, 3) in mm."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        return (np.asarray(lps, dtype=np.float64) - self.affine[:3, 3]) @ inverse.T

    def part(self, box: Sequence[slice]) -> Geometry:
        """The grid of ``array[box]``, a part of an array on this grid; no steps, and at least one voxel."""
        ends = [s.indices(n)[:2] for s, n in zip(box, self.shape, strict=True)]
        affine = self.affine.copy()
        affine[:3, 3] = self.to_lps([start for start, _ in ends])
        z, y, x = (stop - start for start, stop in ends)
        return Geometry((z, y, x), affine, self.frame)

    def difference(self, other: Geometry) -> str:
        """Say in words how another grid differs from this one; empty when they are the same.

        Size, spacing, origin, direction and, where both are known, the frame of reference are compared.
        """
        if self.shape != other.shape:
            return f"size {other.shape} instead of {self.shape} voxels (z, y, x)"
        if not np.allclose(self.spacing, other.spacing, rtol=0, atol=SPACING_TOLERANCE_MM):
            found, wanted = ([round(s, 4) for s in g.spacing] for g in (other, self))
            return f"spacing {found} instead of {wanted} mm (z, y, x)"
        if not np.allclose(self.direction, other.direction, rtol=0, atol=DIRECTION_TOLERANCE):
            return "axes point elsewhere"
        if not np.allclose(self.origin, other.origin, rtol=0, atol=ORIGIN_TOLERANCE_MM):
            return f"origin off by {np.linalg.norm(self.origin - other.origin):.2f} mm"
        if self.frame and other.frame and self.frame != other.frame:
            return "another frame of reference"
        return ""


def require_same(wanted: Geometry, found: Geometry, what: str) -> None:
    """Refuse two grids that are not the same.

    Args:
        wanted: The grid that counts.
        found: The grid to compare.
        what: The pair in words, such as ``"mask and PET"``.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID``, naming the difference.
    """
    difference = wanted.difference(found)
    if difference:
        raise LymphoscopeError("GEO-E-MASKGRID", f"{what} are not on the same grid: {difference}")
