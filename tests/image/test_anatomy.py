"""Organs found in a PET without masks: on the body phantom, whose anatomy is known, and on the real example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.anatomy import Anatomy, find_anatomy
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.frame import deep, near
from lymphoscope.image.phantom import Phantom
from lymphoscope.image.priors import PLACES, expectation

HOT = ("brain", "heart", "kidneys", "bladder")


@pytest.fixture(scope="module")
def body() -> Phantom:
    return body_phantom(BodyOptions(pet_shape=(128, 100, 100), ct_shape=None))


@pytest.fixture(scope="module")
def found(body: Phantom) -> Anatomy:
    return find_anatomy(body.pet)


def truth(body: Phantom, organ: str) -> np.ndarray:
    assert body.organs is not None
    labels = [number for number, name in body.organs.names.items() if name == organ]
    return np.isin(body.organs.mask.labels, labels)


def test_the_liver_is_the_liver(body: Phantom, found: Anatomy) -> None:
    liver, true = found.regions["liver"], truth(body, "liver")
    assert found.frame is not None
    assert found.frame.liver_mean == pytest.approx(2.0, abs=0.15)
    assert 2 * (liver & true).sum() / (liver.sum() + true.sum()) > 0.85
    top = body.pet.geometry.to_lps(np.argwhere(true))[:, 2].max()
    assert found.frame.dome_z == pytest.approx(top, abs=12)
    assert found.frame.midline_x == pytest.approx(0, abs=8)


@pytest.mark.parametrize("organ", HOT)
def test_what_is_hot_in_an_organ_lies_in_its_region(body: Phantom, found: Anatomy, organ: str) -> None:
    hot = truth(body, organ) & (body.pet.array >= 4)
    assert hot.any()
    # the phantom's heart stands 35 mm higher than the maps' median, so that its top is out of reach
    assert (found.regions[organ] & hot).sum() > (0.7 if organ == "heart" else 0.85) * hot.sum()


def test_no_region_takes_a_lesion_away_from_organs(body: Phantom, found: Anatomy) -> None:
    regions = np.logical_or.reduce([found.regions[name] for name in HOT])
    assert not (regions & body.lesions.foreground).any()


@pytest.mark.parametrize(
    ("axes", "flips"),
    [
        ((1, 0, 2), (1, 2)),
        pytest.param((0, 1, 2), (0,), marks=pytest.mark.long),
        pytest.param((2, 1, 0), (), marks=pytest.mark.long),
    ],
)
def test_the_order_of_storage_does_not_matter(
    body: Phantom, found: Anatomy, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    pet = body.pet
    array, affine = pet.array, pet.geometry.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
        array = np.flip(array, axis)
    array, affine[:, :3] = array.transpose(axes), affine[:, list(axes)]
    turned = find_anatomy(Volume(np.ascontiguousarray(array), Geometry(array.shape, affine), Unit.SUV_BW))
    assert turned.frame is not None and found.frame is not None
    assert turned.frame.dome_z == pytest.approx(found.frame.dome_z, abs=1e-6)
    for organ in HOT:
        back = np.flip(turned.regions[organ].transpose(np.argsort(axes)), flips)
        assert np.count_nonzero(back != found.regions[organ]) <= 2e-3 * back.sum()


@pytest.mark.long
def test_known_organs_replace_what_would_be_found(body: Phantom) -> None:
    known = {name: truth(body, name) for name in ("liver", "bladder")}
    anatomy = find_anatomy(body.pet, known)
    assert anatomy.source == "organ-map"
    assert all(np.array_equal(anatomy.regions[name], region) for name, region in known.items())
    assert "brain" in anatomy.regions


def test_a_body_without_a_liver_in_view_has_no_frame_but_a_brain(body: Phantom) -> None:
    z = body.pet.geometry.to_lps(np.argwhere(truth(body, "liver")))[:, 2].max()
    start = int(body.pet.geometry.to_index([0, 0, z + 60])[0])
    head = body.pet.array[start:]
    origin = body.pet.geometry.to_lps([start, 0, 0])
    grid = Geometry.axial(head.shape, body.pet.geometry.spacing, tuple(origin))
    anatomy = find_anatomy(Volume(head, grid, Unit.SUV_BW))
    assert anatomy.frame is None
    assert anatomy.regions.keys() <= {"brain"}


@pytest.mark.parametrize("array", [np.zeros((20, 20, 20), np.float32), np.full((3, 4, 5), 7.0, np.float32)])
def test_an_image_of_nothing_finds_nothing(array: np.ndarray) -> None:
    anatomy = find_anatomy(Volume(array, Geometry.axial(array.shape, (4.0, 4.0, 4.0)), Unit.SUV_BW))
    assert anatomy.frame is None
    assert anatomy.regions == {}


@pytest.mark.parametrize("full", [False, True], ids=["inside", "to the edge"])
def test_what_lies_deep_in_a_mask_or_near_it_is_that_of_the_whole_distance_map(full: bool) -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(30, 24, 28)), 3) > 0.02
    mask[:, :4] = full
    mask[25:], mask[:, :, :3] = False, False
    distance = ndimage.distance_transform_edt(mask, 5.0), ndimage.distance_transform_edt(~mask, 5.0)
    for mm in (5.0, 10.0, 12.0, 25.0):
        assert np.array_equal(deep(mask, 5.0, mm), distance[0] > mm)
        assert np.array_equal(near(mask, 5.0, mm), distance[1] <= mm)
    assert not deep(np.zeros_like(mask), 5.0, 1.0).any() and not near(np.zeros_like(mask), 5.0, 1.0).any()


@pytest.mark.parametrize("organ", PLACES)
def test_an_organ_is_most_expected_where_it_is(organ: str) -> None:
    centre = np.array(PLACES[organ].centre, dtype=float)
    steps = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 3]]) * PLACES[organ].half
    near, edge, far = expectation(organ, centre + steps)
    assert near > 0.9
    assert edge == pytest.approx(0.5, abs=0.01)
    assert far < edge


def test_a_longer_trunk_moves_the_bladder_down() -> None:
    centre = np.array(PLACES["bladder"].centre, dtype=float)
    lower = centre * [1, 1, 1.2]
    assert expectation("bladder", lower, 1.2) > 0.9 > expectation("bladder", lower)


@pytest.mark.shared
def test_the_real_scan(shared: Path) -> None:
    from lymphoscope.io.nifti import read_nifti  # noqa: PLC0415

    folder = shared / "wb_pet_ge_sts001"
    pet = replace(read_nifti(folder / "suvbw.nii.gz", Unit.SUV_BW))
    anatomy = find_anatomy(pet)
    assert anatomy.frame is not None
    assert anatomy.frame.liver_mean == pytest.approx(2.06, abs=0.2)  # phantom specification, T1, scan G
    volumes = {n: np.count_nonzero(r) * pet.geometry.voxel_ml for n, r in anatomy.regions.items()}
    assert 1400 < volumes["liver"] < 2600
    hot = {n: np.count_nonzero(r & (pet.array >= 4)) * pet.geometry.voxel_ml for n, r in anatomy.regions.items()}
    assert hot["heart"] == pytest.approx(196, rel=0.05)  # T2: G 196 mL at SUV ≥ 4
