"""Phantoms against the specification's numbers, geometry and one another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS
from lymphoscope.core.units import Unit
from lymphoscope.image.body_phantom import (
    FIELD_MM,
    LESIONS,
    SCANNER,
    BodyOptions,
    body_grid,
    body_phantom,
    body_shapes,
)
from lymphoscope.image.phantom import (
    Imaging,
    Shape,
    assemble,
    ct_image,
    digital_phantom,
    gaussian_blob,
    image,
    label,
    paint,
)

SMALL = BodyOptions(pet_shape=(96, 88, 88), ct_shape=(96, 64, 64))


def _rotation(a: float, b: float) -> np.ndarray:
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return about_z @ about_x


def _oblique(a: float, b: float, n: int = 48, spacing: float = 2.0) -> Geometry:
    """A grid around the LPS origin, turned."""
    affine = np.eye(4)
    affine[:3, :3] = _rotation(a, b) * spacing
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, (n - 1) / 2)
    return Geometry((n, n, n), affine)


def test_digital_phantom_has_the_counts_of_the_specification() -> None:
    made = digital_phantom()
    pet = made.pet.values(Unit.SUV_BW)
    assert pet.shape == (60, 64, 64)
    assert made.pet.geometry.spacing == (4.0, 4.0, 4.0)
    # the specification's components at SUV 4, connectivity 18
    found, n = ndimage.label(pet >= 4.0, ndimage.generate_binary_structure(3, 2))
    assert n == 4
    assert sorted(np.bincount(found.ravel())[1:], reverse=True) == [515, 123, 8, 1]
    assert np.bincount(made.lesions.labels.ravel())[1:].tolist() == [515, 123, 8, 1]
    hot = pet[pet >= 4.0].astype(np.float64)
    assert hot.size * 0.064 == pytest.approx(41.408)
    assert hot.sum() * 0.064 == pytest.approx(379.680)
    assert hot.mean() == pytest.approx(9.1692, abs=5e-5)
    assert set(np.unique(pet)) == {1.0, 4.5, 5.0, 6.0, 10.0}


def test_digital_phantom_has_its_shapes_where_the_specification_puts_them() -> None:
    made = digital_phantom()
    pet = made.pet.array
    centres = np.array([np.argwhere(made.lesions.labels == i).mean(axis=0) for i in (1, 2, 3, 4)])
    np.testing.assert_allclose(centres, [[12, 20, 20], [40, 40, 44], [50.5, 10.5, 10.5], [30, 30, 30]])
    assert (pet[50:52, 10:12, 10:12] == 5.0).all()
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1) * 0.4
    assert distances.max() == pytest.approx(18.3423, abs=5e-5)
    assert distances[0].max() == pytest.approx(16.7809, abs=5e-5)


def test_blob_has_the_values_of_the_specification() -> None:
    blob = gaussian_blob()
    hot = blob.array >= 4.0
    analytic = 4 / 3 * math.pi * (12 * math.sqrt(2 * math.log(10 / 4))) ** 3 / 1000
    assert analytic == pytest.approx(17.957, abs=1e-3)
    assert np.count_nonzero(hot) * 0.064 == pytest.approx(16.448)
    assert blob.array.max() == pytest.approx(10.0)
    assert blob.array[20, 20, 23] == pytest.approx(10 * math.exp(-0.5), rel=1e-6)


@pytest.mark.parametrize("kind", ["ellipsoid", "box", "cylinder"])
def test_volume_converges_to_the_exact_one_on_a_fine_grid(kind: str) -> None:
    shape = Shape("s", kind, (0.4, -0.3, 0.7), (17, 21, 13), suv=1.0)
    geometry = Geometry.axial((60, 60, 60), (1.0, 1.0, 1.0), (-30, -30, -30))
    painted = paint([shape], geometry, "suv", 0.0, samples=3)
    assert painted.sum() / 1000 == pytest.approx(shape.volume_ml, rel=0.01)


@given(a=st.floats(-3, 3), b=st.floats(-3, 3))
@settings(max_examples=15, deadline=None)
def test_an_oblique_grid_sees_the_same_shape(a: float, b: float) -> None:
    """The value at a voxel depends on its place only, however the grid is turned."""
    shape = Shape("s", "ellipsoid", (3, -2, 5), (20, 12, 16), suv=3.0)
    geometry = _oblique(a, b)
    points = geometry.to_lps(np.stack(np.indices(geometry.shape), axis=-1))
    radius = (((points - shape.centre) / shape.half) ** 2).sum(axis=-1)
    safe = abs(radius - 1) > 1e-6
    painted = paint([shape], geometry, "suv", 0.0)
    np.testing.assert_array_equal((painted == 3.0)[safe], (radius <= 1)[safe])


@given(axis=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.1, 1)))
@settings(max_examples=15, deadline=None)
def test_a_slanted_cylinder_lies_along_its_axis(axis: tuple[float, float, float]) -> None:
    shape = Shape("s", "cylinder", (1, 2, -1), (6, 6, 18), suv=1.0, axis=axis)
    geometry = _oblique(0, 0)
    points = geometry.to_lps(np.stack(np.indices(geometry.shape), axis=-1)) - shape.centre
    along = points @ (np.array(axis) / np.linalg.norm(axis))
    across = np.sqrt(np.maximum((points**2).sum(axis=-1) - along**2, 0))
    safe = (abs(across - 6) > 1e-6) & (abs(abs(along) - 18) > 1e-6)
    inside = label([shape], geometry) == 1
    np.testing.assert_array_equal(inside[safe], ((across < 6) & (abs(along) < 18))[safe])


def test_shapes_beyond_the_grid_are_cut_and_not_wrapped() -> None:
    geometry = Geometry.axial((10, 10, 10), (4, 4, 4))
    outside = Shape("far", "ellipsoid", (200, 0, 0), (10, 10, 10), suv=1.0)
    corner = Shape("corner", "box", (0, 0, 0), (9, 9, 9), suv=1.0)
    assert paint([outside], geometry, "suv", 0.0).sum() == 0
    assert paint([corner], geometry, "suv", 0.0).sum() == 27


def test_later_shapes_cover_earlier_ones_and_none_leaves_as_is() -> None:
    geometry = Geometry.axial((9, 9, 9), (1, 1, 1))
    shapes = (
        Shape("a", "box", (4, 4, 4), (3, 3, 3), suv=2.0, hu=10.0),
        Shape("b", "box", (4, 4, 4), (1, 1, 1), suv=5.0),
        Shape("c", "blob", (4, 4, 4), (0.5, 0.5, 0.5), suv=1.0),
    )
    suv, hu = paint(shapes, geometry, "suv", 0.1), paint(shapes, geometry, "hu", -1000)
    assert (suv[4, 4, 4], suv[4, 4, 7]) == pytest.approx((6.0, 2.0))
    assert (hu[4, 4, 4], hu[0, 0, 0]) == (10, -1000)


def test_blur_keeps_activity_and_noise_is_of_the_asked_size_and_repeats() -> None:
    geometry = Geometry.axial((40, 40, 40), (3, 4, 4))
    shape = (Shape("s", "ellipsoid", (80, 80, 60), (25, 25, 25), suv=8.0),)
    sharp = image(shape, geometry, Imaging())
    blurred = image(shape, geometry, Imaging(fwhm_mm=7.0))
    assert blurred.array.sum(dtype=np.float64) == pytest.approx(sharp.array.sum(dtype=np.float64), rel=1e-4)
    noisy = [image(shape, geometry, Imaging(noise=0.1, seed=s)).array for s in (1, 1, 2)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert (noisy[0] != noisy[2]).any()
    inside = sharp.array == 8.0
    assert noisy[0][inside].std() / 8.0 == pytest.approx(0.1, rel=0.03)
    assert noisy[0].min() >= 0


def test_point_spread_has_the_asked_width() -> None:
    geometry = Geometry.axial((41, 41, 41), (1, 1, 1))
    point = image((Shape("p", "box", (20, 20, 20), (0.4, 0.4, 0.4), suv=1.0),), geometry, Imaging(fwhm_mm=8.0)).array
    assert point[20, 20, 24] / point[20, 20, 20] == pytest.approx(0.5, abs=0.01)
    assert point[24, 20, 20] / point[20, 20, 20] == pytest.approx(0.5, abs=0.01)


@pytest.fixture(scope="module")
def body():
    return body_phantom(SMALL)


def test_body_lesions_have_their_volumes(body) -> None:
    assert body.shapes[0].name == "mediastinal"
    counts = np.bincount(body.lesions.labels.ravel())[1:]
    assert len(counts) == len(LESIONS) - 1 == len(body.shapes)
    assert (np.diff(counts) <= 0).all()
    voxel = body.pet.geometry.voxel_ml
    for shape, count in zip(body.shapes, counts, strict=True):
        assert count * voxel == pytest.approx(shape.volume_ml, abs=3 * voxel)


def test_body_default_grid_is_fine_enough_for_volumes_within_ten_percent() -> None:
    grid = body_grid(BodyOptions().pet_shape)
    assert grid.spacing == (5.0, 4.0, 4.0)
    for lesion in LESIONS.values():
        counted = np.count_nonzero(label([lesion], grid)) * grid.voxel_ml
        assert counted == pytest.approx(lesion.volume_ml, rel=0.1)


def test_body_organs_have_their_uptake(body) -> None:
    names = {name: number for number, name in body.organs.names.items()}
    assert set(names) <= set(ORGANS)

    def middle(organ: str) -> float:
        inside = ndimage.binary_erosion(body.organs.mask.labels == names[organ], iterations=1)
        return float(np.median(body.pet.array[inside]))

    assert middle("liver") == pytest.approx(2.0, abs=0.1)
    assert middle("spleen") == pytest.approx(1.7, abs=0.15)
    assert middle("bladder") == pytest.approx(20.0, rel=0.1)
    assert 5 < middle("brain") < 10
    assert middle("lungs") == pytest.approx(0.5, abs=0.05)
    assert not ((body.organs.mask.labels > 0) & body.lesions.foreground).any()


def test_body_ct_shows_the_same_body(body) -> None:
    assert body.ct.unit is Unit.HU
    assert body.ct.array.dtype == np.int16
    np.testing.assert_allclose(np.array(body.ct.geometry.spacing) * body.ct.geometry.shape, FIELD_MM, rtol=1e-12)
    clean = ct_image(body_shapes(), body.pet.geometry, Imaging())
    names = {name: number for number, name in body.organs.names.items()}
    organ = body.organs.mask.labels
    for name, hu in (("lungs", -800), ("liver", 60), ("bladder", 5), ("brain", 35)):
        assert np.median(clean.array[organ == names[name]]) == hu
    air = clean.array == -1000
    assert paint(body_shapes(), body.pet.geometry, "suv", 0.0)[air].max() <= 0.4  # trachea


def test_body_is_right_handed(body) -> None:
    """Liver on the patient's right, heart and spleen on the left, head up."""
    names = {name: number for number, name in body.organs.names.items()}

    def centre(organ: str) -> np.ndarray:
        inside = np.argwhere(body.organs.mask.labels == names[organ])
        return body.pet.geometry.to_lps(inside.mean(axis=0))

    assert centre("liver")[0] < -30 < 60 < centre("spleen")[0]
    assert centre("brain")[2] > centre("heart")[2] > centre("bladder")[2]


def test_lesion_by_the_bladder_touches_it_and_joins_it_at_suv_four() -> None:
    made = body_phantom(BodyOptions((192, 176, 176), None, ("bladder-node",), SCANNER))
    names = {name: number for number, name in made.organs.names.items()}
    bladder = made.organs.mask.labels == names["bladder"]
    assert (ndimage.binary_dilation(bladder) & made.lesions.foreground).any()
    joined, _ = ndimage.label(made.pet.array >= 4.0, ndimage.generate_binary_structure(3, 2))
    node, urine = (np.bincount(joined[m], minlength=2)[1:].argmax() + 1 for m in (made.lesions.foreground, bladder))
    assert node == urine


def test_unknown_lesion_is_answered_with_near_names() -> None:
    with pytest.raises(LymphoscopeError, match="mediastinal") as caught:
        body_shapes(("mediastinum",))
    assert caught.value.code == "USE-E-NAME"


def test_a_phantom_without_lesions_is_empty_and_valid() -> None:
    made = body_phantom(BodyOptions((48, 44, 44), None, ()))
    assert made.lesions.count == 0
    assert made.shapes == ()


def test_equal_lesions_are_numbered_by_their_first_voxel() -> None:
    geometry = Geometry.axial((12, 12, 12), (2, 2, 2))
    shapes = [
        Shape("later", "box", (16, 16, 16), (2, 2, 2), suv=5.0, lesion=True),
        Shape("earlier", "box", (4, 4, 4), (2, 2, 2), suv=5.0, lesion=True),
    ]
    made = assemble(shapes, image(shapes, geometry, Imaging()), None, "test")
    assert [s.name for s in made.shapes] == ["earlier", "later"]
