from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.grids import spacing
from lymphoscope.learn.prepare import Prepared, inputs, load, places, store, truth
from lymphoscope.learn.scaling import compressed, nnunet, windows
from lymphoscope.recipes.spec import PET_CT, Learn, Stage, use

GRID = Geometry.axial((10, 12, 14), (3.0, 5.0, 5.0), (1.0, 2.0, 3.0), "1.2.3")


def volumes() -> dict[str, Volume]:
    suv = np.random.default_rng(0).random(GRID.shape, dtype=np.float32) * 40
    return {"pet:suv": Volume(suv, GRID, Unit.SUV_BW), "ct:hu": Volume(np.full(GRID.shape, 50.0), GRID, Unit.HU)}


def test_inputs_are_scaled_in_the_order_the_stage_reads_them() -> None:
    images, grid = inputs(Stage("s", ("ct:hu", "pet:suv"), learn=Learn(use("unet"))), volumes())
    assert grid is GRID
    assert (images[0] == 0.5).all()  # 50 HU in −150 … 250
    np.testing.assert_allclose(images[1], np.clip(volumes()["pet:suv"].array, 0, 30) / 30, rtol=1e-6)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(LymphoscopeError, match=r"DATA-E-MISSING.*ct:hu"):
        inputs(Stage("s", PET_CT, learn=Learn(use("unet"))), {"pet:suv": volumes()["pet:suv"]})


def test_another_spacing_keeps_the_place() -> None:
    grid = spacing((4.0, 4.0, 4.0))(volumes()["pet:suv"])
    assert grid.spacing == pytest.approx((4, 4, 4))
    assert grid.frame == "1.2.3"
    middle = [g.to_lps((np.asarray(g.shape) - 1) / 2) for g in (grid, GRID)]
    np.testing.assert_allclose(*middle)
    field = [np.asarray(g.shape) * g.spacing for g in (grid, GRID)]
    np.testing.assert_allclose(*field, atol=2.0 + 1e-9)  # to half a voxel on each side


def test_unknown_voxels_stay_unknown_on_another_grid() -> None:
    labels = np.zeros(GRID.shape, np.int16)
    labels[2:6, 3:8, 3:8] = 1
    labels[:, :, 10:] = IGNORE
    out = truth(Volume(labels, GRID, Unit.LABEL), spacing((3.0, 2.5, 2.5))(volumes()["pet:suv"]))
    assert set(np.unique(out)) == {IGNORE, 0, 1}
    assert (out == 1).mean() == pytest.approx((labels == 1).mean(), rel=0.15)
    assert (out == IGNORE).mean() == pytest.approx((labels == IGNORE).mean(), rel=0.1)


def test_a_prepared_case_comes_back(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((2, *GRID.shape), dtype=np.float32)
    labels = np.zeros(GRID.shape, np.int8)
    labels[1, 1, 1] = labels[5:8, 5:8, 5:8] = 1
    case = Prepared("c1", "p1", images, labels, places(labels), GRID, {"outcome:x": 1.0})
    store(case, tmp_path)
    (again,) = load(tmp_path, ["c1"])
    assert (again.id, again.patient, again.targets) == ("c1", "p1", {"outcome:x": 1.0})
    np.testing.assert_array_equal(again.images, images)
    np.testing.assert_array_equal(again.labels, labels)  # type: ignore[arg-type]
    assert not again.grid.difference(GRID)
    assert sorted(len(lesion) for lesion in again.lesions) == [1, 27]


@pytest.mark.parametrize("kind", ["json", "images.npy", "lesions.npz"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK"])
def test_a_damaged_or_older_prepared_case_is_named(tmp_path: Path, kind: str, content: bytes) -> None:
    labels = np.zeros(GRID.shape, np.int8)
    store(Prepared("c1", "p1", np.zeros((1, *GRID.shape), np.float32), labels, places(labels), GRID, {}), tmp_path)
    (tmp_path / f"c1.{kind}").write_bytes(content)
    with pytest.raises(LymphoscopeError, match="prepared case c1") as found:
        load(tmp_path, ["c1"])
    assert found.value.code == "RUN-E-FOLDER"


def test_scales_put_voxels_where_they_say() -> None:
    suv = np.array([[[-1.0, 0.0, 15.0, 60.0]]], np.float32)
    np.testing.assert_allclose(windows()("pet:suv", suv), [[[0, 0, 0.5, 1]]])
    np.testing.assert_allclose(compressed(3.0)("pet:suv", np.float32([[[3.0]]])), np.arcsinh(1.0))
    scaled = nnunet()("pet:suv", suv)
    assert scaled.mean() == pytest.approx(0, abs=1e-6) and scaled.std() == pytest.approx(1, rel=1e-5)
    hu = nnunet((-100.0, 100.0), 20.0, 40.0)("ct:hu", np.float32([[[-500, 20, 500]]]))
    np.testing.assert_allclose(hu, [[[-3, 0, 2]]])
    np.testing.assert_array_equal(windows()("first", suv), suv)


def test_a_made_image_comes_back_to_its_unit_where_nothing_was_lost() -> None:
    suv, hu = np.array([[[0.0, 2.5, 29.0]]], np.float32), np.array([[[-100.0, 0.0, 200.0]]], np.float32)
    for scale in (windows(), compressed()):
        np.testing.assert_allclose(scale.back("pet:suv", scale("pet:suv", suv)), suv, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(scale.back("ct:hu", scale("ct:hu", hu)), hu, atol=1e-3)
    for lossy in (nnunet(), windows(suv=((0.0, 5.0), (0.0, 30.0)))):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            lossy.back("pet:suv", suv)
