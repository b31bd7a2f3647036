from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.lesion_phantom import LABELS
from lymphoscope.image.lesion_phantom import lesion_phantom as phantom
from lymphoscope.learn import fit as fitting
from lymphoscope.learn.build import network_of
from lymphoscope.learn.checkpoint import load_weights, save_weights
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.log import read
from lymphoscope.learn.predict import Member, predict_stage
from lymphoscope.learn.prepare import Prepared, inputs, places, truth
from lymphoscope.learn.torch_engine import TOLERANCE, by_torch, export
from lymphoscope.nets.network import Network
from lymphoscope.recipes.spec import PET_CT, Learn, Stage, use

LEARN = Learn(
    use("unet", widths=(4, 8, 8)),
    sampler=use("patches", size=16, positive=0.5),
    augment=(use("flip"),),
    optimizer=use("adamw", rate=1e-2, decay=0.0),
)
STAGE = Stage("lesions", PET_CT, learn=LEARN)


def cases(count: int = 3) -> list[Prepared]:
    made = []
    for seed in range(count):
        volumes, labels = phantom(seed)
        images, grid = inputs(STAGE, volumes)
        marked = truth(labels, grid)
        made.append(Prepared(f"c{seed}", f"p{seed}", images, marked, places(marked), grid, {}))
    return made


def task(folder: Path, learn: Learn = LEARN, steps: int = 8, seed: int = 0) -> Task:
    return Task(learn, cases(), 2, seed, Budget(steps), folder)


def weights(net: Network) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}


def same(one: Network, other: Network) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(one).values(), weights(other).values(), strict=True))


class KilledError(Exception):
    pass


def test_the_same_seed_gives_the_same_weights_and_another_others(tmp_path: Path) -> None:
    first = fit(task(tmp_path / "a"), Machine())
    assert same(first, fit(task(tmp_path / "b"), Machine()))
    assert not same(first, fit(task(tmp_path / "c", seed=1), Machine()))


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, average: float
) -> None:
    monkeypatch.setattr(fitting, "_KEEP_SECONDS", 0.0)
    learn = replace(LEARN, supervision=use("supervised", average=average))
    whole = fit(task(tmp_path / "whole", learn), Machine())

    def kill(step: str, done: int, total: int) -> None:
        if done == 5:
            raise KilledError

    with pytest.raises(KilledError):
        fit(task(tmp_path / "killed", learn), Machine(), kill)
    assert 0 < len(read(tmp_path / "killed" / "log.csv")) < 8
    again: list[int] = []
    resumed = fit(task(tmp_path / "killed", learn), Machine(), lambda step, done, total: again.append(done))
    assert again[0] > 0, "it does not begin anew"
    assert same(whole, resumed)
    rows = read(tmp_path / "killed" / "log.csv")
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert [row["loss"] for row in rows] == [row["loss"] for row in read(tmp_path / "whole" / "log.csv")]


def test_a_damaged_checkpoint_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(LymphoscopeError, match="RUN-E-CHECKPOINT"):
        fit(task(tmp_path), Machine())


def test_a_budget_of_seconds_ends(tmp_path: Path) -> None:
    fit(Task(LEARN, cases(), 2, 0, Budget(None, 1.0), tmp_path), Machine())
    rows = read(tmp_path / "log.csv")
    assert rows[-1]["seconds"] < 10
    assert rows[-1]["rate"] < rows[len(rows) // 2]["rate"] or len(rows) < 4


def test_training_finds_what_is_a_lesion_and_what_an_organ(tmp_path: Path) -> None:
    learn = replace(
        LEARN, net=use("unet", widths=(8, 16, 32)), sampler=use("patches", size=32, positive=0.5), augment=()
    )
    trained = fit(task(tmp_path, learn, 80), Machine())
    rows = read(tmp_path / "log.csv")
    assert np.mean([row["loss"] for row in rows[-5:]]) < 0.3 * rows[0]["loss"]
    stage = Stage("lesions", PET_CT, learn=learn)
    volumes, labels = phantom(99)
    predicted = predict_stage(stage, [Member(by_torch(trained), 0)], volumes).labels.array > 0
    wanted = labels.array > 0
    assert 2 * (predicted & wanted).sum() / (predicted.sum() + wanted.sum()) > 0.8
    alone = predict_stage(stage, [Member(by_torch(trained), 0)], phantom(5, lesions=0)[0])
    assert alone.labels.array.mean() < 0.01, "the organ is no lesion"


def test_weights_and_export_give_the_same_probabilities(tmp_path: Path) -> None:
    net = fit(task(tmp_path), Machine())
    save_weights(net, tmp_path / "weights.safetensors")
    again = network_of(STAGE, LABELS).eval()
    load_weights(again, tmp_path / "weights.safetensors")
    images = np.random.default_rng(0).random((1, 2, 16, 16, 16), dtype=np.float32)
    np.testing.assert_array_equal(by_torch(net)(images), by_torch(again)(images))
    assert export(net, 2, (16, 16, 16), tmp_path / "model.xml") <= TOLERANCE


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_weights(torch.nn.Linear(2, 2), tmp_path / "w.safetensors")
    with pytest.raises(LymphoscopeError, match="RUN-E-WEIGHTS"):
        load_weights(network_of(STAGE, LABELS), tmp_path / "w.safetensors")
