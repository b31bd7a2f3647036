"""Delineation along the steepest slope of uptake."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.image.background import cores
from lymphoscope.image.crop import Crop, Voxels
from lymphoscope.image.delineation import Context, Delineation, Seed
from lymphoscope.image.flood import flood
from lymphoscope.image.growth import grow_tops
from lymphoscope.image.threshold import number, require_seeds

_INSIDE, _OUTSIDE = 1, 2


def gradient(context: Context, *, inner: float = 0.7, outer: float = 0.3, sigma: float = 1.0) -> Delineation:
    """For each seed a watershed on the size of the uptake's gradient between a core and the surroundings.

    The core reaches ``inner`` · SUVmax and holds the SUVmax voxel; the surroundings are all that does not reach
    ``outer`` · SUVmax, is not connected to the core at that level, or belongs to another lesion or to physiological
    uptake at that level.

    Args:
        context: With seeds.
        inner: Fraction of SUVmax that is surely inside.
        outer: Fraction of SUVmax below which a voxel is surely outside.
        sigma: Width of the Gaussian along each axis, voxels.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.

    Reference:
        Specification B1, ``gradient``: a definition of this project's own.
    """
    require_seeds(context, "a gradient rule")
    voxels, numbers = grow_tops(context, {s.number: outer * s.suvmax for s in context.starts})
    inside = cores(context, inner)
    parts = [_drawn(context, s, voxels[numbers == s.number], inside[s.number], sigma) for s in context.starts]
    drawn = np.concatenate([*parts, np.zeros(0, np.int64)])
    owners = np.repeat([s.number for s in context.starts], [p.size for p in parts]).astype(np.int32)
    order = np.argsort(drawn, kind="stable")
    words = f"steepest slope between {number(outer)} and {number(inner)} × SUVmax of the lesion"
    return Delineation(context.shape, drawn[order], owners[order], words)


def slope(values: NDArray[np.floating], spacing: tuple[float, float, float], sigma: float = 1.0) -> NDArray[np.float64]:
    """Size of the Gaussian gradient, per mm.

    Args:
        values: (z, y, x).
        spacing: mm along (z, y, x).
        sigma: Width of the Gaussian along each axis, voxels.
    """
    total = np.zeros(values.shape)
    for axis in range(3):
        order = [1 if a == axis else 0 for a in range(3)]
        total += (ndimage.gaussian_filter(values.astype(np.float64), sigma, order=order) / spacing[axis]) ** 2
    return np.sqrt(total)


def _drawn(context: Context, seed: Seed, reach: Voxels, core: Voxels, sigma: float) -> Voxels:
    # The filter looks 4 sigma far; beyond the reach one voxel of surroundings is enough.
    crop = Crop.around(reach, context.shape, math.ceil(4 * sigma) + 1)
    markers = np.where(crop.mask(reach), 0, _OUTSIDE)
    markers[crop.mask(core)] = _INSIDE
    steep = slope(context.values[crop.box], context.geometry.spacing, sigma)
    everywhere = np.ones(crop.shape, bool)
    return crop.flat(flood(steep, markers, everywhere, (_INSIDE, _OUTSIDE), context.connectivity) == _INSIDE)
