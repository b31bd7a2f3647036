"""The verb `phantom --whole-body`, on a small hand-made organ map, so that nothing outside the project is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app import whole_body
from lymphoscope.app.cli import main
from lymphoscope.app.whole_body import Cohort, write
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.intake import LoadOptions, load_study
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import write_nifti

STEP = 7.0
NAMES = {1: "lungs", 2: "liver", 3: "kidneys", 4: "bladder", 5: "brain"}
BLOBS = (
    # organ, centre (x left, y back, z up) mm with the bladder at 0, half axes mm
    ("lungs", (70, 40, 450), (58, 85, 92)), ("lungs", (-70, 40, 450), (58, 85, 92)),
    ("liver", (-60, 20, 320), (85, 70, 75)), ("kidneys", (68, 70, 245), (26, 28, 55)),
    ("kidneys", (-68, 70, 240), (26, 28, 55)), ("bladder", (0, 0, 0), (38, 30, 28)),
    ("brain", (0, 20, 730), (66, 84, 62)),
)  # fmt: skip


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one map that serves and one without organs."""
    folder = tmp_path_factory.mktemp("maps")
    geometry = Geometry.axial((129, 53, 82), (STEP, STEP, STEP), (-285.0, -180.0, -165.0))
    z, y, x = (geometry.origin[2 - a] + STEP * np.arange(geometry.shape[a]) for a in range(3))
    labels = np.zeros(geometry.shape, np.int32)
    number = {name: label for label, name in NAMES.items()}
    for name, (cx, cy, cz), (hx, hy, hz) in BLOBS:
        away = ((x - cx) / hx) ** 2 + ((y[:, None] - cy) / hy) ** 2 + ((z[:, None, None] - cz) / hz) ** 2
        labels[(away < 1) & (labels == 0)] = number[name]
    write_nifti(folder / "whole.nii.gz", LesionMask(labels, geometry, "made"))
    write_nifti(folder / "bare.nii.gz", LesionMask(np.where(labels == number["brain"], labels, 0), geometry, "made"))
    return folder


@pytest.mark.long
def test_a_study_says_in_dicom_what_its_truth_says(maps: Path, tmp_path: Path) -> None:
    cohort = Cohort(maps, NAMES, 1, 3, "DLBCL", "ge_ste", step_mm=STEP)
    record = write(tmp_path / "out", cohort)
    assert record["maps_left_out"] in ([], ["bare"]) and [p["map"] for p in record["phantoms"]] == ["whole"]
    [truth] = record["phantoms"]
    folder = tmp_path / "out" / "phantom-0001"
    kept = json.loads((folder / "truth.json").read_text())
    assert kept["facts"]["subtype"] == "DLBCL" and kept["tmtv_ml"] == pytest.approx(truth["tmtv_ml"], rel=1e-8)

    study = load_study(folder / "study", LoadOptions())
    pet = study.volumes["pet"]
    assert study.volumes["ct"].unit is Unit.HU
    lesions = read_mask(folder / "truth" / "lesions.nii.gz")
    assert not lesions.geometry.difference(pet.geometry), "the truth lies on the PET's own grid"
    inside = lesions.foreground
    step = float(pet.array.max()) / 32767  # of a stored value
    assert pet.array[inside].min() >= 4.0 - step
    volume = np.count_nonzero(inside) * pet.geometry.voxel_ml
    assert volume == pytest.approx(truth["tmtv_ml"], rel=1e-6) and volume > 1.0
    assert sum(lesion["volume_ml"] for lesion in truth["lesions"]) == pytest.approx(truth["tmtv_ml"])
    assert study.patient.weight_kg == pytest.approx(truth["facts"]["weight_kg"])
    assert study.suv is not None and study.suv.uptake_min == pytest.approx(truth["facts"]["uptake_min"], abs=0.51)
    codes = {m.code for m in study.messages}
    assert not {c for c in codes if c.startswith(("SUV-W", "GEO-W"))}, codes


def test_a_data_set_has_a_patient_for_each_anatomy(maps: Path, tmp_path: Path) -> None:
    cohort = Cohort(maps, NAMES, 1, 1, "HL", "ge_ste", step_mm=STEP, layout="nnunet")
    record = write(tmp_path / "Dataset001_Phantoms", cohort)
    data = open_dataset(tmp_path / "Dataset001_Phantoms")
    assert [case.id for case in data.cases] == ["phantom-0001"]
    assert {case.patient for case in data.cases} == {"whole"}, "folds must not share an anatomy"
    sample = data.read(data.cases[0], ("pet:suv", "ct:hu"))
    assert sample.labels is not None
    drawn = np.count_nonzero(sample.labels.array) * sample.labels.geometry.voxel_ml
    assert drawn == pytest.approx(record["phantoms"][0]["tmtv_ml"], rel=1e-6)
    assert float(data.cases[0].outcome["tmtv_ml"]) == pytest.approx(drawn, abs=1e-3)
    assert -1030 < sample.volumes["ct:hu"].array.min() < -900


def test_what_cannot_be_made_is_refused(maps: Path, tmp_path: Path) -> None:
    for words, code in (
        ({"subtype": "DLBLC"}, "USE-E-NAME"), ({"scanner": "ge_691"}, "USE-E-NAME"), ({"layout": "dicm"}, "USE-E-NAME"),
        ({"vendor": "simens"}, "USE-E-NAME"), ({"count": 0}, "USE-E-VALUE"),
        ({"layout": "nnunet", "ct": False}, "USE-E-VALUE"),
    ):  # fmt: skip
        with pytest.raises(LymphoscopeError) as refused:
            Cohort(maps, NAMES, **words)  # type: ignore[arg-type]
        assert refused.value.code == code
    with pytest.raises(LymphoscopeError) as refused:
        write(tmp_path / "x", Cohort(tmp_path, NAMES))
    assert refused.value.code == "IO-E-NOTHING"
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "bare.nii.gz").write_bytes((maps / "bare.nii.gz").read_bytes())
    with pytest.raises(LymphoscopeError) as refused:
        write(tmp_path / "x", Cohort(alone, NAMES, step_mm=STEP))
    assert refused.value.code == "GEO-E-MASKLABELS" and not (tmp_path / "x").exists()


def test_the_words_of_the_command_line_arrive(
    maps: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[Cohort] = []

    def made(folder: Path, cohort: Cohort, progress: object) -> dict[str, object]:
        seen.append(cohort)
        return {"phantoms": [], "n_phantoms": 0, "maps_left_out": ["odd"]}

    monkeypatch.setattr(whole_body, "write", made)
    words = ["phantom", "x", "--whole-body", str(maps), "--organ-names", "1=lungs,2=liver", "--count", "3"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--seed", "9", "--subtype", "FL", "--scanner", "si_mct", "--layout", "nnunet"])
    assert left.value.code == 0 and "odd left out" in capfd.readouterr().err
    [cohort] = seen
    assert (cohort.count, cohort.seed, cohort.subtype, cohort.scanner, cohort.layout) == (
        3,
        9,
        "FL",
        "si_mct",
        "nnunet",
    )
    assert cohort.names == {1: "lungs", 2: "liver"} and cohort.vendor is None
    with pytest.raises(SystemExit) as left:
        main([*words, "--subtype", "FLL"])
    assert left.value.code == 2 and "USE-E-NAME" in capfd.readouterr().err
