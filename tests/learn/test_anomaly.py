"""Normal PET made of CT: every check of the catalogue entry that is not a law of all recipes."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from lymphoscope.image.excess import excess
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn import fold
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.lesion_free import outside
from lymphoscope.learn.losses.image import AbsoluteDifference
from lymphoscope.learn.parts import made
from lymphoscope.learn.predict import Member, joined, predict_stage
from lymphoscope.learn.prepare import Prepared, inputs, places, truth, wanted
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.nets.network import Network
from lymphoscope.recipes.adversarial import ADVERSARIAL
from lymphoscope.recipes.catalogue import data_needed, description
from lymphoscope.recipes.spec import Learn, Stage, Use, use

RECIPE = ADVERSARIAL["g2a-anomaly"]


def small(stage: Stage) -> Stage:
    """The stage with narrow networks, on small examples."""
    if stage.learn is None:
        return stage
    params = stage.learn.supervision.params
    critic = {"critic": use("unet_encoder", widths=(4, 8), strides=(2, 2), convs=1)} if "critic" in params else {}
    learn = replace(
        stage.learn,
        net=use("unet", widths=(4, 8)),
        supervision=Use(stage.learn.supervision.name, {**params, **critic, "average": 0.9}),
        sampler=Use("patches", {**stage.learn.sampler.params, "size": 16}),
        grid=use("native"),
        optimizer=use("adamw", rate=1e-2, decay=0.0),
    )
    return replace(stage, learn=learn)


NORMAL, ANOMALY, _ = map(small, RECIPE.stages)


def prepared(seed: int, lesions: int = 2) -> Prepared:
    volumes, labels = lesion_phantom(seed, lesions)
    images, grid = inputs(NORMAL, volumes)
    marked, target = truth(labels, grid), wanted(NORMAL, volumes, grid)
    shown = np.concatenate([images, target])
    return Prepared(f"c{seed}", f"p{seed}", shown, marked, places(marked), grid, {}, NORMAL.trained.images)


def test_what_is_normal_is_learnt_outside_of_lesions_and_lesions_stand_out(tmp_path: Path) -> None:
    cases = [outside(prepared(n)) for n in range(4)]
    net = fit(Task(NORMAL.trained, cases, 2, 0, Budget(80), tmp_path), Machine())
    member = Member(by_torch(net), 0, net.tells)

    def anomaly(seed: int, lesions: int) -> tuple[np.ndarray, np.ndarray]:
        volumes, labels = lesion_phantom(seed, lesions)
        normal = predict_stage(NORMAL, [member], volumes).map
        assert normal.unit is Unit.SUV_BW
        return joined(ANOMALY, {**volumes, "normal": normal}).map.array, labels.array > 0

    healthy, _ = anomaly(20, 0)
    assert float(healthy.mean()) < 0.05, "SUV 0.5 on average, the organ that is as hot as a lesion included"
    found, lesion = anomaly(21, 2)
    assert float(found[lesion].mean()) > 0.5, "SUV 7 above the background"
    assert float(found[~lesion].mean()) < 0.05


def test_no_loss_looks_at_a_lesion_or_near_it() -> None:
    case = prepared(3)
    free = outside(case)
    assert case.labels is not None and free.labels is not None and free.lesions == ()
    lesion, unknown = case.labels > 0, free.labels == UNMARKED
    assert unknown[lesion].all() and not (free.labels > 0).any()
    assert unknown.sum() / lesion.sum() > 1 and unknown.mean() < 0.5
    nothing = prepared(3, lesions=0)
    assert outside(nothing) is nothing
    batch = Feed([free], made("sampler", NORMAL.trained.sampler), Augmentation(()), 2, 0).at(0)
    assert batch.wanted is not None and batch.labels is not None
    image = torch.zeros_like(batch.wanted, requires_grad=True)
    loss = AbsoluteDifference()({"image": image}, batch)
    assert float(loss) == pytest.approx(float(batch.wanted[batch.labels >= 0].abs().mean()))
    loss.backward()
    assert image.grad is not None and not image.grad[batch.labels < 0].any()
    blind = Batch(batch.images, torch.full_like(batch.labels, UNMARKED), batch.targets)
    assert float(AbsoluteDifference()({"image": image}, blind)) == 0


def test_the_image_to_be_made_moves_with_what_is_seen_and_keeps_its_values() -> None:
    case = prepared(1)
    both = replace(case, images=np.concatenate([case.images[1:], case.images[1:]]))
    moved = Augmentation((use("flip"), use("affine", degrees=30.0, probability=1.0)))
    brighter = Augmentation((use("intensity", probability=1.0),))
    for sampler in (use("patches", size=16), use("slices", size=16), use("slices", size=16, axis=1, thick=3)):
        thick = sampler.params.get("thick", 1)
        for augmentation in (moved, brighter):
            batch = Feed([both], made("sampler", sampler), augmentation, 2, 5).at(0)
            assert batch.images.shape[1] == thick and batch.wanted is not None
            middle = batch.images[:, thick // 2 : thick // 2 + 1]
            assert torch.equal(middle, batch.wanted) == (augmentation is moved)
            assert float(batch.wanted.max()) <= float(both.images.max())


def test_the_excess_is_a_share_of_what_is_full() -> None:
    image, normal = np.float32([[[1.0, 6.0, 30.0]]]), np.float32([[[4.0, 1.0, 2.0]]])
    np.testing.assert_allclose(excess(np.stack([image, normal])), [[[0.0, 0.5, 1.0]]])
    np.testing.assert_allclose(excess(np.stack([image, normal]), full=20.0), [[[0.0, 0.25, 1.0]]])


def test_every_normal_pet_is_made_by_a_network_that_has_not_seen_the_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (NewCase(f"case{n}", *lesion_phantom(n, shape=(18, 20, 22)), held_out=n == 4) for n in range(5))
    data = write_nnunet(tmp_path / "Dataset007_Phantoms", cases, About("Phantoms"))
    halves = [["case0", "case1"], ["case2", "case3"]]
    (data / "splits_final.json").write_text(json.dumps([{"train": halves[1 - n], "val": halves[n]} for n in range(2)]))
    learnt: list[tuple[str, Sequence[str]]] = []

    def watched(task: Task, machine: Machine, progress: object) -> Network:
        learnt.append((task.folder.parent.name + task.folder.name, [case.id for case in task.cases]))
        unknown = any((case.labels == UNMARKED).any() for case in task.cases)
        assert unknown == (task.learn.train_on == "lesion_free")
        return fit(task, machine)

    monkeypatch.setattr(fold, "fit", watched)
    recipe, run = replace(RECIPE, stages=tuple(map(small, RECIPE.stages))), tmp_path / "run"
    card = train(recipe, data, run, Training(folds=(0,), steps=2), silent)
    assert learnt == [("fold_0normal", halves[1]), ("fold_1normal", halves[0]), ("fold_0lesions", halves[1])]
    assert card["reads"] == ["pet:suv", "ct:hu"]

    def read(stage: str, case: str, unit: Unit) -> Volume:
        return read_nifti(run / "out_of_fold" / stage / f"{case}.nii.gz", unit)

    normal = read("normal", "case0", Unit.SUV_BW)
    pet = lesion_phantom(0, shape=(18, 20, 22))[0]["pet:suv"]
    expected = excess(np.stack([pet.array, normal.array]))
    np.testing.assert_allclose(read("anomaly", "case0", Unit.PROBABILITY).array, expected, atol=1e-5)
    by = {}
    for engine in ("openvino", "torch"):
        predict(run, data, tmp_path / engine, Wanted((0,), engine, "held-out", probability=True))
        by[engine] = read_nifti(tmp_path / engine / "probability" / "case4.nii.gz", Unit.PROBABILITY).array
    np.testing.assert_allclose(by["openvino"], by["torch"], atol=2e-3)


def test_what_it_needs_is_said() -> None:
    needs = data_needed(RECIPE)
    assert needs[:2] == ("CT in HU", "PET in SUV")
    assert "to train: PET in SUV, lesion masks, of which the outside is learnt" in needs
    assert description(RECIPE)["training"]["normal"]["target"] == "pet:suv"
    assert Learn(use("unet")).images == () and NORMAL.trained.images == ("pet:suv",)
