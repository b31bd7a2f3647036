"""The DICOM objects of a case: which are there, what they say, and why one is not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from lymphoscope.app import objects as app_objects
from lymphoscope.app.pipeline import run
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import digital_phantom
from lymphoscope.io.dicom_write import write_study
from lymphoscope.io.nifti import read_nifti, write_nifti
from lymphoscope.io.objects.codes import CONCEPTS
from lymphoscope.io.objects.sr import INDICES, LESION_NUMBERS, PATIENT_NUMBERS
from lymphoscope.io.pet_physics import ScanFacts

ALWAYS = ("sr.dcm", "mip.dcm", "report.dcm")
FACTS = ScanFacts(name="DOE^JANE", patient_id="SECRET123")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "study"
    write_study(folder, digital_phantom().pet, facts=FACTS)
    return folder


@pytest.fixture(scope="module")
def case(study: Path) -> Path:
    return run(study, study.parent / "case", parametric_map=True).folder


def left_out(case: Path) -> dict[str, dict[str, str]]:
    return json.loads((case / "run.json").read_text())["left_out"]


def record(case: Path) -> dict[str, object]:
    return json.loads((case / "report.json").read_text())


def on_grid(seg: hd.seg.Segmentation, grid: Geometry) -> np.ndarray:
    volume = seg.get_volume(combine_segments=True, allow_missing_positions=True)
    index = np.argwhere(volume.array > 0)
    there = np.rint(grid.to_index(index @ volume.affine[:3, :3].T + volume.affine[:3, 3])).astype(int)
    labels = np.zeros(grid.shape, np.int32)
    labels[tuple(there.T)] = volume.array[tuple(index.T)]
    return labels


def test_the_segmentation_is_the_mask_of_the_case(case: Path) -> None:
    mask = read_nifti(case / "lesions.nii.gz", Unit.LABEL)
    labels = on_grid(hd.seg.segread(case / "seg.dcm"), mask.geometry)
    assert np.array_equal(labels, mask.array)
    assert [s.TrackingID for s in pydicom.dcmread(case / "seg.dcm").SegmentSequence] == [
        row["id"] for row in record(case)["lesions"]
    ]


def test_every_number_of_the_report_is_that_of_the_json(case: Path) -> None:
    content = hd.sr.srread(case / "sr.dcm").content
    groups, found = content.get_volumetric_roi_measurement_groups(), record(case)
    assert len(groups) == len(found["lesions"]) > 1
    patient = {**found["patient"], **{name: found["indices"].get(name, {}).get("value") for name in INDICES}}
    sets = [(g, row, LESION_NUMBERS) for g, row in zip(groups, found["lesions"], strict=True)]
    sets += [(content.get_image_measurement_groups()[0], patient, (*PATIENT_NUMBERS, *INDICES))]
    for group, values, names in sets:
        wanted = {CONCEPTS[n][:1] + CONCEPTS[n][2:3]: values[n] for n in names if values.get(n) is not None}
        said = {(m.name, m.derivation): m.value for m in group.get_measurements()}
        assert {(k[0].value, k[1] and k[1].value): v for k, v in wanted.items()} == {
            (k[0].value, k[1] and k[1].value): v for k, v in said.items()
        }
    assert [g.tracking_uid for g in groups] == [row["tracking_uid"] for row in found["lesions"]]
    seg = pydicom.dcmread(case / "seg.dcm")
    assert [s.TrackingUID for s in seg.SegmentSequence] == [row["tracking_uid"] for row in found["lesions"]]
    assert {g.referenced_segment.referenced_sop_instance_uid for g in groups} == {seg.SOPInstanceUID}


def test_paper_picture_and_map_are_those_of_the_case(case: Path) -> None:
    paper = pydicom.dcmread(case / "report.dcm")
    assert paper.EncapsulatedDocument[: paper.EncapsulatedDocumentLength] == (case / "report.pdf").read_bytes()
    suv = np.frombuffer(pydicom.dcmread(case / "suv.dcm").FloatPixelData, "<f4")
    pet = read_nifti(case / "pet.nii.gz", Unit.SUV_BW)
    assert np.array_equal(np.sort(suv), np.sort(pet.array.ravel().astype(np.float32)))
    assert pydicom.dcmread(case / "mip.dcm").BurnedInAnnotation == "NO"


def test_a_second_run_from_a_zip_gives_the_same_bytes(case: Path, study: Path, tmp_path: Path) -> None:
    again = run(shutil.make_archive(str(tmp_path / "study"), "zip", study), tmp_path / "again", parametric_map=True)
    assert {p.name: p.read_bytes() for p in again.folder.iterdir()} == {p.name: p.read_bytes() for p in case.iterdir()}


def test_what_is_not_there_has_its_reason(case: Path) -> None:
    assert all((case / name).is_file() for name in (*ALWAYS, "seg.dcm", "suv.dcm"))
    assert set(left_out(case)) == {name for name in app_objects._MAKERS if not (case / name).is_file()}
    assert all(reason["code"] == "IO-I-NODICOM" and reason["why"] for reason in left_out(case).values())


def test_only_dicom_objects_name_the_patient(case: Path) -> None:
    for path in case.iterdir():
        named = re.search(rb"DOE|SECRET123", path.read_bytes()) is not None
        assert named == (path.suffix == ".dcm"), path.name


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case without lesion and without removed uptake."""
    folder = tmp_path_factory.mktemp("empty")
    grid = Geometry.axial((40, 40, 40), (5.0, 5.0, 5.0), frame="2.25.9")
    array = np.random.default_rng(1).uniform(0.5, 1.0, grid.shape).astype(np.float32)
    write_study(folder / "study", Volume(array, grid, Unit.SUV_BW), facts=FACTS)
    return run(folder / "study", folder / "case").folder


def test_a_case_without_a_lesion_has_no_empty_segmentation(empty: Path) -> None:
    assert record(empty)["patient"]["n"] == 0
    assert {name for name in app_objects._MAKERS if (empty / name).exists()} == set(ALWAYS)
    assert set(left_out(empty)) == {"seg.dcm", "removed.dcm", "suv.dcm"} | (set(app_objects._MAKERS) - {
        *ALWAYS, "seg.dcm", "removed.dcm", "suv.dcm"})  # fmt: skip
    content = hd.sr.srread(empty / "sr.dcm").content
    assert content.get_volumetric_roi_measurement_groups() == []
    (patient,) = content.get_image_measurement_groups()
    assert [m.value for m in patient.get_measurements(CONCEPTS["n"].name)] == [0]
    assert next(m.value for m in patient.get_measurements(CONCEPTS["tmtv_ml"].name)) == 0


@pytest.mark.parametrize("words", [{"dicom": False}, {"suv": True}])
def test_no_objects_without_dicom(study: Path, tmp_path: Path, words: dict[str, bool]) -> None:
    source = study
    if words.get("suv"):
        source = tmp_path / "pet.nii.gz"
        write_nifti(source, digital_phantom().pet)
    made = run(source, tmp_path / "case", **words).folder
    assert not list(made.glob("*.dcm"))
    assert set(left_out(made)) == set(app_objects._MAKERS)
    assert len({reason["why"] for reason in left_out(made).values()}) == 1


def test_an_object_that_cannot_be_built_costs_nothing_else(
    case: Path, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: object) -> None:
        raise RuntimeError("DOE^JANE")

    monkeypatch.setattr(app_objects, "_MAKERS", {**app_objects._MAKERS, "seg.dcm": breaks})
    made = run(study, tmp_path / "case").folder
    assert left_out(made)["seg.dcm"] == {"code": "OUT-E-OBJECT", "why": "building it failed (RuntimeError)"}
    assert left_out(made)["sr.dcm"]["why"] == "the segmentation that it would refer to is not there"
    assert (made / "report.json").read_bytes() == (case / "report.json").read_bytes()
    assert (made / "mip.dcm").read_bytes() == (case / "mip.dcm").read_bytes()


@pytest.mark.system
@pytest.mark.parametrize("which", ["case", "empty"])
def test_the_validator_finds_no_error(which: str, request: pytest.FixtureRequest) -> None:
    import subprocess  # noqa: PLC0415

    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    for path in sorted(request.getfixturevalue(which).glob("*.dcm")):
        done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        said = (done.stdout + done.stderr).splitlines()
        assert said and not [line for line in said if line.startswith("Error")], path.name
