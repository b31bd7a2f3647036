"""A messy tree in, a data set without patients and a crosswalk out; killed or repeated, nothing is done twice."""

from __future__ import annotations

import csv
import json
import re
import stat
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.batch.work import FAILED, Ending
from lymphoscope.app.cli import main
from lymphoscope.app.deid.run import Places, deidentify_tree
from lymphoscope.app.deid.work import DeidTask, deidentify
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, image
from lymphoscope.io.deid.study import Choice
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.nifti import write_nifti

SECRETS = ("beeblebrox", "zaphod", "mrn4711")
GRID = Geometry.axial((8, 16, 16), (8.0, 8.0, 8.0))
ALONE = Crew(workers=0)


def _pet(number: int) -> Volume:
    return image((Shape("body", "ellipsoid", (32, 64, 64), (30, 50 + number, 50), suv=1.0, hu=40),), GRID, Imaging())


def _write(folder: Path, number: int, patient: int) -> None:
    facts = replace(
        ScanFacts(), seed=number, name=f"BEEBLEBROX^ZAPHOD^{patient}", patient_id=f"MRN4711{patient}",
        birth_date="19520311",
    )  # fmt: skip
    write_study(folder, _pet(number), None, facts)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of one patient, one of another, one in a zip, a NIfTI, a text, an archive that is none."""
    tree = tmp_path_factory.mktemp("hospital") / "tree"
    _write(tree / "Zaphod" / "first", 1, 1)
    _write(tree / "Zaphod" / "second", 2, 1)
    _write(tree / "other", 3, 2)
    _write(tree / "zipped", 4, 3)
    with ZipFile(tree / "BEEBLEBROX.zip", "w") as archive:
        for path in sorted((tree / "zipped").rglob("*.dcm")):
            archive.write(path, f"ZAPHOD/{path.name}")
            path.unlink()
    write_nifti(tree / "zaphod.nii.gz", Volume(_pet(5).array, GRID, Unit.ARBITRARY))
    (tree / "BEEBLEBROX.txt").write_text("ZAPHOD")
    (tree / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    return tree


def _all(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_tree(tree: Path, tmp_path: Path) -> None:
    places = Places.of(tree, tmp_path / "out", None)
    outcome = deidentify_tree(places, crew=ALONE)
    summary = outcome.summary
    assert (summary["patients"], summary["done"], summary["refused"], summary["failed"]) == (3, 4, 2, 0)
    assert summary["files"] == {"PT": 32}
    assert summary["codes"] == {"DEID-E-KIND": 1, "IO-E-ARCHIVE": 1} | {
        code: n for code, n in summary["codes"].items() if code == "DEID-W-TEXT"
    }
    made = _all(places.out)
    assert len(made) == 33
    everything = b"\n".join([*made.values(), *(name.encode() for name in made)]).lower()
    assert not [word for word in SECRETS if word.encode() in everything]

    crosswalk = _rows(places.crosswalk / "crosswalk.csv")
    assert sorted(row["patient_id"] for row in crosswalk) == ["MRN47111", "MRN47111", "MRN47112", "MRN47113"]
    assert {row["pseudonym"] for row in crosswalk} == {p.name for p in places.out.iterdir() if p.is_dir()}
    left = {Path(row["source"]).name: row["code"] for row in _rows(places.crosswalk / "left-out.csv")}
    assert left == {"zaphod.nii.gz": "DEID-E-KIND", "broken.zip": "IO-E-ARCHIVE"}
    for path in [places.crosswalk, *places.crosswalk.rglob("*")]:
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)

    again = deidentify_tree(places, crew=ALONE, do=_must_not)
    assert again.summary["done_now"] == 0
    assert _all(places.out) == made


def _must_not(task: DeidTask) -> Ending:
    raise AssertionError("done twice")


def test_a_tree_without_heads_is_told_that_no_face_was_looked_for(tree: Path, tmp_path: Path) -> None:
    outcome = deidentify_tree(Places.of(tree, tmp_path / "out", None), Choice(deface=True), ALONE)
    assert (outcome.summary["done"], outcome.summary["codes"]["DEID-W-FACE"]) == (4, 4)


def test_interrupted_it_goes_on(tree: Path, tmp_path: Path) -> None:
    places = Places.of(tree, tmp_path / "out", tmp_path / "keys")
    calls: list[str] = []

    def killed(task: DeidTask) -> Ending:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(task.name)
        return deidentify(task)

    with pytest.raises(KeyboardInterrupt):
        deidentify_tree(places, crew=ALONE, do=killed)
    assert json.loads((places.out / "deid.json").read_bytes())["waiting"] == 4

    def rest(task: DeidTask) -> Ending:
        assert task.name not in calls
        return deidentify(task)

    outcome = deidentify_tree(places, crew=ALONE, do=rest)
    assert (outcome.summary["done"], outcome.summary["refused"], outcome.summary["waiting"]) == (4, 2, 0)
    fresh = Places.of(tree, tmp_path / "fresh", tmp_path / "keys2")
    fresh.crosswalk.mkdir(mode=0o700)
    (fresh.crosswalk / "secret.key").write_bytes((places.crosswalk / "secret.key").read_bytes())
    (fresh.crosswalk / "secret.key").chmod(0o600)
    deidentify_tree(fresh, crew=ALONE)
    assert _all(fresh.out) == _all(places.out)


def test_what_failed_is_tried_again(tree: Path, tmp_path: Path) -> None:
    places = Places.of(tree, tmp_path / "out", None)

    def fail(task: DeidTask) -> Ending:
        return Ending(task.name, FAILED, Message("IO-E-WRITE", "the disk is full"))

    outcome = deidentify_tree(places, crew=ALONE, do=fail)
    assert outcome.failed == 6
    assert {row["code"] for row in _rows(places.crosswalk / "left-out.csv")} == {"IO-E-WRITE"}
    assert deidentify_tree(places, crew=ALONE).failed == 0


@pytest.mark.parametrize("where", ["out/keys", "tree/keys", "out", "."])
def test_a_crosswalk_never_lies_with_the_data(tmp_path: Path, where: str) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(LymphoscopeError) as caught:
        Places.of(tmp_path / "tree", tmp_path / "out", tmp_path / where)
    assert caught.value.code == "USE-E-OUTPUT"


def test_on_the_command_line(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("synthetic\nlymphoma\n")
    out = tmp_path / "out"
    arguments = ["deid", str(tree), "-o", str(out), "--words", str(words), "--workers", "0"]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    said = capsys.readouterr()
    assert left.value.code == 0
    assert re.search(r"3 patients; studies: 4 done, 2 refused; 6 done now", said.out)
    assert not [word for word in SECRETS if word in (said.out + said.err).lower()]
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    assert json.loads(capsys.readouterr().out)["done_now"] == 0


def test_an_unreadable_list_of_words_is_wrong_usage(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["deid", str(tree), "-o", str(tmp_path / "out"), "--words", str(tmp_path / "none"), "--workers", "0"])
    assert left.value.code == 2
