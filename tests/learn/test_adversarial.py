"""A network and its critic: every check of the catalogue entry that is not a law of all recipes."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lymphoscope.image.lesion_phantom import LABELS, lesion_phantom
from lymphoscope.learn import fit as fitting
from lymphoscope.learn.adversarial import Adversarial, taken_for, truth_of
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.build import network_of, supervision
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import Prepared, inputs, places, truth
from lymphoscope.nets.network import Network
from lymphoscope.recipes.adversarial import ADVERSARIAL
from lymphoscope.recipes.spec import Learn, Stage, Use, use

_PUBLISHED = ADVERSARIAL["mf09-adversarial"].stages[0]


def against(**settings: Any) -> Use:
    given = _PUBLISHED.trained.supervision.params
    narrow = Use(given["critic"].name, {**given["critic"].params, "widths": (4, 4, 8)})
    return Use("adversarial", {**given, "critic": narrow, **settings})


LEARN = replace(
    _PUBLISHED.trained,
    net=use("unet", widths=(4, 8, 8)),
    supervision=against(),
    sampler=use("patches", size=16, positive=0.5),
    grid=use("native"),
)
STAGE = replace(_PUBLISHED, learn=LEARN)


def cases(stage: Stage = STAGE, count: int = 2) -> list[Prepared]:
    found = []
    for seed in range(count):
        volumes, labels = lesion_phantom(seed)
        images, grid = inputs(stage, volumes)
        marked = truth(labels, grid)
        found.append(Prepared(f"c{seed}", f"p{seed}", images, marked, places(marked), grid, {}))
    return found


def trained(folder: Path, learn: Learn, steps: int = 6) -> Network:
    return fit(Task(learn, cases(), 2, 0, Budget(steps), folder), Machine())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


def kept(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "checkpoint.pt", weights_only=True))


def test_neither_update_moves_the_other_and_the_critic_sees_images_and_soft_mask() -> None:
    torch.manual_seed(0)
    owner = supervision(LEARN, network_of(STAGE, LABELS))
    batch = Feed(cases(), made("sampler", LEARN.sampler), Augmentation(()), 2, 0).at(0)
    parts = {name: owner.parts[name] for name in ("network", "critic")}
    optimizers = {name: torch.optim.SGD(part.parameters(), lr=0.1) for name, part in parts.items()}
    seen: list[Tensor] = []
    owner.parts["critic"].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    moved = []

    def update(loss: Tensor, *names: str) -> None:
        before = {name: {k: v.clone() for k, v in part.state_dict().items()} for name, part in parts.items()}
        mine = [optimizers[name] for name in names if name in optimizers]
        for optimizer in mine:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in mine:
            optimizer.step()
        moved.append({name for name, part in parts.items() if not same(before[name], dict(part.state_dict()))})

    network_side = [weight.grad is None for weight in parts["critic"].parameters()]
    losses = owner.step(batch, update, 0.0)
    assert moved == [{"network"}, {"critic"}] and all(network_side)
    assert set(losses) == {"dice", "ce", "deceive", "critic"}
    deceiving, true, false = seen
    for given in seen:
        assert torch.equal(given[:, :2], batch.images)
    assert torch.equal(deceiving, false) and deceiving.requires_grad and not false.requires_grad
    torch.testing.assert_close(false[:, 2:].sum(dim=1), torch.ones(2, 16, 16, 16))
    assert set(true[:, 2:].unique().tolist()) == {0.0, 1.0} and batch.labels is not None
    assert torch.equal(true[:, 3:] == 1, batch.labels == 1)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_without_weight_it_is_plain_supervision_bit_for_bit(tmp_path: Path, average: float) -> None:
    plain = trained(tmp_path / "plain", replace(LEARN, supervision=use("supervised", average=average)))
    silent = trained(tmp_path / "silent", replace(LEARN, supervision=against(weight=0.0, average=average)))
    heard = trained(tmp_path / "heard", replace(LEARN, supervision=against(weight=1.0, average=average)))
    assert same(plain.state_dict(), silent.state_dict())
    assert not same(plain.state_dict(), heard.state_dict())


def test_a_killed_training_goes_on_with_both_networks_and_both_optimizers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_KEEP_SECONDS", 0.0)
    trained(tmp_path / "whole", LEARN)

    class KilledError(Exception):
        pass

    def kill(step: str, done: int, total: int) -> None:
        if done == 4:
            raise KilledError

    with pytest.raises(KilledError):
        fit(Task(LEARN, cases(), 2, 0, Budget(6), tmp_path / "killed"), Machine(), kill)
    assert kept(tmp_path / "killed")["step"] < 6
    trained(tmp_path / "killed", LEARN)
    whole, again = kept(tmp_path / "whole"), kept(tmp_path / "killed")
    assert {"network", "critic", "average"} <= set(whole["parts"])
    assert set(whole["optimizers"]) == {"network", "critic"}
    for name in whole["parts"]:
        assert same(whole["parts"][name], again["parts"][name]), name
    for name, optimizer in whole["optimizers"].items():
        for number, state in optimizer["state"].items():
            assert same(state, again["optimizers"][name]["state"][number]), name


def test_the_critic_is_moved_by_an_optimizer_of_its_own(tmp_path: Path) -> None:
    still = use("adamw", rate=0.0, decay=0.0, betas=(0.5, 0.999))
    for steps in (1, 3):
        trained(tmp_path / str(steps), replace(LEARN, supervision=against(optimizer=still)), steps)
    early, late = (kept(tmp_path / str(steps))["parts"] for steps in (1, 3))
    assert same(early["critic"], late["critic"]) and not same(early["network"], late["network"])
    group = kept(tmp_path / "3")["optimizers"]["critic"]["param_groups"][0]
    assert group["betas"] == (0.5, 0.999)


def test_where_nothing_is_known_the_critic_can_tell_nothing() -> None:
    probabilities = torch.rand(1, 2, 4, 4, 4).softmax(dim=1)
    labels = torch.full((1, 1, 4, 4, 4), IGNORE)
    labels[0, 0, 0] = 1
    batch = Batch(torch.zeros(1, 1, 4, 4, 4), labels)
    shown = truth_of(batch, probabilities)
    assert torch.equal(shown[:, :, 1:], probabilities[:, :, 1:])
    assert float(shown[0, 1, 0].min()) == 1 and float(shown[0, 0, 0].max()) == 0
    assert torch.equal(truth_of(Batch(batch.images, None), probabilities), probabilities)
    scores = torch.zeros(3)
    assert float(taken_for(True, scores) + taken_for(False, scores)) / 2 == pytest.approx(log(2))


def test_a_critic_needs_something_drawn() -> None:
    stage = replace(STAGE, learn=replace(LEARN, heads=(use("risk"),)))
    with pytest.raises(Exception, match="USE-E-VALUE"):
        supervision(stage.trained, network_of(stage, LABELS))
    assert isinstance(supervision(LEARN, network_of(STAGE, LABELS)), Adversarial)
