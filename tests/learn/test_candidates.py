"""Candidates and the network that judges them: every check of the catalogue entry that is not a law of all recipes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, train
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.detection import RATES, froc
from lymphoscope.evaluate.detection import Candidates as Scored
from lymphoscope.evaluate.stages import errors_of_stages
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.boxes import read_boxes
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.candidates import Candidates, EachCandidate, around, candidates
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.losses.candidates import CandidateCrossEntropy, truth_of
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import Prepared, inputs, places, truth
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.nets.three_planes import planes, three_planes
from lymphoscope.nets.unet import unet_encoder
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


def test_three_planes_of_a_box_that_looks_alike_from_all_sides_are_equal() -> None:
    place = torch.arange(17) - 8.0
    ball = (place[:, None, None] ** 2 + place[:, None] ** 2 + place**2).sqrt()
    boxes = torch.stack([ball, (-ball / 3).exp()])[None]
    first, second, third = planes(boxes)
    assert first.shape == (1, 2, 17, 17)
    assert torch.equal(first, second) and torch.equal(second, third)
    assert not torch.equal(*planes(boxes + place)[::2]), "and of one that does not they differ"


def test_planes_judge_a_candidate_as_their_network_does_where_all_are_alike() -> None:
    torch.manual_seed(0)
    encoder = partial(unet_encoder, widths=(4, 8))
    seen = three_planes(3, 3, encoder).eval()
    place = torch.arange(16) - 8.0
    ball = (place[:, None, None] ** 2 + place[:, None] ** 2 + place**2).expand(1, 3, -1, -1, -1).contiguous()
    alone = seen.network(planes(ball)[0])  # type: ignore[operator]
    for together, one in zip(seen(ball), alone, strict=True):
        torch.testing.assert_close(together, one)
    assert seen.multiple == (2, 2, 2)


def by_support_vectors(features: np.ndarray, true: np.ndarray) -> np.ndarray:
    """What a linear support vector machine (squared hinge, C = 1000) says of the examples it learnt from."""
    rows = np.column_stack([(features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9), np.ones(len(true))])
    sides = np.where(true, 1.0, -1.0)

    def cost(weights: np.ndarray) -> float:
        short = np.maximum(0.0, 1.0 - sides * (rows @ weights))
        return float(weights[:-1] @ weights[:-1] / 2 + 1e3 * (short**2).sum())

    return rows @ minimize(cost, np.zeros(rows.shape[1]), method="L-BFGS-B").x > 0


def shuffled(case: Prepared) -> Prepared:
    """The case with candidates besides: its lesions, moved to where there is none."""
    assert case.labels is not None
    rng, images = np.random.default_rng(len(case.id)), case.images.copy()
    for lesion in case.lesions:
        while True:
            moved = lesion + rng.integers(-16, 16, 3)
            inside = ((moved >= 0) & (moved < case.shape)).all()
            if inside and not images[(-1, *moved.T)].any():
                break
        images[(-1, *moved.T)] = 0.6
    return replace(case, images=images)


def true_and_shuffled(case: Prepared) -> tuple[list[np.ndarray], list[bool]]:
    """Boxes of the lesions and of those moved to where there is none, and which are which."""
    assert case.labels is not None
    before = case.images[-1] > 0
    moved = candidates(np.where(before, 0, shuffled(case).images[-1]), 0.3)
    boxes = [around(case.images, voxels, VIEW, 0)[0] for voxels in (*case.lesions, *moved)]
    return boxes, [True] * len(case.lesions) + [False] * len(moved)


def test_a_network_learns_to_tell_lesions_from_what_is_as_hot_and_from_shuffled_places(tmp_path: Path) -> None:
    net = Use("unet_encoder", {"widths": (4, 8, 16)})
    fast = Use("adamw", {"rate": 1e-2, "decay": 0.0})
    sampler = Use("candidates", {"size": 16, "positive": 0.5})
    learn = replace(STAGE.trained, net=net, optimizer=fast, sampler=sampler, augment=(Use("flip"),))
    task = Task(learn, [shuffled(prepared(n)) for n in range(4)], 2, 0, Budget(60), tmp_path)
    network = fit(task, Machine())
    told = by_torch(network)
    scores, lesion, cases = zip(*(scored(n, told) for n in range(10, 16)), strict=True)
    area = auc(np.concatenate(lesion), np.concatenate(scores))
    assert area is not None and area.value > 0.95
    curve = froc(list(cases))
    assert curve is not None
    sensitivity = [curve.at(rate) for rate in RATES["luna7"]]
    assert sensitivity == sorted(sensitivity) and sensitivity[0] >= 0.8

    parts, are = zip(*(true_and_shuffled(prepared(n)) for n in range(10, 16)), strict=True)
    boxes, true = np.concatenate(parts), np.concatenate(are)
    area = auc(true, told(boxes)[:, 1])
    assert area is not None and area.value > 0.95, "true places against shuffled ones"

    with torch.no_grad():
        features = network.backbone(torch.from_numpy(boxes))[-1].flatten(2).mean(dim=2).numpy()
    np.testing.assert_array_equal(by_support_vectors(features, true), true)


def two_classes() -> tuple[np.ndarray, np.ndarray]:
    """A map that an earlier network made, and the truth: a benign and a malignant node, and something that is none."""
    truth_ = np.zeros((20, 20, 20), np.int16)
    truth_[2:6, 2:6, 2:6], truth_[12:17, 12:17, 12:17] = 1, 2
    found = np.where(truth_ > 0, 0.9, 0.0).astype(np.float32)
    found[2:5, 14:17, 2:5] = 0.8
    return found, truth_


def test_with_an_oracle_for_the_class_two_stages_draw_what_one_would() -> None:
    found, truth_ = two_classes()
    sampler = made("sampler", CANDIDATES["pd02-multistage"].stages[-1].trained.sampler)
    images = np.stack([truth_.astype(np.float32), found])
    asked = []

    def oracle(boxes: np.ndarray) -> np.ndarray:
        inside = boxes[0, 0][boxes[0, -1] > 0.5]
        asked.append(len(inside))
        return np.eye(3, dtype=np.float32)[[int(np.median(inside))]]

    infer = EachCandidate()
    drawn = infer(oracle, images, sampler.view)
    np.testing.assert_array_equal(drawn.argmax(axis=0), truth_)
    together = infer.together([drawn], images, sampler.view)
    assert together.boxes is not None
    assert sorted(asked) == [27, 64, 125] and len(together.boxes) == 3, "no candidate is lost"
    scores = {tuple(row[1:].astype(int)): row[0] for row in together.boxes}
    assert scores == {(2, 2, 2, 6, 6, 6): 1, (12, 12, 12, 17, 17, 17): 1, (2, 14, 2, 5, 17, 5): 0}


def test_the_class_of_a_candidate_is_that_of_most_of_its_lesion_voxels() -> None:
    images, labels = torch.zeros(3, 2, 4, 4, 4), torch.zeros(3, 1, 4, 4, 4, dtype=torch.int64)
    images[:, -1, 1, 1, :] = 1.0
    labels[0, 0, 1, 1, 0] = 1
    labels[1, 0, 1, 1, :3] = torch.tensor([2, 1, 2])
    known, which = truth_of(Batch(images, labels), 3)
    assert known.all() and which.tolist() == [1, 2, 0]


def test_a_candidate_is_shown_with_its_margin_and_nothing_else() -> None:
    found, _ = two_classes()
    learn = CANDIDATES["pd02-multistage"].stages[-1].trained
    view = made("sampler", learn.sampler).view
    assert view.margin * learn.grid.params["mm"][0] == 8.0
    voxels = np.argwhere(found > 0.85)[:64].astype(np.int32)
    shown, where = around(np.ones((1, 20, 20, 20), np.float32), voxels, view, 0)
    seen = np.argwhere(shown[0] > 0) + [a for a, _ in where]
    np.testing.assert_array_equal(seen.min(axis=0), 0)  # the image ends before the margin does
    np.testing.assert_array_equal(seen.max(axis=0), 5 + view.margin)
    np.testing.assert_array_equal(np.argwhere(shown[1] > 0) + [a for a, _ in where], voxels)


def test_errors_of_either_stage_are_counted_apart() -> None:
    reference, found = np.zeros((4, 30), bool), np.zeros((4, 30), bool)
    reference[1:3, [1, 2, 6, 7, 11, 12]] = True  # three lesions, of which two are found
    found[1:3, [1, 2, 3, 6, 20, 21, 25, 26]] = True  # and two candidates that are none
    accepted = found.copy()
    accepted[:, 6] = accepted[:, 20:22] = False  # one of either is refused
    assert errors_of_stages(found[None], accepted[None], reference[None]) == {
        "lesions": 3, "without_candidate": 1, "refused": 1, "false_candidates": 2, "false_accepted": 1,
    }  # fmt: skip


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
    errors = card["errors_of_stages"]
    assert errors["lesions"] >= errors["without_candidate"] + errors["refused"]
    told = read_boxes(run / "out_of_fold" / "lesions-boxes" / "case0.csv")
    assert len(told.scores) == len(candidates(first, 0.3))
    by = {}
    for engine in ("openvino", "torch"):
        predict(run, data, tmp_path / engine, Wanted((0,), engine, "held-out", probability=True))
        by[engine] = read_nifti(tmp_path / engine / "probability" / "case4.nii.gz", Unit.PROBABILITY).array
    np.testing.assert_allclose(by["openvino"], by["torch"], atol=2e-3)
