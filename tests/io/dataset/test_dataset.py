from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import write_nifti

from .conftest import GRID, Folder, new_case

BOTH = ("pet:suv", "ct:hu")


def refused(code: str, call: Callable[[], Any]) -> str:
    with pytest.raises(LymphoscopeError) as caught:
        call()
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read_back(folder: Folder) -> None:
    data = open_dataset(folder.path)
    assert [case.id for case in data.cases] == ["a", "b", "c"]
    assert [case.patient for case in data.cases] == ["P1", "P1", "c"]
    assert [case.id for case in data.held_out] == ["z"]
    assert data.labels == {"background": 0, "lesion": 1}
    assert data.ignore == 2
    assert data["c"].outcome == {"dead": 1.0}
    assert data["a"].outcome == {}
    for number, name in enumerate("abc", 1):
        written, sample = new_case(name, number), data.read(data[name], BOTH)
        for role in BOTH:
            assert np.array_equal(sample.volumes[role].array, written.volumes[role].array)
            assert not sample.volumes[role].geometry.difference(GRID)
            assert sample.volumes[role].unit is written.volumes[role].unit
        assert sample.labels is not None
        assert np.array_equal(sample.labels.array, written.labels.array)  # type: ignore[union-attr]
        assert np.argwhere(sample.labels.array == UNMARKED).tolist() == [[0, 0, 0]]


def test_dataset_json_is_that_of_nnunet(folder: Folder) -> None:
    record = json.loads((folder.path / "dataset.json").read_text())
    assert record["channel_names"] == {"0": "CT", "1": "PET"}
    assert record["labels"] == {"background": 0, "lesion": 1, "ignore": 2}
    assert (record["numTraining"], record["file_ending"]) == (3, ".nii.gz")
    assert record["modality"] == record["channel_names"] and record["numTest"] == len(record["test"])
    assert len(record["training"]) == 3
    assert all((folder.path / case["label"]).is_file() for case in record["training"])
    for image in (case["image"] for case in record["training"]):
        assert (folder.path / image.replace(".nii.gz", "_0001.nii.gz")).is_file(), "of version 1, without the channel"
    assert sorted(p.name for p in (folder.path / "imagesTr").iterdir())[:2] == ["a_0000.nii.gz", "a_0001.nii.gz"]


def test_a_data_set_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    broken = [new_case("a"), new_case("A")]
    about = About("d", ignore=True)
    assert "case A" in refused("DATA-E-DUPLICATE", lambda: write_nnunet(tmp_path / "d", broken, about))
    assert not (tmp_path / "d").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.endswith("new")]


def test_the_same_cases_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_nnunet(tmp_path / name, [new_case("a"), new_case("b")], About("Toy", ignore=True))
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 8
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_the_writer_refuses_what_nnunet_could_not_read(tmp_path: Path) -> None:
    def refusal(code: str, case: NewCase, ignore: bool = True) -> str:
        return refused(code, lambda: write_nnunet(tmp_path / "d", [case], About("d", ignore=ignore)))

    sound = new_case("a")
    other = Geometry.axial(GRID.shape, (3.0, 4.0, 4.5))
    odd = Volume(np.zeros(GRID.shape, np.int16), other, Unit.HU)
    assert "spacing" in refusal("DATA-E-GRID", NewCase("a", {**sound.volumes, "ct:hu": odd}, sound.labels))
    refusal("USE-E-VALUE", new_case("a b"))
    refusal("DATA-E-EMPTY", new_case("a", held_out=True))
    refusal("DATA-E-MISSING", NewCase("a", sound.volumes, None))
    two = Volume(np.full(GRID.shape, 2, np.int16), GRID, Unit.LABEL)
    assert "label 2" in refusal("DATA-E-LABELS", NewCase("a", sound.volumes, two))
    assert "label -1" in refusal("DATA-E-LABELS", sound, ignore=False)


def test_version_1_is_understood(folder: Folder) -> None:
    folder.edit(channel_names=None, modality={"0": "ct", "1": "PT"}, labels={"0": "background", "1": "tumour"})
    folder.edit(file_ending=None)
    data = open_dataset(folder.path)
    assert data.labels == {"background": 0, "tumour": 1}
    assert set(data["a"].images) == set(BOTH)
    assert "label 2" in refused("DATA-E-LABELS", lambda: data.read(data["a"], BOTH))  # ignore is not declared any more


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ({"channel_names": {"0": "CT", "1": "XA"}}, "DATA-E-CHANNEL", "'XA'"),
        ({"channel_names": {"0": "CT", "1": "ct"}}, "DATA-E-CHANNEL", "two channels"),
        ({"channel_names": {"0": "CT", "2": "PET"}}, "DATA-E-CHANNEL", "not numbered"),
        ({"channel_names": {"0": "CT"}}, "DATA-E-CHANNEL", "a_0001.nii.gz"),
        ({"labels": {"background": 0, "whole": [1, 2]}}, "DATA-E-LABELS", "regions"),
        ({"labels": {"background": 0, "lesion": 2}}, "DATA-E-LABELS", "classes 1, 2"),
        ({"labels": {"background": 0, "lesion": 1, "ignore": 3}}, "DATA-E-LABELS", "ignore"),
        ({"labels": {"background": 0, "lesion": "x"}}, "DATA-E-LABELS", "whole number"),
        ({"labels": {"background": 0, "lesion": 1.5}}, "DATA-E-LABELS", "whole number"),
        ({"labels": {"0": "background", "2": "lesion"}}, "DATA-E-LABELS", "classes 1, 2"),
        ({"labels": {}}, "DATA-E-LABELS", "background 0"),
        ({"labels": None}, "DATA-E-LAYOUT", "labels"),
        ({"dataset": {"a": {"images": ["x.nii.gz"], "label": "y.nii.gz"}}}, "DATA-E-LAYOUT", "lists images by case"),
        ({"file_ending": ".png"}, "DATA-E-LAYOUT", ".png"),
        ({"file_ending": ".nii"}, "DATA-E-EMPTY", "imagesTr"),
        ({"numTraining": 4}, "DATA-E-MISSING", "numTraining says 4"),
    ],
)
def test_a_faulty_dataset_json_is_refused(folder: Folder, words: dict[str, Any], code: str, says: str) -> None:
    folder.edit(**words)
    assert says in refused(code, lambda: open_dataset(folder.path))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(["CT", "PET", "background", "1", ".nii"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["0", "1", "2", "background", "lesion", "ignore", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
WORDS = ("channel_names", "modality", "labels", "file_ending", "numTraining", "dataset", "name")


@settings(max_examples=150, deadline=None)
@given(words=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=3))
def test_whatever_dataset_json_says_is_understood_or_refused(words: dict[str, Any], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("any")
    for name in ("imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).touch()
    sound = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "lesion": 1}}
    (path / "dataset.json").write_text(json.dumps({**sound, **words}))
    try:
        data = open_dataset(path)
    except LymphoscopeError as error:
        assert error.code.startswith("DATA-E-")
        return
    assert [case.id for case in data.cases] == ["a"]
    assert sorted(data.labels.values()) == list(range(len(data.labels)))


def test_files_that_are_missing_are_named(folder: Folder) -> None:
    image, mask = folder.path / "imagesTr" / "b_0001.nii.gz", folder.path / "labelsTr" / "b.nii.gz"
    image.rename(folder.path / "kept")
    assert "imagesTr/b_0001.nii.gz" in refused("DATA-E-MISSING", lambda: open_dataset(folder.path))
    (folder.path / "imagesTr" / "b_0000.nii.gz").unlink()
    assert "labelsTr/b.nii.gz" in refused("DATA-E-MISSING", lambda: open_dataset(folder.path))
    mask.unlink()
    assert "2 cases were found" in refused("DATA-E-MISSING", lambda: open_dataset(folder.path))
    (folder.path / "labelsTr" / "c.nii.gz").unlink()
    text = refused("DATA-E-MISSING", lambda: open_dataset(folder.path))
    assert "labelsTr/c.nii.gz" in text
    assert "imagesUn" in text


def test_images_without_mask_have_a_place_of_their_own(folder: Folder) -> None:
    unlabelled = folder.path / "imagesUn"
    unlabelled.mkdir()
    for channel in ("0000", "0001"):
        shutil.copy(folder.path / "imagesTr" / f"a_{channel}.nii.gz", unlabelled / f"u_{channel}.nii.gz")
    data = open_dataset(folder.path)
    assert [(case.id, case.mask is None) for case in data.cases] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("u", True),
    ]
    assert data.read(data["u"], BOTH).labels is None
    for channel in ("0000", "0001"):
        (unlabelled / f"u_{channel}.nii.gz").rename(unlabelled / f"a_{channel}.nii.gz")
    assert "case a" in refused("DATA-E-DUPLICATE", lambda: open_dataset(folder.path))


def test_files_that_cannot_be_used_are_named(folder: Folder) -> None:
    data = open_dataset(folder.path)
    pet = folder.path / "imagesTr" / "a_0001.nii.gz"
    content = pet.read_bytes()
    pet.write_bytes(content[:200])
    assert "imagesTr/a_0001.nii.gz" in refused("IO-E-NIFTI", lambda: data.read(data["a"], BOTH))
    data.read(data["a"], ("ct:hu",))  # only what is asked for is read
    pet.write_bytes(content)
    shifted = Geometry.axial(GRID.shape, GRID.spacing, (-10.0, -12.0, 33.0))
    write_nifti(folder.path / "labelsTr" / "b.nii.gz", LesionMask(np.zeros(GRID.shape, np.int32), shifted, ""))
    text = refused("DATA-E-GRID", lambda: data.read(data["b"], BOTH))
    assert "labelsTr/b.nii.gz" in text
    assert "off by 3.00 mm" in text
    for values, code in ((np.full(GRID.shape, 0.5), "DATA-E-LABELS"), (np.full(GRID.shape, 3.0), "DATA-E-LABELS")):
        write_nifti(folder.path / "labelsTr" / "c.nii.gz", Volume(values.astype(np.float32), GRID, Unit.LABEL))
        assert "labelsTr/c.nii.gz" in refused(code, lambda: data.read(data["c"], BOTH))
    write_nifti(pet, Volume(np.full(GRID.shape, np.nan, np.float32), GRID, Unit.SUV_BW))
    assert "a_0001" in refused("SUV-E-NONFINITE", lambda: data.read(data["a"], BOTH))
    assert "ct:hu" in refused("DATA-E-MISSING", lambda: data.read(data["a"], ("mr:t1",)))
    assert "scan 1 before" in refused("DATA-E-MISSING", lambda: data.read(data["a"], ("pet:suv@1",)))


def test_tables_beside_the_data(folder: Folder) -> None:
    def outcome(text: str) -> None:
        (folder.path / "outcome.csv").write_text(text, encoding="utf-8")

    outcome("case,stage,age,dead\na,IV,61,\nb,NA,nan,0\n")
    data = open_dataset(folder.path)
    assert data["a"].outcome == {"stage": "IV", "age": 61.0}
    assert data["b"].outcome == {"dead": 0.0}
    for text, says in (("id,x\na,1\n", "column named case"), ("case,x\na,1\na,2\n", "twice"), ("case,x\nq,1\n", "q")):
        outcome(text)
        assert says in refused("DATA-E-TABLE", lambda: open_dataset(folder.path))
    (folder.path / "outcome.csv").unlink()
    (folder.path / "patients.csv").write_text("case,patient\na,\n")
    assert "case a has no patient" in refused("DATA-E-TABLE", lambda: open_dataset(folder.path))


def test_splits_are_read(folder: Folder) -> None:
    splits = folder.path / "splits_final.json"
    splits.write_text(json.dumps([{"train": ["a", "b"], "val": ["c"]}]))
    assert open_dataset(folder.path).splits == ((("a", "b"), ("c",)),)
    for text in ("{", "[1]", '[{"train": ["a"]}]', '[{"train": ["a"], "val": "c"}]'):
        splits.write_text(text)
        refused("DATA-E-SPLIT", lambda: open_dataset(folder.path))


def case_folder(path: Path, lesions: bool = True, ct: bool = True) -> None:
    path.mkdir(parents=True)
    case = new_case("x")
    write_nifti(path / "pet.nii.gz", case.volumes["pet:suv"])
    coarse = Geometry.axial((3, 4, 4), (6.0, 6.0, 6.0))
    if ct:
        write_nifti(path / "ct.nii.gz", Volume(np.zeros(coarse.shape, np.int16), coarse, Unit.HU))
    if lesions:
        numbered = np.zeros(GRID.shape, np.int32)
        numbered[0, 0, 0], numbered[4, 4, 4] = 1, 2
        write_nifti(path / "lesions.nii.gz", LesionMask(numbered, GRID, ""))


def test_case_folders_at_any_depth(tmp_path: Path) -> None:
    case_folder(tmp_path / "p1" / "staging")
    case_folder(tmp_path / "p1" / "interim", lesions=False)
    case_folder(tmp_path / "p2" / "staging", ct=False)
    data = open_dataset(tmp_path)
    assert [(c.id, c.patient, c.mask is not None) for c in data.cases] == [
        ("p1_interim", "p1", False),
        ("p1_staging", "p1", True),
        ("p2_staging", "p2", True),
    ]
    sample = data.read(data["p1_staging"], BOTH)
    assert sample.volumes["ct:hu"].geometry.shape == (3, 4, 4)  # on its own grid
    assert sample.labels is not None
    assert np.bincount(sample.labels.array.ravel()).tolist() == [208, 2]  # numbered lesions are one class
    assert pickle.loads(pickle.dumps(data)) == data  # so that another process can read it
    assert "case p2_staging" in refused("DATA-E-MISSING", lambda: data.read(data["p2_staging"], BOTH))


def test_case_folders_beside_each_other_are_patients_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        case_folder(tmp_path / "cases" / name)
    data = open_dataset(tmp_path)
    assert [(c.id, c.patient) for c in data.cases] == [("cases_a", "cases_a"), ("cases_b", "cases_b")]
    (tmp_path / "patients.csv").write_text("case,patient\ncases_a,x\ncases_b,x\n")
    assert {c.patient for c in open_dataset(tmp_path).cases} == {"x"}
    case_folder(tmp_path / "cases_a")
    refused("DATA-E-DUPLICATE", lambda: open_dataset(tmp_path))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    refused("IO-E-PATH", lambda: open_dataset(tmp_path / "none"))
    refused("DATA-E-EMPTY", lambda: open_dataset(tmp_path))
    (tmp_path / "imagesTr").mkdir()
    refused("DATA-E-LAYOUT", lambda: open_dataset(tmp_path))
    (tmp_path / "dataset.json").write_text("[")
    refused("DATA-E-LAYOUT", lambda: open_dataset(tmp_path))
    (tmp_path / "dataset.json").write_text("[1]")
    refused("DATA-E-LAYOUT", lambda: open_dataset(tmp_path))
