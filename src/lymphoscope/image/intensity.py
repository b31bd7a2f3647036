"""Images smoothed, which keeps their unit, and normalised, after which they have none.

Nothing is measured on either: SUVmax falls with every smoothing, and a normalised PET is not SUV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
PERCENTILES = (0.5, 99.5)

Values = NDArray[np.float32]


def smoothed(image: Volume, fwhm_mm: float) -> Volume:
    """An image after a Gaussian filter; beyond its edge it goes on as at the edge.

    Args:
        image: The image, (z, y, x), in any unit but labels.
        fwhm_mm: Full width of the filter at half its height, mm, along every axis; 0 for none.

    Returns:
        float32 values in the same unit.
    """
    if not fwhm_mm:
        return image
    sigma = [fwhm_mm / FWHM_PER_SIGMA / step for step in image.geometry.spacing]
    return image.with_array(ndimage.gaussian_filter(image.array.astype(np.float32), sigma, mode="nearest"))


def _standard(values: Values, body: Values) -> Values:
    spread = float(body.std(dtype=np.float64)) or 1.0
    return np.asarray((values - np.float32(body.mean(dtype=np.float64))) / np.float32(spread), dtype=np.float32)


def _share(values: Values, body: Values) -> Values:
    low, high = (float(p) for p in np.percentile(body, PERCENTILES))
    width = (high - low) or 1.0
    return np.asarray(np.clip((values - np.float32(low)) / np.float32(width), 0, 1), dtype=np.float32)


NORMALISATIONS: Mapping[str, Callable[[Values, Values], Values]] = MappingProxyType(
    {"z-score": _standard, "percentile": _share}
)
"""Ways to normalise by the values in the body: to mean 0 and standard deviation 1; or linearly so that the percentiles
0.5 and 99.5 become 0 and 1, clipped to these."""


def normalised(image: Volume, how: str, body: Array) -> Volume:
    """An image in the units of its own body.

    Args:
        image: The image, (z, y, x).
        how: Name in `NORMALISATIONS`.
        body: Where the body is, on the same grid; everywhere where that is nowhere.

    Returns:
        float32 values of no unit.
    """
    values = image.array.astype(np.float32)
    inside = values[body] if body.any() else values.ravel()
    return Volume(NORMALISATIONS[how](values, inside), image.geometry, Unit.ARBITRARY)
