"""Known movements are found again; what is beyond belief is refused; values stay as they were."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.image.registration import Rigid, moved, register, registered

BODY = (
    Shape("body", "ellipsoid", (96, 96, 96), (92, 60, 80), suv=0.6, hu=40),
    Shape("lung", "ellipsoid", (130, 90, 130), (35, 30, 22), suv=0.3, hu=-800),
    Shape("other lung", "ellipsoid", (130, 90, 62), (35, 30, 22), suv=0.3, hu=-800),
    Shape("liver", "ellipsoid", (70, 90, 60), (25, 35, 40), suv=2.2, hu=60),
    Shape("spine", "ellipsoid", (96, 135, 96), (90, 10, 10), suv=1.2, hu=280),
)
CENTRE = np.array([96.0, 96.0, 96.0])
LANDMARKS = np.array([[40.0, 70.0, 60.0], [140.0, 120.0, 140.0], [96.0, 96.0, 96.0]])


@pytest.fixture(scope="module")
def pet() -> Volume:
    return image(BODY, Geometry.axial((48, 48, 48), (4.0, 4.0, 4.0), frame="2.25.1"), Imaging())


@pytest.fixture(scope="module")
def ct() -> Volume:
    return ct_image(BODY, Geometry.axial((64, 64, 64), (3.0, 3.0, 3.0)), Imaging())


def movement(shift: tuple[float, float, float], degrees: float = 0.0) -> np.ndarray:
    """Turn about the body's axis through its centre, then shift, LPS."""
    matrix, angle = np.eye(4), np.deg2rad(degrees)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ CENTRE + np.array(shift)
    return matrix


def displaced(ct: Volume, matrix: np.ndarray) -> Volume:
    grid = ct.geometry
    return Volume(ct.array, Geometry(grid.shape, matrix @ grid.affine, "2.25.2"), Unit.HU)


@pytest.mark.parametrize(("shift", "degrees"), [((0, 0, 6), 0), ((4, -3, 6), 0), ((2, 1, -3), 3)])
def test_a_known_movement_is_undone_to_less_than_a_millimetre(
    pet: Volume, ct: Volume, shift: tuple[float, float, float], degrees: float
) -> None:
    away = movement(shift, degrees)
    back, found = registered(pet, displaced(ct, away))
    before = LANDMARKS @ away[:3, :3].T + away[:3, 3]
    after = before @ found.matrix[:3, :3].T + found.matrix[:3, 3]
    assert np.linalg.norm(after - LANDMARKS, axis=1).max() < 1.0
    assert found.shift_mm == pytest.approx(np.linalg.norm(shift), abs=0.6)
    assert found.angle_deg == pytest.approx(degrees, abs=0.8)
    assert found.information[1] > found.information[0]
    assert back.geometry.frame == "2.25.1"
    assert np.array_equal(back.array, ct.array)


def test_it_is_the_same_each_time(pet: Volume, ct: Volume) -> None:
    once, again = (register(pet, displaced(ct, movement((4, -3, 6)))) for _ in range(2))
    assert once.matrix.tobytes() == again.matrix.tobytes()
    assert once.information == again.information


def test_what_lies_right_is_left_where_it_is(pet: Volume, ct: Volume) -> None:
    _, found = registered(pet, ct)
    assert found.shift_mm < 0.5
    assert found.angle_deg < 0.8


def test_an_oblique_ct_whose_axes_run_backwards(pet: Volume, ct: Volume) -> None:
    """The same voxels in another order, on the same places: the movement found is the same."""
    away = displaced(ct, movement((0, 0, 6)))
    flip = np.diag([-1.0, 1.0, -1.0, 1.0])
    flip[:3, 3] = [ct.geometry.shape[0] - 1, 0, ct.geometry.shape[2] - 1]
    turned = Volume(
        np.ascontiguousarray(away.array[::-1, :, ::-1]),
        Geometry(away.geometry.shape, away.geometry.affine @ flip, "2.25.2"),
        Unit.HU,
    )
    assert np.allclose(register(pet, turned).matrix, register(pet, away).matrix, atol=0.02)


def test_movements_beyond_belief_are_refused(pet: Volume, ct: Volume) -> None:
    with pytest.raises(LymphoscopeError, match="would move by") as caught:
        registered(pet, displaced(ct, movement((25, 0, 0))))
    assert caught.value.code == "GEO-E-REGISTER"


@pytest.mark.parametrize(
    ("shift", "angle", "said"),
    [(14.9, 4.9, ""), (15.1, 0.0, "move by 15 mm"), (0.0, 5.1, "turn by 5.1°")],
)
def test_limits(shift: float, angle: float, said: str) -> None:
    refusal = Rigid(np.eye(4), shift, angle, (0.1, 0.2)).refusal()
    assert said in refusal and bool(said) == bool(refusal)


def test_a_ct_elsewhere_or_a_pet_of_a_few_slices_cannot_be_registered(pet: Volume, ct: Volume) -> None:
    thin = Volume(pet.array[:4], Geometry.axial((4, 48, 48), (4.0, 4.0, 4.0)), Unit.SUV_BW)
    for one, other in ((thin, ct), (pet, displaced(ct, movement((2000, 0, 0))))):
        with pytest.raises(LymphoscopeError) as caught:
            registered(one, other)
        assert caught.value.code == "GEO-E-REGISTER"


def test_units_are_asked_for(pet: Volume, ct: Volume) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        register(ct, pet)
    assert caught.value.code == "GEO-E-UNIT"


def test_moving_changes_no_value_and_no_size(ct: Volume) -> None:
    by = Rigid(movement((1, 2, 3), 10), 3.7, 10.0, (0.0, 1.0))
    there = moved(ct, by, "2.25.9")
    assert np.array_equal(there.array, ct.array)
    assert there.geometry.spacing == pytest.approx(ct.geometry.spacing)
    assert np.allclose(there.geometry.to_lps([0, 0, 0]), (by.matrix @ np.append(ct.geometry.origin, 1))[:3])
