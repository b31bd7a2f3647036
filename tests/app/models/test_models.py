"""The store of models: added safely, checked, predicted with, replaced only by what is whole."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lymphoscope.app.cli import main
from lymphoscope.app.models.known import known
from lymphoscope.app.models.source import Fetching, model_folder
from lymphoscope.app.models.store import Store
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn import device, graph_engine
from lymphoscope.learn.foreign import stored as foreign_stored
from lymphoscope.learn.foreign.convert import foreign_name
from lymphoscope.learn.foreign.effort import Effort
from lymphoscope.learn.foreign.plans import foreign_plan
from lymphoscope.learn.foreign.predictor import predict
from lymphoscope.learn.foreign.preparing import prepared
from lymphoscope.learn.foreign.stored import BUDGETS, Budget, network_file, open_stored
from lymphoscope.learn.graph_engine import by_graph
from lymphoscope.nets.heads import segment
from lymphoscope.nets.network import Network
from lymphoscope.nets.unet import unet

ROOT = Path(__file__).parents[2]
OPS = importlib.import_module("openvino.opset13")
Say = Callable[..., tuple[int, Any, str]]


def _module(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def golden() -> dict[str, np.ndarray]:
    with np.load(ROOT / "learn" / "foreign" / "golden" / "plain.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as nnU-Net leaves it: two folds of the network whose mask nnU-Net itself drew."""
    folder = tmp_path_factory.mktemp("results") / "Dataset001_Test" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    made = _module(ROOT / "oracles" / "nnunet_models.py").spec("plain")
    weights = {n[7:]: torch.from_numpy(v).float() for n, v in golden().items() if n.startswith("weight:")}
    for fold in ("fold_0", "fold_1"):
        (folder / fold).mkdir(parents=True)
        held = {
            "network_weights": weights,
            "init_args": {"configuration": "3d_fullres"},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1, 2),
            "_best_ema": np.float64(0.8),
        }
        torch.save(held, folder / fold / "checkpoint_final.pth")
    (folder / "plans.json").write_text(json.dumps(made["plans"]))
    (folder / "dataset.json").write_text(json.dumps(made["dataset"]))
    return folder


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory) -> Say:
    def command(*words: object, store: Path) -> tuple[int, Any, str]:
        with pytest.raises(SystemExit) as left:
            main([*map(str, words), "--store", str(store), "--json"])
        out, err = capfd.readouterr()
        assert "Traceback" not in err and str(store) not in err
        return int(left.value.code or 0), json.loads(out) if out.startswith("{") else out, err

    return command


@pytest.fixture(scope="module")
def stored(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with that model."""
    store = tmp_path_factory.mktemp("data") / "models"
    words = ["--licence", "CC BY 4.0", "--training-data", "blobs", "--citation", "nobody", "--name", "blobs"]
    with pytest.raises(SystemExit) as left:
        main(["models", "add", str(foreign.parents[1]), "--store", str(store), "--quiet", *words])
    assert not left.value.code
    return store


def test_a_model_says_where_it_comes_from(stored: Path, say: Say) -> None:
    status, record, _ = say("models", "list", store=stored)
    assert status == 0 and [m["name"] for m in record["models"]] == ["blobs"]
    assert {m["name"] for m in record["public"]} == set(known())
    _, card, _ = say("models", "show", "blobs", store=stored)
    assert (card["licence"], card["training_data"], card["citation"]) == ("CC BY 4.0", "blobs", "nobody")
    assert card["roles"] == ["ct:hu", "pet:suv"] and card["lesion"] == ["lymphoma"] and card["folds"] == ["0", "1"]
    assert set(card["checkpoints"]) == {"fold_0/checkpoint_final.pth", "fold_1/checkpoint_final.pth"}
    assert {"plans.json", "fold_1/model.bin"} <= set(card["files"]) and card["largest_difference_of_export"] < 1e-4
    _, public, _ = say("models", "show", "lyroi-resl", store=stored)
    assert public["licence"].startswith("CC BY-SA 4.0") and public["url"].startswith("https://")


def test_the_stored_model_draws_nnunets_mask(
    stored: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = golden()
    grid = Geometry.axial(held["ct"].shape, tuple(held["spacing"].tolist()))
    images = {
        "ct:hu": Volume(held["ct"], grid, Unit.HU),
        "pet:suv": Volume(held["pet"].astype(np.float32), grid, Unit.SUV_BW),
    }
    truth = Volume(held["labels"], grid, Unit.LABEL)
    write_nnunet(tmp_path / "Dataset001_One", [NewCase("one", images, truth)], About("one"))
    words = ("predict", "blobs", tmp_path / "Dataset001_One", "-o")
    status, record, _ = say(*words, tmp_path / "full", "--budget", "full", "--probability", store=stored)
    assert status == 0 and record == {
        "model": "blobs",
        "networks": 2,
        "engine": "openvino",
        "budget": "full",
        "cases": 1,
    }
    drawn = read_nifti(tmp_path / "full" / "one.nii.gz", Unit.LABEL).array > 0
    assert (drawn == (held["labels"] > 0)).all()
    sure = read_nifti(tmp_path / "full" / "probability" / "one.nii.gz", Unit.PROBABILITY).array
    assert np.abs(sure - held["probability"]).max() < 1e-3
    status, record, _ = say(*words, tmp_path / "fast", "--budget", "fast", store=stored)
    assert record["networks"] == 1 and record["budget"] == "fast"
    fast = read_nifti(tmp_path / "fast" / "one.nii.gz", Unit.LABEL).array > 0
    assert 2 * np.count_nonzero(fast & drawn) / (np.count_nonzero(fast) + np.count_nonzero(drawn)) > 0.7
    monkeypatch.setattr(device, "_has_card", lambda: False)
    status, record, _ = say(*words, tmp_path / "card", "--device", "cuda", store=stored)
    assert status == 2 and "no graphics card" in record["messages"][0]["text"]
    monkeypatch.setattr(device, "_has_card", lambda: True)
    monkeypatch.setattr(graph_engine, "by_graph", lambda path, _, precision: by_graph(path, "cpu", precision))
    status, record, _ = say(*words, tmp_path / "card", "--device", "cuda", "--budget", "full", store=stored)
    assert status == 0 and record["engine"] == "torch, cuda"
    assert (read_nifti(tmp_path / "card" / "one.nii.gz", Unit.LABEL).array > 0).tolist() == drawn.tolist()
    assert say(*words, tmp_path / "x", "--budget", "slow", store=stored)[0] == 2
    assert say(*words, tmp_path / "x", "--folds", "0", store=stored)[0] == 2
    assert (
        say("predict", "suv4.0", tmp_path / "Dataset001_One", "-o", tmp_path / "x", "--budget", "fast", store=stored)[0]
        == 2
    )


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of a coarse network and of one that reads its labels, of random weights, as nnU-Net leaves them."""
    results = tmp_path_factory.mktemp("results")
    models = _module(ROOT / "oracles" / "nnunet_models.py")
    for number, kind in enumerate(("before", "cascade")):
        made = models.spec(kind)
        name = made["configuration"]
        plan = foreign_plan(made["plans"], made["dataset"], name)
        torch.manual_seed(number)
        backbone = unet(plan.inputs, 3, **plan.network)
        network = Network(backbone, [segment(backbone.widths, 3, 3)])
        weights = {foreign_name(own, 3): weight for own, weight in network.state_dict().items()}
        for word in [word for word in weights if "seg_layers" in word and word.endswith("weight")]:
            weights[word] *= 100.0  # so that every class is somewhere the likeliest
        folder = results / f"nnUNetTrainer__nnUNetPlans__{name}"
        (folder / "fold_0").mkdir(parents=True)
        torch.save(
            {"network_weights": weights, "init_args": {"configuration": name}},
            folder / "fold_0" / "checkpoint_final.pth",
        )
        (folder / "plans.json").write_text(json.dumps(made["plans"]))
        (folder / "dataset.json").write_text(json.dumps(made["dataset"]))
    return results


def test_a_cascade_is_stored_with_what_it_reads(cascade: Path, say: Say, tmp_path: Path) -> None:
    """The second network hears the labels of the first: by hand, and as stored."""
    store, fine = tmp_path / "models", cascade / "nnUNetTrainer__nnUNetPlans__3d_cascade"
    status, card, _ = say("models", "add", fine, "--name", "two", store=store)
    assert status == 0 and card["previous"] == "3d_lowres" and "previous/fold_0/model.bin" in card["files"]
    status, _, _ = say("models", "add", cascade / "nnUNetTrainer__nnUNetPlans__3d_lowres", "--name", "one", store=store)
    assert status == 0
    budget = Budget(Effort(mirror=False), "")
    one, two = (open_stored(store / name, budget) for name in ("one", "two"))
    held = golden()
    grid = Geometry.axial(held["ct"].shape, tuple(held["spacing"].tolist()))
    images = {"ct:hu": Volume(held["ct"], grid, Unit.HU),
              "pet:suv": Volume(held["pet"].astype(np.float32), grid, Unit.SUV_BW)}  # fmt: skip
    first = predict(one, images, budget.effort).classes.array
    seen = prepared(two.plan, [images[role].array for role in two.roles], grid, first).images
    assert seen.shape[0] == 4 and (seen[2:].sum(axis=0) <= 1).all()
    assert any(0 < channel.mean() < 1 for channel in seen[2:]), "the first network draws something, somewhere"
    heard: list[np.ndarray] = []
    inner = two.members[0]
    spied = replace(two, members=[lambda patch: (heard.append(patch), inner(patch))[1]])
    predict(spied, images, budget.effort)
    assert (heard[0][0] == seen[:, :16, :24, :24]).all()
    alone = tmp_path / "alone"
    shutil.copytree(fine, alone / fine.name)
    status, record, _ = say("models", "add", alone, "--name", "three", store=store)
    assert status != 0 and record["messages"][0]["code"] == "MODEL-E-FOLDER"


@pytest.fixture(scope="module")
def two_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the golden case twice, the second mirrored."""
    held = golden()
    grid = Geometry.axial(held["ct"].shape, tuple(held["spacing"].tolist()))
    cases = []
    for name, turn in (("one", 1), ("two", -1)):
        images = {"ct:hu": Volume(held["ct"][..., ::turn].copy(), grid, Unit.HU),
                  "pet:suv": Volume(held["pet"][..., ::turn].astype(np.float32), grid, Unit.SUV_BW)}  # fmt: skip
        cases.append(NewCase(name, images, Volume(held["labels"][..., ::turn].copy(), grid, Unit.LABEL)))
    data = tmp_path_factory.mktemp("data") / "Dataset001_Two"
    write_nnunet(data, cases, About("two"))
    return data


def test_a_model_without_nncf_stays_as_it_was(
    stored: Path, two_cases: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    status, record, _ = say("models", "calibrate", "blobs", two_cases, store=stored)
    assert status == 2 and record["messages"][0]["code"] == "USE-E-EXTRA"
    assert say("models", "calibrate", "blobs", two_cases, "--cases", "1", store=stored)[0] == 2
    assert say("models", "verify", "blobs", store=stored)[1]["sound"] and "int8" not in Store(stored).card("blobs")


@pytest.mark.parametrize("broken", [False, True])
def test_networks_in_8_bits_are_kept_when_they_draw_the_same(
    broken: bool, stored: Path, two_cases: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for nncf: the network itself, or one that draws nothing; `fast` glances with what was kept."""
    shutil.copytree(stored, tmp_path / "models")
    seen: list[int] = []

    def quantize(network: Any, dataset: list[np.ndarray], **words: Any) -> Any:
        seen.append(words["subset_size"])
        kinds = {node.get_friendly_name(): node.get_type_name() for node in network.get_ops()}
        assert [kinds[name] for name in words["ignored_scope"]] == ["Convolution"], "the one that gives the outputs"
        for node in network.get_ops() if broken else ():
            if node.get_type_name() == "Result":
                less = OPS.minimum(node.input_value(0), np.float32(-1))
                node.input(0).replace_source_output(less.output(0))
        return network

    preset = SimpleNamespace(MIXED=None)
    stand_in = SimpleNamespace(
        quantize=quantize, Dataset=list, QuantizationPreset=preset, IgnoredScope=lambda names: names
    )
    monkeypatch.setitem(sys.modules, "nncf", stand_in)
    status, record, _ = say("models", "calibrate", "blobs", two_cases, store=tmp_path / "models")
    assert seen and 0 < seen[0] <= 4, "windows of one case of two"
    assert say("models", "verify", "blobs", store=tmp_path / "models")[1]["sound"]
    fold = tmp_path / "models" / "blobs"
    if broken:
        assert status != 0 and record["messages"][0]["code"] == "RUN-E-EXPORT"
        assert network_file(fold, "0", True).name == "model.xml"
    else:
        assert status == 0 and record["int8"] == {"cases": 1, "compared_on": 1, "dice_with_32_bits": 1.0}
        assert network_file(fold, "0", True).name == "int8.xml"
        assert network_file(fold, "0", False).name == "model.xml"
        assert loaded(fold, "fast", monkeypatch) == ["fold_0/model.xml", "fold_0/int8.xml"], "drawn in 32 bits"
        assert loaded(fold, "glance", monkeypatch) == ["fold_0/int8.xml"]
        assert "fold_0/int8.xml" not in loaded(fold, "standard", monkeypatch)
        assert loaded(fold, "fast", monkeypatch, gains=True) == ["fold_0/model.xml in bf16", "fold_0/int8.xml in bf16"]
        assert loaded(stored / "blobs", "fast", monkeypatch, gains=True) == ["fold_0/model.xml in bf16"]
        assert loaded(fold, "standard", monkeypatch, gains=True) == loaded(fold, "standard", monkeypatch)
    assert loaded(stored / "blobs", "fast", monkeypatch) == ["fold_0/model.xml"], "not twice the same"


def loaded(model: Path, budget: str, monkeypatch: pytest.MonkeyPatch, gains: bool = False) -> list[str]:
    """Files of networks that a budget loads, in its order, on a processor that gains by less precision or does not."""
    found: list[str] = []

    def by_openvino(path: Path, precision: str) -> Any:
        found.append(str(path.relative_to(model)) + ("" if precision == "f32" else f" in {precision}"))

    monkeypatch.setattr(foreign_stored, "by_openvino", by_openvino)
    monkeypatch.setattr(foreign_stored, "_has", lambda precision: gains or precision == "f32")
    open_stored(model, BUDGETS[budget])
    return found


def test_a_changed_file_is_found_and_nothing_is_lost(foreign: Path, stored: Path, say: Say, tmp_path: Path) -> None:
    store = tmp_path / "models"
    shutil.copytree(stored, store)
    assert say("models", "verify", "blobs", store=store)[1]["sound"]
    assert say("models", "add", foreign, "--name", "blobs", store=store)[0] == 2, "a name that is taken"
    broken = tmp_path / "broken"
    shutil.copytree(foreign, broken)
    (broken / "fold_1" / "checkpoint_final.pth").write_bytes(b"PK\x03\x04")
    status, record, _ = say("models", "add", broken, "--name", "blobs", "--force", store=store)
    assert status != 0 and record["messages"][0]["code"] == "MODEL-E-CHECKPOINT"
    assert say("models", "verify", "blobs", store=store)[1]["sound"], "the model that was there is still whole"
    with (store / "blobs" / "fold_0" / "model.bin").open("r+b") as file:
        file.seek(40)
        file.write(b"\1\2\3")
    (store / "blobs" / "fold_1" / "model.xml").unlink()
    status, record, _ = say("models", "verify", "blobs", store=store)
    assert status == 1 and record["changed"] == ["fold_0/model.bin", "fold_1/model.xml"]
    assert say("models", "remove", "blobs", store=store)[0] == 2, "nobody agreed"
    assert say("models", "remove", "blobs", "--yes", store=store)[0] == 0
    assert say("models", "list", store=store)[1]["models"] == []


def test_an_archive_decides_nothing(foreign: Path, tmp_path: Path) -> None:
    """Only files of a model are taken out of a zip, under names of ours."""
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in foreign.rglob("*"):
            if file.is_file():
                archive.write(file, f"../../../../tmp/evil/{file.relative_to(foreign)}")
        archive.writestr("../../escaped.txt", "x")
    with model_folder(str(path), Fetching(lambda _: False, keep_in=tmp_path)) as folder:
        assert tmp_path in folder.parents and (folder / "fold_1" / "checkpoint_final.pth").is_file()
        assert sorted(p.name for p in folder.iterdir()) == ["dataset.json", "fold_0", "fold_1", "plans.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.zip"], "nothing is left behind"


def test_nothing_is_fetched_unasked(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr("urllib.request.urlopen", reached)
    for source in ("https://example.org/model.zip", "lyroi-orig"):
        status, record, _ = say("models", "add", source, store=tmp_path / "models")
        assert status != 0 and record["messages"][0]["code"] == "MODEL-E-DOWNLOAD"
    assert say("models", "add", "http://example.org/model.zip", "--yes", store=tmp_path / "models")[0] != 0


def test_what_is_no_model_is_refused(foreign: Path, tmp_path: Path) -> None:
    def code(source: Path, md5: str = "") -> str:
        with pytest.raises(LymphoscopeError) as refused, model_folder(str(source), Fetching(lambda _: True, md5)):
            pass
        return refused.value.code

    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    assert code(tmp_path / "empty") == code(tmp_path / "text.zip") == "MODEL-E-FOLDER"
    assert code(tmp_path / "absent") == "IO-E-PATH"
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("plans.json", "{}")
    assert code(tmp_path / "other.zip", "0" * 32) == "MODEL-E-HASH"
    for name in ("a", "b"):
        shutil.copytree(foreign, tmp_path / "two" / name)
    assert code(tmp_path / "two") == "MODEL-E-FOLDER"


def test_a_run_by_a_stored_model(stored: Path, say: Say, clinic: Callable[..., Path], tmp_path: Path) -> None:
    """From DICOM to the report; a damaged model is no fault of the study."""
    words = ("run", clinic(), "--model", "blobs", "--no-dicom", "-o")
    status, record, _ = say(*words, tmp_path / "case", store=stored)
    assert status == 0 and record["segmentation"]["method"] == "network"
    assert record["settings"] | {"model": "blobs", "budget": "standard"} == record["settings"]
    assert any(m["code"] == "SEG-W-NETWORK" for m in record["messages"])
    alone = record["key_numbers"][0]["value"]
    shutil.copytree(stored / "blobs", stored / "twin")
    status, record, _ = say(
        "run", clinic("again"), "--model", "blobs,twin", "--no-dicom", "-o", tmp_path / "two", store=stored
    )
    shutil.rmtree(stored / "twin")
    assert status == 0 and record["key_numbers"][0]["value"] == alone, "the union of a model with itself"
    assert "models blobs and twin" in next(m["what"] for m in record["messages"] if m["code"] == "SEG-W-NETWORK")
    status, record, _ = say("run", clinic("bare", ct=False), "--model", "blobs", "-o", tmp_path / "none", store=stored)
    assert status == 3 and any(m["code"] == "DATA-E-MISSING" for m in record["messages"])
    assert say(*words, tmp_path / "slow", "--budget", "slow", store=stored)[0] == 2
