"""Systems of several networks: every check of their catalogue entries that is not a law of all recipes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import MeanEnsemble, VoteEnsemble
from scipy import ndimage

from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, train
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.lesion_phantom import LABELS, lesion_phantom
from lymphoscope.image.vote import hard_vote, soft_vote
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.build import network_of
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.infer import Slicewise, Sliding
from lymphoscope.learn.parts import made
from lymphoscope.learn.predict import Member, Predicted, joined, on_grid, predict_stage
from lymphoscope.learn.prepare import Prepared, channels, inputs, places, truth
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.learn.view import View
from lymphoscope.recipes.ensembles import ENSEMBLES
from lymphoscope.recipes.spec import Recipe, Stage, Use

SIDE = 16


def small(recipe: Recipe, **words: object) -> Recipe:
    """A recipe with the narrowest networks, on small examples."""

    def narrow(stage: Stage) -> Stage:
        if stage.learn is None:
            return stage
        net, sampler = stage.learn.net, stage.learn.sampler
        kernels = {"kernels": 3, "convs": 1} if net.name == "unet" else {"kernels": 3}
        net = Use(net.name, {**net.params, "widths": (4, 4, 4, 8)[: len(net.params["widths"])], **kernels})
        return replace(
            stage,
            learn=replace(stage.learn, net=net, sampler=Use(sampler.name, {**sampler.params, "size": SIDE}), **words),
        )

    return replace(recipe, stages=tuple(map(narrow, recipe.stages)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = (NewCase(f"case{n}", *lesion_phantom(n, shape=(18, 20, 22)), held_out=n == 4) for n in range(5))
    folder = write_nnunet(tmp_path_factory.mktemp("data") / "Dataset004_Phantoms", cases, About("Phantoms"))
    halves = [["case0", "case1"], ["case2", "case3"]]
    folds = [{"train": halves[1 - n], "val": halves[n]} for n in range(2)]
    (folder / "splits_final.json").write_text(json.dumps(folds))
    return folder


def test_the_views_of_f1_are_laid_back_where_they_were_cut() -> None:
    images = np.random.default_rng(0).random((1, 9, 21, 18), dtype=np.float32)
    for stage in ENSEMBLES["f1-conv3d"].learnt[:3]:
        view = made("sampler", stage.trained.sampler).view
        found = Slicewise()(lambda seen: np.concatenate([1 - seen, seen], axis=1), images, view)
        np.testing.assert_allclose(found[1:], images, atol=1e-6)
    assert {stage.trained.sampler.params["axis"] for stage in ENSEMBLES["f1-conv3d"].learnt[:3]} == {0, 1, 2}


def maps(seed: int, shape: tuple[int, int, int] = (16, 16, 16)) -> dict[str, Volume]:
    """What four members might say."""
    rng, (images, _) = np.random.default_rng(seed), lesion_phantom(seed, shape=shape)
    grid = images["pet:suv"].geometry
    ids = ENSEMBLES["f1-mean"].stages[-1].reads
    return {one: Volume(rng.random(shape, dtype=np.float32), grid, Unit.PROBABILITY) for one in ids}


def test_a_weighted_mean_begins_as_the_mean() -> None:
    stage = ENSEMBLES["f1-weighted"].stages[-1]
    net = network_of(stage, LABELS)
    said = maps(0)
    given = torch.from_numpy(np.stack([said[role].array for role in stage.reads]))[None]
    with torch.no_grad():
        found = net.predict(given)[0, 1].numpy()
    wanted = MeanEnsemble()([torch.from_numpy(said[role].array) for role in stage.reads])
    np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-6)
    np.testing.assert_allclose(joined(ENSEMBLES["f1-mean"].stages[-1], said).lesion.array, found, atol=1e-6)


def test_votes_are_those_of_monai_and_a_tie_is_background() -> None:
    three = np.array([0.9, 0.4, 0.4], np.float32).reshape(3, 1, 1, 1)
    assert soft_vote(three).item() == pytest.approx(0.5667, abs=1e-4)
    assert hard_vote(three).item() == pytest.approx(1 / 3)
    said = np.stack([one.array for one in maps(1).values()])
    found = joined(ENSEMBLES["f1-majority"].stages[-1], maps(1)).labels.array
    votes = (said > 0.5).sum(axis=0)
    np.testing.assert_array_equal(found, votes > 2)
    odd = [torch.from_numpy((one > 0.5).astype(np.float32)) for one in said[:3]]
    np.testing.assert_array_equal(hard_vote(said[:3]) > 0.5, np.asarray(VoteEnsemble()(odd)) > 0.5)


def members_of(seed: int) -> tuple[dict[str, Volume], Volume]:
    """Maps of members, each blind in slices of its own and with a false spot of its own: what one misses others see."""
    rng, (images, marked) = np.random.default_rng(seed), lesion_phantom(seed, shape=(24, 24, 24))
    grid, lesion = images["pet:suv"].geometry, marked.array > 0
    said = {}
    for axis, name in enumerate(ENSEMBLES["f1-conv3d"].stages[-1].reads):
        p = np.where(lesion, 0.8, 0.1) + rng.normal(0, 0.1, lesion.shape)
        np.moveaxis(p, axis % 3, 0)[rng.random(24) < 0.3] -= 0.6
        z, y, x = rng.integers(0, 20, 3)
        p[z : z + 4, y : y + 4, x : x + 4] += 0.6
        said[name] = Volume(np.clip(p, 0, 1).astype(np.float32), grid, Unit.PROBABILITY)
    return said, marked


def dice(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(2 * (found & wanted).sum() / (found.sum() + wanted.sum()))


def test_a_learnt_fusion_is_better_than_the_best_member_also_on_a_case_it_has_not_seen(tmp_path: Path) -> None:
    (stage,) = (one for one in small(ENSEMBLES["f1-conv3d"]).stages if one.id == "lesions")
    fast = Use("adamw", {"rate": 1e-2, "decay": 0.0})
    net = ENSEMBLES["f1-conv3d"].stages[-1].trained.net
    stage = replace(stage, learn=replace(stage.trained, net=net, optimizer=fast))

    def prepared(number: int) -> Prepared:
        volumes, marked = members_of(number)
        images, grid = inputs(stage, volumes)
        labels = truth(marked, grid)
        return Prepared(f"c{number}", f"p{number}", images, labels, places(labels), grid, {})

    task = Task(stage.trained, [prepared(n) for n in range(3)], 2, 0, Budget(60), tmp_path)
    fused_by = Member(by_torch(fit(task, Machine())), 0)
    for number in (0, 7):
        volumes, marked = members_of(number)
        fused = predict_stage(stage, [fused_by], volumes).labels.array > 0
        alone = [dice(volumes[role].array > 0.5, marked.array > 0) for role in stage.reads]
        assert dice(fused, marked.array > 0) >= max(alone)


@pytest.mark.long
def test_views_and_volume_are_trained_joined_and_asked(data: Path, tmp_path: Path) -> None:
    recipe, run = small(ENSEMBLES["f1-conv3d"], batch=1), tmp_path / "run"
    card = train(recipe, data, run, Training(folds=(0,), steps=1), silent)
    for stage in recipe.stages[-1].reads:
        assert len(list((run / "out_of_fold" / stage).iterdir())) == 4, "every case, also for one fold"
    assert sorted(path.name for path in (run / "validation").iterdir()) == ["case0.nii.gz", "case1.nii.gz"]
    assert set(card["folds"]["0"]["training"]) == {stage.id for stage in recipe.stages}
    before = {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert len(before) == 9
    assert train(recipe, data, run, Training(folds=(0,), steps=1), silent) == card
    assert {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")} == before
    for engine in ("openvino", "torch"):
        made_ = predict(run, data, tmp_path / engine, Wanted((0,), engine, "held-out", probability=True))
        assert made_["networks"] == 5
    told = [tmp_path / engine / "probability" / "case4.nii.gz" for engine in ("openvino", "torch")]
    one, other = (read_nifti(path, Unit.PROBABILITY) for path in told)
    np.testing.assert_allclose(one.array, other.array, atol=2e-3)

    mean, copied = small(ENSEMBLES["f1-mean"], batch=1), tmp_path / "mean"
    shutil.copytree(run / "fold_0", copied / "fold_0")
    train(mean, data, copied, Training(folds=(0,), steps=1), silent)
    assert not (copied / "fold_1").exists(), "nobody learns from these members: one fold needs no other"
    assert all(
        (copied / path.relative_to(run)).stat().st_mtime_ns == at
        for path, at in before.items()
        if "fold_0" in path.parts and "lesions" not in path.parts
    ), "members of another run are taken as they are"
    said = [copied / "out_of_fold" / role / "case0.nii.gz" for role in (*mean.stages[-1].reads, "lesions")]
    *members, joint = (read_nifti(path, Unit.PROBABILITY).array for path in said)
    np.testing.assert_allclose(joint, np.mean(members, axis=0), atol=1e-6)
    predict(copied, data, tmp_path / "by_mean", Wanted((0,), part="held-out", probability=True))
    found = read_nifti(tmp_path / "by_mean" / "probability" / "case4.nii.gz", Unit.PROBABILITY).array
    assert found.shape == (18, 20, 22) and found.min() >= 0 and found.max() <= 1


def test_the_learnt_vote_of_c2_begins_as_the_mean() -> None:
    (stage,) = (one for one in ENSEMBLES["c2-stacker"].learnt if one.id == "vote")
    said = np.array([[0.9, 0.2], [0.4, 0.3]], np.float32).reshape(1, 2, 1, 1, 2)
    with torch.no_grad():
        found = network_of(stage, LABELS).predict(torch.from_numpy(said))[0, 1].numpy()
    np.testing.assert_allclose(found.ravel(), [0.65, 0.25], atol=1e-6)


def test_mirroring_an_even_handed_network_changes_nothing() -> None:
    def smooth(images: np.ndarray) -> np.ndarray:
        mean = np.stack([ndimage.uniform_filter(image[0], 3) for image in images])[:, None]
        return np.concatenate([1 - mean, mean], axis=1)

    learn = replace(ENSEMBLES["c2-refiner"].learnt[0].trained, infer=Use("sliding", {"overlap": 0.5, "mirror": "zyx"}))
    images = np.random.default_rng(0).random((1, 11, 9, 10), dtype=np.float32)
    view = View((8, 8, 8))
    np.testing.assert_allclose(
        made("infer", learn.infer)(smooth, images, view), Sliding(0.5)(smooth, images, view), atol=1e-6
    )


def test_lesions_keep_their_probability_from_6_mm_to_the_grid_of_the_pet() -> None:
    native = Geometry.axial((40, 44, 44), (3.27, 4.07, 4.07))
    grids = [made("grid", stage.trained.grid) for stage in ENSEMBLES["c2-refiner"].learnt[:2]]
    for grid in grids:
        coarse = grid(Volume(np.zeros(native.shape, np.float32), native, Unit.SUV_BW))
        z, y, x = np.indices(coarse.shape) * np.array(coarse.spacing).reshape(3, 1, 1, 1)
        away = np.sqrt((z - 60) ** 2 + (y - 90) ** 2 + (x - 80) ** 2)
        lesion = (1 / (1 + np.exp((away - 15) / 3))).astype(np.float32)
        found = on_grid(Predicted(np.stack([1 - lesion, lesion]), coarse), native).lesion
        total = lesion.sum(dtype=float) * coarse.voxel_ml
        assert found.array.sum(dtype=float) * native.voxel_ml == pytest.approx(total, rel=0.05)


def test_the_refiner_sees_five_windows_and_the_vote_and_can_pass_that_on() -> None:
    stage = ENSEMBLES["c2-refiner"].stages[-1]
    volumes, marked = lesion_phantom(0, shape=(12, 12, 12))
    rng = np.random.default_rng(0)
    said = np.clip(0.2 + 0.6 * marked.array + rng.normal(0, 0.1, marked.array.shape), 0, 1).astype(np.float32)
    images, _ = inputs(stage, {**volumes, "vote": Volume(said, marked.geometry, Unit.PROBABILITY)})
    suv, hu = volumes["pet:suv"].array, volumes["ct:hu"].array
    windows = ((suv, 0, 30), (suv, 2, 10), (hu, -150, 300), (hu, -1000, -200), (hu, -100, 100))
    wanted = [(np.clip(image, low, high) - low) / (high - low) for image, low, high in windows]
    np.testing.assert_allclose(images, np.stack([*wanted, said]), atol=1e-5)
    net = network_of(stage, LABELS)
    assert channels(stage) == len(images) == 6
    with torch.no_grad():
        for name, weight in net.named_parameters():
            weight.zero_()
            if name == "backbone.body.0.conv.weight":
                weight[0, 5, 4, 4, 4] = 1.0
            elif name == "backbone.body.0.adn.N.weight":
                weight[0] = float(np.sqrt(said.var() + 1e-5))  # undoes the norm
            elif name == "backbone.body.0.adn.N.bias":
                weight[0] = float(said.mean())
            elif name == "heads.0.scores.0.weight":
                weight[1, 0] = 1.0
            elif name == "heads.0.scores.0.bias":
                weight[1] = -0.5
        given = torch.from_numpy(images)[None]
        passed = net.backbone(given)[0][0, 0].numpy()
        drawn = net.predict(given)[0].argmax(0).numpy()
    np.testing.assert_allclose(passed, said, atol=1e-4)
    sure = np.abs(said - 0.5) > 1e-3
    np.testing.assert_array_equal(drawn[sure] == 1, said[sure] > 0.5)


@pytest.mark.long
def test_resolutions_vote_and_a_third_network_refines(data: Path, tmp_path: Path) -> None:
    recipe, run = small(ENSEMBLES["c2-refiner"], batch=1), tmp_path / "run"
    card = train(recipe, data, run, Training(folds=(1,), steps=1), silent)
    assert set(card["folds"]["1"]["training"]) == {"at6mm", "at4mm", "lesions"}
    assert len(list((run / "out_of_fold" / "vote").iterdir())) == 4, (
        "what is learnt from through a rule is of all cases"
    )
    assert not (run / "fold_0" / "lesions").exists()
    shapes = {stage: np.load(run / "prepared" / stage / "case0.images.npy").shape for stage in ("at6mm", "lesions")}
    assert shapes == {"at6mm": (5, 12, 13, 15), "lesions": (6, 18, 20, 22)}
    made_ = predict(run, data, tmp_path / "masks", Wanted((1,), part="held-out", probability=True))
    assert made_["networks"] == 3
    told = read_nifti(tmp_path / "masks" / "probability" / "case4.nii.gz", Unit.PROBABILITY)
    assert told.array.shape == (18, 20, 22)
