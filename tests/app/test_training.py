"""The verbs train and predict, on a data set of phantoms."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, numbers, train
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn import abreast, device
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

NET = Learn(
    use("unet", widths=(4, 8)),
    sampler=use("patches", size=16, positive=0.5),
    augment=(),
    optimizer=use("adamw", rate=1e-2, decay=0.0),
)
TOY = Recipe("toy", "A toy", (Stage("lesions", PET_CT, learn=NET),), "none", "after", differs="all of it is ours")
CASCADE = replace(
    TOY,
    id="toy-cascade",
    stages=(
        Stage("coarse", PET_CT, makes="map", learn=replace(NET, grid=use("spacing", mm=(8.0, 8.0, 8.0)))),
        Stage("fine", (*PET_CT, "coarse"), learn=NET),
    ),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = (NewCase(f"case{n}", *lesion_phantom(n), held_out=n == 5) for n in range(6))
    return write_nnunet(tmp_path_factory.mktemp("data") / "Dataset003_Phantoms", cases, About("Phantoms"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    run = tmp_path_factory.mktemp("run") / "toy"
    return run, train(TOY, data, run, Training(steps=3), silent)


def test_every_case_is_predicted_once_by_a_network_that_has_not_seen_it(
    trained: tuple[Path, dict[str, Any]], data: Path
) -> None:
    run, card = trained
    plan = json.loads((run / "plan.json").read_text())
    for number, fold in enumerate(plan["folds"]):
        assert not set(fold["train"]) & set(fold["val"])
        assert set(card["folds"][str(number)]["dice"]) == set(fold["val"])
    assert sorted(path.name for path in (run / "validation").iterdir()) == [f"case{n}.nii.gz" for n in range(5)]
    assert card["out_of_fold"]["cases"] == 5
    assert card["recipe"]["status"] == "after"
    assert (run / "fold_0" / "lesions" / "curves.png").stat().st_size > 1000
    reference = read_nifti(data / "imagesTr" / "case0_0001.nii.gz", Unit.SUV_BW).geometry
    assert not reference.difference(read_nifti(run / "validation" / "case0.nii.gz", Unit.LABEL).geometry)


@pytest.mark.long
def test_folds_trained_abreast_have_the_weights_of_folds_trained_one_by_one(
    trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    heard: list[tuple[str, int, int]] = []
    card = train(
        TOY,
        data,
        tmp_path / "run",
        Training(folds=(0, 1), steps=3, at_once=2, threads=2),
        lambda *told: heard.append(told),
    )
    assert sorted(card["folds"]) == ["0", "1"]
    assert heard[-1] == ("training lesions, 2 folds at once", 6, 6)
    for fold in ("fold_0", "fold_1"):
        name = f"{fold}/lesions/weights.safetensors"
        one, other = load_file(trained[0] / name), load_file(tmp_path / "run" / name)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_what_stops_a_fold_trained_abreast_is_said(
    trained: tuple[Path, dict[str, Any]],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = shutil.copytree(trained[0], tmp_path / "run")
    (run / "fold_1" / "lesions" / "weights.safetensors").write_bytes(b"damaged")
    asked = {"data": str(data), "run": str(run), "stage": "lesions", "fold": 1, "threads": 1}
    asked |= {"budget": {"steps": 3, "seconds": None}, "machine": {"device": "cpu", "precision": "no"}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked) + "\n"))
    abreast.serve()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    with pytest.raises(LymphoscopeError, match="RUN-E-WEIGHTS"):
        abreast._require_done(told, 1, 0)


@pytest.mark.parametrize(("said", "status", "code"), [(None, -9, "RUN-E-KILLED"), ([1, 3], 1, "RUN-E-UNEXPECTED")])
def test_a_process_that_ends_without_a_word_is_named(said: Any, status: int, code: str) -> None:
    with pytest.raises(LymphoscopeError, match=f"{code}.*fold 4.*--at-once 1"):
        abreast._require_done(said, 4, status)


def test_what_is_finished_is_not_done_again(trained: tuple[Path, dict[str, Any]], data: Path) -> None:
    run, card = trained
    before = {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert train(TOY, data, run, Training(steps=3), silent) == card
    assert {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")} == before


def test_a_run_of_something_else_is_refused(trained: tuple[Path, dict[str, Any]], data: Path) -> None:
    for recipe, seed, word in ((CASCADE, 0, "recipe"), (TOY, 1, "seed")):
        with pytest.raises(LymphoscopeError, match=f"RUN-E-OTHER.*{word}"):
            train(recipe, data, trained[0], Training(steps=3, seed=seed), silent)
    with pytest.raises(LymphoscopeError, match=r"RUN-E-OTHER.*share of masks"):
        train(TOY, data, trained[0], Training(steps=3, labelled=0.5), silent)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_prediction_is_the_mean_of_the_folds_on_the_images_own_grid(
    trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path, engine: str
) -> None:
    wanted = Wanted(engine=engine, part="held-out", probability=True, entropy=True)
    made = predict(trained[0], data, tmp_path, wanted)
    assert (made["networks"], made["cases"]) == (5, 1)
    mask = read_nifti(tmp_path / "case5.nii.gz", Unit.LABEL)
    probability = read_nifti(tmp_path / "probability" / "case5.nii.gz", Unit.PROBABILITY)
    entropy = read_nifti(tmp_path / "entropy" / "case5.nii.gz", Unit.ARBITRARY)
    np.testing.assert_array_equal(mask.array > 0, probability.array > 0.5)
    p = np.clip(probability.array, 1e-7, 1 - 1e-7)
    np.testing.assert_allclose(entropy.array, -(p * np.log2(p) + (1 - p) * np.log2(1 - p)), atol=1e-3)
    single = tmp_path / "single"
    parts = []
    for fold in range(5):
        predict(trained[0], data, single / str(fold), replace(wanted, folds=(fold,)))
        parts.append(read_nifti(single / str(fold) / "probability" / "case5.nii.gz", Unit.PROBABILITY).array)
    np.testing.assert_allclose(probability.array, np.mean(parts, axis=0), atol=2e-6)


def test_prediction_needs_no_torch(trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path) -> None:
    words = ["predict", str(trained[0]), str(data), "-o", str(tmp_path / "out"), "--part", "held-out", "--folds", "0"]
    code = (
        f"import sys\nfrom lymphoscope.app.cli import app\napp({words!r}, standalone_mode=False)\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "case5.nii.gz").exists()


def test_a_stage_that_reads_another_is_trained_on_maps_of_cases_that_were_not_seen(data: Path, tmp_path: Path) -> None:
    card = train(CASCADE, data, tmp_path / "run", Training(folds=(0,), steps=2), silent)
    assert sorted(card["folds"]["0"]["training"]) == ["coarse", "fine"]
    assert len(list((tmp_path / "run" / "out_of_fold" / "coarse").iterdir())) == 5, "every case, also for one fold"
    assert not (tmp_path / "run" / "fold_1" / "fine").exists()
    made = predict(tmp_path / "run", data, tmp_path / "masks", Wanted(folds=(0,), part="held-out"))
    assert made["networks"] == 2


def test_a_graphics_card_that_is_not_there_is_not_replaced(
    data: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_has_card", lambda: False)
    with pytest.raises(LymphoscopeError, match="no graphics card"):
        train(TOY, data, tmp_path / "run", Training(device="cuda", steps=3), silent)
    with pytest.raises(LymphoscopeError, match="no graphics card"):
        predict(trained[0], data, tmp_path / "masks", Wanted(device="cuda"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 1, "minutes": 1.0}, "not both"),
        ({"steps": 0}, "at least one step"),
        ({"at_once": 0}, "--at-once"),
        ({"device": "tpu"}, "--device"),
        ({"precision": "int8"}, "--precision"),
    ],
)
def test_a_training_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(LymphoscopeError, match=said):
        Training(**given)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_further_maps_lie_beside_the_masks(evidential: Path, data: Path, tmp_path: Path, engine: str) -> None:
    predict(evidential, data, tmp_path, Wanted(engine=engine, part="held-out", probability=True, further=True))
    ignorance = read_nifti(tmp_path / "ignorance" / "case5.nii.gz", Unit.ARBITRARY).array
    assert ignorance.min() >= 0.0 and ignorance.max() <= 1.0 and ignorance.std() > 0.0
    seen = next((evidential / "validation").iterdir())
    told = read_nifti(evidential / "out_of_fold" / "lesions-ignorance" / seen.name, Unit.ARBITRARY)
    assert not told.geometry.difference(read_nifti(seen, Unit.LABEL).geometry)


@pytest.fixture(scope="module")
def evidential(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    learn = replace(NET, heads=(use("evidence"),))
    run = tmp_path_factory.mktemp("evidential") / "run"
    train(
        replace(TOY, stages=(Stage("lesions", PET_CT, learn=learn),)), data, run, Training(folds=(0,), steps=2), silent
    )
    return run


def test_further_maps_of_networks_that_tell_none_are_refused(
    trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    with pytest.raises(LymphoscopeError, match=r"USE-E-VALUE.*--further"):
        predict(trained[0], data, tmp_path, Wanted(further=True))


def test_folds_are_numbers_that_are_there(trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path) -> None:
    assert numbers("2,0") == (0, 2) and numbers(None) is None
    with pytest.raises(LymphoscopeError, match="--folds"):
        numbers("first")
    with pytest.raises(LymphoscopeError, match="folds 0 to 4"):
        train(TOY, data, trained[0], Training(folds=(7,), steps=3), silent)
    with pytest.raises(LymphoscopeError, match="fold 9"):
        predict(trained[0], data, tmp_path, Wanted(folds=(9,)))


def test_no_run_damaged_weights_and_odd_words_are_refused(
    trained: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    for wanted, code in (
        (Wanted(engine="magic"), "USE-E-VALUE"),
        (Wanted(part="best"), "USE-E-VALUE"),
    ):
        with pytest.raises(LymphoscopeError, match=code):
            predict(trained[0], data, tmp_path, wanted)
    with pytest.raises(LymphoscopeError, match="RUN-E-FOLDER"):
        predict(data, data, tmp_path, Wanted())
    model = trained[0] / "fold_4" / "lesions" / "model.xml"
    text = model.read_text()
    model.write_text(text[:100])
    try:
        with pytest.raises(LymphoscopeError, match="RUN-E-WEIGHTS"):
            predict(trained[0], data, tmp_path, Wanted(folds=(4,)))
    finally:
        model.write_text(text)


def test_a_rule_competes_without_training(data: Path, tmp_path: Path) -> None:
    made = predict(Path("suv4.0"), data, tmp_path, Wanted(part="held-out"))
    assert made == {"recipe": "suv4.0", "networks": 0, "engine": "rule", "cases": 1}
    images, _ = lesion_phantom(5)
    assert set(np.unique(read_nifti(tmp_path / "case5.nii.gz", Unit.LABEL).array)) <= {0, 1}
    hot = images["pet:suv"].array >= 4.0
    found = read_nifti(tmp_path / "case5.nii.gz", Unit.LABEL).array > 0
    assert found.any() and not (found & ~hot).any()
    with pytest.raises(LymphoscopeError, match="no probability"):
        predict(Path("suv4.0"), data, tmp_path, Wanted(probability=True))
    with pytest.raises(LymphoscopeError, match="used at once"):
        train(METHODS["suv4.0"], data, tmp_path / "run", Training(), silent)
