"""Bringing images and labels to another grid: CT to PET linearly, labels by the larger half of each voxel."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its name everywhere
from numpy.typing import NDArray

from lymphoscope.core.errors import Message
from lymphoscope.core.geometry import ORIGIN_TOLERANCE_MM, Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume

OUTSIDE = {Unit.HU: -1024.0}
"""Value given to voxels that the source does not cover; 0 for all other units."""

_HALF = 0.5 - 1e-6  # a voxel that is exactly half a label belongs to it, whatever the rounding
_EDGE = 1e-6  # on the very edge rounding decides whether there is a value: not counted as covered
_INTERPOLATORS = {1: sitk.sitkLinear, 3: sitk.sitkBSpline}


def ct_on(ct: Volume, grid: Geometry) -> Volume:
    """CT on another grid, linearly; −1024 HU where it does not reach (see `covered`).

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` when it is no CT.
    """
    ct.values(Unit.HU)
    return resample(ct, grid)


def resample(volume: Volume, grid: Geometry, order: int = 1, by: sitk.Transform | None = None) -> Volume:
    """Resample an image to a grid.

    Args:
        volume: The image.
        grid: The grid wanted.
        order: 1 for linear, 3 for cubic B-spline, which is clipped to the range of the input since it rings.
        by: Where a point of the grid lies in the image, LPS mm to LPS mm, with order 1; where it is itself when None.

    Returns:
        The image on the grid, (z, y, x): whole numbers stay whole (rounded), all else is float32. What the image does
        not cover is −1024 for HU and 0 otherwise; see `covered`.
    """
    if by is None and not grid.difference(volume.geometry):
        return volume
    kind = volume.array.dtype
    whole = np.issubdtype(kind, np.integer)
    default = OUTSIDE.get(volume.unit, 0.0)
    image = _to_sitk(volume.array, volume.geometry)
    out = sitk.GetArrayFromImage(_onto(image, grid, _INTERPOLATORS[order], default, by))
    if order > 1:
        low, high = float(volume.array.min()), float(volume.array.max())
        out = np.where(covered(volume.geometry, grid), np.clip(out, low, high), np.float32(default))
    return Volume(np.rint(out).astype(kind) if whole else out, grid, volume.unit)


def covered(source: Geometry, grid: Geometry) -> NDArray[np.bool_]:
    """Which voxels of a grid have their centre inside another grid's voxels.

    Args:
        source: The grid that covers.
        grid: The grid whose voxels are asked about.

    Returns:
        True where covered, (z, y, x).
    """
    matrix = np.linalg.inv(source.affine) @ grid.affine
    inside = np.ones(grid.shape, dtype=bool)
    steps = np.ogrid[tuple(slice(0, n) for n in grid.shape)]
    for axis in range(3):
        index = matrix[axis, 3] + sum(matrix[axis, other] * steps[other] for other in range(3))
        inside &= (index > -0.5 + _EDGE) & (index < source.shape[axis] - 0.5 - _EDGE)
    return inside


def labels_on(mask: LesionMask, grid: Geometry) -> tuple[LesionMask, tuple[Message, ...]]:
    """Bring labels to a grid: each label linearly as 0 and 1, a voxel is its from one half on.

    Args:
        mask: Labels on any grid.
        grid: The grid wanted.

    Returns:
        Labels on the grid, with `ignore` True where the mask's grid does not reach, and ``GEO-W-MASKRESAMPLED`` when
        the voxels of the two do not coincide.
    """
    difference = grid.difference(mask.geometry)
    if not difference:
        return mask, ()
    message = Message("GEO-W-MASKRESAMPLED", f"a mask was brought to the PET grid ({difference})")
    messages = () if voxels_coincide(mask.geometry, grid) else (message,)
    out = np.zeros(grid.shape, dtype=np.int32)
    best = np.full(grid.shape, _HALF, dtype=np.float32)
    for label, where in _boxes(mask.labels):
        target = _box_on(mask.geometry, where, grid)
        if target is None:
            continue
        part = _onto(
            _to_sitk((mask.labels[where] == label).astype(np.float32), mask.geometry.part(where)),
            grid.part(target),
            sitk.sitkLinear,
            0.0,
        )
        weight = sitk.GetArrayFromImage(part)
        wins = weight > best[target]
        out[target][wins] = label
        best[target][wins] = weight[wins]
    return LesionMask(out, grid, mask.source, ~covered(mask.geometry, grid)), messages


def voxels_coincide(source: Geometry, grid: Geometry) -> bool:
    """Whether each voxel of a grid is a voxel of another, or lies outside it: bringing one there interpolates nothing.

    The grids may differ in size, in their first voxel and in the order and direction of their axes.
    """
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in source.shape])).reshape(3, -1).T
    index = grid.to_index(source.to_lps(corners))
    turn = np.linalg.inv(grid.affine[:3, :3]) @ source.affine[:3, :3]
    whole = np.rint(turn)
    off = np.abs(index - np.rint(index)) * grid.spacing
    turned = np.abs(turn - whole).max() < 0.01 and (np.abs(whole).sum(axis=0) == 1).all()
    return bool(turned and off.max() <= ORIGIN_TOLERANCE_MM)


def _to_sitk(array: Array, geometry: Geometry) -> sitk.Image:
    """Wrap an array as an image; ITK counts axes the other way round, (x, y, z)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetOrigin(geometry.origin.tolist())  # type: ignore[no-untyped-call]
    image.SetSpacing(geometry.spacing[::-1])  # type: ignore[no-untyped-call]
    image.SetDirection(geometry.direction[:, ::-1].ravel().tolist())  # type: ignore[no-untyped-call]
    return image


def _onto(
    image: sitk.Image, grid: Geometry, interpolator: int, default: float, by: sitk.Transform | None = None
) -> sitk.Image:
    return sitk.Resample(
        image,
        grid.shape[::-1],
        sitk.Transform() if by is None else by,  # type: ignore[no-untyped-call]
        interpolator,
        grid.origin.tolist(),
        grid.spacing[::-1],
        grid.direction[:, ::-1].ravel().tolist(),
        default,
        sitk.sitkFloat32,
    )


def _boxes(labels: Array) -> list[tuple[int, tuple[slice, ...]]]:
    """Each label with its box, one voxel wider where there is room."""
    from scipy.ndimage import find_objects  # noqa: PLC0415 - scipy.ndimage is slow to import

    found = []
    for label, box in enumerate(find_objects(labels), 1):
        if box is not None:
            wide = tuple(slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, labels.shape, strict=True))
            found.append((label, wide))
    return found


def _box_on(source: Geometry, where: tuple[slice, ...], grid: Geometry) -> tuple[slice, ...] | None:
    """The box of another grid that holds a box of this one; None when they do not meet."""
    ends = np.array(np.meshgrid(*[(s.start - 0.5, s.stop - 0.5) for s in where])).reshape(3, -1).T
    index = grid.to_index(source.to_lps(ends))
    low = np.maximum(np.floor(index.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0)) + 1, grid.shape).astype(int)
    return None if (low >= high).any() else tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
