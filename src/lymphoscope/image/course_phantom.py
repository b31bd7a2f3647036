"""Two small PET/CT of one patient, of whose lesions it is known what became: for tries of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.lesion_phantom import ellipsoid


@dataclass(frozen=True)
class Fate:
    """What becomes of a spot between two scans.

    Attributes:
        sizes: Its radii in the earlier and in the later scan, as a share of its own; 0 where it is not there.
        suv: Its SUV in either.
        lesion: Whether it is disease.
    """

    sizes: tuple[float, float]
    suv: tuple[float, float]
    lesion: bool = True


FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "gone": Fate((1.0, 0.0), (8.0, 0.0)),
        "shrunk": Fate((1.0, 0.75), (8.0, 3.0)),
        "grown": Fate((0.75, 1.0), (8.0, 8.0)),
        "new": Fate((0.0, 1.0), (0.0, 8.0)),
        "inflamed": Fate((0.0, 0.75), (0.0, 3.0), lesion=False),
    }
)
"""What can become of a spot. A shrunk lesion and an inflamed spot look alike in the later scan: what tells them apart
is that a lesion was there before."""

USUAL: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"gone": (1, 2), "shrunk": (1, 2), "grown": (0, 1), "new": (0, 1), "inflamed": (1, 2)}
)
"""Fewest and most spots of each fate in a phantom."""

_SLOTS = (0.2, 0.45, 0.7)
"""Where spots lie along each axis, as a share of the side, so that no two touch; the organ lies beyond."""
_ORGAN = 0.9


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan of a phantom.

    Attributes:
        images: PET (SUV) and CT (HU) by role.
        lesions: The truth: 1 inside a lesion.
    """

    images: Mapping[str, Volume]
    lesions: Volume


@dataclass(frozen=True, eq=False)
class CoursePhantom:
    """A phantom.

    Attributes:
        earlier: The first scan.
        later: The second, on the same grid.
        spots: Number of each spot, (z, y, x), 0 for none, where it lies in either scan.
        fates: Names of what became of each, the first of number 1.
    """

    earlier: Scan
    later: Scan
    spots: NDArray[np.int16]
    fates: tuple[str, ...]


def course_phantom(
    seed: int,
    numbers: Mapping[str, tuple[int, int]] = USUAL,
    shape: tuple[int, int, int] = (40, 40, 40),
    shift: float = 1.0,
) -> CoursePhantom:
    """Ellipsoid lesions that vanish, shrink, grow or appear, spots that only look like them, and one hot organ.

    Args:
        seed: Of numbers, places, sizes, shift and noise.
        numbers: Fewest and most spots of each of `FATES`.
        shape: Voxels of 4 mm along (z, y, x), 40 or more along each.
        shift: Most that the earlier scan is out of place along each axis, voxels: what a registration leaves over.
    """
    rng = np.random.default_rng(seed)
    grid = Geometry.axial(shape, (4.0, 4.0, 4.0))
    fates = [fate for fate, (low, high) in numbers.items() for _ in range(int(rng.integers(low, high + 1)))]
    slots = np.array(list(product(_SLOTS, repeat=3)))[rng.permutation(len(_SLOTS) ** 3)[: len(fates)]]
    centres = slots * np.array(shape) + rng.uniform(-1.0, 1.0, slots.shape)
    radii = rng.uniform(3.0, 4.0, slots.shape)
    moved = rng.uniform(-shift, shift, 3)
    spots = np.zeros(shape, np.int16)
    scans = []
    for time in (0, 1):
        places = centres + moved * (1 - time)
        inside = [
            ellipsoid(shape, centre, np.maximum(radius * FATES[fate].sizes[time], 1e-6)) & bool(FATES[fate].sizes[time])
            for fate, centre, radius in zip(fates, places, radii, strict=True)
        ]
        for number, spot in enumerate(inside, 1):
            spots[spot] = number
        organ = ellipsoid(shape, _ORGAN * np.array(shape) + moved * (1 - time), np.full(3, 4.0))
        scans.append(
            _scan(grid, [(FATES[fate], spot) for fate, spot in zip(fates, inside, strict=True)], organ, time, rng)
        )
    return CoursePhantom(scans[0], scans[1], spots, tuple(fates))


def _scan(
    grid: Geometry,
    spots: Sequence[tuple[Fate, NDArray[np.bool_]]],
    organ: NDArray[np.bool_],
    time: int,
    rng: np.random.Generator,
) -> Scan:
    suv, truth = np.where(organ, 8.0, 1.0), np.zeros(grid.shape, np.int16)
    for fate, inside in spots:
        suv[inside] = fate.suv[time]
        truth[inside] = fate.lesion
    suv += rng.normal(0.0, 0.2, grid.shape)
    hu = np.where(organ, 150.0, 20.0) + rng.normal(0.0, 5.0, grid.shape)
    images = {
        "pet:suv": Volume(suv.astype(np.float32), grid, Unit.SUV_BW),
        "ct:hu": Volume(hu.astype(np.float32), grid, Unit.HU),
    }
    return Scan(images, Volume(truth, grid, Unit.LABEL))
