"""Joint segmentation and prognosis after Liu et al. 2022: seven models as settings, and every check of its entry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.build import network
from lymphoscope.learn.losses.loss import total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.nets.branches import Branches, BranchSettings
from lymphoscope.nets.heads import Segment
from lymphoscope.nets.network import Network
from lymphoscope.recipes.parts import check
from lymphoscope.recipes.spec import Learn, Use, use

WIDTHS = (32, 64, 128, 256)
TINY = (4, 8, 8, 8)
FINEST, FOUR = use("segment", kernel=3), use("segment", levels=(0, 1, 2, 3), kernel=3)
BOTTOM = use("risk_branches", levels=(3,), pools=(1,))
THREE = use("risk_branches", levels=(1, 2, 3), weights=(0.1, 0.2, 0.7), pools=(2, 2, 1))
POOLED = use("risk_branches", levels=(-1,), convs=())
DICE = use("dice", smooth=1.0)
DEEP = use("deep", loss=DICE, weights=(0.53, 0.27, 0.13, 0.07))
W_EVENT, W_OTHER = 180 / 269, 89 / 269
ONE_CE = use("outcome_ce", target="event", weights=(W_OTHER, W_EVENT))
THREE_CE = use("outcome_ce", target="event", levels=(0.1, 0.2, 0.7), weights=(W_OTHER, W_EVENT))


def joint(seg: Use, cls: Use, share: float = 0.1) -> Use:
    """λ L_seg + (1 − λ) L_cls."""
    return use("sum", terms=(seg, cls), weights=(share, 1 - share))


def models(widths: tuple[int, ...] = WIDTHS) -> dict[str, Learn]:
    """The ablation's models A to E, the published one, and the two classifiers of whole volumes."""
    unet = use("unet", widths=widths, norm="batch")
    return {
        "A": Learn(unet, heads=(FINEST,), loss=DICE),
        "B": Learn(use("unet_encoder", widths=widths, norm="batch"), heads=(POOLED,), loss=ONE_CE),
        "C": Learn(unet, heads=(FINEST, BOTTOM), loss=joint(DICE, ONE_CE)),
        "D": Learn(unet, heads=(FOUR, BOTTOM), loss=joint(DEEP, ONE_CE)),
        "E": Learn(unet, heads=(FINEST, THREE), loss=joint(DICE, THREE_CE)),
        "ours": Learn(unet, heads=(FOUR, THREE), loss=joint(DEEP, THREE_CE)),
        "ResNet34": Learn(use("resnet", depth=34, widths=tuple(2 * w for w in widths)), heads=(POOLED,), loss=ONE_CE),
        "DenseNet121": Learn(use("densenet", growth=widths[0], stem=2 * widths[0]), heads=(POOLED,), loss=ONE_CE),
    }


def tiny(name: str) -> Network:
    torch.manual_seed(0)
    return network(models(TINY)[name], channels=1, classes=2, dims=3)


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
        yield network(models()["ours"], channels=1, classes=2, dims=3)


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


@pytest.mark.parametrize("name", models())
def test_each_model_is_settings_of_one_class_and_every_weight_of_it_learns(name: str) -> None:
    learn = models(TINY)[name]
    check(learn)
    net = tiny(name) if name not in ("ResNet34", "DenseNet121") else small_classifier(name)
    outputs = net(batch().images)
    assert set(outputs) == {*({"logits"} if "segment" in str(learn.heads) else ()), *({"risk"} if name != "A" else ())}
    minimised(net, learn.loss)
    silent = [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    # a branch that ends in a ReLU layer may sleep at the start; convolutions may not
    assert not [key for key in silent if "scores" not in key], silent
    assert net.predict(batch().images).sum(dim=1).allclose(torch.ones(()))


def small_classifier(name: str) -> Network:
    nets = {
        "ResNet34": use("resnet", depth=34, widths=(4, 4, 8, 8), stem_stride=1),
        "DenseNet121": use("densenet", blocks=(1, 1), growth=4, stem=4),
    }
    torch.manual_seed(0)
    return network(Learn(nets[name], heads=(POOLED,), loss=ONE_CE), channels=1, classes=2, dims=3)


def test_a_level_of_weight_0_hears_nothing() -> None:
    net = tiny("ours")
    branches = net.heads[1]
    assert isinstance(branches, Branches)
    minimised(net, use("outcome_ce", target="event", levels=(1.0, 0.0, 0.0)))
    assert [moved(branch) for branch in branches.branches] == [True, False, False]


@pytest.mark.parametrize(("share", "hears"), [(1.0, (True, False)), (0.0, (False, True)), (0.1, (True, True))])
def test_lambda_decides_which_heads_learn(share: float, hears: tuple[bool, bool]) -> None:
    net = tiny("ours")
    minimised(net, joint(DEEP, THREE_CE, share))
    assert (moved(net.heads[0]), moved(net.heads[1])) == hears


def test_events_and_others_may_change_places_with_their_weights() -> None:
    net = tiny("ours").eval()
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
    ours, alone = tiny("ours"), tiny("A")
    theirs = {key: value for key, value in ours.state_dict().items() if key in alone.state_dict()}
    alone.load_state_dict(theirs)
    assert set(theirs) == set(alone.state_dict())
    images = batch().images
    torch.testing.assert_close(alone.eval()(images)["logits"][0], ours.eval()(images)["logits"][0])
    assert isinstance(ours.heads[0], Segment)
    torch.testing.assert_close(alone.predict(images), ours.predict(images))


def test_the_bottom_alone_is_one_of_three() -> None:
    """Models C and D speak from the bottom by the branch that the published one has there."""
    ours, bottom = tiny("ours").heads[1], tiny("C").heads[1]
    assert isinstance(ours, Branches) and isinstance(bottom, Branches)
    bottom.branches[0].load_state_dict(ours.branches[2].state_dict())
    bottom.scores[0].load_state_dict(ours.scores[2].state_dict())
    features = tiny("ours").backbone(batch().images)
    torch.testing.assert_close(bottom.eval()(features, ())["risk"][0], ours.eval()(features, ())["risk"][2])


@pytest.mark.parametrize(
    "settings",
    [{"weights": (0.5, 0.5)}, {"pools": (1, 1)}, {"pools": (3,)}, {"weights": (-1.0,)}, {"convs": (), "pools": (1,)}],
)
def test_settings_that_no_head_can_have_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        Branches(TINY, 3, BranchSettings(**settings))
    assert refused.value.code == "USE-E-VALUE"
