"""A small PET/CT with lesions and one organ as hot as they, of which everything is known: for tries of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume

LABELS = {"background": 0, "lesion": 1}

_ORGAN = 0.8
"""Place of the organ along each axis, as a share of the side; lesions lie below 0.7."""


def lesion_phantom(
    seed: int, lesions: int = 2, shape: tuple[int, int, int] = (32, 32, 32)
) -> tuple[dict[str, Volume], Volume]:
    """Ellipsoid lesions of SUV 8, and at a fixed place an organ of the same uptake, which CT tells apart.

    Args:
        seed: Of places, sizes and noise.
        lesions: How many; they may touch.
        shape: Voxels of 4 mm along (z, y, x).

    Returns:
        PET (SUV) and CT (HU) by role, and the truth: 1 inside a lesion.

    Reference:
        The phantom of the method catalogue: 32³ voxels, 1–3 ellipsoids of SUV 8, one blob of equal SUV that is none.
    """
    rng = np.random.default_rng(seed)
    grid = Geometry.axial(shape, (4.0, 4.0, 4.0))
    sides = np.asarray(shape, float)
    truth = np.zeros(shape, np.int16)
    for _ in range(lesions):
        truth[ellipsoid(shape, rng.uniform(0.2, 0.7, 3) * sides, rng.uniform(2.5, 5.0, 3))] = 1
    organ = ellipsoid(shape, _ORGAN * sides, np.full(3, 4.0)) & (truth == 0)
    suv = np.where((truth > 0) | organ, 8.0, 1.0) + rng.normal(0.0, 0.2, shape)
    hu = np.where(organ, 150.0, 20.0) + rng.normal(0.0, 5.0, shape)
    images = {
        "pet:suv": Volume(suv.astype(np.float32), grid, Unit.SUV_BW),
        "ct:hu": Volume(hu.astype(np.float32), grid, Unit.HU),
    }
    return images, Volume(truth, grid, Unit.LABEL)


def ellipsoid(
    shape: tuple[int, int, int], centre: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Voxels whose centre lies in an ellipsoid along the axes.

    Args:
        shape: Voxels along (z, y, x).
        centre: Index of the middle.
        radii: Along each axis, voxels.
    """
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    return np.asarray(inside <= 1.0)
