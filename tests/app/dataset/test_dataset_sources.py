"""Masks as NIfTI, studies in zips, several readers: where the parts of a case may lie, and what nobody can decide."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from pydicom import Dataset

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.dataset.build import BuildOutcome, build
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.masks import Wanted
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import write_nifti

ALONE = Crew(workers=0)


def zipped(folder: Path, file: Path) -> None:
    with ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder.parent)))


def left_out(places: Places) -> dict[str, set[str]]:
    """Codes by first part of the path within the tree."""
    told: dict[str, set[str]] = {}
    with (places.crosswalk / "studies-left-out.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            told.setdefault(Path(row["source"]).relative_to(places.tree).parts[0], set()).add(row["code"])
    return told


def test_nifti_masks_and_zips(hospital: Any, files: Callable[[Path], dict[str, bytes]], tmp_path: Path) -> None:
    tree, aside = tmp_path / "tree", tmp_path / "aside"
    hospital.write(tree / "painted", 1, mask=False)
    painted = hospital.paint(tree / "painted" / "nifti" / "zaphod_mask.nii.gz")
    hospital.write(aside / "packed", 2, mask=False)
    hospital.paint(aside / "packed" / "lesion_seg.nii.gz")
    zipped(aside / "packed", tree / "packed.zip")
    hospital.write(tree / "plain", 3)
    zipped(tree / "plain", tree / "copy.zip")
    (tree / "broken.zip").write_bytes(b"PK\x03\x04 beeblebrox")
    hospital.write(tree / "two" / "a", 4, mask=False)
    hospital.write(tree / "two" / "b", 5, mask=False)
    hospital.paint(tree / "two" / "mask.nii.gz")
    places = Places.of(tree, tmp_path / "Dataset501_X", None)
    outcome = build(places, crew=ALONE)
    assert outcome.summary["done"] == 3
    assert left_out(places) == {
        "copy.zip": {"DATA-I-COPY"},
        "broken.zip": {"IO-E-ARCHIVE"},
        "two": {"DATA-E-MISSING", "DATA-E-WHOSE"},
    }
    masks = [read_mask(case.mask).foreground for case in open_dataset(places.out).cases]
    assert sorted(int(mask.sum()) for mask in masks) == [36, 36, 36]
    assert sum(np.array_equal(mask, painted) for mask in masks) == 2, "the zip and the folder"
    before = files(places.out)
    assert build(places, crew=ALONE).summary["done_now"] == 0
    assert files(places.out) == before


def _ct_of_another(dataset: Dataset, _: int) -> None:
    if dataset.Modality == "CT":
        dataset.PatientID = "MRN4711X"


def test_what_is_wrong_is_quarantined_with_its_code_and_the_rest_is_built(hospital: Any, tmp_path: Path) -> None:
    """Rows of section H of the specification: archives, mixed patients, grids and labels of masks, missing slices."""
    tree = tmp_path / "tree"
    hospital.write(tree / "good", 1)
    hospital.write(tree / "empty", 2, mask=False)
    hospital.write(tree / "inverted", 3, mask=False)
    hospital.write(tree / "elsewhere", 4, mask=False)
    hospital.write(tree / "fractions", 5, mask=False)
    hospital.write(tree / "gap", 6)
    hospital.write(tree / "mixed", 7, edit=lambda d, n: setattr(d, "PatientID", "MRN47118") if n % 2 else None)
    (tree / "gap" / "pet" / "pet00010.dcm").unlink()
    for number, name in enumerate(("torn", "other bytes", "foreign ct", "mirrored"), start=8):
        edit = _ct_of_another if name == "foreign ct" else None
        hospital.write(tree / name, number, mask=name != "mirrored", edit=edit)
    torn = tree / "torn" / "pet" / "pet00010.dcm"
    torn.write_bytes(torn.read_bytes()[:-300])
    twice = tree / "other bytes" / "pet" / "pet00010.dcm"
    (tree / "other bytes" / "again.dcm").write_bytes(twice.read_bytes()[:-2] + b"\x01\x01")
    inside = np.zeros(hospital.grid.shape, np.float32)
    far = hospital.grid.affine.copy()
    far[:3, 3] += 5000.0
    mirror = np.diag([-1.0, -1.0, 1.0, 1.0]) @ hospital.grid.affine
    painted = {
        "empty": (inside, hospital.grid),
        "inverted": (inside + 1, hospital.grid),
        "elsewhere": (inside + 1, Geometry(inside.shape, far)),
        "fractions": (inside + 0.5, hospital.grid),
        "mirrored": (hospital.paint(tmp_path / "mask" / "painted.nii") + inside, Geometry(inside.shape, mirror)),
    }
    for name, (values, grid) in painted.items():
        write_nifti(tree / name / "lesion_mask.nii", Volume(values, grid, Unit.ARBITRARY))
    with ZipFile(tree / "bomb.zip", "w", compression=ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(8 * 2**20))
    with ZipFile(tree / "away.zip", "w") as archive:
        archive.write(tree / "good" / "pet" / "pet00010.dcm", "../../away.dcm")
    (tree / "packed.rar").write_bytes(b"Rar!\x1a\x07\x00 beeblebrox")
    places = Places.of(tree, tmp_path / "Dataset501_X", None)
    outcome = build(places, crew=ALONE)
    assert left_out(places) == {
        "bomb.zip": {"IO-E-ARCHIVE"},
        "away.zip": {"IO-E-ARCHIVE"},
        "torn": {"IO-E-TRUNCATED"},
        "other bytes": {"IO-E-DUPUID"},
        "foreign ct": {"IO-E-PATIENTPAIR"},
        "mirrored": {"GEO-E-MASKFLIP"},
        "packed.rar": {"IO-E-ARCHIVE"},
        "elsewhere": {"GEO-E-MASKGRID"},
        "fractions": {"GEO-E-MASKLABELS"},
        "gap": {"IO-E-GAP"},
        "mixed": {"IO-E-MIXEDPATIENT"},
    }
    assert outcome.summary["done"] == len(open_dataset(places.out).cases) == 3 and outcome.failed == 0
    assert outcome.summary["codes"]["GEO-W-MASKLARGE"] == 1, "an inverted mask is a case with a warning"
    told = (outcome.work / "status.jsonl").read_text().lower()
    assert len(told.splitlines()) == 14 and not [word for word in hospital.secrets if word in told]


def test_a_mask_that_changed_makes_its_case_again(hospital: Any, tmp_path: Path) -> None:
    hospital.write(tmp_path / "tree", 1, mask=False)
    hospital.paint(tmp_path / "tree" / "mask.nii.gz")
    places = Places.of(tmp_path / "tree", tmp_path / "Dataset501_X", None)
    build(places, crew=ALONE)
    (tmp_path / "tree" / "mask.nii.gz").unlink()
    hospital.draw(tmp_path / "tree")
    outcome = build(places, crew=ALONE)
    assert (outcome.summary["done_now"], outcome.summary["data_sets"][0]["changed"]) == (1, 1)
    versions = json.loads((places.out / "versions.json").read_text())["versions"]
    assert [(v["version"], len(v["added"]), len(v["changed"])) for v in versions] == [(1, 1, 0), (2, 0, 1)]


def read_by(readers: str, places: Places) -> BuildOutcome:
    return build(places, Wish(Making(masks=Wanted(readers=readers))), ALONE)


WIDER = ((52.0, 84.0), (92.0, 84.0), (92.0, 108.0), (52.0, 108.0))
ELSEWHERE = ((100.0, 84.0), (132.0, 84.0), (132.0, 108.0), (100.0, 108.0))


def test_readers_agree_or_a_third_is_asked(hospital: Any, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    hospital.write(tree / "agree", 1)
    hospital.draw(tree / "agree", WIDER, number=2)  # 5 × 3 voxels instead of 4 × 3: Dice 8/9
    hospital.write(tree / "disagree", 2)
    hospital.draw(tree / "disagree", ELSEWHERE, number=2)
    places = Places.of(tree, tmp_path / "Dataset501_X", None)
    outcome = read_by("majority", places)
    assert (outcome.summary["done"], outcome.summary["refused"]) == (1, 1)
    assert left_out(places) == {"disagree": {"DATA-E-READERS"}}
    (case,) = open_dataset(places.out).cases
    assert int(read_mask(case.mask).foreground.sum()) == 36, "of two readers what both drew"
    with (outcome.work / "disagreements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ml = 36 * 0.512
    assert [(float(r["reader_1_ml"]), float(r["reader_2_ml"]), float(r["dice"])) for r in rows] == [
        (pytest.approx(ml, abs=0.01), 0, 0),
        (0, pytest.approx(ml, abs=0.01), 0),
    ]
    assert [float(c) for c in rows[1]["centre_lps_mm"].split()] == pytest.approx([116, 96, 96])
    assert "Waiting for a third reader" in (outcome.work / "check.html").read_text()

    hospital.draw(tree / "disagree", WIDER, number=3)
    again = read_by("majority", places)
    assert (again.summary["done"], again.summary["refused"], again.summary["done_now"]) == (2, 0, 1)
    assert {int(read_mask(case.mask).foreground.sum()) for case in open_dataset(places.out).cases} == {36}
    assert (again.work / "disagreements.csv").read_text().count("\n") == 1


def test_words_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError, match="USE-E-NAME"):
        Wanted(readers="vote")
    with pytest.raises(LymphoscopeError, match="DATA-E-EMPTY"):
        (tmp_path / "tree").mkdir()
        build(Places.of(tmp_path / "tree", tmp_path / "Dataset501_X", None), crew=ALONE)
    shutil.rmtree(tmp_path / "tree")
