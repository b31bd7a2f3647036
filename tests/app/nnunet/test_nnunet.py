"""nnU-Net from outside: what it is told, what is not done twice, the table of its folds. It need not be installed."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lymphoscope.app.cli import main
from lymphoscope.app.nnunet import launch
from lymphoscope.app.nnunet.training import Wish, find_nnunet, predict, train
from lymphoscope.app.nnunet.validation import picture, read_course, validate
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.summary_json import CaseCounts, write_summary
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet

LOG = """
2026-01-01 10:00:00.1: Epoch 0
2026-01-01 10:00:00.1: Current learning rate: 0.01
2026-01-01 10:01:00.1: train_loss 0.1234
2026-01-01 10:01:00.1: val_loss -0.05
2026-01-01 10:01:00.1: Pseudo dice [np.float32(0.5), np.float32(0.25)]
2026-01-01 10:01:00.1: Epoch time: 30.25 s
2026-01-01 10:01:00.1: Epoch 1
2026-01-01 10:01:00.1: Current learning rate: 1e-05
2026-01-01 10:02:00.1: train_loss -0.3
2026-01-01 10:02:00.1: val_loss nan
2026-01-01 10:02:00.1: Pseudo dice [0.75]
2026-01-01 10:02:00.1: Epoch time: 31.0 s
"""


def fold(place: Path, *counts: Confusion) -> Path:
    (place / "validation").mkdir(parents=True)
    cases = [CaseCounts(f"r/{n}", f"p/{n}", "1", c) for n, c in enumerate(counts)]
    (place / "validation" / "summary.json").write_bytes(write_summary(cases))
    (place / "training_log_2026_1_1_10_00_00.txt").write_text(LOG)
    return place


def test_the_table_of_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = tmp_path / "results" / "Dataset501_HL" / "nnUNetTrainer_500epochs__nnUNetPlans__3d_fullres"
    fold(trained / "fold_0", Confusion(8, 2, 2, 100), Confusion(0, 0, 0, 100))
    fold(trained / "fold_1", Confusion(4, 4, 0, 100))
    with pytest.raises(SystemExit) as left:
        main(["nnunet", "validate", str(tmp_path / "results"), "-o", str(tmp_path / "out")])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "| fold 0 | 0.80000 | 0.66667 | 1.00 | 1.00 | 4.00 | 5.00 | 5.00 | 100.00 |" in said
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        rows = {row[""]: row for row in csv.DictReader(file)}
    assert float(rows["mean of the folds"]["Dice"]) == pytest.approx((0.8 + 2 / 3) / 2)
    assert float(rows["mean of the cases"]["TP"]) == pytest.approx(4)
    record = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert record["cases"] == {"fold_0": 2, "fold_1": 1} and record["folds"]["fold_1"]["FP"] == 4
    before = (tmp_path / "out" / "progress.png").read_bytes()
    validate(trained, tmp_path / "out", force=True)
    assert (tmp_path / "out" / "progress.png").read_bytes() == before


def test_the_course_of_a_training(tmp_path: Path) -> None:
    place = fold(tmp_path / "fold_0", Confusion(1, 0, 0, 1))
    (place / "training_log_2026_1_1_9_00_00.txt").write_text(LOG.replace("0.1234", "9.9"))
    course = read_course(place)
    assert course.of("loss") == ([0, 1], [0.1234, -0.3]), "of an epoch trained twice the later"
    assert course.of("dice") == ([0, 1], [0.375, 0.75])
    assert course.of("seconds") == ([0, 1], [30.25, 31.0]) and course.of("rate") == ([0, 1], [0.01, 1e-05])
    assert math.isnan(course.of("validation_loss")[1][1])
    assert picture({"fold_0": course}).startswith(b"\x89PNG")


def test_folders_that_tell_no_table(tmp_path: Path) -> None:
    for where in (tmp_path / "nothing", tmp_path):
        with pytest.raises(LymphoscopeError, match="EVAL-E-SUMMARY"):
            validate(where, tmp_path / "out")
    place = fold(tmp_path / "a" / "fold_0", Confusion(8, 2, 2, 100))
    summary = place / "validation" / "summary.json"
    content = json.loads(summary.read_text())
    content["foreground_mean"]["Dice"] = 0.9
    summary.write_text(json.dumps(content))
    with pytest.raises(LymphoscopeError, match="its mean Dice is 0"):
        validate(tmp_path / "a", tmp_path / "out")
    fold(tmp_path / "b" / "fold_0", Confusion(8, 2, 2, 100))
    with pytest.raises(LymphoscopeError, match="several trainings"):
        validate(tmp_path, tmp_path / "out")


def test_trainers_are_named_as_nnunet_names_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Wish().trainer == "nnUNetTrainer_500epochs"
    assert Wish(epochs=1).trainer == "nnUNetTrainer_1epoch" and Wish(epochs=1000).trainer == "nnUNetTrainer"
    assert Wish("adam", 7, 10).trainer == "nnUNetTrainerVanillaAdam_7epochs_10iterations"

    class Base:
        def __init__(self) -> None:
            self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1000, 250, 50

    module = ModuleType("made")
    module.nnUNetTrainer, module.nnUNetTrainer_5epochs = Base, "its own"
    monkeypatch.setitem(sys.modules, "made", module)
    monkeypatch.setitem(launch._BASES, "nnUNetTrainer", "made")
    made = getattr(module, launch.add_trainer("nnUNetTrainer", 3, 10))()
    assert (made.num_epochs, made.num_iterations_per_epoch, made.num_val_iterations_per_epoch) == (3, 10, 2)
    assert launch.add_trainer("nnUNetTrainer", 5, 250) == "nnUNetTrainer_5epochs"
    assert module.nnUNetTrainer_5epochs == "its own"
    for wrong in ({"setting": "adagrad"}, {"device": "tpu"}, {"epochs": 0}):
        with pytest.raises(LymphoscopeError, match="USE-E"):
            Wish(**wrong)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation that writes down what it is told and does as if it had trained."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nnUNetv2_train").write_text("#!/bin/sh\n")
    (folder / "python").write_text(
        '#!/bin/sh\necho "$@" >> "$nnUNet_results/told"\n'
        'case "$2" in\n'
        'plan) mkdir -p "$nnUNet_preprocessed/Dataset501_HL/nnUNetPlans_3d_fullres" ;;\n'
        'train) d="$nnUNet_results/Dataset501_HL/${10}__nnUNetPlans__3d_fullres/fold_$8"; mkdir -p "$d/validation"\n'
        '  [ "$8" = 3 ] && exit 7; touch "$d/checkpoint_final.pth"; echo "{}" > "$d/validation/summary.json" ;;\n'
        "esac\n"
    )
    for file in folder.iterdir():
        file.chmod(0o755)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    grid = Geometry.axial((4, 4, 4), (4.0, 4.0, 4.0))
    pet, ct = (Volume(np.ones(grid.shape, np.float32), grid, unit) for unit in (Unit.SUV_BW, Unit.HU))
    mask = Volume(np.ones(grid.shape, np.uint8), grid, Unit.LABEL)
    cases = [NewCase(name, {"ct:hu": ct, "pet:suv": pet}, mask, name[0]) for name in ("A1", "A2", "B1", "C1", "D1")]
    return write_nnunet(tmp_path / "Dataset501_HL", cases, About("HL"))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_what_nnunet_is_told_and_what_is_not_done_twice(installed: Path, data: Path, tmp_path: Path) -> None:
    run, wish = tmp_path / "run", Wish(epochs=2, iterations=5)
    for _ in range(2):
        place = train(data, run, wish, (0, 1), installed)
    told = (run / "results" / "told").read_text().splitlines()
    assert [line.split()[1] for line in told] == ["plan", "train", "train"]
    assert told[0].endswith("plan nnUNetTrainer 2 5 -d 501 -c 3d_fullres -np 1 -npfp 1 --verify_dataset_integrity")
    trainer = "nnUNetTrainer_2epochs_5iterations"
    assert told[2].endswith(f"train nnUNetTrainer 2 5 501 3d_fullres 1 -tr {trainer} -device cpu --c")
    splits = json.loads((place.preprocessed / "splits_final.json").read_bytes())
    assert sorted(fold["val"] for fold in splits) == [["A1", "A2"], ["B1"], ["C1"], ["D1"]], "a fold a patient"
    assert all(sorted([*fold["train"], *fold["val"]]) == ["A1", "A2", "B1", "C1", "D1"] for fold in splits)
    own = [{"train": ["A1", "A2"], "val": ["B1", "C1"]}, {"train": ["B1", "C1"], "val": ["A1", "A2"]}]
    (data / "splits_final.json").write_text(json.dumps(own))
    train(data, run, wish, (0, 1), installed)
    assert json.loads((place.preprocessed / "splits_final.json").read_bytes()) == own, "those of the data set count"
    (data / "splits_final.json").write_text(json.dumps([{"train": ["A1", "B1"], "val": ["A2"]}]))
    with pytest.raises(LymphoscopeError, match="DATA-E-SPLIT"):
        train(data, run, wish, (0,), installed)
    (data / "splits_final.json").unlink()
    assert (run / "raw" / "Dataset501_HL" / "dataset.json").is_file()
    predict(run, tmp_path / "images", tmp_path / "masks", None, installed)
    assert (
        (run / "results" / "told")
        .read_text()
        .splitlines()[-1]
        .endswith(f"-tr {trainer} -device cpu -npp 1 -nps 1 -f 0 1")
    )
    with pytest.raises(LymphoscopeError, match="status 7"):
        train(data, run, wish, (3,), installed)
    with pytest.raises(LymphoscopeError, match="folds are 0 to 3"):
        train(data, run, wish, (4,), installed)
    with pytest.raises(LymphoscopeError, match="RUN-E-FOLDER"):
        predict(run, tmp_path, tmp_path / "masks", (4,), installed)


def test_without_nnunet(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["nnunet", "train", str(data), "-o", str(tmp_path / "run"), "--nnunet", str(tmp_path)])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "USE-E-EXTRA" in said and "lymphoscope[nnunet]" in said
    assert not (tmp_path / "run").exists()
    with pytest.raises(LymphoscopeError, match="USE-E-EXTRA"):
        find_nnunet(tmp_path)
    with pytest.raises(LymphoscopeError, match="RUN-E-FOLDER"):
        predict(tmp_path, tmp_path, tmp_path, None, tmp_path)
