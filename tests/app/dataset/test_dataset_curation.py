"""What a data set is besides images: folds that stay, copies found, a clinical table, versions, a card."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.dataset.build import build
from lymphoscope.app.dataset.folds import FOLDS, fold_of, folds, known_folds, splits_json
from lymphoscope.app.dataset.members import Member, without_copies
from lymphoscope.app.dataset.versions import changes_page, next_version
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.deid.crosswalk import open_crosswalk

ALONE = Crew(workers=0)
PATIENTS = [f"LYM-{n:04d}" for n in range(400)]


def test_folds_follow_the_patient_alone_and_are_even() -> None:
    found = folds(PATIENTS, {})
    assert found == {p: fold_of(p) for p in PATIENTS}
    count = [list(found.values()).count(n) for n in range(FOLDS)]
    assert sum((c - 80) ** 2 / 80 for c in count) < 13.3, "chi-square of four degrees of freedom, 1 %"
    some = folds(PATIENTS[:40], {})
    assert all(folds(PATIENTS, some)[p] == fold for p, fold in some.items())


def test_few_patients_give_five_folds_and_keep_them() -> None:
    assert folds(PATIENTS[:4], {}) == {}
    for n in range(5, 30):
        first = folds(PATIENTS[:n], {})
        assert set(first.values()) == set(range(FOLDS))
        later = folds(PATIENTS[: n + 7], first)
        assert all(later[p] == fold for p, fold in first.items())


def test_patients_that_look_alike_stay_together() -> None:
    known = folds(PATIENTS[:20], {})
    other = next(p for p in PATIENTS[20:] if fold_of(p) != known[PATIENTS[3]])
    found = folds([*PATIENTS[:20], other], known, [(other, PATIENTS[3])])
    assert found[other] == known[PATIENTS[3]]
    chain = folds(PATIENTS[:60], {}, [(PATIENTS[n], PATIENTS[n + 1]) for n in range(9)])
    assert len({chain[p] for p in PATIENTS[:10]}) == 1


def test_splits_hold_every_case_once_and_can_be_read_back() -> None:
    cases = {f"{p}-{n}": p for p in PATIENTS[:30] for n in range(2)}
    by_patient = folds(PATIENTS[:30], {})
    splits = json.loads(splits_json(cases, by_patient))
    assert sorted(case for fold in splits for case in fold["val"]) == sorted(cases)
    for fold in splits:
        assert not {cases[c] for c in fold["train"]} & {cases[c] for c in fold["val"]}
    assert known_folds([(s["train"], s["val"]) for s in splits], cases) == by_patient
    with pytest.raises(LymphoscopeError, match="DATA-E-SPLIT"):
        known_folds([(s["train"], s["val"]) for s in splits[:3]], cases)


def test_versions_count_changes_only() -> None:
    none: dict[str, Any] = {"versions": [], "cases": {}, "tables": {}}
    one = next_version(none, {"a": "1", "b": "2"}, {"t": b"x"})
    assert next_version(one, {"a": "1", "b": "2"}, {"t": b"x"}) == one
    two = next_version(one, {"a": "1", "b": "3", "c": "4"}, {"t": b"y"})
    last = next_version(two, {"a": "1", "c": "4"}, {"t": b"y"})
    told = [(v["added"], v["changed"], v["removed"], v["tables"]) for v in last["versions"]]
    assert told == [(["a", "b"], [], [], ["t"]), (["c"], ["b"], [], ["t"]), ([], [], ["b"], [])]
    assert "## Version 3\n\n2 cases" in changes_page(last) and "- removed: b" in changes_page(last)


def _table(file: Path, *rows: tuple[str, str, str]) -> Path:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("patient", "diagnosis", "dataset"), *rows])
    return file


def _clinical(folder: Path) -> list[dict[str, str]]:
    with (folder / "clinical.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_data_set_grows_and_nothing_that_was_there_changes(
    hospital: Any, files: Callable[[Path], dict[str, bytes]], tmp_path: Path
) -> None:
    tree, out = tmp_path / "tree", tmp_path / "Dataset501_HL"
    for n in range(1, 6):
        hospital.write(tree / str(n), n)
    places = Places.of(tree, out, None)
    table = _table(tmp_path / "t.csv", ("MRN47111", "=classical HL", ""), ("MRN47116", "FL", "Dataset502_NHL"))
    first = build(places, Wish(table=table), ALONE)
    before, rows = files(out), _clinical(out)
    assert first.summary["data_sets"] == [
        {"name": "Dataset501_HL", "version": 1, "cases": 5, "test": 0, "added": 5, "changed": 0, "removed": 0}
    ]
    assert first.summary["alike"] == 10, "phantoms that differ in a lesion's uptake look alike"
    assert "splits_final.json" not in before, "patients that look alike are one group, and one group gives no folds"
    assert build(places, Wish(table=table), ALONE).summary["done_now"] == 0
    assert files(out) == before, "a second run is the same to the byte"

    crosswalk = open_crosswalk(places.crosswalk)
    days = crosswalk.secret.day_shift("id MRN47111")
    (row,) = [r for r in rows if r["diagnosis"]]
    scanned = next(crosswalk.record(p.stem)["own"]["scanned"] for p in (places.crosswalk / "studies").glob("*.json"))
    assert date.fromisoformat(row["date"]) == date.fromisoformat(scanned) + timedelta(days=days)
    assert row["diagnosis"] == "'=classical HL" and row["patient"] == crosswalk.secret.pseudonym("id MRN47111")
    assert (row["sex"], row["data"]) == ("M", "CT, PET, mask") and 0 < int(row["age"]) <= 90

    hospital.write(tree / "6", 6)
    hospital.write(tree / "later", 7, patient=1)
    second = build(places, Wish(table=table), ALONE)
    after = files(out)
    assert [(d["name"], d["version"], d["added"], d["changed"]) for d in second.summary["data_sets"]] == [
        ("Dataset501_HL", 2, 1, 0),
        ("Dataset502_NHL", 1, 1, 0),
    ]
    assert all(after[name] == content for name, content in before.items() if name.endswith(".gz"))
    assert _clinical(out)[:5] == rows, "numbers stay"
    assert len(open_dataset(out).cases) == 6 and len({c.patient for c in open_dataset(out).cases}) == 5
    card = after["README.md"].decode()
    assert "Version 2: 6 FDG PET/CT examinations of 5 patients" in card
    assert all((out / line.split("](")[1].rstrip(")")).is_file() for line in card.splitlines() if line.startswith("!["))
    text = b"".join(after[n] for n in after if not n.endswith((".gz", ".png"))).decode().lower()
    assert not [word for word in hospital.secrets if word in text]


def test_of_copies_the_one_that_was_there_first_stays() -> None:
    def member(case: str, pet: str) -> Member:
        return Member(case, case, {"marked": case != "a"}, {"own": {"pet_sha256": pet}})

    cases = [member("a", "1"), member("b", "1"), member("c", "1"), member("d", "2")]
    for before, stay in (([], "b"), (["a"], "a"), (["c"], "c"), (["d", "b", "a"], "b")):
        kept, gone = without_copies(cases, before)
        assert {m.case for m in kept} == {stay, "d"}
        assert all(stay in message.what for message in gone.values()) and len(gone) == 2


def test_a_copy_under_another_name_is_left_out(hospital: Any, tmp_path: Path) -> None:
    def renamed(dataset: Dataset, _: int) -> None:
        dataset.StudyInstanceUID = "2.25.4242"
        dataset.PatientID, dataset.PatientName = "MRN47119", "BEEBLEBROX^TRILLIAN"

    tree = tmp_path / "tree"
    hospital.write(tree / "a", 1)
    places = Places.of(tree, tmp_path / "Dataset501_X", None)
    build(places, crew=ALONE)
    (first,) = open_dataset(places.out).cases
    hospital.write(tree / "copy", 1, edit=renamed)
    outcome = build(places, crew=ALONE)
    assert [case.id for case in open_dataset(places.out).cases] == [first.id]
    assert outcome.summary["codes"]["DATA-E-COPY"] == 1 and outcome.summary["done"] == 1


@pytest.mark.parametrize(
    "rows",
    [
        [("MRN47111", "HL of Mr Beeblebrox", "")],
        [("MRN47111", "HL", ""), ("MRN47111", "FL", "")],
        [("MRN47111", "HL", "../elsewhere")],
        [],
    ],
)
def test_tables_that_cannot_be_used(hospital: Any, tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    hospital.write(tmp_path / "tree", 1)
    table = _table(tmp_path / "t.csv", *rows)
    with pytest.raises(LymphoscopeError, match="DATA-E-TABLE"):
        build(Places.of(tmp_path / "tree", tmp_path / "Dataset501_X", None), Wish(table=table), ALONE)
