"""A known deformation is undone in the main; a pair that fits is left; limits are those of the specification."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its name everywhere
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.deformation import Deformation, _measured, deform, deformed
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image

BODY = (
    Shape("body", "ellipsoid", (96, 96, 96), (92, 60, 80), suv=0.6, hu=40),
    Shape("lung", "ellipsoid", (130, 90, 130), (35, 30, 22), suv=0.3, hu=-800),
    Shape("other lung", "ellipsoid", (130, 90, 62), (35, 30, 22), suv=0.3, hu=-800),
    Shape("liver", "ellipsoid", (70, 90, 60), (25, 35, 40), suv=2.2, hu=60),
    Shape("spine", "ellipsoid", (96, 135, 96), (90, 10, 10), suv=1.2, hu=280),
)
CENTRE = np.array([96.0, 40.0, 96.0])


@pytest.fixture(scope="module")
def pet() -> Volume:
    return image(BODY, Geometry.axial((48, 48, 48), (4.0, 4.0, 4.0), frame="2.25.1"), Imaging())


@pytest.fixture(scope="module")
def ct() -> Volume:
    return ct_image(BODY, Geometry.axial((64, 64, 64), (3.0, 3.0, 3.0), frame="2.25.1"), Imaging())


def pushed(points: np.ndarray) -> np.ndarray:
    """Where what the displaced CT shows at a point lies in truth: up to 20 mm to the back, less away from the belly."""
    share = np.exp(-((points - CENTRE) ** 2).sum(axis=-1, keepdims=True) / (2 * 60.0**2))
    return points + 20.0 * share * np.array([0.0, 1.0, 0.0])


def breathing(ct: Volume) -> Volume:
    """The CT at another depth of breath."""
    there = ct.geometry.to_lps(np.stack(np.indices(ct.geometry.shape), axis=-1).reshape(-1, 3))
    index = ct.geometry.to_index(pushed(there))
    values = ndimage.map_coordinates(ct.array, index.T, order=1, mode="nearest").reshape(ct.geometry.shape)
    return Volume(values.astype(ct.array.dtype), ct.geometry, Unit.HU)


def test_a_known_deformation_is_undone_in_the_main(pet: Volume, ct: Volume) -> None:
    away = breathing(ct)
    found = deform(pet, away)
    assert found.refusal() == ""
    points = np.random.default_rng(0).uniform(50, 140, (200, 3))
    after = pushed(np.array([found.transform.TransformPoint(p) for p in points.tolist()]))
    off, was = (np.linalg.norm(p - points, axis=1).mean() for p in (after, pushed(points)))
    assert was > 10.0 and off < 0.4 * was
    assert 10.0 < found.shift_mm < 20.0 and found.gain > 0.15
    back, truth = deformed(away, found, ct.geometry), ct.array.astype(float)
    assert np.abs(back.array - truth).mean() < 0.5 * np.abs(away.array - truth).mean()
    assert back.array.dtype == ct.array.dtype and not back.geometry.difference(ct.geometry)
    assert found.information == deform(pet, away).information, "the same each time"


def test_a_pair_that_fits_is_not_deformed(pet: Volume, ct: Volume) -> None:
    assert "agree better by" in deform(pet, ct).refusal()


@pytest.mark.parametrize(
    ("jacobian", "shift", "after", "said"),
    [
        ((0.31, 0.71, 1.39), 29.9, 1.06, ""),
        ((0.30, 0.71, 1.39), 29.9, 1.06, "press tissue to 0.30"),
        ((0.31, 0.69, 1.39), 29.9, 1.06, "between 0.69 and 1.39"),
        ((0.31, 0.71, 1.41), 29.9, 1.06, "between 0.71 and 1.41"),
        ((0.31, 0.71, 1.39), 30.0, 1.06, "move by 30 mm"),
        ((0.31, 0.71, 1.39), 29.9, 1.049, "better by 4.9% only"),
        ((float("nan"), 0.71, 1.39), 29.9, 1.06, "press tissue"),
        ((0.31, 0.71, float("nan")), 29.9, 1.06, "between 0.71 and nan"),
    ],
)
def test_limits(jacobian: tuple[float, float, float], shift: float, after: float, said: str) -> None:
    refusal = Deformation(None, jacobian, shift, (1.0, after)).refusal()
    assert said in refusal and bool(said) == bool(refusal)


def test_change_of_volume_on_an_oblique_grid_whose_axes_run_backwards() -> None:
    """A stretch has one determinant, however the voxels are ordered."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-8.0, 5.0, -4.0])
    stretch = sitk.AffineTransform(3)
    stretch.SetMatrix(np.array([[1.1, 0.2, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 1.2]]).ravel().tolist())
    (least, low, high), _ = _measured(stretch, Geometry((10, 11, 12), affine))
    assert (least, low, high) == pytest.approx((1.1 * 0.9 * 1.2,) * 3, abs=1e-9)


def test_units_are_asked_for_and_a_ct_elsewhere_is_refused(pet: Volume, ct: Volume) -> None:
    far = ct.geometry.affine.copy()
    far[:3, 3] += 2000
    for one, other, code in (
        (ct, pet, "GEO-E-UNIT"),
        (pet, Volume(ct.array, Geometry(ct.geometry.shape, far), Unit.HU), "GEO-E-REGISTER"),
    ):
        with pytest.raises(LymphoscopeError) as caught:
            deform(one, other)
        assert caught.value.code == code
