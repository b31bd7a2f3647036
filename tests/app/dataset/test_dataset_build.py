"""From a hospital's tree to a data set nnU-Net takes; of every study it is told what it came to."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.batch.work import Ending
from lymphoscope.app.cli import main
from lymphoscope.app.dataset.build import BuildOutcome, build
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.dataset.work import CaseTask, make_case
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.phantom import Imaging, ct_image, image
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.intake import load_study
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.check_picture import check_picture

ALONE = Crew(workers=0)
Files = Callable[[Path], dict[str, bytes]]


def _light(dataset: Dataset, _: int) -> None:
    if "PatientWeight" in dataset:
        del dataset.PatientWeight


@pytest.fixture(scope="module")
def tree(hospital: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good studies; one without CT, one without mask, one without weight."""
    tree = tmp_path_factory.mktemp("hospital") / "tree"
    hospital.write(tree / "Zaphod" / "one", 1)
    hospital.write(tree / "two", 2)
    hospital.write(tree / "no ct", 3, ct=False)
    hospital.write(tree / "no mask", 4, mask=False)
    hospital.write(tree / "light", 5, edit=_light)
    return tree


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Places, BuildOutcome]:
    places = Places.of(tree, tmp_path_factory.mktemp("made") / "Dataset501_HL", None)
    return places, build(places, crew=ALONE)


def test_every_study_is_told_of(built: tuple[Places, BuildOutcome]) -> None:
    places, outcome = built
    assert (outcome.summary["done"], outcome.summary["refused"], outcome.failed) == (2, 3, 0)
    lines = [json.loads(line) for line in (outcome.work / "status.jsonl").read_text().splitlines()]
    assert sorted(line["code"] or "" for line in lines) == ["", "", "DATA-E-MISSING", "DATA-E-MISSING", "SUV-E-WEIGHT"]
    with (places.crosswalk / "studies-left-out.csv").open(newline="") as file:
        told = {Path(row["source"]).relative_to(places.tree).parts[0]: row["code"] for row in csv.DictReader(file)}
    assert told == {"no ct": "DATA-E-MISSING", "no mask": "DATA-E-MISSING", "light": "SUV-E-WEIGHT"}


def test_the_grid_of_every_series_is_written_down_also_of_studies_left_out(
    hospital: Any, built: tuple[Places, BuildOutcome]
) -> None:
    with (built[1].work / "series.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["study"] for row in rows}) == 5
    assert sorted(row["modality"] for row in rows) == ["CT"] * 4 + ["PT"] * 5
    case = open_dataset(built[0].out).cases[0].id
    pet = next(row for row in rows if row["study"] == case and row["modality"] == "PT")
    assert (pet["images"], pet["columns"], pet["rows"]) == ("20", "24", "24")
    assert (pet["pixel_mm"], pet["step_mm"], pet["origin_lps_mm"]) == ("8 8", "8", "0 0 0")
    assert (pet["direction_cosines"], pet["field_mm"]) == ("1 0 0 0 1 0", "192 192 160")
    assert pet["patient_position"] == "HFS" and float(pet["uneven_mm"]) == 0


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


def test_nothing_of_the_data_set_names_anybody(hospital: Any, files: Files, built: tuple[Places, BuildOutcome]) -> None:
    places, outcome = built
    for folder in (places.out, outcome.work):
        for name, content in files(folder).items():
            plain = gzip.decompress(content) if name.endswith(".gz") else content
            assert not [word for word in hospital.secrets if word.encode() in (plain + name.encode()).lower()], name


def test_a_second_time_nothing_is_made_and_nothing_changes(files: Files, built: tuple[Places, BuildOutcome]) -> None:
    places, _ = built
    before = files(places.out)

    def never(task: CaseTask) -> Ending:
        raise AssertionError("made twice")

    again = build(places, crew=ALONE, do=never)
    assert again.summary["done_now"] == 0
    assert files(places.out) == before


def test_what_was_made_before_an_interruption_is_kept(hospital: Any, files: Files, tmp_path: Path) -> None:
    for n in (1, 2):
        hospital.write(tmp_path / "tree" / str(n), n)
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset501_X", None)
    made: list[str] = []

    def killed_at_the_second(task: CaseTask) -> Ending:
        if made:
            raise KeyboardInterrupt
        made.append(task.name)
        return make_case(task)

    with pytest.raises(KeyboardInterrupt):
        build(places, crew=ALONE, do=killed_at_the_second)
    assert not places.out.exists(), "no half of a data set"

    def counted(task: CaseTask) -> Ending:
        made.append(task.name)
        return make_case(task)

    outcome = build(places, crew=ALONE, do=counted)
    assert outcome.summary["done_now"] == 1 and len(set(made)) == len(made) == 2
    whole = files(places.out)
    shutil.rmtree(places.out)
    shutil.rmtree(outcome.work)
    build(places, crew=ALONE)
    assert files(places.out) == whole, "as if it had never been interrupted"


@pytest.mark.long
def test_workers_give_the_same_bytes(built: tuple[Places, BuildOutcome], files: Files, tmp_path: Path) -> None:
    alone, _ = built
    places = Places.of(alone.tree, tmp_path / alone.out.name, None)
    places.crosswalk.mkdir(mode=0o700)
    shutil.copy(alone.crosswalk / "secret.key", places.crosswalk)
    outcome = build(places, crew=Crew(workers=2, memory_gb=1.0))
    assert (outcome.summary["done"], outcome.summary["refused"], outcome.failed) == (2, 3, 0)
    assert files(places.out) == files(alone.out)


def test_a_case_that_comes_later_changes_none_that_was_there(hospital: Any, files: Files, tmp_path: Path) -> None:
    hospital.write(tmp_path / "tree" / "one", 1)
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset502_NHL", None)
    build(places, crew=ALONE)
    before = files(places.out)
    hospital.write(tmp_path / "tree" / "two", 2)
    made: list[str] = []

    def counted(task: CaseTask) -> Ending:
        made.append(task.name)
        return make_case(task)

    build(places, crew=ALONE, do=counted)
    after = files(places.out)
    assert len(made) == 1 and len([name for name in after if name.endswith(".gz")]) == 6
    assert all(after[name] == content for name, content in before.items() if name.endswith(".gz"))


def test_the_grid_of_the_ct(hospital: Any, tmp_path: Path) -> None:
    hospital.write(tmp_path / "tree", 1)
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset503_CT", None)
    build(places, Wish(Making(grid="ct")), ALONE)
    (case,) = open_dataset(places.out).cases
    pet, mask = read_nifti(case.images["pet:suv"], Unit.SUV_BW), read_mask(case.mask)
    study = load_study(tmp_path / "tree")
    assert pet.geometry.shape == study.ct.geometry.shape == mask.geometry.shape
    assert pet.array.min() >= study.pet.array.min() and pet.array.max() <= study.pet.array.max()
    centre = mask.geometry.to_lps(np.argwhere(mask.foreground)).mean(axis=0)
    assert np.abs(centre - [68.0, 96.0, 96.0]).max() < 3.0, "landmarks stay within half a voxel"


def test_a_ct_that_cuts_the_body_off_is_told(hospital: Any, tmp_path: Path) -> None:
    def cut(dataset: Dataset, _: int) -> None:
        if dataset.Modality == "CT":
            pixels = np.frombuffer(dataset.PixelData, "<i2").reshape(32, 32).copy()
            pixels[:, :8] = pixels.min()
            dataset.PixelData = pixels.tobytes()

    hospital.write(tmp_path / "tree" / "cut", 1, edit=cut)
    hospital.write(tmp_path / "tree" / "whole", 2)
    outcome = build(Places.of(tmp_path / "tree", tmp_path / "Dataset505_X", None), crew=ALONE)
    assert outcome.summary["codes"]["GEO-W-MISSING"] == 1
    (odd,) = re.findall(r'class="odd">(\d+)%', (outcome.work / "check.html").read_text())
    assert 11 <= int(odd) <= 18, "a cap of 31 mm of the ellipsoid is 11 % of it, and one of the 41 mm that are cut 18 %"


def test_two_masks_for_one_pet_are_a_question(hospital: Any, tmp_path: Path) -> None:
    hospital.write(tmp_path / "tree", 1)
    hospital.draw(tmp_path / "tree", number=2)
    with pytest.raises(LymphoscopeError) as caught:
        build(Places.of(tmp_path / "tree", tmp_path / "Dataset504_X", None), crew=ALONE)
    assert caught.value.code == "DATA-E-EMPTY"
    assert "IO-E-CHOOSE" in (tmp_path / "Dataset504_X-work" / "status.jsonl").read_text()


def test_the_picture_shows_the_mask_and_is_the_same_each_time(hospital: Any) -> None:
    shapes, grid = hospital.shapes, hospital.grid
    pet, ct = image(shapes, grid, Imaging()), ct_image(shapes, grid, Imaging())
    inside = pet.array > 4
    none = np.zeros_like(inside)
    pictures = [check_picture(pet, ct, m) for m in (inside, inside, none)]
    assert pictures[0] == pictures[1] != pictures[2]
    assert pictures[0].startswith(b"\x89PNG")


def test_on_the_command_line(
    hospital: Any, built: tuple[Places, BuildOutcome], capsys: pytest.CaptureFixture[str]
) -> None:
    tree, out = built[0].tree, built[0].out
    with pytest.raises(SystemExit) as left:
        main(["dataset", "build", str(tree), "-o", str(out), "--workers", "0"])
    said = capsys.readouterr()
    assert left.value.code == 0
    assert "studies: 2 cases, 3 refused; 0 done now" in said.out
    assert "Dataset501_HL: version 1, 2 cases (nothing new)" in said.out
    assert not [word for word in hospital.secrets if word in (said.out + said.err).lower()]
    with pytest.raises(SystemExit) as left:
        main(["dataset", "build", str(tree), "-o", str(out), "--grid", "mr", "--workers", "0"])
    assert left.value.code == 2


@pytest.mark.shared
def test_real_studies_give_the_reference_masks(shared: Path, tmp_path: Path) -> None:
    """Three patients with contours on PET, CT and MR each: those of the PET count, and give the published mask."""
    source, names = shared / "sts_fdg_petct", ("STS_002", "STS_019", "STS_032")
    places = Places.of(source / "dicom", tmp_path / "Dataset506_STS", None)
    outcome = build(places, crew=ALONE)
    cases = open_dataset(places.out).cases
    assert len(cases) == outcome.summary["done"] == 3
    masks = [read_mask(case.mask) for case in cases]
    pets = [read_nifti(case.images["pet:suv"], Unit.SUV_BW).array.tobytes() for case in cases]
    for name in names:
        reference = read_mask(source / "nifti" / name / "PET_mask.nii.gz")
        same = [not m.geometry.difference(reference.geometry) for m in masks]
        found: LesionMask = masks[same.index(True)]
        assert sum(same) == 1 and np.array_equal(found.foreground, reference.foreground)
    assert load_study(source / "dicom" / names[0]).pet.array.tobytes() in pets
