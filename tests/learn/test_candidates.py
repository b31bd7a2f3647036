"""Candidates and the network that judges them: every check of the catalogue entry that is not a law of all recipes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, train
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.detection import RATES, froc
from lymphoscope.evaluate.detection import Candidates as Scored
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.candidates import Candidates, EachCandidate, candidates
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.losses.candidates import CandidateCrossEntropy, truth_of
from lymphoscope.learn.prepare import Prepared, inputs, places, truth
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.recipes.candidates import CANDIDATES
from lymphoscope.recipes.spec import Stage, Use

STAGE = CANDIDATES["ch3-reducer"].stages[-1]
VIEW = Candidates(16).view


def found_in(seed: int) -> tuple[dict[str, Volume], Volume]:
    """A phantom, and what a first network might find: the lesions and the organ that is as hot as they."""
    volumes, marked = lesion_phantom(seed)
    hot = volumes["pet:suv"].array > 4
    assert (hot & (marked.array == 0)).any()
    volumes["candidates"] = Volume(np.where(hot, 0.6, 0.0).astype(np.float32), marked.geometry, Unit.PROBABILITY)
    return volumes, marked


def prepared(seed: int) -> Prepared:
    volumes, marked = found_in(seed)
    images, grid = inputs(STAGE, volumes)
    labels = truth(marked, grid)
    return Prepared(f"c{seed}", f"p{seed}", images, labels, places(labels), grid, {})


def scored(seed: int, predict_: object) -> tuple[list[float], list[bool], Scored]:
    """Score of each candidate of a phantom, whether it is a lesion, and both for a FROC."""
    case = prepared(seed)
    assert case.labels is not None
    told = EachCandidate()(predict_, case.images, VIEW)[1]  # type: ignore[arg-type]
    parts, lesions = candidates(case.images[-1], 0.3), case.lesions
    scores = [float(told[tuple(part.T)].max()) for part in parts]
    numbers = [{tuple(voxel) for voxel in lesion.tolist()} for lesion in lesions]
    hits = np.array([[bool(number & set(map(tuple, part.tolist()))) for number in numbers] for part in parts])
    return scores, hits.any(axis=1).tolist(), Scored(np.array(scores), hits.astype(float), hits)


def test_with_an_oracle_the_result_is_the_truth_and_no_candidate_is_lost() -> None:
    volumes, marked = found_in(1)
    images, _ = inputs(STAGE, volumes)
    lesion, judged = marked.array > 0, []

    def oracle(boxes: np.ndarray) -> np.ndarray:
        """Knows that organs are dense."""
        itself = boxes[:, -1] > 0.5
        judged.append(int(itself.sum()))
        dense = np.array([box[1][inside].mean() > 0.6 for box, inside in zip(boxes, itself, strict=True)])
        return np.stack([dense, ~dense], axis=1).astype(np.float32)

    found = EachCandidate()(oracle, images, Candidates(32).view)
    np.testing.assert_array_equal(found.argmax(axis=0) == 1, lesion)
    np.testing.assert_allclose(found.sum(axis=0), 1)
    parts = candidates(images[-1], 0.3)
    assert sorted(judged) == sorted(len(part) for part in parts), "each is seen once, whole, by itself"
    assert len(parts) > len(places(marked.array.astype(np.int8))), "and some of them are none"


def test_a_lower_threshold_never_finds_fewer_lesions() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random((12, 12, 12), dtype=np.float32)
    lesions = rng.random((6, 12, 12, 12)) > 0.995
    recall = []
    for at in (0.9, 0.7, 0.5, 0.3, 0.1):
        drawn = np.zeros(chance.shape, bool)
        for part in candidates(chance, at):
            drawn[tuple(part.T)] = True
        recall.append(sum(bool((drawn & lesion).any()) for lesion in lesions))
    assert recall == sorted(recall)


def test_one_lesion_comes_to_three_false_candidates_and_true_lesions_are_shown_too() -> None:
    case, sampler, rng = prepared(2), Candidates(16, positive=0.25), np.random.default_rng(0)
    missed = replace(case, id="missed", images=np.where(case.labels > 0, 0.0, case.images).astype(np.float32))
    for one in (case, missed):
        true = 0
        for _ in range(200):
            images, labels = sampler.cut(one, rng, 0)
            assert images.shape == (len(one.images) + 1, 16, 16, 16) and labels is not None
            batch = Batch(torch.from_numpy(images[None]), torch.from_numpy(labels[None, None].astype(np.int64)))
            true += int(truth_of(batch)[1])
        assert 32 <= true <= 68, "a quarter of 200, three standard deviations"


def test_the_loss_asks_of_the_candidate_alone() -> None:
    images, labels = torch.zeros(3, 2, 4, 4, 4), torch.zeros(3, 1, 4, 4, 4, dtype=torch.int64)
    images[:, -1, 1, 1, 1] = 1.0
    labels[0, 0, 1, 1, 1] = 1
    labels[1, 0, 3, 3, 3] = 1  # a lesion beside a candidate that is none
    labels[2] = IGNORE
    scores = torch.tensor([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]], requires_grad=True)
    loss = CandidateCrossEntropy()({"scores": [scores]}, Batch(images, labels))
    assert loss.item() == pytest.approx(float(np.log1p(np.exp(-2)) + np.log1p(np.exp(2))) / 2)
    loss.backward()
    assert scores.grad is not None and float(scores.grad[2].abs().max()) == 0


def test_a_network_learns_to_tell_lesions_from_what_is_as_hot(tmp_path: Path) -> None:
    net = Use("unet_encoder", {"widths": (4, 8, 16)})
    fast = Use("adamw", {"rate": 1e-2, "decay": 0.0})
    sampler = Use("candidates", {"size": 16, "positive": 0.5})
    learn = replace(STAGE.trained, net=net, optimizer=fast, sampler=sampler, augment=(Use("flip"),))
    task = Task(learn, [prepared(n) for n in range(4)], 2, 0, Budget(40), tmp_path)
    told = by_torch(fit(task, Machine()))
    scores, lesion, cases = zip(*(scored(n, told) for n in range(10, 16)), strict=True)
    area = auc(np.concatenate(lesion), np.concatenate(scores))
    assert area is not None and area.value > 0.95
    curve = froc(list(cases))
    assert curve is not None
    sensitivity = [curve.at(rate) for rate in RATES["luna7"]]
    assert sensitivity == sorted(sensitivity) and sensitivity[0] >= 0.8


def test_both_networks_are_trained_and_their_errors_are_told_apart(tmp_path: Path) -> None:
    cases = (NewCase(f"case{n}", *lesion_phantom(n), held_out=n == 4) for n in range(5))
    data = write_nnunet(tmp_path / "Dataset006_Phantoms", cases, About("Phantoms"))
    halves = [["case0", "case1"], ["case2", "case3"]]
    folds = [{"train": halves[1 - n], "val": halves[n]} for n in range(2)]
    (data / "splits_final.json").write_text(json.dumps(folds))

    def narrow(stage: Stage) -> Stage:
        nets = {"candidates": Use("unet", {"widths": (4, 8)}), "lesions": Use("unet_encoder", {"widths": (4, 8)})}
        sampler = Use(stage.trained.sampler.name, {**stage.trained.sampler.params, "size": 16})
        return replace(stage, learn=replace(stage.trained, net=nets[stage.id], sampler=sampler, batch=2))

    recipe = CANDIDATES["ch3-reducer"]
    recipe, run = replace(recipe, stages=tuple(map(narrow, recipe.stages))), tmp_path / "run"
    card = train(recipe, data, run, Training(folds=(0,), steps=1), silent)
    assert train(recipe, data, run, Training(folds=(0,), steps=1), silent) == card
    first, last = (
        read_nifti(run / "out_of_fold" / stage / "case0.nii.gz", Unit.PROBABILITY).array
        for stage in ("candidates", "lesions")
    )
    assert not (last[first < 0.299] > 0).any(), "what is no candidate is background"
    by = {}
    for engine in ("openvino", "torch"):
        predict(run, data, tmp_path / engine, Wanted((0,), engine, "held-out", probability=True))
        by[engine] = read_nifti(tmp_path / engine / "probability" / "case4.nii.gz", Unit.PROBABILITY).array
    np.testing.assert_allclose(by["openvino"], by["torch"], atol=2e-3)
