"""Public collections on small trees of the same shape: names, labels, grids, patients, what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.cli import main
from lymphoscope.app.dataset.adoption import Choice, adopt
from lymphoscope.app.dataset.build import build
from lymphoscope.app.dataset.parts import share_of
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import write_nifti

PET = Geometry.axial((10, 12, 12), (4.0, 4.0, 4.0))
CT = Geometry.axial((10, 24, 24), (4.0, 2.0, 2.0), (-1.0, -1.0, 0.0))  # every PET voxel is 2 × 2 CT voxels


def put(file: Path, grid: Geometry, *labels: int, value: float = 0.0) -> None:
    """An image of one value, or a mask with one block of 4 × 4 × 4 mm³ ⋅ 2³ for each label."""
    file.parent.mkdir(parents=True, exist_ok=True)
    array = np.full(grid.shape, value, np.float32)
    factor = grid.shape[1] // 12
    for n, label in enumerate(labels):
        array[2:4, 2 * factor : 4 * factor, (2 + 4 * n) * factor : (4 + 4 * n) * factor] = label
    unit = Unit.LABEL if labels else Unit.ARBITRARY
    write_nifti(file, Volume(array.astype(np.uint8) if labels else array, grid, unit))


def hecktor(tree: Path) -> None:
    for n in range(6):
        put(tree / "imagesTr" / f"CHUM-00{n}__CT.nii.gz", CT, value=40)
        put(tree / "imagesTr" / f"CHUM-00{n}__PT.nii.gz", PET, value=1)
        put(tree / "labelsTr" / f"CHUM-00{n}.nii.gz", CT, 1, 2)
    put(tree / "imagesTr" / "MDA-101__CT.nii.gz", CT, value=40)
    put(tree / "imagesTr" / "MDA-101__PT.nii.gz", PET, value=1)
    put(tree / "old" / "hecktor_nii" / "CHGJ007_ct.nii.gz", CT, value=40)
    put(tree / "old" / "hecktor_nii" / "CHGJ007_pt.nii.gz", PET, value=1)
    put(tree / "old" / "hecktor_nii" / "CHGJ007_gtvt.nii.gz", CT, 1)


def autopet(tree: Path) -> None:
    top = tree / "FDG-PET-CT-Lesions"
    for patient, studies in (("PETCT_0a", 2), ("PETCT_1b", 1), ("PETCT_2c", 1)):
        for n in range(studies):
            place = top / patient / f"0{n}-11-2001-NA-PET-CT Ganzkoerper-0000{n}"
            put(place / "SUV.nii.gz", PET, value=1)
            put(place / "PET.nii.gz", PET, value=9000)
            put(place / "CTres.nii.gz", PET, value=40)
            put(place / "CT.nii.gz", CT, value=40)
            put(place / "SEG.nii.gz", PET, 1 if patient == "PETCT_0a" else 0)
    (tree / "Clinical-Metadata-FDG-PET_CT-Lesions.csv").write_text(
        "Subject ID,Study UID,diagnosis,age,Sex\nPETCT_0a,1.2,LYMPHOMA,061Y,M\nPETCT_0a,1.3,LYMPHOMA,061Y,M\n"
        "PETCT_1b,1.4,NEGATIVE,050Y,F\nPETCT_2c,1.5,MELANOMA,040Y,F\n"
    )


def brats(tree: Path) -> None:
    for n, labels in ((0, (1, 2, 4)), (1, (1, 2, 4))):
        for part in ("t1", "t1ce", "t2", "flair"):
            put(tree / f"BraTS2021_0000{n}" / f"BraTS2021_0000{n}_{part}.nii.gz", PET, value=100)
        put(tree / f"BraTS2021_0000{n}" / f"BraTS2021_0000{n}_seg.nii.gz", PET, *labels[:2], labels[2])
    for visit in range(2):
        for part in ("t1n", "t1c", "t2w", "t2f"):
            name = f"BraTS-GLI-00005-00{visit}"
            put(tree / name / f"{name}-{part}.nii.gz", PET, value=100)
        put(tree / name / f"{name}-seg.nii.gz", PET, 1, 2, 3)


def voxels(out: Path) -> dict[str, int]:
    data = open_dataset(out)
    return {entry.id: int((data.read(entry, list(entry.images)).labels.array > 0).sum()) for entry in data.cases}


def test_hecktor(tmp_path: Path) -> None:
    hecktor(tmp_path / "tree")
    out = tmp_path / "Dataset601_HN"
    summary = adopt(tmp_path / "tree", "hecktor", out)
    assert summary["left_out"] == {"MDA-101": {"code": "DATA-E-MISSING", "what": "there is no mask"}}
    assert voxels(out) == {"CHGJ007": 8, **{f"CHUM-00{n}": 16 for n in range(6)}}, "tumour and nodes, on the PET's grid"
    data = open_dataset(out)
    assert data.read(data["CHUM-000"], ["ct:hu"]).volumes["ct:hu"].geometry.difference(PET) == ""
    assert len(data.splits) == 5 and sorted(c for _, val in data.splits for c in val) == sorted(voxels(out))
    adopt(tmp_path / "tree", "hecktor", out, Choice.of("2", "", force=True))
    assert voxels(out) == {"CHGJ007": 0, **{f"CHUM-00{n}": 8 for n in range(6)}}


def test_autopet_by_diagnosis_with_negatives_and_patients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    autopet(tmp_path / "tree")
    out = tmp_path / "Dataset602_AP"
    with pytest.raises(SystemExit) as left:
        main(
            ["dataset", "adopt", "autopet", str(tmp_path / "tree"), "-o", str(out), "--diagnosis", "lymphoma,NEGATIVE"]
        )
    assert left.value.code == 0 and "3 cases of 2 patients" in capsys.readouterr().out
    data = open_dataset(out)
    assert [(c.patient, c.outcome["diagnosis"]) for c in data.cases] == [
        ("PETCT_0a", "LYMPHOMA"), ("PETCT_0a", "LYMPHOMA"), ("PETCT_1b", "NEGATIVE")
    ]  # fmt: skip
    assert sorted(voxels(out).values()) == [0, 8, 8]
    with pytest.raises(LymphoscopeError, match="DATA-E-EMPTY"):
        adopt(tmp_path / "tree", "autopet", tmp_path / "none", Choice(diagnoses=("sarcoma",)))


def test_patients_kept_for_a_last_test_stay_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hecktor(tmp_path / "tree")
    out, table = tmp_path / "Dataset605_HN", tmp_path / "parts.csv"
    table.write_text("patient,part\nCHUM-001,test\nCHGJ007,test\nCHUM-002,train\n")
    with pytest.raises(SystemExit) as left:
        main(["dataset", "adopt", "hecktor", str(tmp_path / "tree"), "-o", str(out), "--table", str(table)])
    assert left.value.code == 0 and "7 cases of 7 patients, 2 of the cases for a last test" in capsys.readouterr().out
    data = open_dataset(out)
    assert {e.patient for e in data.held_out} == {"CHUM-001", "CHGJ007"} and all(e.mask for e in data.held_out)
    assert sorted(c for _, val in data.splits for c in val) == sorted(e.id for e in data.cases), "no fold holds them"
    facts = json.loads((out / "dataset.json").read_text())
    assert (facts["numTraining"], facts["numTest"]) == (5, 2)

    adopt(tmp_path / "tree", "hecktor", out, Choice(force=True, test_share=0.999))
    assert len(open_dataset(out).cases) == 5, "whoever was trained on is no test any more"
    for rows, code in (("CHUM-002,test", "DATA-E-SPLIT"), ("CHUM-00l,test", "DATA-E-TABLE")):
        table.write_text(f"patient,part\n{rows}\n")
        with pytest.raises(LymphoscopeError, match=code):
            adopt(tmp_path / "tree", "hecktor", out, Choice(force=True, table=table))
    adopt(tmp_path / "tree", "hecktor", tmp_path / "new", Choice(test_share=0.5))
    assert {e.patient for e in open_dataset(tmp_path / "new").held_out} == {
        p for p in ("CHGJ007", *(f"CHUM-00{n}" for n in range(6))) if share_of(p) < 0.5
    }


def test_autopet_as_nnunet_keeps_patients_and_leaves_other_tracers(tmp_path: Path) -> None:
    for case in ("fdg_0a1b_03-23-2003", "fdg_0a1b_09-01-2004", "psma_77_2018-04-16"):
        put(tmp_path / "tree" / "imagesTr" / f"{case}_0000.nii.gz", PET, value=40)
        put(tmp_path / "tree" / "imagesTr" / f"{case}_0001.nii.gz", PET, value=1)
        put(tmp_path / "tree" / "labelsTr" / f"{case}.nii.gz", PET, 1)
    adopt(tmp_path / "tree", "autopet", tmp_path / "out")
    assert {c.patient for c in open_dataset(tmp_path / "out").cases} == {"fdg_0a1b"}
    assert len(open_dataset(tmp_path / "out").cases) == 2


def test_brats_is_one_class_of_four_sequences(tmp_path: Path) -> None:
    brats(tmp_path / "tree")
    out = tmp_path / "Dataset603_B"
    assert adopt(tmp_path / "tree", "brats", out)["patients"] == 3
    names = json.loads((out / "dataset.json").read_text())["channel_names"]
    assert names == {"0": "T1", "1": "T1CE", "2": "T2", "3": "FLAIR"}
    assert set(voxels(out).values()) == {24}
    put(tmp_path / "tree" / "copy" / "BraTS2021_00000_t1.nii.gz", PET, value=1)
    with pytest.raises(LymphoscopeError, match="DATA-E-DUPLICATE"):
        adopt(tmp_path / "tree", "brats", tmp_path / "again")
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        Choice.of("1,b", "")
    with pytest.raises(LymphoscopeError, match="USE-E-NAME"):
        adopt(tmp_path / "tree", "lits", tmp_path / "again")


def test_tcia_is_built_as_any_tree(hospital: Any, tmp_path: Path) -> None:
    """TCIA's download: collection, subject, date and study, numbered series, a table and a licence beside."""
    hospital.write(tmp_path / "flat", 1)
    top = tmp_path / "tree" / "FDG-PET-CT-Lesions"
    for path in sorted((tmp_path / "flat").rglob("*.dcm")):
        header = dcmread(path, stop_before_pixels=True)
        series = {"PT": "1.000000-PET-00001", "CT": "2.000000-CT-00002", "RTSTRUCT": "3.000000-RTSTRUCT-00003"}
        place = top / "PETCT_0a" / "03-23-2003-NA-PET-CT-98698" / series[header.Modality]
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / f"1-{len(list(place.iterdir())) + 1:03d}.dcm")
    (tmp_path / "tree" / "metadata.csv").write_text("Series UID,Collection\n1.2,FDG-PET-CT-Lesions\n")
    (top / "LICENSE").write_text("CC BY")
    outcome = build(Places.of(tmp_path / "tree", tmp_path / "Dataset604_T", None), crew=Crew(workers=0))
    assert (outcome.summary["done"], outcome.summary["other_files"]) == (1, 2)
    assert set(voxels(tmp_path / "Dataset604_T").values()) == {36}
