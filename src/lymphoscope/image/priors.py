"""Where organs lie, as statistics over 160 real anatomies.

Every organ is an ellipsoid in a frame that a PET alone can give: x from the body's midline (left positive), y from
the liver's centroid (back positive), z from the liver dome (head positive), mm. Medians of the organs' 1st–99th
percentile boxes; `spread` is half the 16th–84th percentile range of the box centre. `benchmarks/organ_priors.py`
makes the table again from the organ maps.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr


class Place(NamedTuple):
    """An organ's usual place: centre, half-extent and spread of the centre along (x, y, z), mm."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    spread: tuple[float, float, float]


PLACES = MappingProxyType(
    {
        "brain": Place((0, -28, 372), (66, 82, 70), (14, 30, 32)),
        "head_glands": Place((0, -39, 267), (67, 30, 48), (11, 28, 30)),
        "heart": Place((26, -14, 25), (61, 48, 54), (10, 12, 13)),
        "left_ventricle": Place((38, -22, 13), (45, 44, 44), (10, 12, 13)),
        "liver": Place((-46, 6, -75), (87, 76, 72), (16, 4, 10)),
        "spleen": Place((88, 41, -68), (44, 42, 46), (10, 18, 18)),
        "stomach": Place((35, -13, -78), (62, 56, 54), (16, 10, 15)),
        "kidney_right": Place((-68, 45, -138), (32, 29, 48), (11, 11, 21)),
        "kidney_left": Place((69, 48, -129), (32, 26, 50), (11, 12, 25)),
        "bladder": Place((0, 17, -371), (37, 34, 21), (6, 19, 32)),
        "prostate": Place((0, 44, -409), (19, 15, 15), (7, 19, 32)),
        "lungs": Place((0, 16, 57), (119, 80, 92), (5, 10, 15)),
    }
)
"""The organ maps cut the brain at mid-height (a slab that starts at the eyes): its centre and half-height are
completed to a whole brain of 140 mm. The maps do not tell the left ventricle from the heart: its place is the heart's,
moved to the left, front and foot by the axis of the phantom specification (T2)."""


def expectation(name: str, points: NDArray[np.float64], trunk: float = 1.0) -> NDArray[np.float64]:
    """Probability that a point belongs to an organ, before any image is looked at.

    Args:
        name: Key of `PLACES`.
        points: (…, 3) positions (x, y, z) in the frame of this module, mm.
        trunk: Length of this patient's trunk over the usual one, where it is known.

    Returns:
        (…) probabilities 0–1: an ellipsoid whose surface is smeared, in the direction of the point, by
        the spread of the organ's place.
    """
    place = PLACES[name]
    half, spread = (np.asarray(v, dtype=np.float64) for v in place[1:])
    offset = points - np.array(place.centre) * np.array([1.0, 1.0, trunk])
    radius = np.maximum(np.linalg.norm(offset / half, axis=-1), 1e-6)
    smear = np.linalg.norm(offset * spread / half**2, axis=-1) / radius
    return np.asarray(ndtr((1.0 - radius) / np.maximum(smear, 0.1)))
