from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lymphoscope.app.cli import main
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask
from lymphoscope.evaluate.summary_json import read_summary
from lymphoscope.io.nifti import read_nifti, write_nifti

Folder = Callable[..., Path]


def ran(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_an_evaluated_folder_has_tables_summary_record_page_and_pictures(done: Path) -> None:
    assert {path.name for path in done.iterdir()} == {
        "cases.csv", "lesions.csv", "summary.json", "report.json", "report.html", "figures",
    }  # fmt: skip
    rows = {row["case"]: row for row in csv.DictReader(io.StringIO((done / "cases.csv").read_text()))}
    overlap = 6 * 6 * 5
    assert float(rows["one"]["dice"]) == pytest.approx(2 * overlap / 432)
    assert float(rows["one"]["hd_mm"]) == 4.0
    assert rows["none"]["kind"] == "none"
    assert rows["none"]["dice"] == ""
    lesions = list(csv.DictReader(io.StringIO((done / "lesions.csv").read_text())))
    assert len(lesions) == 6
    assert float(lesions[0]["suvmax"]) == 7.0
    for row in read_summary((done / "summary.json").read_bytes()):
        case = rows[row.prediction_file.removesuffix(".nii.gz")]
        assert row.counts.n_ref * 0.08 == pytest.approx(float(case["volume_ref_ml"]))
    summary = json.loads((done / "summary.json").read_text())
    assert math.isnan(summary["metric_per_case"][0]["metrics"]["1"]["Dice"])
    figures = {path.name for path in (done / "figures").iterdir()}
    assert {"box-plots.png", "bland-altman.png", "froc.png", "reliability.png", "worst-1.png"} <= figures


def test_the_page_shows_pictures_first_states_the_conventions_and_fetches_nothing(done: Path) -> None:
    page = (done / "report.html").read_text(encoding="utf-8")
    assert 0 < page.index("data:image/png") < page.index("<table>")
    assert "Dice, IoU and sensitivity are null without reference" in page
    assert "Few patients (4)" in page
    assert "http:" not in page
    assert "https:" not in page
    assert "<script" not in page


def test_the_command_makes_the_same_bytes(done: Path, tmp_path: Path) -> None:
    root, again = done.parent, tmp_path / "again"
    more = ("--probabilities", root / "p", "--pet", root / "suv", "--replicates", 100, "-q")
    assert ran("evaluate", root / "a", root / "b", "-o", again, *more) == 0
    for path in done.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(done)).read_bytes(), path.name


def test_json_is_the_record(folders: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, group = folders("a"), tmp_path / "group.csv"
    group.write_text("case,patient\none,x\ntwo,x\nthree,y\nnone,z\n")
    words = ("--group", group, "--strata", "2,20", "--replicates", 100, "--seed", 7, "--json")
    assert ran("evaluate", a, a, "-o", tmp_path / "out", *words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert printed["summary"]["patients"] == 3
    assert printed["summary"]["metrics"]["dice"]["mean"]["seed"] == 7
    assert [row["stratum"] for row in printed["summary"]["strata"]["volume"]] == ["< 2 mL", "2–20 mL", "≥ 20 mL"]


def test_another_grid_is_refused_by_name_and_leaves_nothing(
    folders: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = folders("a"), folders("b")
    volume = read_nifti(a / "two.nii.gz", Unit.LABEL)
    moved = Geometry.axial(volume.geometry.shape, volume.geometry.spacing, (9.0, 0.0, 0.0))
    write_nifti(a / "two.nii.gz", LesionMask(volume.array.astype(int), moved, "test"))
    assert ran("evaluate", a, b, "-o", tmp_path / "out", "-q") == 3
    message = capsys.readouterr().err
    assert "GEO-E-MASKGRID" in message
    assert "in two" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words", [("--strata", "3,1"), ("--strata", "x"), ("--lesion", "voxel"), ("--connectivity", 7)]
)
def test_words_that_cannot_be_are_usage_errors(folders: Folder, tmp_path: Path, words: tuple[object, ...]) -> None:
    a = folders("a")
    assert ran("evaluate", a, a, "-o", tmp_path / "out", *words) == 2


def test_the_output_may_not_lie_in_the_input(folders: Folder) -> None:
    a = folders("a")
    assert ran("evaluate", a, a, "-o", a / "out") == 2
