"""Organs in PET and CT: together where they belong, apart by what the CT was moved; arms that the CT cuts off."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.coarse import GRID_MM
from lymphoscope.image.landmarks import MOST_APART_MM, MOST_MISSING, find_landmarks
from lymphoscope.image.phantom import Phantom


@pytest.fixture(scope="module")
def body() -> Phantom:
    return body_phantom(BodyOptions(pet_shape=(96, 88, 88), ct_shape=(192, 88, 88), lesions=()))


def moved(ct: Volume, *by: float) -> Volume:
    affine = ct.geometry.affine.copy()
    affine[:3, 3] += by
    return Volume(ct.array, Geometry(ct.geometry.shape, affine, "another"), ct.unit)


def test_organs_lie_apart_by_what_the_ct_was_moved(body: Phantom) -> None:
    assert body.ct is not None
    for by in ((0.0, 0.0, 0.0), (0.0, 18.0, 24.0)):
        found = find_landmarks(body.pet, moved(body.ct, *by))
        assert found.liver is not None and found.missing is not None
        distance = float(np.linalg.norm(by))
        wanted = {"liver_dome": by[2], "brain": distance, "bladder": distance}
        for organ, apart in found.apart_mm.items():
            assert apart == pytest.approx(wanted[organ], abs=GRID_MM), organ
            assert (apart > MOST_APART_MM[organ]) == (distance > 0)
        assert (found.missing > MOST_MISSING) == (distance > 0)


def test_arms_that_the_ct_cuts_off_are_missing(body: Phantom) -> None:
    """Arms reach to 264 mm on both sides; a field of 400 mm cuts them off, two cylinders of 84 mm of a whole body."""
    assert body.ct is not None
    outside = np.abs(body.ct.geometry.to_lps(np.indices(body.ct.array.shape).reshape(3, -1).T)[:, 0]) > 200.0
    cut = np.where(outside.reshape(body.ct.array.shape), -1024, body.ct.array).astype(np.int16)
    missing = find_landmarks(body.pet, body.ct.with_array(cut)).missing
    assert missing is not None and 0.04 < missing < 0.10
