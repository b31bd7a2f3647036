"""Cutting a region in two: lesion from organ where uptake runs together, and one mass into its parts for display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.components import Labels, by_volume, components, connectivity_structure, keep_volume
from lymphoscope.image.crop import bounding_box, widened
from lymphoscope.image.flood import flood
from lymphoscope.image.gradient import slope

Mask = NDArray[np.bool_]

MARGIN_MM = 6.0
VALLEY = 0.8
"""A part is a hill of its own where the way to the organ falls below this fraction of its highest SUV; a shallower
valley may be noise. On phantoms with 8 % noise the node is cut within a voxel layer for any value up to 0.8."""

MIN_MARKER_ML = 0.3
"""What lies beyond the margin counts as a lesion's marker from this volume on: less is noise on the organ's rim."""

_ORGAN = 1
_CONNECTIVITY = 26


def cut(
    component: Mask, suv: NDArray[Any], organ: Mask, geometry: Geometry, margin_mm: float = MARGIN_MM
) -> tuple[Mask, Mask]:
    """Divide one region between an organ and what runs together with it.

    The organ's marker is its mask less one layer of voxels (a mask from CT rarely fits to the voxel); each part of
    the region farther than `margin_mm` from the mask is another. A part with a valley between it and the organ is cut
    off along the valley (watershed on −SUV); a part that is a shoulder on the organ's slope is cut off where the slope
    is steepest (watershed on the gradient). Nothing is lost: the two results add up to the region.

    Args:
        component: The region, (z, y, x).
        suv: PET, (z, y, x), SUV.
        organ: Organ mask on the PET grid, (z, y, x).
        geometry: The PET grid.
        margin_mm: How far uptake of the organ may lie outside its mask (blurring, filling, motion).

    Returns:
        The organ's part and the lesion's part. All is the organ's where nothing lies beyond the margin, all is the
        lesion's where the region does not meet the organ.

    Reference:
        Specification B4.3; how the cut is placed is this project's own.
    """
    component = np.asarray(component, bool)
    shared = component & organ
    box = bounding_box(component)
    if box is None or not shared.any():
        return np.zeros_like(component), component.copy()
    box = widened(box, [int(np.ceil(margin_mm / s)) + 1 for s in geometry.spacing], component.shape)
    organ_part, lesion_part = np.zeros_like(component), np.zeros_like(component)
    found = _cut(component[box], np.asarray(suv[box]), np.asarray(organ[box], bool), geometry.spacing, margin_mm)
    lesion_part[box] = found
    organ_part[box] = component[box] & ~found
    return organ_part, lesion_part


def split(labels: NDArray[Any], suv: NDArray[Any], h: float = 1.0, connectivity: int = 18) -> Labels:
    """Divide regions into hills of uptake, for display and reading only: volumes and counts are of whole regions.

    Args:
        labels: Regions, (z, y, x); whole numbers or a mask.
        suv: PET, (z, y, x), SUV.
        h: Height in SUV by which a hill must rise above the saddle to a higher one.
        connectivity: 6, 18 or 26.

    Returns:
        (z, y, x) int32, numbered by decreasing volume; each part lies in one region and the parts cover all regions.

    Reference:
        Specification B3: h-maxima and a watershed on −SUV.
    """
    regions = np.asarray(labels).astype(np.int32)
    parts, used = np.zeros(regions.shape, np.int32), 0
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        if box is not None:
            inside = regions[box] == number
            hills = _hills(np.asarray(suv[box], np.float64), inside, h, connectivity)
            parts[box][inside] = hills[inside] + used
            used += int(hills.max())
    return by_volume(parts)


def _cut(component: Mask, suv: NDArray[Any], organ: Mask, spacing: Sequence[float], margin_mm: float) -> Mask:
    """The lesion's part of a region, within a box."""
    far = component & (ndimage.distance_transform_edt(~organ, sampling=spacing) > margin_mm)
    parts = keep_volume(components(far & _bulges(suv), _CONNECTIVITY), float(np.prod(spacing)) / 1000.0, MIN_MARKER_ML)
    count = int(parts.max(initial=0))
    if not count:
        return np.zeros_like(component)
    core = component & ndimage.binary_erosion(organ, border_value=1)
    markers = np.where(parts > 0, parts + _ORGAN, 0)
    markers[core if core.any() else component & organ] = _ORGAN
    hottest = ndimage.maximum(suv, markers, index=np.arange(1, count + 2))
    order = [int(k) + 1 for k in np.argsort(-np.asarray(hottest), kind="stable")]
    valley = flood(-suv, markers, component, order, _CONNECTIVITY)
    hills = [k for k in range(_ORGAN + 1, count + 2) if _is_hill(suv, valley, k)]
    shoulders = [k for k in range(_ORGAN + 1, count + 2) if k not in hills]
    lesion = np.isin(valley, hills)
    if shoulders:
        steep = flood(slope(suv, (spacing[0], spacing[1], spacing[2])), markers, component, order, _CONNECTIVITY)
        # Outside the steepest slope lies the organ's own rim too, all the way round: only what is near counts.
        near = ndimage.distance_transform_edt(~np.isin(markers, shoulders), sampling=spacing) <= margin_mm
        lesion |= np.isin(steep, shoulders) & near
    return np.asarray(lesion)


def _bulges(suv: NDArray[Any]) -> Mask:
    """True where uptake curves downwards, as it does within a lesion and does not on the outer rim of an organ."""
    return np.asarray(ndimage.gaussian_laplace(suv.astype(np.float64), 1.0) < 0)


def _is_hill(suv: NDArray[Any], basins: Labels, number: int) -> bool:
    """True where the highest pass from a basin to the organ's lies clearly below the basin's highest voxel."""
    basin = basins == number
    structure = connectivity_structure(_CONNECTIVITY)
    floor = float(suv.min())
    organ_side = ndimage.grey_dilation(np.where(basins == _ORGAN, suv, floor), footprint=structure)
    passes = np.minimum(suv, organ_side)[basin & ndimage.binary_dilation(basins == _ORGAN, structure)]
    return not passes.size or float(passes.max()) < VALLEY * float(suv[basin].max())


def _hills(suv: NDArray[np.float64], inside: Mask, h: float, connectivity: int) -> Labels:
    """Basins of the h-maxima of a region, 1, 2, … inside it."""
    structure = connectivity_structure(connectivity)
    ground = np.where(inside, suv, suv[inside].min() - 2 * abs(h) - 1.0)
    lowered = np.where(inside, ground - h, ground)
    tops = reconstruction(lowered, ground, footprint=structure)  # type: ignore[no-untyped-call]
    # local_maxima finds nothing in an array thinner than three voxels, hence the frame
    framed = np.pad(tops, 1, constant_values=tops.min() - 1.0)
    summits = local_maxima(framed, footprint=structure)[1:-1, 1:-1, 1:-1] & inside  # type: ignore[no-untyped-call]
    peaks, _ = ndimage.label(summits, structure)
    heights = ndimage.maximum(suv, peaks, index=np.arange(1, peaks.max() + 1))
    order = [int(k) + 1 for k in np.argsort(-np.asarray(heights), kind="stable")]
    return flood(-suv, peaks, inside, order, connectivity)
