"""Patients kept for a last test: by a table or a share, the same ones when cases are added, never in two parts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.dataset.build import build
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.masks import Wanted
from lymphoscope.app.dataset.parts import TEST, TRAIN, for_test, share_of
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.opening import open_dataset

ALONE = Crew(workers=0)
PATIENTS = [f"LYM-{n:04d}" for n in range(400)]


def test_a_share_is_met_and_those_in_it_stay() -> None:
    found = for_test(PATIENTS, {}, {}, 0.2, [])
    assert abs(len(found) - 80) < 24, "three standard deviations of a binomial"
    known = {p: TEST if p in found else TRAIN for p in PATIENTS[:100]}
    for share in (0.0, 0.2, 0.9):
        later = for_test(PATIENTS, {}, known, share, [])
        assert {p for p in PATIENTS[:100] if p in later} == {p for p in PATIENTS[:100] if p in found}
    assert for_test(PATIENTS[:300], {}, {}, 0.2, []) == found & set(PATIENTS[:300]), "whoever else is there"


def test_a_table_decides_of_new_patients_and_moves_nobody() -> None:
    wanted = {PATIENTS[0]: TEST, PATIENTS[1]: TRAIN}
    found = for_test(PATIENTS, wanted, {}, 0.2, [])
    assert PATIENTS[0] in found and PATIENTS[1] not in found
    for wrong in ({PATIENTS[0]: TRAIN}, {PATIENTS[1]: TEST}):
        with pytest.raises(LymphoscopeError, match="DATA-E-SPLIT"):
            for_test(PATIENTS, wrong, wanted, 0.2, [])


def test_patients_that_look_alike_are_in_one_part() -> None:
    low, high = (sorted(PATIENTS, key=share_of)[n] for n in (0, -1))
    for known, part in (({}, min(low, high)), ({high: TRAIN}, high), ({low: TEST}, low)):
        found = for_test([low, high], {}, known, 0.5, [(low, high)])
        assert found == ({low, high} if part == low else set())
    assert for_test([low, high], {low: TEST}, {high: TRAIN}, 0.5, [(low, high)]) == {low}, "told twice otherwise"


def _table(file: Path, *rows: tuple[str, str]) -> Path:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("patient", "part"), *rows])
    return file


def test_the_data_set_has_a_test_part_and_images_without_masks(
    hospital: Any, files: Callable[[Path], dict[str, bytes]], tmp_path: Path
) -> None:
    """Patient 1: training, with a later scan nobody marked. 2: test, one scan marked and one not. 3 comes later."""

    def hot(dataset: Dataset, _: int) -> None:
        if dataset.Modality == "PT" and "PixelData" in dataset:  # else all phantoms look alike
            dataset.PixelData = dataset.PixelData[::-1]

    tree, out = tmp_path / "tree", tmp_path / "Dataset501_T"
    hospital.write(tree / "1", 1)
    hospital.write(tree / "1 later", 11, mask=False, patient=1)
    hospital.write(tree / "2", 2, edit=hot)
    hospital.write(tree / "2 later", 12, mask=False, patient=2, edit=hot)
    places = Places.of(tree, out, None)
    wish = Wish(Making(masks=Wanted(optional=True), candidates=True), _table(tmp_path / "t.csv", ("MRN47112", "test")))
    first = build(places, wish, ALONE)
    assert [(d["cases"], d["test"]) for d in first.summary["data_sets"]] == [(4, 2)]
    data, before = open_dataset(out), files(out)
    train, test = ({e.patient for e in part} for part in (data.cases, data.held_out))
    assert len(train) == len(test) == 1 and train != test
    assert [sum(e.mask is None for e in part) for part in (data.cases, data.held_out)] == [1, 1]
    layout = {n.split("/")[0] for n in before if n.endswith(".gz")}
    assert layout == {
        *("imagesTr", "labelsTr", "imagesUn", "imagesTs", "labelsTs"),
        *("candidatesTr", "candidatesUn", "candidatesTs"),
    }
    assert json.loads(before["dataset.json"])["numTraining"] == 1
    with (out / "clinical.csv").open(newline="") as file:
        assert sorted(row["data"] for row in csv.DictReader(file)) == ["CT, PET"] * 2 + ["CT, PET, mask"] * 2
    card = " ".join(before["README.md"].decode().split())
    assert "`imagesTs`: 2 cases of 1 patients kept for a last test, 1 of them with a mask" in card
    assert "`imagesUn`: 1 cases that nobody drew a mask for" in card
    assert build(places, wish, ALONE).summary["done_now"] == 0 and files(out) == before

    hospital.write(tree / "3", 3)
    later = build(places, Wish(wish.making, None, 0.999), ALONE)
    assert [(d["cases"], d["test"]) for d in later.summary["data_sets"]] == [(5, 2)], "alike goes with 1, which stays"
    assert all(files(out)[name] == content for name, content in before.items() if name.endswith(".gz"))
    with pytest.raises(LymphoscopeError, match="DATA-E-SPLIT"):
        build(places, Wish(wish.making, _table(tmp_path / "t.csv", ("MRN47111", "test"))), ALONE)
    with pytest.raises(LymphoscopeError, match="DATA-E-TABLE"):
        build(places, Wish(wish.making, _table(tmp_path / "t.csv", ("MRN47111", "validation"))), ALONE)


def test_a_share_that_cannot_be_is_refused() -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            Wish(test_share=share)
