"""The case of a refused study: the reason, a picture to know the scan by, no number and nobody's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.pipeline import run
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dicom_write import WriteOptions
from lymphoscope.io.nifti import write_nifti
from lymphoscope.io.pet_physics import ScanFacts

SECRET = ScanFacts(name="TOPSECRET^JANE", patient_id="HIDDEN-77")


def without(*keywords: str, **values: Any) -> WriteOptions:
    """Headers without some elements and with others."""

    def edit(dataset: Any, number: int) -> None:
        for keyword in keywords:
            if keyword in dataset:
                delattr(dataset, keyword)
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return WriteOptions(edit=edit)


def record_of(case: Path) -> dict[str, Any]:
    return json.loads((case / "report.json").read_text(encoding="utf-8"))


def test_it_has_a_picture_and_names_nobody(clinic: Callable[..., Path], tmp_path: Path) -> None:
    study = clinic(
        facts=SECRET, options=without("PatientWeight", SeriesDescription="PET WB TopSecret Jane HIDDEN-77 AC")
    )
    outcome = run(study, tmp_path / "case")
    assert outcome.report is None and outcome.record["status"] == "refused"
    found = record_of(tmp_path / "case")
    assert found["refusal"]["code"] == "SUV-E-WEIGHT"
    assert {fact["description"] for fact in found["series"]} == {"PET WB [withheld] [withheld] [withheld] AC"}
    assert (tmp_path / "case" / "mip.png").read_bytes().startswith(b"\x89PNG")
    assert "orientation only" in (tmp_path / "case" / "report.html").read_text(encoding="utf-8")
    for path in (tmp_path / "case").iterdir():
        content = path.read_bytes().lower()
        assert b"topsecret" not in content and b"hidden-77" not in content, path.name


@pytest.mark.parametrize("options", [without("RescaleSlope"), without(Units="CNTS")], ids=["slope", "counts"])
def test_what_cannot_be_calibrated_can_still_be_seen(
    clinic: Callable[..., Path], tmp_path: Path, options: WriteOptions
) -> None:
    run(clinic(options=options, ct=False), tmp_path / "case")
    assert record_of(tmp_path / "case")["status"] == "refused" and (tmp_path / "case" / "mip.png").exists()


def test_without_a_grid_there_is_no_picture(clinic: Callable[..., Path], tmp_path: Path) -> None:
    study = clinic(ct=False)
    (study / "pet" / "pet00010.dcm").unlink()
    run(study, tmp_path / "case")
    assert record_of(tmp_path / "case")["refusal"]["code"] == "IO-E-GAP"
    assert not (tmp_path / "case" / "mip.png").exists() and (tmp_path / "case" / "report.html").exists()


def test_of_two_patients_no_picture_is_shown(clinic: Callable[..., Path], tmp_path: Path) -> None:
    clinic("both/a", ct=False)
    clinic("both/b", ct=False, facts=SECRET)
    run(tmp_path / "both", tmp_path / "case")
    assert record_of(tmp_path / "case")["refusal"]["code"] == "IO-E-MIXEDPATIENT"
    assert not (tmp_path / "case" / "mip.png").exists()


def test_a_nifti_of_unknown_unit_can_be_seen(tmp_path: Path) -> None:
    grid = Geometry.axial((20, 20, 20), (5.0, 5.0, 5.0))
    write_nifti(tmp_path / "pet.nii.gz", Volume(np.ones(grid.shape, np.float32), grid, Unit.ARBITRARY))
    run(tmp_path / "pet.nii.gz", tmp_path / "out")
    assert record_of(tmp_path / "out")["refusal"]["code"] == "IO-E-NIFTIUNIT"
    assert (tmp_path / "out" / "mip.png").exists()


def test_where_nothing_is_there_is_a_reason_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "letter.txt").write_text("no image")
    run(tmp_path / "study", tmp_path / "case")
    assert record_of(tmp_path / "case")["refusal"]["code"] == "IO-E-NOTHING"
    assert not (tmp_path / "case" / "mip.png").exists()
