"""Reference organs in bodies whose uptake is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.reference import (
    blood_pool_reference,
    liver_reference,
    organ_reference,
    spleen_reference,
)

# x to the left, y to the back, z to the head
BODY = Geometry.axial((70, 70, 90), (4.0, 4.0, 4.0), (-180.0, -140.0, 0.0))


def ellipsoid(geometry: Geometry, centre: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
    places = geometry.to_lps(np.moveaxis(np.indices(geometry.shape), 0, -1))
    return (((places - np.array(centre)) / np.array(half)) ** 2).sum(axis=-1) <= 1


def liver_of(geometry: Geometry) -> np.ndarray:
    """A thick right lobe and a thin left one."""
    right = ellipsoid(geometry, (-70.0, 0.0, 130.0), (65.0, 60.0, 70.0))
    return right | ellipsoid(geometry, (20.0, -20.0, 150.0), (60.0, 30.0, 30.0))


def suv_of(geometry: Geometry, organ: np.ndarray, inside: float, seed: int = 0) -> Volume:
    noise = np.random.default_rng(seed).normal(size=geometry.shape) * 0.1
    return Volume(np.where(organ, inside, 0.5) + noise, geometry, Unit.SUV_BW)


def whole_sphere(radius: float) -> int:
    """Voxels of the grid whose centres lie in a sphere centred on one of them."""
    steps = np.arange(-9, 10) * 4.0
    square = steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + steps[None, None] ** 2
    return int(np.count_nonzero(square <= radius**2))


def test_liver_is_a_sphere_of_thirty_millimetres_in_the_right_lobe() -> None:
    liver = liver_of(BODY)
    found = liver_reference(suv_of(BODY, liver, 2.2), liver)
    assert found.found
    assert found.messages == ()
    assert found.measures.value("mean") == pytest.approx(2.2, abs=0.02)
    assert found.measures.value("sd") == pytest.approx(0.1, abs=0.02)
    assert found.measures.value("cv") == pytest.approx(0.1 / 2.2, rel=0.2)
    assert found.measures.value("n") == whole_sphere(15.0) == 251
    assert found.measures.value("volume_ml") == pytest.approx(251 * 0.064)
    assert found.measures.value("n") == len(found.voxels)
    places = BODY.to_lps(found.voxels)
    centre = places.mean(axis=0)
    assert np.linalg.norm(places - centre, axis=1).max() <= 15.0 + 1e-6
    assert np.linalg.norm(centre - [-70.0, 0.0, 130.0]) < 8.0  # where the lobe is thickest
    assert [found.measures.value(f"centre_{a}_mm") for a in "lps"] == pytest.approx(centre.tolist())
    whole = BODY.to_lps(np.argwhere(liver)).mean(axis=0)
    assert [found.measures.value(f"organ_{a}_mm") for a in "lps"] == pytest.approx(whole.tolist())
    assert found.measures["mean"].method.startswith("30 mm sphere")


def test_a_left_lobe_that_is_thicker_is_not_taken() -> None:
    liver = ellipsoid(BODY, (-70.0, 0.0, 130.0), (50.0, 50.0, 50.0))
    liver |= ellipsoid(BODY, (60.0, 0.0, 130.0), (60.0, 60.0, 60.0))
    found = liver_reference(suv_of(BODY, liver, 2.2), liver)
    assert found.measures.value("centre_l_mm") == pytest.approx(-70.0, abs=6.0)


def test_lesions_and_ten_millimetres_round_them_are_avoided() -> None:
    liver = liver_of(BODY)
    lesion = ellipsoid(BODY, (-70.0, 0.0, 130.0), (20.0, 20.0, 20.0))
    hot = np.where(lesion, 15.0, np.asarray(suv_of(BODY, liver, 2.2).array))
    mask = LesionMask(lesion.astype(np.int32), BODY, "t")
    found = liver_reference(Volume(hot, BODY, Unit.SUV_BW), liver, mask)
    assert found.measures.value("max") < 3.0
    apart = BODY.to_lps(found.voxels)[:, None] - BODY.to_lps(np.argwhere(lesion))[None]
    assert np.linalg.norm(apart, axis=-1).min() > 10.0
    # and never nearer to the edge than the erosion
    edge = BODY.to_lps(np.argwhere(~liver & ellipsoid(BODY, (-70.0, 0.0, 130.0), (80.0, 80.0, 90.0))))
    nearest = min(np.linalg.norm(edge - p, axis=1).min() for p in BODY.to_lps(found.voxels))
    assert nearest > 10.0


def test_liver_full_of_lesions_is_no_reference() -> None:
    liver = liver_of(BODY)
    mask = LesionMask(liver.astype(np.int32), BODY, "t")
    found = liver_reference(suv_of(BODY, liver, 2.2), liver, mask)
    assert not found.found
    assert [m.code for m in found.messages] == ["REF-W-NONE"]
    assert found.measures["mean"].why == "less than 1 mL of the liver can be used"
    missing = liver_reference(suv_of(BODY, liver, 2.2), np.zeros(BODY.shape, bool))
    assert missing.measures["max"].why == "no liver was found"


@pytest.mark.parametrize(("mean", "codes"), [(1.2, ["SUV-W-LIVER"]), (1.31, []), (2.99, []), (3.1, ["SUV-W-LIVER"])])
def test_liver_outside_the_usual_range_is_told(mean: float, codes: list[str]) -> None:
    liver = liver_of(BODY)
    flat = Volume(np.where(liver, mean, 0.5), BODY, Unit.SUV_BW)
    assert [m.code for m in liver_reference(flat, liver).messages] == codes


def test_noisy_reference_is_told() -> None:
    liver = liver_of(BODY)
    noise = np.random.default_rng(0).normal(size=BODY.shape)
    noisy = Volume(np.where(liver, 2.0 + 0.8 * noise, 0.5), BODY, Unit.SUV_BW)
    found = liver_reference(noisy, liver)
    assert [m.code for m in found.messages] == ["REF-W-NOISY"]
    assert found.measures.value("cv") > 0.3


def aorta_of(geometry: Geometry, radius: float = 12.0) -> np.ndarray:
    """Ascending part in front, arch on top, descending part behind and on through the abdomen."""
    places = geometry.to_lps(np.moveaxis(np.indices(geometry.shape), 0, -1))
    x, y, z = np.moveaxis(places, -1, 0)
    front = (np.hypot(x, y + 20) <= radius) & (z >= 180) & (z <= 240)
    back = (np.hypot(x - 10, y - 40) <= radius) & (z >= 20) & (z <= 240)
    arch = (np.abs(x - 5) <= radius) & (y >= -32) & (y <= 52) & (z > 240) & (z <= 262)
    return front | back | arch


def test_blood_pool_is_the_middle_of_the_descending_thoracic_aorta() -> None:
    aorta = aorta_of(BODY)
    found = blood_pool_reference(suv_of(BODY, aorta, 1.6), aorta)
    assert found.measures.value("mean") == pytest.approx(1.6, abs=0.05)
    places = BODY.to_lps(found.voxels)
    # the levels that show two parts run from 180 to 240 mm: their middle 20 mm
    assert places[:, 2].min() >= 200.0 - 1e-6
    assert places[:, 2].max() <= 220.0 + 1e-6
    assert np.hypot(places[:, 0] - 10, places[:, 1] - 40).max() <= 12.0 - 4.0 + 1e-6
    assert found.measures["mean"].method == "descending aorta eroded 4 mm, middle 20 mm"


def test_mask_of_the_descending_aorta_alone_is_taken_as_it_is() -> None:
    places = BODY.to_lps(np.moveaxis(np.indices(BODY.shape), 0, -1))
    aorta = (np.hypot(places[..., 0], places[..., 1]) <= 13) & (places[..., 2] >= 100) & (places[..., 2] <= 200)
    found = blood_pool_reference(suv_of(BODY, aorta, 1.6), aorta)
    at = BODY.to_lps(found.voxels)[:, 2]
    assert (at.min(), at.max()) == (140.0, 160.0)


def test_thin_aorta_is_measured_in_a_cylinder() -> None:
    places = BODY.to_lps(np.moveaxis(np.indices(BODY.shape), 0, -1))
    aorta = (np.hypot(places[..., 0], places[..., 1]) <= 6) & (places[..., 2] >= 100) & (places[..., 2] <= 200)
    found = blood_pool_reference(suv_of(BODY, aorta, 1.6), aorta)
    assert found.measures["mean"].method == "descending aorta, 10 mm cylinder, 20 mm"
    at = BODY.to_lps(found.voxels)
    assert np.hypot(at[:, 0], at[:, 1]).max() <= 5.0 + 1e-6
    assert found.measures.value("volume_ml") >= 1.0


def test_lesion_voxels_are_no_blood() -> None:
    aorta = aorta_of(BODY)
    lesion = ellipsoid(BODY, (10.0, 40.0, 210.0), (6.0, 6.0, 6.0))
    hot = np.where(lesion, 20.0, np.asarray(suv_of(BODY, aorta, 1.6).array))
    mask = LesionMask(lesion.astype(np.int32), BODY, "t")
    assert blood_pool_reference(Volume(hot, BODY, Unit.SUV_BW), aorta, mask).measures.value("max") < 3.0


def test_spleen_is_a_sphere_of_twenty_millimetres() -> None:
    spleen = ellipsoid(BODY, (110.0, 40.0, 140.0), (25.0, 35.0, 45.0))
    found = spleen_reference(suv_of(BODY, spleen, 1.9), spleen)
    assert found.measures.value("n") == whole_sphere(10.0) == 81
    assert found.measures.value("mean") == pytest.approx(1.9, abs=0.05)
    assert found.measures.value("organ_l_mm") == pytest.approx(110.0, abs=0.5)


def test_whole_organ() -> None:
    marrow = ellipsoid(BODY, (0.0, 60.0, 100.0), (16.0, 16.0, 90.0))
    found = organ_reference("marrow", suv_of(BODY, marrow, 1.1), marrow)
    assert found.name == "marrow"
    assert found.measures.value("n") == np.count_nonzero(marrow)


def test_other_units_and_grids_are_refused() -> None:
    liver = liver_of(BODY)
    with pytest.raises(LymphoscopeError) as caught:
        liver_reference(Volume(np.ones(BODY.shape), BODY, Unit.HU), liver)
    assert caught.value.code == "GEO-E-UNIT"
    with pytest.raises(LymphoscopeError) as caught:
        liver_reference(Volume(np.ones(BODY.shape), BODY, Unit.SUV_BW), liver[1:])
    assert caught.value.code == "GEO-E-MASKGRID"
    other = Geometry.axial(BODY.shape, (4.0, 4.0, 4.1))
    with pytest.raises(LymphoscopeError) as caught:
        spleen_reference(suv_of(BODY, liver, 2.0), liver, LesionMask(np.zeros(BODY.shape, np.int32), other, "t"))
    assert caught.value.code == "GEO-E-MASKGRID"


@settings(max_examples=8, deadline=None)
@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_storing_the_image_otherwise_changes_nothing(order: list[int], flips: tuple[bool, ...]) -> None:
    """The same place in the patient is measured, however the array runs."""
    liver, aorta = liver_of(BODY), aorta_of(BODY)
    suv = suv_of(BODY, liver | aorta, 2.0)
    affine = np.array(BODY.affine)[:, [*order, 3]]
    arrays = [a.transpose(order) for a in (np.asarray(suv.array), liver, aorta)]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (arrays[0].shape[axis] - 1)
            affine[:3, axis] *= -1
            arrays = [np.flip(a, axis) for a in arrays]
    z, y, x = arrays[0].shape
    geometry = Geometry((z, y, x), affine)
    turned = Volume(np.ascontiguousarray(arrays[0]), geometry, Unit.SUV_BW)
    for made, organ, other in ((liver_reference, liver, arrays[1]), (blood_pool_reference, aorta, arrays[2])):
        left, right = made(suv, organ).measures, made(turned, np.ascontiguousarray(other)).measures
        for a, b in zip(left, right, strict=True):
            assert a.value == pytest.approx(b.value, rel=1e-9), a.name
