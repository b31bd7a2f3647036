"""Maximum-intensity projections and silhouettes in the patient's frame, made from native voxels.

Whatever the order and the signs of a grid's axes, a picture is laid out by its matrix: rows from head to feet, columns
from the patient's right (coronal, axial) or front (lateral). Values are never interpolated: axes are permuted and
flipped only, and a grid that lies oblique is shown along its own axes with the angle said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array, Volume

_DISPLAY = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Rows: LPS directions of the display axes, that is down (to the feet), back (posterior), across (to the left)."""


class View(StrEnum):
    """From where the patient is looked at. There is no posterior view: left and right must not differ by picture."""

    ANTERIOR = "anterior"
    LEFT_LATERAL = "left lateral"


_COLLAPSED = {View.ANTERIOR: 1, View.LEFT_LATERAL: 2}
SIDES = {View.ANTERIOR: ("R", "L"), View.LEFT_LATERAL: ("A", "P")}
"""Letters at the left and right edge of each picture. Axial slices have the sides of the anterior view."""


@dataclass(frozen=True)
class Layout:
    """How a grid's axes become display axes: down (head to feet), back (front to back), across (right to left).

    Attributes:
        order: Array axis that runs down, back and across.
        flip: Whether that axis is reversed, in display order.
        spacing: mm between voxel centres, in display order.
        tilt_deg: Largest angle between an array axis and the patient axis it stands for.
    """

    order: tuple[int, int, int]
    flip: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]
    tilt_deg: float

    def lay(self, array: Array) -> Array:
        """Permute and flip (z, y, x) into (down, back, across), without copying."""
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in self.flip)
        return array.transpose(self.order)[steps]

    def place(self, index: Iterable[int], shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Where a voxel (z, y, x) of a grid of `shape` lands in (down, back, across)."""
        voxel = tuple(index)
        pairs = zip(self.order, self.flip, strict=True)
        down, back, across = (shape[axis] - 1 - voxel[axis] if flip else voxel[axis] for axis, flip in pairs)
        return down, back, across


def layout(geometry: Geometry) -> Layout:
    """Find which array axes run nearest to the patient's axes.

    Args:
        geometry: Any grid: head or feet first, supine or prone, axial, coronal or sagittal stacks, oblique.
    """
    cosines = _DISPLAY @ geometry.direction
    order = max(permutations(range(3)), key=lambda axes: sum(abs(cosines[row, axis]) for row, axis in enumerate(axes)))
    chosen = [float(cosines[row, axis]) for row, axis in enumerate(order)]
    tilt = max(float(np.degrees(np.arccos(min(1.0, abs(cosine))))) for cosine in chosen)
    down, back, across = order
    spacing = (geometry.spacing[down], geometry.spacing[back], geometry.spacing[across])
    flip = (chosen[0] < 0, chosen[1] < 0, chosen[2] < 0)
    return Layout((down, back, across), flip, spacing, tilt if tilt > 1e-3 else 0.0)


@dataclass(frozen=True, eq=False)
class Projection:
    """A projected picture with its size in the patient.

    Attributes:
        image: Rows from head to feet; columns from the patient's right, or front.
        mm: Size of a pixel, (row, column), mm.
        view: From where.
        tilt_deg: How far the grid's axes lie off the patient's, degrees.
    """

    image: NDArray[np.float32]
    mm: tuple[float, float]
    view: View
    tilt_deg: float = 0.0

    @property
    def size_mm(self) -> tuple[float, float]:
        """Height and width, mm."""
        rows, columns = self.image.shape
        return rows * self.mm[0], columns * self.mm[1]


def mip(volume: Volume, view: View) -> Projection:
    """Project the highest value along a patient axis.

    Args:
        volume: Any image; values keep their unit.
        view: From where.
    """
    laid = layout(volume.geometry)
    collapsed = _COLLAPSED[view]
    image = laid.lay(volume.array).max(axis=collapsed).astype(np.float32)
    rows, columns = (spacing for axis, spacing in enumerate(laid.spacing) if axis != collapsed)
    return Projection(image, (rows, columns), view, laid.tilt_deg)


def silhouette(mask: Array, geometry: Geometry, view: View) -> NDArray[np.bool_]:
    """Shadow of a mask in the same picture as `mip`.

    Args:
        mask: Non-zero inside, (z, y, x).
        geometry: Its grid.
        view: From where.
    """
    return np.asarray(layout(geometry).lay(mask != 0).any(axis=_COLLAPSED[view]))


def shadow_centres(labels: Array, geometry: Geometry, view: View) -> dict[int, tuple[float, float]]:
    """Row and column, in pixels of `mip`, of the middle of each label's shadow.

    Args:
        labels: 0 outside, 1…n inside, (z, y, x).
        geometry: Its grid.
        view: From where.
    """
    laid = layout(geometry).lay(labels)
    collapsed = _COLLAPSED[view]
    centres = {}
    for label, box in enumerate(ndimage.find_objects(laid), start=1):
        if box is None:
            continue
        rows, columns = np.nonzero((laid[box] == label).any(axis=collapsed))
        top, left = (part.start for axis, part in enumerate(box) if axis != collapsed)
        centres[label] = (top + float(rows.mean()), left + float(columns.mean()))
    return centres


def axial(array: Array, geometry: Geometry, index: Iterable[int]) -> Array:
    """The axial slice through a voxel: rows from front to back, columns from the patient's right to the left.

    Args:
        array: Values, (z, y, x).
        geometry: Its grid.
        index: A voxel of the slice, (z, y, x).
    """
    laid = layout(geometry)
    picture: Array = laid.lay(array)[laid.place(index, geometry.shape)[0]]
    return picture


def axial_points(
    geometry: Geometry, index: Iterable[int], step_mm: float, part: tuple[slice, slice] | None = None
) -> NDArray[np.float64]:
    """LPS points on the axial slice through a voxel, on a finer raster than its own, for looking up another image.

    The raster covers the slice's voxels to their outer edges; points lie at the middle of raster cells.

    Args:
        geometry: The grid the slice belongs to.
        index: A voxel of the slice, (z, y, x).
        step_mm: Cell size wished for, mm; the nearest that divides the part evenly is taken.
        part: Rows and columns of `axial` to cover; the whole slice when None.

    Returns:
        (rows, columns, 3) LPS, mm, rows from front to back and columns from right to left.
    """
    laid = layout(geometry)
    along = []
    for slot, wanted in zip((1, 2), part or (slice(None), slice(None)), strict=True):
        count = geometry.shape[laid.order[slot]]
        start, stop, _ = wanted.indices(count)
        cells = max(1, round((stop - start) * laid.spacing[slot] / step_mm))
        places = start - 0.5 + (np.arange(cells) + 0.5) * (stop - start) / cells
        along.append(count - 1 - places if laid.flip[slot] else places)
    down, back, across = laid.order
    voxels = np.empty((along[0].size, along[1].size, 3))
    voxels[..., down] = tuple(index)[down]
    voxels[..., back] = along[0][:, None]
    voxels[..., across] = along[1]
    return geometry.to_lps(voxels)
