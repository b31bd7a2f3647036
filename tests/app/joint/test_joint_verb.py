"""The verb joint, on runs whose words are written by hand: what is drawn and foretold is known."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.cli import app
from lymphoscope.app.joint.run import Request, joint, tables
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import write_nifti
from lymphoscope.learn.foretelling import Told, write_told
from lymphoscope.learn.run import Run, weights, write_json
from lymphoscope.recipes.endpoint import endpoint
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.planning import Fold, Plan

N, FOLDS = 20, 4
GRID = Geometry.axial((6, 6, 6), (4.0, 4.0, 4.0))
EVENT = [float(n % 3 == 0) for n in range(N)]
QUICK = Request(how=Resampling(replicates=60))


def mask(width: int) -> Volume:
    labels = np.zeros(GRID.shape, np.int16)
    labels[1:3, 1:3, 1 : 1 + width] = 1
    return Volume(labels, GRID, Unit.LABEL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pet = Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    ct = Volume(np.zeros(GRID.shape, np.float32), GRID, Unit.HU)
    cases = []
    for n in range(N):
        days = {"days": 100.0 + n if EVENT[n] else 900.0 + n}
        lost = {"days": 300.0} if n == 1 else days  # censored before two years
        cases.append(NewCase(f"c{n:02}", {"pet:suv": pet, "ct:hu": ct}, mask(4), outcome={"event": EVENT[n], **lost}))
    return write_nnunet(tmp_path_factory.mktemp("data") / "Dataset005_Known", cases, About("Known"))


def made(folder: Path, recipe: str, risks: np.ndarray, width: int) -> Path:
    """A run that drew `width` of four voxels, and foretold a row of risks a fold."""
    asked = endpoint("event:days:730") if recipe != "m1-a" else None
    folds = tuple(
        Fold(tuple(f"c{n:02}" for n in range(N) if n % FOLDS != k), tuple(f"c{n:02}" for n in range(k, N, FOLDS)))
        for k in range(FOLDS)
    )
    print_ = Fingerprint((CaseFacts("c00", (6, 6, 6), (4.0, 4.0, 4.0)),), {}, {"background": 0, "lesion": 1})
    run, plan = Run(folder), Plan(JOINT[recipe], "", print_, folds, endpoint=asked)
    run.keep_plan(plan)
    (stage,) = plan.recipe.learnt
    for k, fold in enumerate(folds):
        place = run.stage(k, stage.id)
        place.mkdir(parents=True)
        weights(place).touch()
        write_json(place / "account.json", {"seconds": 60.0, "steps": 10, "peak_memory_gb": 1.5})
        if asked:
            rows = [Told(f"c{n:02}", f"c{n:02}", k, f"c{n:02}" in fold.train, EVENT[n], {"risk": float(risks[k, n])})
                    for n in range(N)]  # fmt: skip
            write_told(run.told(k, stage.id), rows)
    if stage.makes != "risk":
        run.validation.mkdir(parents=True, exist_ok=True)
        for n in range(N):
            write_nifti(run.validation / f"c{n:02}.nii.gz", mask(width))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    right = np.tile(np.where(np.array(EVENT) > 0, 0.4, 0.2), (FOLDS, 1))
    blind = np.tile(np.random.default_rng(0).random(N), (FOLDS, 1))
    return [made(folder / "sees", "m1-joint", right, 3), made(folder / "blind", "m1-b", blind, 0),
            made(folder / "draws", "m1-a", right, 4)]  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "quantities.csv"
    path.write_text("case,suvmax\n" + "".join(f"c{n:02},{10 * EVENT[n] + n / N}\n" for n in range(N)))
    return path


@pytest.fixture(scope="module")
def compared(runs: list[Path], data: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("out") / "joint"
    return out, joint(runs, data, out, replace(QUICK, table=table, columns=("suvmax",)))


def test_what_was_drawn_and_foretold_is_told_with_the_known_figures(compared: tuple[Path, Any]) -> None:
    record = compared[1]
    drawn = {one["name"]: one["drawn"] for one in record["methods"]}
    assert drawn["sees"]["dice"]["value"] == pytest.approx(2 * 12 / (12 + 16))
    assert (drawn["sees"]["precision"]["value"], drawn["sees"]["recall"]["value"]) == (1.0, 0.75)
    assert drawn["draws"]["dice"]["value"] == 1.0 and drawn["blind"] is None
    told = {one["name"]: one for one in record["outcomes"]}
    assert set(told) == {"sees", "blind", "suvmax"}
    assert told["sees"]["auc"]["value"] == told["suvmax"]["auc"]["value"] == 1.0
    assert told["sees"]["calls"]["half"]["sensitivity"] == 0.0, "0.4 is below one half"
    assert told["sees"]["calls"]["youden"]["youden"] == 1.0, "and above the cut-off of the training patients"
    assert (told["sees"]["patients"], told["sees"]["events"]) == (19, 7)
    assert record["endpoint"] == {"name": "event@730", "events": 7, "others": 12, "censored_before": 1, "unknown": 0}
    assert record["curves"]["patients"] == 20, "who was lost early is in the curves"
    assert record["curves"]["methods"]["sees"]["youden"]["log_rank"]["p"] < 1e-4
    assert any("cannot be concluded" in note for note in record["notes"])


def test_page_tables_and_files_hold_the_form_of_the_papers_tables(compared: tuple[Path, Any]) -> None:
    out, record = compared
    assert sorted(path.name for path in out.iterdir()) == [
        "cases.csv", "figures", "methods.csv", "report.html", "report.json",
    ]  # fmt: skip
    main, half, *_ = tables(record)
    assert [row[0] for row in main.rows] == ["sees", "blind", "draws", "suvmax"]
    assert main.rows[0][1:4] != ("–", "–", "–") and main.rows[2][4] == "–" and main.rows[3][1] == "–"
    assert [row[0] for row in half.rows] == ["sees", "blind", "draws"], "a quantity is not cut at one half"
    with (out / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N and float(rows[0]["dice: sees"]) == pytest.approx(6 / 7) and rows[1]["outcome"] == ""
    with (out / "methods.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["youden_youden"] == "1"
    assert {path.name for path in (out / "figures").iterdir()} >= {
        "surfaces.png",
        "roc.png",
        "survival-1-half.png",
        "survival-3-youden.png",
    }


def test_runs_that_cannot_be_compared_are_refused_in_words(runs: list[Path], data: Path, tmp_path: Path) -> None:
    other = made(tmp_path / "sees", "m1-joint", np.zeros((FOLDS, N)), 4)
    with pytest.raises(LymphoscopeError, match="two runs are called sees"):
        joint([runs[0], other], data, tmp_path / "out", QUICK)
    plan = json.loads((other / "plan.json").read_text())
    plan["endpoint"] = {"event": "event", "time": "", "horizon": None}
    (other / "plan.json").write_text(json.dumps(plan))
    other = other.rename(tmp_path / "renamed")
    with pytest.raises(LymphoscopeError, match="different outcomes: event, event@730"):
        joint([runs[0], other], data, tmp_path / "out", QUICK)
    short = tmp_path / "short.csv"
    short.write_text("case,suvmax\nc00,3\n")
    with pytest.raises(LymphoscopeError, match="no row of case c01"):
        joint(runs, data, tmp_path / "out", replace(QUICK, table=short, columns=("suvmax",)))


def test_the_verb_says_the_tables(runs: list[Path], data: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["joint", *map(str, runs), "--data", str(data), "-o", str(tmp_path / "out"), "--replicates", "100"]
    app(words, standalone_mode=False)
    said = capsys.readouterr()
    assert "DSC" in said.out and "sees" in said.out and "report.html" in said.out.replace("\n", "")
