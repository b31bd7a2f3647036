from __future__ import annotations

from math import log, nan
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.losses.outputs import OutcomeCrossEntropy, crop, halving, shrink
from lymphoscope.learn.losses.region import Dice
from lymphoscope.learn.losses.sums import Sum
from lymphoscope.learn.losses.voxel import CrossEntropy
from lymphoscope.learn.parts import made
from lymphoscope.recipes.spec import Learn, use

BOTH = use("sum", terms=(use("dice"), use("ce")))


def _batch(side: int = 8, context: int = 0, **targets: Tensor) -> Batch:
    labels = torch.zeros(2, 1, *(side + 2 * context,) * 3, dtype=torch.int64)
    labels[0, 0, 3 + context, 4 + context, 5 + context] = 1
    labels[1, 0, context : context + 4, context + 2, context + 2] = 1
    images = torch.zeros(2, 1, *labels.shape[2:])
    return Batch(images, labels, {f"outcome:{name}": target for name, target in targets.items()})


def _logits(*sides: int) -> list[Tensor]:
    chance = torch.Generator().manual_seed(2)
    return [torch.randn(2, 2, side, side, side, generator=chance) for side in sides]


def _values(objective: Objective, outputs: dict[str, Any], batch: Batch, done: float = 0.0) -> dict[str, float]:
    return {name: value.item() for name, value in objective(outputs, batch, done).items()}


def test_the_default_of_a_recipe() -> None:
    batch, logits = _batch(), _logits(8)
    assert batch.labels is not None
    found = _values(Objective(Learn(net=use("unet")).loss), {"logits": logits}, batch)
    assert found == {
        "dice": pytest.approx(Dice()(logits[0], batch.labels).item()),
        "ce": pytest.approx(CrossEntropy()(logits[0], batch.labels).item()),
    }


def test_weights_and_repeated_names() -> None:
    loss = use("sum", terms=(use("ce"), use("ce"), BOTH), weights=(1.0, 0.5, 2.0))
    batch, outputs = _batch(), {"logits": _logits(8)}
    plain = _values(Objective(BOTH), outputs, batch)
    assert _values(Objective(loss), outputs, batch) == pytest.approx(
        {"ce": plain["ce"], "ce 2": plain["ce"] / 2, "dice": 2 * plain["dice"], "ce 3": 2 * plain["ce"]}
    )
    alone = made("loss", loss)
    assert alone(outputs["logits"][0], batch.labels).item() == pytest.approx(3.5 * plain["ce"] + 2 * plain["dice"])


def test_only_the_finest_logits_are_heard_unless_deep_is_asked_for() -> None:
    batch, logits = _batch(), _logits(8, 4, 2)
    assert _values(Objective(BOTH), {"logits": logits}, batch) == _values(
        Objective(BOTH), {"logits": logits[:1]}, batch
    )


def test_deep_weights_are_those_of_nnunet() -> None:
    assert halving(5) == pytest.approx((8 / 15, 4 / 15, 2 / 15, 1 / 15, 0))
    assert [round(weight, 3) for weight in halving(5)] == [0.533, 0.267, 0.133, 0.067, 0]
    assert halving(1) == (1.0,)


def test_deep_is_the_weighted_sum_over_levels() -> None:
    batch, logits = _batch(), _logits(8, 4, 2)
    assert batch.labels is not None
    found = _values(Objective(use("deep", loss=use("ce"), weights=(0.5, 0.3, 0.2))), {"logits": logits}, batch)
    levels = [CrossEntropy()(one, shrink(batch.labels, one.shape[2:])).item() for one in logits]
    assert found == {"ce": pytest.approx(0.5 * levels[0] + 0.3 * levels[1] + 0.2 * levels[2])}
    again = _values(Objective(use("deep", loss=BOTH)), {"logits": logits}, batch)
    assert again["ce"] == pytest.approx(2 / 3 * levels[0] + 1 / 3 * levels[1])


def test_deep_can_bring_the_logits_up_instead() -> None:
    logits, batch = _logits(8, 4, 2), _batch()
    deep = use("deep", loss=use("ce"), weights=(0.0, 1.0, 0.0), smaller="none")
    found = _values(Objective(deep), {"logits": logits}, batch)
    raised = functional.interpolate(logits[1], size=(8, 8, 8), mode="trilinear")
    assert found["ce"] == pytest.approx(_values(Objective(use("ce")), {"logits": [raised]}, batch)["ce"])


def test_deep_levels_of_weight_0_get_no_gradient() -> None:
    logits = [one.requires_grad_() for one in _logits(8, 4, 2)]
    Objective(use("deep", loss=BOTH))({"logits": logits}, _batch())["dice"].backward()
    assert [one.grad is not None for one in logits] == [True, True, False]


def test_deep_refuses_another_number_of_weights() -> None:
    with pytest.raises(LymphoscopeError, match="2 weights for 3 levels"):
        Objective(use("deep", loss=use("ce"), weights=(0.5, 0.5)))({"logits": _logits(8, 4, 2)}, _batch())


def test_a_lesion_of_one_voxel_stays_at_every_size() -> None:
    labels = _batch(16).labels
    assert labels is not None
    for side in (8, 4, 2, 1, 5):
        small = shrink(labels, (side,) * 3)
        assert small.shape[2:] == (side,) * 3
        assert small.dtype == torch.int64
        assert (small == 1).flatten(1).any(1).all()
    assert int((shrink(labels, (8, 8, 8))[0] == 1).sum()) == 1


def test_coarse_voxels_are_lesion_before_unknown_before_background() -> None:
    labels = torch.tensor([[0, 0, 0, IGNORE, IGNORE, 1, 1, 2, IGNORE, IGNORE]]).expand(2, 10)[None, None]
    assert shrink(labels, (1, 5))[0, 0, 0].tolist() == [0, IGNORE, 1, 2, IGNORE]
    assert shrink(labels, (2, 10)) is labels


def test_anisotropic_levels() -> None:
    labels = _batch(8).labels
    assert labels is not None
    flat = shrink(labels, (8, 4, 4))
    assert torch.equal(flat.nonzero()[:, 2], torch.tensor([3, 0, 1, 2, 3]))


def test_labels_are_cut_to_what_valid_convolutions_put_out() -> None:
    logits = _logits(8, 4)
    for loss in (BOTH, use("deep", loss=BOTH)):
        whole, wide = (_values(Objective(loss), {"logits": logits}, _batch(context=context)) for context in (0, 3))
        assert whole == wide
    assert crop(torch.arange(10).view(1, 1, 10), (4,)).flatten().tolist() == [3, 4, 5, 6]


def test_a_ramp_runs_straight() -> None:
    objective = Objective(use("sum", terms=(use("dice"), use("ramp", loss=use("boundary")))))
    batch, outputs = _batch(), {"logits": _logits(8)}
    whole = made("loss", use("boundary"))(outputs["logits"][0], batch.labels).item()
    shares = [_values(objective, outputs, batch, done)["boundary"] / whole for done in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.01, 0.505, 1.0])
    early = Objective(use("ramp", loss=use("boundary"), start=0.0, end=0.2, until=0.25))
    shares = [_values(early, outputs, batch, done)["boundary"] / whole for done in (0.0, 0.125, 0.25, 1.0)]
    assert shares == pytest.approx([0, 0.1, 0.2, 0.2])


def test_losses_of_labels_and_of_outputs_add_up() -> None:
    loss = use("sum", terms=(use("deep", loss=BOTH), use("outcome_ce"), use("focal")), weights=(0.1, 0.9, 1.0))
    outputs = {"logits": _logits(8, 4), "risk": [torch.zeros(2, 2)]}
    found = _values(Objective(loss), outputs, _batch(progression=torch.tensor([1.0, 0.0])))
    assert list(found) == ["dice", "ce", "outcome_ce", "focal"]
    assert found["outcome_ce"] == pytest.approx(0.9 * log(2))
    with pytest.raises(LymphoscopeError, match="1 losses has weights"):
        Sum([CrossEntropy()], weights=(1.0, 2.0))


def test_half_precision_is_left_inside() -> None:
    logits = _logits(8)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = Objective(use("structure", window=3))({"logits": [logits.bfloat16()]}, _batch())
    assert found["structure"].dtype == torch.float32
    plain = Objective(use("structure", window=3))({"logits": [logits.bfloat16().float()]}, _batch())
    assert torch.equal(found["structure"], plain["structure"])


def test_what_a_loss_learns_is_among_the_parameters_of_the_objective() -> None:
    assert [tuple(p.shape) for p in Objective(use("prior_shift", classes=3)).parameters()] == [(3,)]
    assert not list(Objective(BOTH).parameters())


def test_a_batch_without_labels_is_refused_by_losses_that_need_them() -> None:
    batch = Batch(torch.zeros(2, 1, 8, 8, 8), None)
    with pytest.raises(LymphoscopeError, match="the batch has none"):
        Objective(BOTH)({"logits": _logits(8)}, batch)


def _risk(*probabilities: float) -> list[Tensor]:
    """Outputs of the risk head for two cases that are equally likely."""
    return [torch.tensor([[1 - p, p], [1 - p, p]]).log() for p in probabilities]


def test_the_outcome_loss_by_hand() -> None:
    batch = _batch(progression=torch.tensor([1.0, 0.0]))
    loss = OutcomeCrossEntropy(levels=(0.1, 0.2, 0.7), weights=(0.331, 0.669))
    found = loss({"risk": _risk(0.2, 0.5, 0.8)}, batch).item()
    p = 0.1 * 0.2 + 0.2 * 0.5 + 0.7 * 0.8
    assert found == pytest.approx(-(0.669 * log(p) + 0.331 * log(1 - p)) / 2, rel=1e-5)


def test_exchanging_outcomes_with_their_weights_changes_nothing() -> None:
    both = [
        OutcomeCrossEntropy(weights=weights)(
            {"risk": _risk(p)}, _batch(progression=torch.tensor([truth, 1 - truth]))
        ).item()
        for weights, p, truth in (((0.331, 0.669), 0.3, 1.0), ((0.669, 0.331), 0.7, 0.0))
    ]
    assert both[0] == pytest.approx(both[1])


def test_unknown_outcomes_are_left_out() -> None:
    risk = [torch.tensor([[0.0, 1.0], [3.0, 0.0]], requires_grad=True)]
    known = OutcomeCrossEntropy()({"risk": risk}, _batch(progression=torch.tensor([1.0, nan])))
    known.backward()
    assert known.item() == pytest.approx(-torch.tensor([0.0, 1.0]).log_softmax(0)[1].item())
    assert risk[0].grad is not None
    assert risk[0].grad[1].tolist() == [0, 0]
    assert OutcomeCrossEntropy()({"risk": risk}, _batch(progression=torch.tensor([nan, nan]))).item() == 0


def test_an_impossible_outcome_stays_finite() -> None:
    risk = [torch.tensor([[200.0, 0.0], [0.0, 0.0]], requires_grad=True)]
    cost = OutcomeCrossEntropy()({"risk": risk}, _batch(progression=torch.tensor([1.0, nan])))
    assert cost.item() == pytest.approx(-log(1e-7), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"target": "death"}, "wants 'death'"), ({"levels": (1.0, 2.0)}, "2 weights for 1 outputs"), ({}, "wants None")],
)
def test_outcome_settings_that_do_not_fit(settings: dict[str, Any], says: str) -> None:
    targets = {name: torch.tensor([1.0, 0.0]) for name in (["a"] if "levels" in settings else ["a", "b"])}
    with pytest.raises(LymphoscopeError, match=says):
        OutcomeCrossEntropy(**settings)({"risk": _risk(0.5)}, _batch(**targets))
