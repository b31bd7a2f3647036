"""What a mask of a part teaches, and what it does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.losses.partial import FeatureConsistency
from lymphoscope.learn.parts import made
from lymphoscope.recipes.few_labels import FEW_LABELS
from lymphoscope.recipes.spec import use

SUPERVISED = FEW_LABELS["w1-consistency"].stages[0].trained.loss.params["terms"][0].params["loss"]


def labels_of(*weak: bool) -> Tensor:
    """A lesion of 4³ in 8³; of weak examples a part of it is marked and nothing else is known."""
    labels = torch.zeros(len(weak), 1, 8, 8, 8, dtype=torch.int64)
    labels[:, :, 2:6, 2:6, 2:6] = 1
    for number, partly in enumerate(weak):
        if partly:
            labels[number] = IGNORE
            labels[number, :, 2:4, 2:4, 2:4] = 1
    return labels


def test_unknown_voxels_of_a_weak_case_have_no_gradient_and_its_marked_ones_that_of_cross_entropy_alone() -> None:
    labels = labels_of(False, True)
    logits = torch.randn(2, 2, 8, 8, 8, requires_grad=True)
    loss = made("loss", SUPERVISED)
    loss(logits, labels).backward()
    assert logits.grad is not None
    unknown = (labels == IGNORE).expand_as(logits)
    assert float(logits.grad[unknown].abs().max()) == 0
    assert (logits.grad[0].abs().sum(0) > 0).all(), "of a complete mask every voxel counts"
    alone = logits.detach()[1:].requires_grad_()
    cross = functional.cross_entropy(alone, labels[1:, 0], ignore_index=IGNORE) / 2  # the mean over two examples
    cross.backward()
    torch.testing.assert_close(logits.grad[1:], alone.grad)


def test_examples_count_alike_and_dice_hears_complete_ones_alone() -> None:
    labels, logits = labels_of(False, True, False), torch.randn(3, 2, 8, 8, 8)
    for name, complete, heard in (("ce", False, (0, 1, 2)), ("dice", True, (0, 2))):
        found = made("loss", use("by_example", loss=use(name), complete=complete))(logits, labels)
        each = [made("loss", use(name))(logits[n : n + 1], labels[n : n + 1]) for n in heard]
        torch.testing.assert_close(found, torch.stack(each).mean())
    nothing = made("loss", use("by_example", loss=use("dice"), complete=True)).parts(
        logits, labels_of(True, True, True)
    )
    assert {name: float(value) for name, value in nothing.items()} == {"dice": 0.0}


def outputs_of(features: Tensor, lesion: Tensor) -> dict[str, list[Tensor]]:
    """Logits that are sure of a lesion, and features of one level."""
    sure = 20.0 * lesion.float()
    return {"logits": [torch.cat([10.0 - sure, sure - 10.0], dim=1)], "features": [features]}


def consistency(features: Tensor, lesion: Tensor, labels: Tensor) -> float:
    return float(
        FeatureConsistency()(outputs_of(features, lesion), Batch(torch.zeros(len(labels), 1, 8, 8, 8), labels))
    )


def directions(where: Tensor, inside: tuple[float, float], outside: tuple[float, float]) -> Tensor:
    """Two-dimensional features that point one way inside a region and another way outside."""
    vectors = [torch.where(where, a, b) for a, b in zip(inside, outside, strict=True)]
    return torch.cat(vectors, dim=1)


def test_features_are_to_be_alike_in_lesions_and_unlike_elsewhere_whatever_their_length() -> None:
    labels, whole = labels_of(True), labels_of(False) > 0
    apart = directions(whole, (1.0, 0.0), (0.0, 1.0))
    assert consistency(apart, whole, labels) == pytest.approx(0.0, abs=1e-6), "alike inside, at right angles outside"
    same = torch.ones(1, 2, 8, 8, 8)
    assert consistency(same, whole, labels) == pytest.approx(0.8), "all alike: 1 − 0.2 is left of the second term"
    drawn = torch.zeros_like(whole)
    drawn[:, :, 6:, 6:, 6:] = True  # a network that draws elsewhere
    assert consistency(directions(labels > 0, (1.0, 0.0), (0.0, 1.0)), drawn, labels) == pytest.approx(1.0)
    stretched = apart * torch.rand(1, 1, 8, 8, 8).clamp(min=0.1)
    assert consistency(stretched, whole, labels) == pytest.approx(0.0, abs=1e-5)
    assert consistency(5 * same, whole, labels) == pytest.approx(0.8)


def test_an_empty_prediction_a_complete_mask_and_no_mark_leave_terms_out() -> None:
    whole, nothing = labels_of(False) > 0, torch.zeros(1, 1, 8, 8, 8, dtype=torch.bool)
    same = torch.ones(1, 2, 8, 8, 8)
    assert consistency(same, nothing, labels_of(True)) == pytest.approx(0.8), "nothing predicted: the second term alone"
    assert consistency(same, ~nothing, labels_of(True)) == pytest.approx(0.0, abs=1e-6), (
        "everything predicted: the first alone"
    )
    assert consistency(same, whole, labels_of(False)) == 0
    assert consistency(same, whole, torch.full_like(labels_of(True), IGNORE)) == 0
    features = torch.rand(1, 3, 4, 4, 4, requires_grad=True)
    logits = torch.randn(1, 2, 8, 8, 8, requires_grad=True)
    loss = FeatureConsistency()({"logits": [logits], "features": [features]}, Batch(whole.float(), labels_of(True)))
    loss.backward()
    assert logits.grad is None, "the mask that the network draws says where to look and is not taught by it"
    assert features.grad is not None and torch.isfinite(features.grad).all() and features.grad.abs().max() > 0


def test_the_whole_loss_ramps_up_over_a_fifteenth_of_the_training() -> None:
    objective = Objective(FEW_LABELS["w1-consistency"].stages[0].trained.loss)
    levels = [torch.randn(2, 2, side, side, side) for side in (8, 4, 2)]
    outputs = {"logits": levels, "features": [torch.rand(2, 3, side, side, side) for side in (8, 4)]}
    batch = Batch(torch.zeros(2, 1, 8, 8, 8), labels_of(False, True))
    early, half, late = (objective(outputs, batch, done)["feature_consistency"].item() for done in (0.0, 1 / 30, 1.0))
    assert early == 0
    assert half == pytest.approx(late / 2)
    assert late > 0
