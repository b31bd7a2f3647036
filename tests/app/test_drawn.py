"""Lesions drawn elsewhere are measured as they were drawn, by the code that measures ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from lymphoscope.app.drawn import segment_drawn
from lymphoscope.app.measure import measure
from lymphoscope.app.pipeline import run
from lymphoscope.app.settings import DrawnChoice, run_settings
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.resample import voxels_coincide
from lymphoscope.io.dicom_write import write_study
from lymphoscope.io.nifti import write_nifti

GRID = Geometry.axial((40, 44, 48), (4.0, 4.0, 4.0), (-94.0, -86.0, 0.0), "2.25.99")
VOXEL_ML = 0.064


def suv() -> np.ndarray:
    """A body at SUV 0.8 with a hot spot near its right front, so that no mirror image looks the same."""
    array = np.full(GRID.shape, 0.02, np.float32)
    array[:, 4:40, 4:44] = 0.8
    array[10:16, 8:14, 8:14] = np.linspace(5, 12, 216).reshape(6, 6, 6)
    return array


@pytest.fixture(scope="module")
def study() -> Study:
    return Study({"pet": Volume(suv(), GRID, Unit.SUV_BW)})


def labels() -> np.ndarray:
    array = np.zeros(GRID.shape, np.int32)
    array[10:16, 8:14, 8:14] = 3  # 216 voxels
    array[30:32, 20:22, 20:22] = 5  # 8
    array[36, 30, 30] = 5  # the same label, apart
    array[32, 22, 20] = 9  # touches label 5 along an edge
    return array


def saved(folder: Path, array: np.ndarray, grid: Geometry = GRID) -> Path:
    path = folder / "mask.nii.gz"
    write_nifti(path, LesionMask(array, grid, "somebody"))
    return path


def volumes(segmentation: Any) -> list[int]:
    return [round(d.volume_ml / VOXEL_ML) for d in segmentation.decisions]


def test_connected_regions_or_segments_are_lesions(study: Study, tmp_path: Path) -> None:
    mask = saved(tmp_path, labels())
    assert volumes(segment_drawn(study, DrawnChoice(mask))) == [216, 9, 1]
    assert volumes(segment_drawn(study, DrawnChoice(mask), connectivity=6)) == [216, 8, 1, 1]
    assert volumes(segment_drawn(study, DrawnChoice(mask, lesion="segment"))) == [216, 9, 1]
    by_segment = segment_drawn(study, DrawnChoice(mask, ("5", "9"), "segment"))
    assert volumes(by_segment) == [9, 1]
    assert np.array_equal(by_segment.lesions.labels == 1, labels() == 5)
    assert volumes(segment_drawn(study, DrawnChoice(mask, ("5", "9")))) == [9, 1]


def test_the_record_says_who_drew(study: Study, tmp_path: Path) -> None:
    segmentation = segment_drawn(study, DrawnChoice(saved(tmp_path, labels()), ("3",)))
    (decision,) = segmentation.decisions
    assert (decision.action, decision.rule, decision.actor) == ("include", "drawn", "nifti")
    assert decision.suvmax == pytest.approx(12.0)
    assert segmentation.method == "drawn"
    assert "segment 3" in segmentation.threshold


def test_it_is_measured_by_the_same_code(study: Study, tmp_path: Path) -> None:
    report = measure(study, segment_drawn(study, DrawnChoice(saved(tmp_path, labels()))))
    first = report.findings[0]
    assert first.status == "drawn"
    assert first.measures.value("mtv_ml") == pytest.approx(216 * VOXEL_ML)
    assert first.measures.value("suvmean") == pytest.approx(8.5)
    assert report.patient.value("tmtv_ml") == pytest.approx(226 * VOXEL_ML)


def test_an_empty_mask_is_no_lesion(study: Study, tmp_path: Path) -> None:
    report = measure(study, segment_drawn(study, DrawnChoice(saved(tmp_path, np.zeros(GRID.shape, np.int32)))))
    assert report.findings == ()
    assert report.patient.value("tmtv_ml") == 0


def test_a_segment_that_is_not_there_is_wrong_usage(study: Study, tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        segment_drawn(study, DrawnChoice(saved(tmp_path, labels()), ("7",)))
    assert caught.value.code == "USE-E-NAME"
    assert "3, 5, 9" in str(caught.value)


def test_a_piece_of_the_grid_is_placed_without_a_change(study: Study, tmp_path: Path) -> None:
    piece = Geometry((20, 20, 20), GRID.affine @ _shift(8, 5, 4))
    mask = saved(tmp_path, labels()[8:28, 5:25, 4:24], piece)
    segmentation = segment_drawn(study, DrawnChoice(mask))
    assert np.array_equal(segmentation.lesions.labels > 0, labels() == 3)
    assert "GEO-W-MASKRESAMPLED" not in {m.code for m in segmentation.messages}


def test_a_mask_on_the_ct_grid_is_brought_to_the_pet(study: Study, tmp_path: Path) -> None:
    fine = Geometry.axial((80, 88, 96), (2.0, 2.0, 2.0), (-95.0, -87.0, -1.0))
    array = np.zeros(fine.shape, np.int32)
    array[20:32, 16:28, 16:28] = 1  # the hot spot, in voxels of half the size
    segmentation = segment_drawn(study, DrawnChoice(saved(tmp_path, array, fine)))
    assert np.array_equal(segmentation.lesions.labels > 0, labels() == 3)
    assert "GEO-W-MASKRESAMPLED" in {m.code for m in segmentation.messages}


def test_a_mask_beside_the_pet_is_refused(study: Study, tmp_path: Path) -> None:
    aside = Geometry(GRID.shape, GRID.affine @ _shift(0, 0, 40))
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKGRID"):
        segment_drawn(study, DrawnChoice(saved(tmp_path, labels(), aside)))


def test_a_mirrored_mask_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKFLIP"):
        segment_drawn(study, DrawnChoice(saved(tmp_path, np.where(labels() == 3, 3, 0)[:, :, ::-1])))


def test_an_inverted_mask_is_noted(study: Study, tmp_path: Path) -> None:
    inverted = (labels() == 0).astype(np.int32)
    segmentation = segment_drawn(study, DrawnChoice(saved(tmp_path, inverted)))
    assert "GEO-W-MASKLARGE" in {m.code for m in segmentation.messages}


def test_grids_coincide_when_every_voxel_is_one_of_the_others() -> None:
    flipped = GRID.affine @ np.diag([1.0, -1.0, 1.0, 1.0])
    flipped[:3, 3] = GRID.to_lps((0, 43, 0))
    swapped = GRID.affine[:, [1, 0, 2, 3]]
    assert voxels_coincide(Geometry(GRID.shape, flipped), GRID)
    assert voxels_coincide(Geometry((44, 40, 48), swapped), GRID)
    assert not voxels_coincide(Geometry(GRID.shape, GRID.affine @ _shift(0.5, 0, 0)), GRID)
    assert not voxels_coincide(Geometry((1, 44, 48), GRID.affine @ np.diag([1.2, 1, 1, 1])), GRID)


def _shift(*voxels: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = voxels
    return matrix


def test_words_of_the_command_line_become_a_choice() -> None:
    chosen = run_settings({"mask": Path("m.dcm"), "segments": "1, GTV Mass,", "lesion": "segment"}).drawn
    assert chosen == DrawnChoice(Path("m.dcm"), ("1", "GTV Mass"), "segment")
    assert run_settings({}).drawn is None
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        run_settings({"mask": Path("m.dcm"), "lesion": "voxel"})


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One drawing measured from NIfTI, and again from every form it was written in."""
    desk = tmp_path_factory.mktemp("drawn")
    write_study(desk / "study", Volume(suv(), GRID, Unit.SUV_BW))
    mask, records = saved(desk, labels()), {}
    for name in ("mask.nii.gz", "lesions.nii.gz", "seg.dcm", "rtstruct.dcm"):
        out = desk / f"case-{name}"
        outcome = run(desk / "study", out, mask=mask if name == "mask.nii.gz" else desk / "case-mask.nii.gz" / name)
        assert outcome.record["status"] == "measured", outcome.record["messages"]
        records[name] = json.loads((out / "report.json").read_bytes())
        assert {"seg.dcm", "rtstruct.dcm", "sr.dcm"} <= {path.name for path in out.iterdir()}
        kinds = {str(s.SegmentAlgorithmType) for s in dcmread(out / "seg.dcm").SegmentSequence}
        assert kinds == {"MANUAL"}
        page = (out / "report.html").read_text(encoding="utf-8")
        assert "drawn elsewhere" in page
        assert "AI only" not in page and "--all-methods" not in page and "TMTV4" not in page
    return records


@pytest.mark.parametrize("name", ["lesions.nii.gz", "seg.dcm", "rtstruct.dcm"])
def test_what_a_case_holds_is_measured_to_the_same_numbers(cases: dict[str, dict[str, Any]], name: str) -> None:
    first, again = cases["mask.nii.gz"], cases[name]
    assert again["segmentation"]["lesions_sha256"] == first["segmentation"]["lesions_sha256"]
    assert again["patient"]["tmtv_ml"] == first["patient"]["tmtv_ml"] == pytest.approx(226 * VOXEL_ML, rel=1e-6)
    for a, b in zip(again["lesions"], first["lesions"], strict=True):
        assert {k: v for k, v in a.items() if k not in ("actor", "tracking_uid")} == {
            k: v for k, v in b.items() if k not in ("actor", "tracking_uid")
        }
