"""The main job on the real study of the examples, through the command line, against figures found elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest

from lymphoscope.core.units import Unit
from lymphoscope.io.nifti import read_nifti
from lymphoscope.io.objects.codes import ORGAN_CODES

EXAMPLE = Path(__file__).parents[2] / "examples" / "sts001-wholebody-fdg-pet.zip"
RUN = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "run"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's case folder, and beside it what the command wrote."""
    folder = tmp_path_factory.mktemp("example") / "case"
    done = subprocess.run(
        [*RUN, str(EXAMPLE), "-o", str(folder), "--all-methods", "--json"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    (folder.parent / "stdout.json").write_bytes(done.stdout)
    return folder


@pytest.fixture(scope="module")
def record(case: Path) -> dict[str, Any]:
    return json.loads((case / "report.json").read_text(encoding="utf-8"))


def test_stdout_is_the_record(case: Path) -> None:
    assert (case.parent / "stdout.json").read_bytes() == (case / "report.json").read_bytes()


def test_the_suv_factor_is_that_of_an_independent_conversion(record: dict[str, Any]) -> None:
    assert record["suv"]["factor_min"] == pytest.approx(2.4290298e-4, rel=1e-7)
    assert record["suv"]["factor_max"] == record["suv"]["factor_min"]


def test_the_thigh_tumour_stays(record: dict[str, Any]) -> None:
    # components of SUV ≥ 4 (18 neighbours) that touch the expert's contour, counted in an independent conversion:
    # 676, 77, 74 and 42 voxels of 4.6875² × 3.27 mm³
    voxel_ml = 4.6875**2 * 3.27 / 1000
    counted = [lesion["mtv_ml"] for lesion in record["lesions"]]
    assert counted == pytest.approx([n * voxel_ml for n in (676, 77, 74, 42)], rel=1e-6)
    assert record["lesions"][0]["suvmax"] == pytest.approx(7.9106746, rel=1e-4)
    assert record["patient"]["tmtv_ml"] == pytest.approx(sum(counted))


def test_the_network_in_the_package_has_looked_and_agrees(record: dict[str, Any]) -> None:
    said = record["segmentation"]["second_look"]
    assert (said["model"], said["silent"]) == ("whole-body", "") and len(said["sha256"]) == 64
    assert all(lesion["ai_probability"] >= 0.6 for lesion in record["lesions"])
    assert all(region["ai_probability"] <= 0.7 for region in record["segmentation"]["removed"])
    assert "SEG-W-AGAINST" not in {message["code"] for message in record["messages"]}


def test_heart_kidneys_bladder_and_brain_go(record: dict[str, Any]) -> None:
    removed = [(region["organ"], region["volume_ml"]) for region in record["segmentation"]["removed"]]
    assert {organ for organ, _ in removed} == {"heart", "bladder", "brain", "kidneys"}
    # components of the independent conversion: heart 2725, bladder 1022, brain 515 voxels
    voxel_ml = 4.6875**2 * 3.27 / 1000
    assert sorted((v for _, v in removed), reverse=True)[:3] == pytest.approx(
        [n * voxel_ml for n in (2725, 1022, 515)], rel=1e-6
    )


def test_methods_stand_side_by_side(record: dict[str, Any]) -> None:
    methods = record["sensitivity"]["methods"]
    assert methods["suv4.0"]["tmtv_ml"] == pytest.approx(record["patient"]["tmtv_ml"])
    assert methods["suv2.5"]["tmtv_ml"] > methods["suv4.0"]["tmtv_ml"]
    assert methods["max40"]["tmtv_ml"] >= methods["max41"]["tmtv_ml"] >= methods["max50"]["tmtv_ml"]
    assert methods["mv2"]["tmtv_ml"] >= methods["mv3"]["tmtv_ml"]


def test_the_case_is_whole(case: Path) -> None:
    names = {path.name for path in case.iterdir()}
    assert {"report.html", "report.pdf", "report.json", "report.csv", "mip.png", "lesions.nii.gz"} <= names
    assert {path.name for path in case.parent.iterdir()} == {"case", "stdout.json"}
    html = (case / "report.html").read_text(encoding="utf-8")
    assert "STS_001" not in html and "http://" not in html.replace("http://www.w3.org", "")


@pytest.mark.parametrize("name", ["lesions", "removed"])
def test_the_segmentations_hold_the_masks(case: Path, record: dict[str, Any], name: str) -> None:
    seg = hd.seg.segread(case / {"lesions": "seg.dcm", "removed": "removed.dcm"}[name])
    mask = read_nifti(case / f"{name}.nii.gz", Unit.LABEL)
    # the scanner's own steps between beds are 3.19 and 3.29 mm
    volume = seg.get_volume(combine_segments=True, allow_missing_positions=True, rtol=0.05)
    index = np.argwhere(volume.array > 0)
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    back = np.zeros(mask.geometry.shape, np.int32)
    back[tuple(np.rint(mask.geometry.to_index(points)).astype(int).T)] = volume.array[tuple(index.T)]
    rows = record["lesions"] if name == "lesions" else record["segmentation"]["removed"]
    key = "lesion" if name == "lesions" else "region"
    assert np.array_equal(np.array([0, *(row[key] for row in rows)])[back], mask.array)
    assert [s.TrackingID for s in seg.SegmentSequence] == [row["id"] for row in rows]
    if name == "removed":
        kinds = [s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for s in seg.SegmentSequence]
        assert kinds == [ORGAN_CODES[row["organ"]].meaning for row in rows]
