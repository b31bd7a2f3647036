from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.evaluation.pairing import PET, Folders, cases_in, pair_up, read_groups, read_pair
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.nifti import write_nifti

GRID = Geometry.axial((12, 16, 16), (5.0, 4.0, 4.0))


def refused(what: Callable[[], object], code: str, *words: str) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        what()
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value)


def test_files_pair_by_name_and_other_files_do_not_matter(folders: Callable[..., Path]) -> None:
    a, b = folders("a"), folders("b")
    (a / "dataset.json").write_text("{}")
    pairs = pair_up(Folders(a, b))
    assert [pair.case for pair in pairs] == ["none", "one", "three", "two"]
    assert all(pair.prediction.name == pair.reference.name for pair in pairs)


def test_case_folders_and_batches_pair_with_flat_files(folders: Callable[..., Path], tmp_path: Path) -> None:
    flat = folders("flat")
    for case in ("none", "one", "three", "two"):
        own = tmp_path / "batch" / "cases" / case
        own.mkdir(parents=True)
        shutil.copy(flat / f"{case}.nii.gz", own / "lesions.nii.gz")
        shutil.copy(flat / f"{case}.nii.gz", own / "removed.nii.gz")
        shutil.copy(flat / f"{case}.nii.gz", own / "pet.nii.gz")
    pairs = pair_up(Folders(tmp_path / "batch", flat, pet=tmp_path / "batch"))
    assert {pair.prediction.name for pair in pairs} == {"lesions.nii.gz"}
    assert {pair.pet.name for pair in pairs if pair.pet} == {"pet.nii.gz"}
    assert cases_in(tmp_path / "batch", PET).keys() == cases_in(flat).keys()


def test_what_does_not_pair_up_is_refused_by_name(folders: Callable[..., Path], tmp_path: Path) -> None:
    whole, part = folders("whole"), folders("part", cases=("one", "two"))
    refused(lambda: pair_up(Folders(part, whole)), "EVAL-E-PAIR", "none, three without a prediction")
    refused(lambda: pair_up(Folders(whole, part)), "EVAL-E-PAIR", "none, three without a reference")
    refused(lambda: pair_up(Folders(whole, whole, pet=part)), "EVAL-E-PAIR", "without a PET")
    refused(lambda: pair_up(Folders(whole, tmp_path / "nowhere")), "IO-E-PATH")
    (tmp_path / "empty").mkdir()
    refused(lambda: pair_up(Folders(tmp_path / "empty", tmp_path / "empty")), "EVAL-E-PAIR", "no label map")


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan])
def test_odd_labels_are_refused_with_the_name_of_the_case(folders: Callable[..., Path], value: float) -> None:
    good, odd = folders("good"), folders("odd")
    array = np.zeros(GRID.shape, np.float32)
    array[3, 3, 3] = value
    write_nifti(odd / "two.nii.gz", Volume(array, GRID, Unit.ARBITRARY))
    files = {pair.case: pair for pair in pair_up(Folders(odd, good))}
    assert read_pair(files["one"]).prediction.count == 1
    refused(lambda: read_pair(files["two"]), "GEO-E-MASKLABELS", "the prediction of two")


def test_a_probability_above_one_is_refused(folders: Callable[..., Path]) -> None:
    masks, pet = folders("masks"), folders("pet", kind="pet")
    files = pair_up(Folders(masks, masks, pet))[1]
    refused(lambda: read_pair(files), "EVAL-E-PROBABILITY", "the probability map of one", "1 to 7")


def test_patients_come_from_a_table_that_names_every_case(tmp_path: Path) -> None:
    table = tmp_path / "group.csv"
    table.write_text("\ufeffcase,patient,site\none,p1,x\ntwo,p1,y\n", encoding="utf-8")
    assert read_groups(table, ["one", "two"]) == {"one": "p1", "two": "p1"}
    assert read_groups(None, ["one"]) == {"one": "one"}
    refused(lambda: read_groups(table, ["one", "three"]), "EVAL-E-GROUP", "three without a patient")
    table.write_text("name,patient\none,p1\n")
    refused(lambda: read_groups(table, ["one"]), "EVAL-E-GROUP", "cannot be read")
