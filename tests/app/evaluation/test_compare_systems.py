from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lymphoscope.app.cli import main

Folder = Callable[..., Path]


def ran(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.fixture
def three(folders: Folder) -> dict[str, Path]:
    return {"ref": folders("ref"), "near": folders("near", 1), "far": folders("far", 3)}


def test_folders_of_predictions_are_ranked(three: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--references", three["ref"], "--replicates", 100, "-q")
    assert ran("compare", three["far"], three["near"], "-o", out, *words) == 0
    record = json.loads((out / "report.json").read_bytes())
    assert record["order"] == ["near", "far"]
    assert record["first_share"]["near"] == 1.0
    rows = list(csv.DictReader(io.StringIO((out / "ranking.csv").read_text())))
    assert rows[0]["system"] == "near"
    assert (rows[0]["rank"], rows[0]["metric"], rows[0]["n"]) == ("1", "dice", "3")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.index("data:image/png") < page.index("<table>")
    assert "Paired tests" in page


def test_evaluated_folders_and_summaries_stand_for_their_predictions(three: dict[str, Path], tmp_path: Path) -> None:
    dice = []
    for name in ("near", "far"):
        made = tmp_path / f"{name}-evaluated"
        assert ran("evaluate", three[name], three["ref"], "-o", made, "--replicates", 100, "-q") == 0
        summary = tmp_path / f"{name}-nnunet"
        summary.mkdir()
        (summary / "summary.json").write_bytes((made / "summary.json").read_bytes())
    for kind in ("evaluated", "nnunet"):
        systems = [tmp_path / f"{name}-{kind}" for name in ("near", "far")]
        assert ran("compare", *systems, "-o", tmp_path / kind, "--replicates", 100, "-q") == 0
        record = json.loads((tmp_path / kind / "report.json").read_bytes())
        assert record["order"] == [f"near-{kind}", f"far-{kind}"]
        dice.append([mean["value"] for mean in record["metrics"]["dice"]["means"].values()])
    assert "nsd" in json.loads((tmp_path / "evaluated" / "report.json").read_bytes())["metrics"]
    assert "nsd" not in record["metrics"], "a summary knows voxels only"
    assert dice[0] == pytest.approx(dice[1], rel=1e-8)


def test_what_cannot_be_compared_is_refused(
    three: dict[str, Path], folders: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert ran("compare", three["near"], three["far"], "-o", out) == 2, "no references"
    assert ran("compare", three["near"], "-o", out, "--references", three["ref"]) == 2, "one system"
    assert ran("compare", three["near"], three["near"], "-o", out, "--references", three["ref"]) == 2, "the same twice"
    words = ("--references", three["ref"], "--by", "dise")
    assert ran("compare", three["near"], three["far"], "-o", out, *words) == 2
    assert "dice" in capsys.readouterr().err, "the near miss is named"
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "report.json").write_text('{"kind": "report"}')
    assert ran("compare", strange, three["far"], "-o", out, "--references", three["ref"]) == 3
    assert "EVAL-E-SUMMARY" in capsys.readouterr().err


def test_what_a_run_predicted_has_the_name_of_the_run(three: dict[str, Path], tmp_path: Path) -> None:
    systems = []
    for name in ("near", "far"):
        (tmp_path / f"run-{name}").mkdir()
        shutil.copytree(three[name], tmp_path / f"run-{name}" / "validation")
        systems.append(tmp_path / f"run-{name}" / "validation")
    words = ("--references", three["ref"], "--replicates", 100, "-q")
    assert ran("compare", *systems, "-o", tmp_path / "out", *words) == 0
    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["order"] == ["run-near", "run-far"]
