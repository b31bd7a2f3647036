"""The form of a lesion: surface mesh, diameters, principal axes. Oblique and uneven grids are measured in mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from lymphoscope.core.geometry import Geometry
from lymphoscope.quant.farthest import farthest
from lymphoscope.quant.region import Region

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """The surface of a lesion.

    Attributes:
        vertices: Index coordinates (z, y, x), (n, 3); multiples of one half.
        faces: Vertices of each triangle, (m, 3).
        matrix: Index to mm, (3, 3).
    """

    vertices: Points
    faces: NDArray[np.intp]
    matrix: NDArray[np.float64]

    @property
    def volume_ml(self) -> float:
        """Volume inside, mL."""
        a, b, c = (self.vertices[self.faces[:, i]] @ self.matrix.T for i in range(3))
        return float(abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6000.0

    @property
    def area_cm2(self) -> float:
        """Area, cm²."""
        a, b, c = (self.vertices[self.faces[:, i]] @ self.matrix.T for i in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 200.0

    @property
    def diameter_mm(self) -> float:
        """Largest distance between two vertices, mm."""
        return farthest(self.vertices, self.matrix)


def mesh(inside: NDArray[np.bool_], geometry: Geometry) -> Mesh:
    """The 0.5 marching-cubes surface of a mask, closed also where the mask touches the array's border.

    Args:
        inside: The mask, (z, y, x), with at least one voxel.
        geometry: Its grid.

    Reference: Lewiner 2003, J Graph Tools 8:1; IBSI reference manual, section 2.1.3.
    """
    solid = np.pad(inside, 1).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(solid, 0.5)  # type: ignore[no-untyped-call]
    return Mesh(
        np.asarray(vertices, dtype=np.float64) - 1.0,
        np.asarray(faces, dtype=np.intp),
        np.asarray(geometry.affine[:3, :3]),
    )


def form(region: Region) -> Mapping[str, float | None]:
    """Position, size and form of a lesion.

    Args:
        region: The lesion.

    Returns:
        Values by catalogue name; without voxels surface and diameters are 0 and the rest None.
    """
    if not len(region.index):
        zero = dict.fromkeys(("max3d_mm", "volume_mesh_ml", "surface_cm2"), 0.0)
        names = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm", "a_over_v_per_cm", "sphericity", "com_shift_mm")
        return {**zero, **dict.fromkeys((*names, *_AXES, "elongation", "flatness"))}
    surface = mesh(region.inside, region.geometry)
    volume, area = surface.volume_ml, surface.area_cm2
    centres = region.image.geometry.to_lps(region.index)
    left, back, up = (float(c) for c in centres.mean(axis=0))
    return {
        "centroid_l_mm": left,
        "centroid_p_mm": back,
        "centroid_s_mm": up,
        "max3d_mm": surface.diameter_mm,
        "volume_mesh_ml": volume,
        "surface_cm2": area,
        "a_over_v_per_cm": area / volume,
        "sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area),
        **principal_axes(centres),
        "com_shift_mm": centre_shift(centres, region.values),
    }


_AXES = ("major_axis_mm", "minor_axis_mm", "least_axis_mm")


def principal_axes(centres: Points) -> Mapping[str, float | None]:
    """Axis lengths, elongation and flatness from the covariance (n−1) of the voxel centres.

    Args:
        centres: Voxel centres, (n, 3) mm, n ≥ 1.

    Returns:
        Values by catalogue name; for one voxel the lengths are 0 and the ratios None.

    Reference: IBSI reference manual, TDIC, P9VJ, 7J51, Q3CK, N17B.
    """
    away = centres - centres.mean(axis=0)
    # singular values keep a flat lesion flat, where eigenvalues leave the root of the rounding error
    spread = np.zeros(3)
    spread[: min(len(away), 3)] = np.linalg.svd(away, compute_uv=False)
    lengths = [float(length) for length in 4 * spread / np.sqrt(max(len(away) - 1, 1))]
    ratios = [length / lengths[0] if lengths[0] > 0 else None for length in lengths[1:]]
    return {**dict(zip(_AXES, lengths, strict=True)), "elongation": ratios[0], "flatness": ratios[1]}


def centre_shift(centres: Points, values: NDArray[np.float64]) -> float | None:
    """Distance between the centre and the centre weighted with the values, mm; None when these add up to 0 or less.

    Reference: IBSI reference manual, KLMA.
    """
    total = float(values.sum())
    if total <= 0:
        return None
    return float(np.linalg.norm(centres.mean(axis=0) - values @ centres / total))


def axial_diameter_mm(inside: NDArray[np.bool_], geometry: Geometry) -> float:
    """Longest diameter in an axial slice, from the convex hull of the slice's outline, largest slice.

    The outline runs half-way between voxel centres inside and outside, as the surface mesh does. Axial are the slices
    across the array axis nearest to the patient's long axis.

    Args:
        inside: The mask, (z, y, x).
        geometry: Its grid.

    Returns:
        mm; 0 for an empty mask.
    """
    axis = int(np.abs(geometry.direction[2]).argmax())
    plane = [a for a in range(3) if a != axis]
    matrix = np.asarray(geometry.affine[:3, plane])
    slices = np.moveaxis(inside, axis, 0)
    return max((farthest(_outline(s), matrix) for s in slices if s.any()), default=0.0)


def _outline(inside: NDArray[np.bool_]) -> Points:
    """Points half-way between pixels in and out, (n, 2) index coordinates."""
    edges = []
    padded = np.pad(inside, 1)
    for axis in (0, 1):
        step = np.zeros(2)
        step[axis] = 0.5
        edges.append(np.argwhere(np.diff(padded, axis=axis)) + step)
    return np.concatenate(edges) - 1.0
