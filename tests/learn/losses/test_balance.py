"""Tasks weighed against each other: what each way must do with losses that are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.build import network, supervision
from lymphoscope.learn.gradnorm import Shares, gradient_norms
from lymphoscope.learn.losses.balance import DynamicAverage, Homoscedastic
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.recipes.endpoint import weighted
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import Use


class Fixed(Loss):
    """A loss of a given value."""

    of = "outputs"

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, *seen: Any) -> Tensor:
        return torch.tensor(self.value)


def test_uncertainties_come_to_the_logarithm_of_the_losses() -> None:
    loss = Homoscedastic([Fixed(0.2), Fixed(3.0), Fixed(3.0)])
    moving = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(600):
        moving.zero_grad()
        loss({}, None).backward()
        moving.step()
    assert loss.s.tolist() == pytest.approx([math.log(0.2), math.log(3.0), math.log(3.0)], abs=1e-3)
    values = loss.parts({}, None)
    assert values["loss"].item() == pytest.approx(values["loss 2"].item(), abs=2e-3), "each task then weighs 1"


def test_equal_losses_have_equal_weights_and_a_slower_task_more() -> None:
    equal, other = (
        DynamicAverage([Fixed(0.7), Fixed(0.7)], epochs=10),
        DynamicAverage([Fixed(1.0), Fixed(1.0)], epochs=10),
    )
    fast = other.terms[0]
    assert isinstance(fast, Fixed)
    for step in range(40):
        fast.value = 0.5 ** (step // 4)  # halves every epoch; the other stays
        for loss in (equal, other):
            loss.at(step / 40)
            loss.parts({}, None)
        if step < 8:
            assert other.weights.tolist() == [1.0, 1.0], "two epochs are needed"
    assert equal.weights.tolist() == pytest.approx([1.0, 1.0])
    wanted = torch.softmax(torch.tensor([0.5, 1.0]) / 2, 0) * 2
    torch.testing.assert_close(other.weights, wanted)
    again = DynamicAverage([Fixed(1.0), Fixed(1.0)], epochs=10)
    again.load_state_dict(other.state_dict())
    torch.testing.assert_close(again.weights, wanted, msg="a killed training goes on with them")


def test_gradnorm_leaves_equal_tasks_and_raises_one_that_learns_slowly() -> None:
    shares = Shares(2)
    ones = torch.ones(2)
    assert shares.moved(ones, ones, 1.5, 0.1).tolist() == [1.0, 1.0]
    for _ in range(3):
        shares.moved(torch.tensor([0.5, 1.0]), ones, 1.5, 0.05)
    assert shares.weights[1] > 1.1 and float(shares.weights.sum()) == pytest.approx(2.0)
    strong = Shares(2)
    strong.moved(ones, torch.tensor([4.0, 1.0]), 1.5, 0.01)
    assert strong.weights[0] < 1.0, "a task with long gradients is held down"


def test_gradients_are_those_of_what_tasks_share() -> None:
    shared, own = nn.Parameter(torch.tensor([3.0])), nn.Parameter(torch.tensor([2.0]))
    norms = gradient_norms([(2 * shared).sum(), (shared * own).sum()], [shared, own])
    assert norms.tolist() == pytest.approx([2.0, 2.0]), "what only one task reaches does not count"


@pytest.mark.parametrize("name", ["homoscedastic", "dwa", "gradnorm", "seg-first"])
def test_each_way_of_balancing_trains_the_joint_network(name: str) -> None:
    learn = weighted(JOINT[f"m4-{name}"].stages[0].trained, 1, 1)
    torch.manual_seed(0)
    net = network(
        learn.__class__(**{**vars(learn), "net": Use("unet", {"widths": (2, 2, 2, 2), "norm": "batch"})}), 1, 2, 3
    )
    images = torch.rand(2, 1, 16, 16, 16)
    batch = Batch(images, (images > 0.7).long(), {"outcome:event": torch.tensor([1.0, 0.0])})
    owner = supervision(learn, net)
    moved: list[str] = []

    def update(loss: Tensor, *parts: str) -> None:
        loss.backward()
        moved.extend(parts)

    losses = owner.step(batch, update, 0.0)
    assert {"dice", "outcome_ce"} <= set(losses) and moved == ["network", "objective"]
    assert all(bool(value.isfinite()) for value in losses.values())


def test_the_curriculum_ends_exactly_where_the_published_balance_is() -> None:
    learn = weighted(JOINT["m4-seg-first"].stages[0].trained, 89, 180)
    first, fixed = Objective(learn.loss), Objective(weighted(JOINT["m1-joint"].stages[0].trained, 89, 180).loss)
    outputs = {"logits": [torch.randn(1, 2, 16 // n, 16 // n, 16 // n) for n in (1, 2, 4, 8)],
               "risk": [torch.randn(1, 2) for _ in range(3)]}  # fmt: skip
    batch = Batch(
        torch.zeros(1, 1, 16, 16, 16), torch.ones(1, 1, 16, 16, 16).long(), {"outcome:x": torch.tensor([1.0])}
    )
    assert float(first(outputs, batch, 0.0)["outcome_ce"]) == 0.0
    for done in (0.25, 1.0):
        torch.testing.assert_close(total(first(outputs, batch, done)), total(fixed(outputs, batch, done)))
