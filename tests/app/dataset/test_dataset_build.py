"""From a hospital's tree to a data set nnU-Net takes; of every study it is told what it came to."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.batch.work import Ending
from lymphoscope.app.cli import main
from lymphoscope.app.dataset.build import BuildOutcome, build
from lymphoscope.app.dataset.work import CaseTask, Making, make_case
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, write_study
from lymphoscope.io.intake import load_study
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.check_picture import check_picture

SECRETS = ("beeblebrox", "zaphod", "mrn4711")
ALONE = Crew(workers=0)
GRID = Geometry.axial((20, 24, 24), (8.0, 8.0, 8.0), frame="2.25.77")
CT_GRID = Geometry.axial((20, 32, 32), (8.0, 6.0, 6.0), frame="2.25.77")
BODY = Shape("body", "ellipsoid", (80, 96, 96), (76, 80, 90), suv=0.8, hu=40)
LESION = Shape("lesion", "ellipsoid", (100, 96, 60), (20, 20, 20), suv=9.0, hu=50, lesion=True)
SLICES = (11, 12, 13)
SQUARE = ((52.0, 84.0), (84.0, 84.0), (84.0, 108.0), (52.0, 108.0))
"""Corners (x, y) on voxel edges: 4 × 3 voxels of 8 mm."""


def _contours(folder: Path, frame: str = "") -> Dataset:
    """Contours on the PET's slices, as a workstation draws them."""
    slices = sorted((dcmread(p) for p in folder.rglob("pet/*.dcm")), key=lambda d: d.ImagePositionPatient[2])
    first, made = slices[0], Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "2.25.5", "RTSTRUCT"
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
        setattr(made, keyword, first[keyword].value)
    made.SeriesInstanceUID, made.StructureSetLabel = "2.25.6", "Zaphod"
    series, study, referred, roi, drawn = (Dataset() for _ in range(5))
    series.SeriesInstanceUID = first.SeriesInstanceUID
    study.RTReferencedSeriesSequence = [series]
    referred.FrameOfReferenceUID = frame or first.FrameOfReferenceUID
    referred.RTReferencedStudySequence = [study]
    made.ReferencedFrameOfReferenceSequence = [referred]
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, "Beeblebrox", referred.FrameOfReferenceUID
    made.StructureSetROISequence = [roi]
    drawn.ReferencedROINumber, drawn.ContourSequence = 1, []
    for number in SLICES:
        contour, z = Dataset(), float(slices[number].ImagePositionPatient[2])
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        contour.ContourData = [c for x, y in SQUARE for c in (x, y, z)]
        drawn.ContourSequence.append(contour)
    made.ROIContourSequence = [drawn]
    made.file_meta = Dataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return made


def write(folder: Path, number: int, ct: bool = True, mask: bool = True, edit: Callable | None = None) -> None:
    facts = replace(ScanFacts(), seed=number, name=f"BEEBLEBROX^ZAPHOD^{number}", patient_id=f"MRN4711{number}",
                    birth_date="19520311")  # fmt: skip
    shapes = (BODY, replace(LESION, suv=8.0 + number))
    scan = ct_image(shapes, CT_GRID, Imaging()) if ct else None
    write_study(folder, image(shapes, GRID, Imaging()), scan, facts, options=WriteOptions(edit=edit))
    if mask:
        dcmwrite(folder / "contours.dcm", _contours(folder), enforce_file_format=True)


def _light(dataset: Dataset, _: int) -> None:
    if "PatientWeight" in dataset:
        del dataset.PatientWeight


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good studies; one without CT, one without mask, one without weight."""
    tree = tmp_path_factory.mktemp("hospital") / "tree"
    write(tree / "Zaphod" / "one", 1)
    write(tree / "two", 2)
    write(tree / "no ct", 3, ct=False)
    write(tree / "no mask", 4, mask=False)
    write(tree / "light", 5, edit=_light)
    return tree


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Places, BuildOutcome]:
    places = Places.of(tree, tmp_path_factory.mktemp("made") / "Dataset501_HL", None)
    return places, build(places, crew=ALONE)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_study_is_told_of(built: tuple[Places, BuildOutcome]) -> None:
    places, outcome = built
    assert (outcome.summary["done"], outcome.summary["refused"], outcome.failed) == (2, 3, 0)
    lines = [json.loads(line) for line in (outcome.work / "status.jsonl").read_text().splitlines()]
    assert sorted(line["code"] or "" for line in lines) == ["", "", "DATA-E-MISSING", "DATA-E-MISSING", "SUV-E-WEIGHT"]
    with (places.crosswalk / "studies-left-out.csv").open(newline="") as file:
        told = {Path(row["source"]).relative_to(places.tree).parts[0]: row["code"] for row in csv.DictReader(file)}
    assert told == {"no ct": "DATA-E-MISSING", "no mask": "DATA-E-MISSING", "light": "SUV-E-WEIGHT"}


def test_images_and_mask_are_those_of_the_study(tree: Path, built: tuple[Places, BuildOutcome]) -> None:
    places, _ = built
    data = open_dataset(places.out)
    assert len(data.cases) == 2
    original = {load_study(tree / p).pet.array.tobytes(): p for p in ("two", "Zaphod/one")}
    for case in data.cases:
        pet = read_nifti(case.images["pet:suv"], Unit.SUV_BW)
        ct = read_nifti(case.images["ct:hu"], Unit.HU)
        mask = read_mask(case.mask)
        assert original.pop(pet.array.tobytes())
        assert not pet.geometry.difference(ct.geometry) and not pet.geometry.difference(mask.geometry)
        inside = np.argwhere(mask.foreground)
        assert len(inside) == 3 * 4 * 3
        assert inside.min(axis=0).tolist() == [11, 11, 7] and inside.max(axis=0).tolist() == [13, 13, 10]
    assert not original


def test_nothing_of_the_data_set_names_anybody(built: tuple[Places, BuildOutcome]) -> None:
    places, outcome = built
    for folder in (places.out, outcome.work):
        for name, content in files(folder).items():
            plain = gzip.decompress(content) if name.endswith(".gz") else content
            assert not [word for word in SECRETS if word.encode() in (plain + name.encode()).lower()], name


def test_a_second_time_nothing_is_made_and_nothing_changes(built: tuple[Places, BuildOutcome]) -> None:
    places, _ = built
    before = files(places.out)

    def never(task: CaseTask) -> Ending:
        raise AssertionError("made twice")

    again = build(places, crew=ALONE, do=never)
    assert again.summary["done_now"] == 0
    assert files(places.out) == before


def test_a_case_that_comes_later_changes_none_that_was_there(tmp_path: Path) -> None:
    write(tmp_path / "tree" / "one", 1)
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset502_NHL", None)
    build(places, crew=ALONE)
    before = files(places.out)
    write(tmp_path / "tree" / "two", 2)
    made: list[str] = []

    def counted(task: CaseTask) -> Ending:
        made.append(task.name)
        return make_case(task)

    build(places, crew=ALONE, do=counted)
    after = files(places.out)
    assert len(made) == 1 and len(after) == len(before) + 3
    assert all(after[name] == content for name, content in before.items() if name.endswith(".gz"))


def test_the_grid_of_the_ct(tmp_path: Path) -> None:
    write(tmp_path / "tree", 1)
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset503_CT", None)
    build(places, Making(grid="ct"), ALONE)
    (case,) = open_dataset(places.out).cases
    pet, mask = read_nifti(case.images["pet:suv"], Unit.SUV_BW), read_mask(case.mask)
    study = load_study(tmp_path / "tree")
    assert pet.geometry.shape == study.ct.geometry.shape == mask.geometry.shape
    assert pet.array.min() >= study.pet.array.min() and pet.array.max() <= study.pet.array.max()
    centre = mask.geometry.to_lps(np.argwhere(mask.foreground)).mean(axis=0)
    assert np.abs(centre - [68.0, 96.0, 96.0]).max() < 3.0, "landmarks stay within half a voxel"


def test_two_masks_for_one_pet_are_a_question(tmp_path: Path) -> None:
    write(tmp_path / "tree", 1)
    second = _contours(tmp_path / "tree")
    second.SOPInstanceUID = "2.25.55"
    dcmwrite(tmp_path / "tree" / "again.dcm", second, enforce_file_format=True)
    with pytest.raises(LymphoscopeError) as caught:
        build(Places.of(tmp_path / "tree", tmp_path / "Dataset504_X", None), crew=ALONE)
    assert caught.value.code == "DATA-E-EMPTY"
    assert "IO-E-CHOOSE" in (tmp_path / "Dataset504_X-work" / "status.jsonl").read_text()


def test_the_picture_shows_the_mask_and_is_the_same_each_time() -> None:
    pet, ct = image((BODY, LESION), GRID, Imaging()), ct_image((BODY, LESION), GRID, Imaging())
    inside = pet.array > 4
    none = np.zeros_like(inside)
    pictures = [check_picture(pet, ct, m) for m in (inside, inside, none)]
    assert pictures[0] == pictures[1] != pictures[2]
    assert pictures[0].startswith(b"\x89PNG")


def test_on_the_command_line(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "Dataset505_X"
    with pytest.raises(SystemExit) as left:
        main(["dataset", "build", str(tree), "-o", str(out), "--workers", "0"])
    said = capsys.readouterr()
    assert left.value.code == 0
    assert "studies: 2 cases, 3 refused; 5 done now" in said.out
    assert not [word for word in SECRETS if word in (said.out + said.err).lower()]
    with pytest.raises(SystemExit) as left:
        main(["dataset", "build", str(tree), "-o", str(out), "--grid", "mr", "--workers", "0"])
    assert left.value.code == 2


@pytest.mark.shared
def test_a_real_study_gives_the_reference_mask(shared: Path, tmp_path: Path) -> None:
    source = shared / "sts_fdg_petct"
    places = Places.of(source / "dicom" / "STS_019", tmp_path / "Dataset506_STS", None)
    build(places, crew=ALONE)
    (case,) = open_dataset(places.out).cases
    reference = read_mask(source / "nifti" / "STS_019" / "PET_mask.nii.gz")
    found: LesionMask = read_mask(case.mask)
    assert np.array_equal(found.foreground, reference.foreground)
    pet: Volume = read_nifti(case.images["pet:suv"], Unit.SUV_BW)
    assert pet.array.tobytes() == load_study(source / "dicom" / "STS_019").pet.array.tobytes()
