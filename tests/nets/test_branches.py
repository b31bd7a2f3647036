"""Joint segmentation and prognosis after Liu et al. 2022: seven models as settings, and every check of its entry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.build import network
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.parts import made
from lymphoscope.nets.branches import Branches, BranchSettings
from lymphoscope.nets.heads import Segment
from lymphoscope.nets.network import Network
from lymphoscope.recipes.endpoint import weighted
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import Learn, Use, use

TINY = (4, 8, 8, 8)
DICE = use("dice", smooth=1.0)
DEEP = use("deep", loss=DICE, weights=(0.53, 0.27, 0.13, 0.07))
W_EVENT, W_OTHER = 180 / 269, 89 / 269
THREE_CE = use("outcome_ce", target="event", levels=(0.1, 0.2, 0.7), weights=(W_OTHER, W_EVENT))
SMALL: Mapping[str, Any] = {
    "m2-zhou": {"widths": (2, 2, 4, 4, 4)},
    "m3-resnet34": {"widths": (4, 4, 8, 8), "stem_stride": 1},
    "m3-densenet121": {"blocks": (1, 1), "growth": 4, "stem": 4},
}
MODELS = (
    "m1-joint",
    "m1-joint-fine",
    "m1-a",
    "m1-b",
    "m1-c",
    "m1-d",
    "m1-e",
    "m2-zhou",
    "m3-resnet34",
    "m3-densenet121",
)


def joint(seg: Use, cls: Use, share: float = 0.1) -> Use:
    """λ L_seg + (1 − λ) L_cls."""
    return use("sum", terms=(seg, cls), weights=(share, 1 - share))


def published(name: str) -> Learn:
    """A recipe's training, weighted as for the paper's 269 patients."""
    return weighted(JOINT[name].stages[0].trained, 89, 180)


def small(name: str) -> Learn:
    """The same with few channels."""
    learn = published(name)
    params = {**learn.net.params, **SMALL.get(name, {"widths": TINY})}
    return replace(learn, net=Use(learn.net.name, params))


def tiny(name: str) -> Network:
    torch.manual_seed(0)
    return network(small(name), channels=1, classes=2, dims=3)


def batch(events: tuple[float, ...] = (1.0, 0.0)) -> Batch:
    torch.manual_seed(1)
    images = torch.rand(len(events), 1, 32, 16, 16)
    return Batch(images, (images > 0.7).long(), {"outcome:event": torch.tensor(events)})


def minimised(net: Network, loss: Use) -> torch.Tensor:
    value = total(Objective(loss)(net(batch().images), batch()))
    value.backward()
    return value


def moved(modules: Any) -> bool:
    """Whether any gradient has come to a module."""
    return any(weight.grad is not None and bool(weight.grad.any()) for weight in modules.parameters())


@pytest.fixture
def full() -> Iterator[Network]:
    """The published network on no device: sizes without a single multiplication."""
    with torch.device("meta"):
        yield network(published("m1-joint"), channels=1, classes=2, dims=3)


def test_seven_outputs_have_the_stated_sizes_at_224_64_64(full: Network) -> None:
    images = torch.empty(2, 1, 224, 64, 64, device="meta")
    features, outputs = full.backbone(images), full(images)
    sizes = [(224, 64, 64), (112, 32, 32), (56, 16, 16), (28, 8, 8)]
    assert [tuple(one.shape) for one in outputs["logits"]] == [(2, 2, *size) for size in sizes]
    assert [tuple(one.shape) for one in outputs["risk"]] == [(2, 2)] * 3
    branches = full.heads[1]
    assert isinstance(branches, Branches)
    pooled = [tuple(one.shape) for one in branches.maps(features)]
    assert pooled == [(2, 64, 28, 8, 8), (2, 64, 14, 4, 4), (2, 64, 14, 4, 4)], "then 64 features of each"


def test_the_published_numbers_are_those_of_the_table() -> None:
    learn = JOINT["m1-joint"].stages[0].trained
    outcome = {name: value for name, value in THREE_CE.params.items() if name != "target"}
    assert published("m1-joint").loss == joint(DEEP, Use("outcome_ce", outcome))
    assert sum(weight.numel() for weight in unet_of(learn).parameters()) == pytest.approx(5.60e6, rel=0.01)
    assert (learn.batch, learn.steps) == (12, round(200 * 215 / 12))
    assert [round(n / m, 2) for n, m in zip(learn.grid.params["mm"], learn.grid.params["shape"], strict=True)] == [
        3.64, 5.5, 6.88,
    ]  # fmt: skip
    assert dict(learn.optimizer.params) == {"rate": 1e-4, "decay": 0.0}
    (turned,) = learn.augment
    assert dict(turned.params) == {"degrees": 8.0, "factor": (0.8, 1.2), "per_axis": True, "probability": 1.0}
    step = made("rate", learn.rate)
    assert (step(0.499), step(0.5)) == (1.0, 0.1), "after epoch 100 of 200"


def unet_of(learn: Learn) -> Any:
    with torch.device("meta"):
        return network(learn, channels=1, classes=2, dims=3).backbone


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_settings_of_one_class_and_every_weight_of_it_learns(name: str) -> None:
    learn, draws, foretells = small(name), name not in ("m1-b", "m3-resnet34", "m3-densenet121"), name != "m1-a"
    net = tiny(name)
    outputs = net(batch().images)
    assert set(outputs) == {*(["logits"] if draws else []), *(["risk"] if foretells else [])}
    minimised(net, learn.loss)
    silent = [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    # a branch that ends in a ReLU layer may sleep at the start; convolutions may not
    assert not [key for key in silent if "score" not in key], silent
    told = net.eval().predict(batch().images)
    classes = 2 if draws else 1
    assert told[:, :classes].sum(dim=1).allclose(torch.ones(())), "what is not drawn is background"
    assert told.shape[1] == classes + len(net.tells)
    assert net.tells == {"m1-a": (), "m1-joint": THREE, "m1-joint-fine": THREE, "m1-e": THREE}.get(name, ("risk",))


THREE = ("risk", "risk_1", "risk_2", "risk_3")


def test_what_is_told_of_the_patient_is_the_fused_risk_and_that_of_each_level() -> None:
    net = tiny("m1-joint").eval()
    images = batch().images
    told = net.predict(images)[:, 2:, 0, 0, 0]
    each = torch.stack([one.softmax(1)[:, 1] for one in net(images)["risk"]], dim=1)
    torch.testing.assert_close(told[:, 1:], each)
    torch.testing.assert_close(told[:, 0], each @ torch.tensor([0.1, 0.2, 0.7]))


def test_zhous_second_branch_sees_what_lies_before_at_and_behind_the_bottom() -> None:
    with torch.device("meta"):
        net = network(published("m2-zhou"), channels=1, classes=2, dims=3)
        features = net.backbone(torch.empty(1, 1, 224, 64, 64))
    assert [tuple(features[level].shape[1:]) for level in (5, 4, 3)] == [
        (128, 28, 8, 8), (256, 14, 4, 4), (256, 28, 8, 8),
    ]  # fmt: skip
    assert net.heads[1].score[0].in_features == 192


def test_a_level_of_weight_0_hears_nothing() -> None:
    net = tiny("m1-joint")
    branches = net.heads[1]
    assert isinstance(branches, Branches)
    minimised(net, use("outcome_ce", target="event", levels=(1.0, 0.0, 0.0)))
    assert [moved(branch) for branch in branches.branches] == [True, False, False]


@pytest.mark.parametrize(("share", "hears"), [(1.0, (True, False)), (0.0, (False, True)), (0.1, (True, True))])
def test_lambda_decides_which_heads_learn(share: float, hears: tuple[bool, bool]) -> None:
    net = tiny("m1-joint")
    minimised(net, joint(DEEP, THREE_CE, share))
    assert (moved(net.heads[0]), moved(net.heads[1])) == hears


def test_events_and_others_may_change_places_with_their_weights() -> None:
    net = tiny("m1-joint").eval()
    outputs = net(batch().images)
    turned = {"risk": [one.flip(1) for one in outputs["risk"]]}
    one = Objective(THREE_CE)(outputs, batch())
    other = Objective(Use("outcome_ce", {**THREE_CE.params, "weights": (W_EVENT, W_OTHER)}))(turned, batch((0.0, 1.0)))
    torch.testing.assert_close(total(one), total(other))


def test_undecided_heads_cost_ln_2_times_the_weights() -> None:
    outputs = {"risk": [torch.zeros(3, 2)] * 3}
    found = total(Objective(THREE_CE)(outputs, batch((1.0, 0.0, 0.0))))
    assert float(found) == pytest.approx(math.log(2) * (W_EVENT + 2 * W_OTHER) / 3, rel=1e-6)
    assert (round(W_EVENT, 3), round(W_OTHER, 3)) == (0.669, 0.331)


def test_probabilities_are_fused_before_the_loss_and_predicted_so() -> None:
    sure, wrong = torch.tensor([[0.0, 50.0]]), torch.tensor([[50.0, 0.0]])
    outputs = {"risk": [wrong, sure, sure]}
    alone = Batch(torch.zeros(1, 1, 2, 2, 2), None, {"outcome:event": torch.tensor([1.0])})
    fused = float(total(Objective(use("outcome_ce", levels=(0.1, 0.2, 0.7)))(outputs, alone)))
    assert fused == pytest.approx(-math.log(0.9), abs=1e-6), "the mean of the losses would be 5"
    head = Branches(TINY, 3, BranchSettings(levels=(1, 2, 3), weights=(0.1, 0.2, 0.7), pools=(2, 2, 1)))
    torch.testing.assert_close(head.probabilities(outputs), torch.tensor([[0.1, 0.9]]))


def test_the_dice_loss_is_the_published_one_at_four_weighted_levels() -> None:
    levels = [torch.randn(2, 2, 32 // n, 16 // n, 16 // n) for n in (1, 2, 4, 8)]
    labels, wanted = batch().labels, 0.0
    assert labels is not None
    for weight, logits in zip((0.53, 0.27, 0.13, 0.07), levels, strict=True):
        small = torch.nn.functional.adaptive_max_pool3d(labels.float(), logits.shape[2:])[:, 0]
        p = logits.softmax(1)[:, 1]
        both, either = (p * small).sum((1, 2, 3)), (p + small).sum((1, 2, 3))
        wanted += weight * float((1 - (2 * both + 1) / (either + 1)).mean())
    assert float(total(Objective(DEEP)({"logits": levels}, batch()))) == pytest.approx(wanted, rel=1e-5)
    assert [round(weight / 15, 2) for weight in (8, 4, 2, 1)] == list(DEEP.params["weights"])


def test_model_a_is_the_segmentation_path_of_the_published_one() -> None:
    ours, alone = tiny("m1-joint"), tiny("m1-a")
    theirs = {key: value for key, value in ours.state_dict().items() if key in alone.state_dict()}
    alone.load_state_dict(theirs)
    assert set(theirs) == set(alone.state_dict())
    images = batch().images
    torch.testing.assert_close(alone.eval()(images)["logits"][0], ours.eval()(images)["logits"][0])
    assert isinstance(ours.heads[0], Segment)
    torch.testing.assert_close(alone.predict(images), ours.predict(images)[:, :2])


def test_the_bottom_alone_is_one_of_three() -> None:
    """Models C and D speak from the bottom by the branch that the published one has there."""
    ours, bottom = tiny("m1-joint").heads[1], tiny("m1-c").heads[1]
    assert isinstance(ours, Branches) and isinstance(bottom, Branches)
    bottom.branches[0].load_state_dict(ours.branches[2].state_dict())
    bottom.scores[0].load_state_dict(ours.scores[2].state_dict())
    features = tiny("m1-joint").backbone(batch().images)
    torch.testing.assert_close(bottom.eval()(features, ())["risk"][0], ours.eval()(features, ())["risk"][2])


@pytest.mark.parametrize(
    "settings",
    [{"weights": (0.5, 0.5)}, {"pools": (1, 1)}, {"pools": (3,)}, {"weights": (-1.0,)}, {"convs": (), "pools": (1,)}],
)
def test_settings_that_no_head_can_have_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        Branches(TINY, 3, BranchSettings(**settings))
    assert refused.value.code == "USE-E-VALUE"
