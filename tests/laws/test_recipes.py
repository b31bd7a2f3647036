"""Laws that every trained recipe obeys. A recipe gets its tests by being in a table."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lymphoscope.core.course import scans_seen, steps_back
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.boxes import box_iou
from lymphoscope.image.lesion_phantom import LABELS, lesion_phantom
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.build import network_of, supervision
from lymphoscope.learn.checkpoint import load_weights, save_weights
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.lesion_free import outside
from lymphoscope.learn.losses.candidates import truth_of
from lymphoscope.learn.losses.detection import true_boxes
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.parts import made
from lymphoscope.learn.planned import net_facts
from lymphoscope.learn.predict import Member, predict_stage
from lymphoscope.learn.prepare import Prepared, inputs, places, truths, wanted
from lymphoscope.learn.supervision import Supervision, Update
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.recipes.catalogue import RECIPES
from lymphoscope.recipes.endpoint import weighted
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint, Intensities
from lymphoscope.recipes.parts import check
from lymphoscope.recipes.planning import Fold, Plan, plan
from lymphoscope.recipes.spec import Learn, Recipe, Stage, Use, from_json, to_json

TRAINED = sorted(name for name, recipe in RECIPES.items() if recipe.learnt)


def _stages() -> list[tuple[str, str]]:
    """Recipe and id of everything that is trained; what several share, voxel size aside, stands for all."""
    found: dict[tuple[Any, ...], tuple[str, str]] = {}
    for name in TRAINED:
        for stage in RECIPES[name].learnt:
            what = (stage.reads, replace(stage.trained, grid=Use("native")))
            found.setdefault(what, (name, stage.id))
    return sorted(found.values())


STAGES = _stages()


def each_stage(*without: str) -> pytest.MarkDecorator:
    """A law of every trained stage."""
    return _laws(pair for pair in STAGES if pair[0] not in without)


def _laws(pairs: Iterable[tuple[str, str]], slow: Container[str] = ()) -> pytest.MarkDecorator:
    marks = {True: [pytest.mark.long], False: []}
    cases = [pytest.param(*pair, id="-".join(pair), marks=marks[pair[0] in slow]) for pair in pairs]
    return pytest.mark.parametrize(("name", "stage_id"), cases)


_RESNET = {"depth": 18, "widths": (8, 8, 16, 16)}
_DENSE = {"blocks": (2, 2, 2, 2), "growth": 8, "stem": 8}
NARROW: Mapping[str, Mapping[str, Any]] = {
    "vnet": {"widths": (4, 8, 16, 16, 16)},
    "resnet": _RESNET,
    "resunet": _RESNET,
    "densenet": _DENSE,
    "dense_unet": _DENSE,
    "deeplabv3": {**_RESNET, "reach": 16},
    "multi_scale": {"reach": 8},
    "fcn8s": {"widths": (8, 8, 16, 16, 16), "bottom": 16},
    "deepmedic": {"widths": (6,) * 8, "joined": (12, 12)},
    "las_net": {"width": 4, "heads": (1, 1, 2, 2), "window": 4},
}
"""Settings that make a network of tests out of one of papers; elsewhere an eighth of its widths."""
HEADED: Mapping[str, Mapping[str, Any]] = {"retina": {"width": 8}}
"""The same of heads."""


STILL: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("b8-nnunet", "b8-nnunet-2d"), ("network.heads.0.scores.2.weight", "network.heads.0.scores.2.bias")
)
STILL["pd03-nndetection"] = tuple(
    f"{part}.heads.0.brought.2.{weight}" for part in ("network", "average") for weight in ("weight", "bias")
)
"""Parameters that the method itself leaves alone: nnU-Net gives the logits of the coarsest level the weight 0.
Anchors of the coarsest level of pd03 are few, and none of them is among the surest of a phantom that small, which are
those that are looked at."""


CLUSTERS = ("s1-fcm",)
"""Recipes that the masks guide but weakly: on a phantom with a hot organ they find hot clusters, lesion or not."""


VARIANTS = (
    "c2-unet2",
    "m1-a",
    "m1-c",
    "m1-d",
    "m1-e",
    "m1-joint-fine",
    "m4-dwa",
    "m4-gradnorm",
    "m4-homoscedastic",
    "m4-seg-first",
    "m2-zhou",
    "m2-zhou-twice",
    "lean-cascade",
    "lean-concord",
    "lean-course",
    "lean-course-alone",
    "lean-course-fused",
    "lean-detector",
    "lean-discount",
    "lean-enn",
    "lean-fcm",
    "lean-pair",
    "lean-partial",
    "lean-quartet",
    "lean-rbf",
    "lean-reducer",
    "lean-views",
)
"""Settings of one network with `m1-joint` (m2-zhou: `b5-vnet`, c2-unet2: `b3-unet3d`), or one of ours in the place of
another network (lean-…): what differs is tested with heads and losses."""


SLOW = (
    "b3-unet3d",
    "b4-densenet",
    "b5-vnet",
    "b8-nnunet",
    "c2-refiner",
    "c2-stacker",
    "f1-conv3d",
    "g2a-anomaly",
    "m1-joint",
    "mf03-unet3d",
    "mf09-adversarial",
    "pd02-multistage",
    "s1-mumford-shah",
    "t3-las-net",
    "u1-enn",
    "u1-rbf",
    "u3-concord",
    "u3-discount",
    "w1-consistency",
)
"""Recipes that take over five seconds to learn a phantom: `make long` sees to it."""


def narrow(net: Use) -> Use:
    """The same network with few channels."""
    if "net" in net.params:
        return Use(net.name, {**net.params, **NARROW.get(net.name, {}), "net": narrow(net.params["net"])})
    widths = net.params.get("widths", (32, 64, 128, 256))
    eighth = tuple(tuple(n // 4 for n in level) if isinstance(level, tuple) else max(4, level // 8) for level in widths)
    kernels = {"kernels": 3} if isinstance(net.params.get("kernels"), int) else {}
    settings = NARROW.get(net.name) or {"widths": eighth, **kernels}
    return Use(net.name, {**net.params, **settings})


def tiny(recipe: Recipe) -> Recipe:
    """A recipe with narrow networks, on examples of 32 voxels."""

    def stage_of(stage: Stage) -> Stage:
        if stage.learn is None:
            return stage
        learn = stage.learn
        size = {} if learn.net.name == "deepmedic" else {"size": 32}
        sampler = Use(learn.sampler.name, {**learn.sampler.params, **size})
        heads = tuple(Use(head.name, {**head.params, **HEADED.get(head.name, {})}) for head in learn.heads)
        return replace(stage, learn=replace(learn, net=narrow(learn.net), heads=heads, sampler=sampler))

    return replace(recipe, stages=tuple(map(stage_of, recipe.stages)))


def fingerprint() -> Fingerprint:
    """Of a data set of phantoms."""
    suv, hu = (Intensities(m, 1.0, m, m - 2, m + 2, m - 3, m + 3) for m in (8.0, 40.0))
    cases = tuple(CaseFacts(f"c{n}", (32, 32, 32), (4.0, 4.0, 4.0), (20.0, 5.0)) for n in range(10))
    return Fingerprint(cases, {"pet:suv": suv, "ct:hu": hu}, LABELS)


def planned(name: str) -> Plan:
    """A tiny recipe, planned."""
    folds = (Fold(("c0",), ("c1",)),)
    return plan(tiny(RECIPES[name]), fingerprint(), folds, lambda stage: net_facts(stage, 2))


def stage_of(name: str, stage_id: str, side: int = 0) -> Stage:
    """The planned stage of a recipe; where a plan chose the widths, they are narrow again."""
    (stage,) = (one for one in planned(name).recipe.learnt if one.id == stage_id)
    sampler = stage.trained.sampler
    if side:
        sampler = Use(sampler.name, {**sampler.params, "size": side})
    learn = replace(stage.trained, net=narrow(stage.trained.net), sampler=sampler)
    return replace(stage, learn=weighted(learn, 1, 1))


def phantom_of(stage: Stage, seed: int, shape: tuple[int, int, int] = (32, 32, 32)) -> tuple[dict[str, Volume], Volume]:
    """A phantom, and of earlier stages maps that are nearly right."""
    volumes, labels = lesion_phantom(seed, shape=shape)
    rng = np.random.default_rng(seed)
    volumes |= {role: volumes[steps_back(role)[0]] for role in stage.reads if steps_back(role)[1]}
    for role in stage.reads:
        if role not in volumes:
            said = np.clip(0.1 + 0.8 * labels.array + rng.normal(0, 0.04, shape), 0, 1).astype(np.float32)
            volumes[role] = Volume(said, labels.geometry, Unit.PROBABILITY)
    return volumes, labels


def batch_of(stage: Stage, count: int = 2) -> Batch:
    """The first batch of a training on one phantom."""
    volumes, labels = phantom_of(stage, 3)
    images, grid = inputs(stage, volumes)
    marked = truths([labels] * scans_seen(stage.reads), grid)
    assert marked is not None
    images = np.concatenate([images, wanted(stage, volumes, grid)])
    told, made_of = {"outcome:event": 1.0}, stage.trained.images
    case = Prepared("c", "p", images, marked, places(marked), grid, told, made_of)
    case = outside(case) if stage.trained.train_on == "lesion_free" else case
    context = network_of(stage, LABELS).backbone.context
    feed = Feed([case], made("sampler", stage.trained.sampler), Augmentation(()), count, 0, context)
    return feed.at(0)


def moving(owner: Supervision) -> Update:
    """Moves the parts that are named, each by an optimizer of its own, as the training loop does."""
    optimizers = {
        name: torch.optim.Adam(weights, lr=1e-2)
        for name, part in owner.parts.items()
        if (weights := [weight for weight in part.parameters() if weight.requires_grad])
    }

    def update(loss: torch.Tensor, *parts: str) -> None:
        moved = [optimizers[part] for part in parts if part in optimizers]
        for optimizer in moved:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in moved:
            optimizer.step()

    return update


@pytest.mark.parametrize("name", TRAINED)
def test_it_resolves_and_goes_through_json(name: str) -> None:
    recipe = RECIPES[name]
    for stage in recipe.learnt:
        check(stage.trained)
    assert from_json(to_json(recipe)) == recipe
    assert recipe.paper and recipe.status and recipe.differs


@pytest.mark.parametrize("name", TRAINED)
def test_its_plan_is_resolved_and_goes_through_json(name: str) -> None:
    made_plan = planned(name)
    assert Plan.from_record(made_plan.as_record()).digest == made_plan.digest
    again = plan(made_plan.recipe, fingerprint(), made_plan.folds, lambda stage: net_facts(stage, 2))
    assert again.recipe == made_plan.recipe, "planned again it stays as it is"


@each_stage()
def test_a_few_steps_move_every_parameter(name: str, stage_id: str) -> None:
    torch.manual_seed(0)
    # at stride 32 an example of 32 voxels is one value, of which a norm leaves nothing
    wide = max(net_facts(stage_of(name, stage_id), 2).multiple) == 32
    stage = stage_of(name, stage_id, 64 if wide else 0)
    owner = supervision(stage.trained, network_of(stage, LABELS))
    before = {key: value.detach().clone() for key, value in owner.parts.named_parameters()}
    update = moving(owner)
    owner.parts.train()
    still = set(before) - set(STILL.get(name, ()))
    for _ in range(10):  # residual blocks begin silent: what is inside them moves from the second step on
        losses = owner.step(batch_of(stage), update, 0.5)
        assert all(torch.isfinite(loss) for loss in losses.values())
        still = {key for key in still if torch.equal(owner.parts.get_parameter(key), before[key])}
        if not still:
            return
    pytest.fail(f"{name}: {sorted(still)} did not move")


@_laws((pair for pair in STAGES if pair[0] not in (*CLUSTERS, *VARIANTS)), slow=SLOW)
def test_it_learns_one_phantom(name: str, stage_id: str) -> None:
    torch.manual_seed(0)
    stage = stage_of(name, stage_id)
    owner = supervision(stage.trained, network_of(stage, LABELS))
    update = moving(owner)
    batch = batch_of(stage, 4 if stage.trained.sampler.name == "slices" else 2)
    net, told = owner.parts["network"], _likeness if stage.trained.images else TOLD.get(stage.makes, _dice)
    owner.parts.train()
    for step in range(200):
        owner.step(batch, update, 0.5)
        if step % 10 == 9 and told(net, batch) > 0.9:
            return
    pytest.fail(f"{name} learnt one phantom to a {told.__name__} of {told(net, batch):.2f} in 200 steps")


@pytest.mark.long
@pytest.mark.parametrize("name", CLUSTERS)
def test_its_loss_falls(name: str) -> None:
    torch.manual_seed(0)
    stage = stage_of(name, "lesions")
    owner = supervision(stage.trained, network_of(stage, LABELS))
    update = moving(owner)
    batch = batch_of(stage)
    owner.parts.train()
    losses = [float(total(owner.step(batch, update, 0.5)).detach()) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def _risk(net: torch.nn.Module, batch: Batch) -> float:
    with torch.no_grad():
        return float(net.predict(batch.images)[:, 1].mean())  # type: ignore[operator]


def _judged(net: torch.nn.Module, batch: Batch) -> float:
    _, lesion = truth_of(batch)
    with torch.no_grad():
        found = net.predict(batch.images).argmax(1) == 1  # type: ignore[operator]
    return float((found == lesion).float().mean())


def _likeness(net: torch.nn.Module, batch: Batch) -> float:
    """Dice of what is hot in the image that was made and in the one that was wanted, where that is known."""
    assert batch.labels is not None and batch.wanted is not None
    with torch.no_grad():
        known, made_ = batch.labels >= 0, net(batch.images)["image"]
    true = batch.wanted[known]
    half = float(true.max() + true.min()) / 2
    both = (made_[known] > half) & (true > half)
    return float(2 * both.sum() / ((made_[known] > half).sum() + (true > half).sum()))


def _boxed(net: torch.nn.Module, batch: Batch) -> float:
    """Share of the lesions that are hit by one of as many of the surest boxes, those left out that leave the case."""
    assert batch.labels is not None
    hit = lesions = 0
    with torch.no_grad():
        found = net.predict(batch.images)  # type: ignore[operator]
    for rows, labels, truth_ in zip(found.numpy(), batch.labels[:, 0].numpy(), true_boxes(batch), strict=True):
        middle = ((rows[:, :3] + rows[:, 3:6]) / 2).astype(int).clip(0, np.array(labels.shape) - 1)
        known = rows[labels[tuple(middle.T)] != UNMARKED]
        best = known[np.argsort(-known[:, 6])[: len(truth_)], :6].reshape(-1, 2, 3)
        hit += int((box_iou(truth_.numpy().reshape(-1, 2, 3), best).max(axis=1, initial=0) > 0.3).sum())
        lesions += len(truth_)
    return hit / lesions


TOLD = {"boxes": _boxed, "risk": _risk, "scores": _judged}
"""How well a network has learnt, where it does not draw."""


def _dice(net: torch.nn.Module, batch: Batch) -> float:
    assert batch.labels is not None
    with torch.no_grad():
        lesion = net.predict(batch.images)[:, : len(LABELS)].argmax(1, keepdim=True)  # type: ignore[operator]
    gap = (batch.labels.shape[-1] - lesion.shape[-1]) // 2
    latest = batch.labels[:, :1]
    wanted = latest if gap == 0 else latest[..., gap:-gap, gap:-gap, gap:-gap]
    known = wanted >= 0
    return float(2 * ((lesion == 1) & (wanted == 1)).sum() / ((lesion == 1)[known].sum() + (wanted == 1).sum()))


@each_stage()
def test_it_predicts_on_the_inputs_own_grid_and_comes_back_from_disk(name: str, stage_id: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    stage = stage_of(name, stage_id)
    net = network_of(stage, LABELS).eval()
    save_weights(net, tmp_path / "w.safetensors")
    again = network_of(stage, LABELS).eval()
    load_weights(again, tmp_path / "w.safetensors")
    volumes, _ = phantom_of(stage, 1, (9, 21, 18))
    members = [Member(by_torch(one), one.backbone.context, one.tells) for one in (net, again)]
    found = [predict_stage(stage, [member], volumes) for member in members]
    assert isinstance(found[0].geometry, Geometry)
    assert not volumes["pet:suv"].geometry.difference(found[0].geometry)
    draws = stage.makes != "risk" and not stage.trained.images
    assert found[0].probabilities.shape == (2 if draws else 1, 9, 21, 18)
    np.testing.assert_allclose(found[0].probabilities.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(found[0].probabilities, found[1].probabilities)
    image = [] if found[0].image is None else ["image"]
    assert [*image, *found[0].further, *found[0].risks] == list(net.tells)
    np.testing.assert_array_equal(found[0].map.array, found[1].map.array)
    assert all(image.shape == (9, 21, 18) for image in found[0].further.values())
    assert all(0 <= risk <= 1 for risk in found[0].risks.values())


def test_the_sum_of_named_losses_is_what_is_minimised() -> None:
    assert float(total({"a": torch.tensor(1.0), "b": torch.tensor(2.5)})) == 3.5


def test_learn_says_only_what_differs() -> None:
    assert '"batch"' not in to_json(
        Recipe("a", "t", (Stage("s", ("pet:suv",), learn=Learn(Use("unet"))),), "p", "verified")
    )
