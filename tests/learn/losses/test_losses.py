"""Numbers that the specification gives for single losses, and agreement with MONAI where definitions are the same."""

from __future__ import annotations

from itertools import pairwise
from math import cos, log, pi, sin

import monai.losses
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.losses.border import BorderCrossEntropy, gap_width
from lymphoscope.learn.losses.boundary import Boundary, signed_distances
from lymphoscope.learn.losses.prior_shift import PriorShift
from lymphoscope.learn.losses.region import ClassBalancedDice, Dice, Structure, Tversky, effective_weights
from lymphoscope.learn.losses.voxel import (
    BinaryCrossEntropy,
    CosineSine,
    CrossEntropy,
    Focal,
    WeightedCrossEntropy,
    frequency_weights,
)


def _pair(classes: int = 2, lesion: float = 0.3) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(5)
    logits = torch.randn(2, classes, 6, 7, 8, generator=chance)
    drawn = torch.rand(2, 1, 6, 7, 8, generator=chance)
    labels = torch.where(drawn < lesion, 1 + (drawn * 1000).long() % (classes - 1), 0)
    return logits, labels


def _cube(*corner: int, side: int = 6) -> Tensor:
    labels = torch.zeros(1, 1, 16, 16, 16, dtype=torch.int64)
    labels[(0, 0, *(slice(start, start + side) for start in corner))] = 1
    return labels


def _sure(mask: Tensor) -> Tensor:
    return 40.0 * torch.cat([1 - mask.float(), mask.float()], 1)


def _one_voxel(p: float) -> Tensor:
    """Logits of one voxel whose lesion has probability p."""
    return torch.tensor([0.0, log(p / (1 - p))]).view(1, 2, 1, 1)


def _slope(loss: torch.nn.Module, p: float, label: int) -> float:
    logits = _one_voxel(p).requires_grad_()
    loss(logits, torch.full((1, 1, 1, 1), label)).backward()
    assert logits.grad is not None
    return float(logits.grad[0, 1, 0, 0])


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_cross_entropy_of_no_opinion_is_log_k(classes: int) -> None:
    logits, labels = _pair(classes)
    assert CrossEntropy()(torch.zeros_like(logits), labels).item() == pytest.approx(log(classes))


def test_weights_of_equal_counts_are_those_of_no_weights() -> None:
    logits, _ = _pair()
    labels = (torch.arange(2 * 6 * 7 * 8) % 2).view(2, 1, 6, 7, 8)
    assert WeightedCrossEntropy()(logits, labels).item() == pytest.approx(CrossEntropy()(logits, labels).item())


def test_weights_are_inverse_frequencies_within_limits() -> None:
    labels = torch.zeros(1, 1, 10, 10, 10, dtype=torch.int64)
    labels[0, 0, :2] = 1
    assert frequency_weights(labels, 2, (0.1, 10.0)).tolist() == pytest.approx([1000 / 1600, 1000 / 400])
    labels[0, 0, :2] = 0
    labels[0, 0, 0, 0, 0] = 1
    assert frequency_weights(labels, 2, (0.1, 10.0)).tolist() == pytest.approx([1000 / 1998, 10.0])


def test_given_weights_are_those_of_torch() -> None:
    logits, labels = _pair(3)
    expected = functional.cross_entropy(logits, labels[:, 0], weight=torch.tensor([0.2, 1.0, 3.0]))
    assert WeightedCrossEntropy(weights=(0.2, 1.0, 3.0))(logits, labels).item() == pytest.approx(expected.item())


def test_focal_without_focus_is_the_cross_entropy_times_alpha() -> None:
    logits, labels = _pair(3)
    assert Focal(gamma=0)(logits, labels).item() == pytest.approx(0.25 * CrossEntropy()(logits, labels).item())


def test_focal_is_classes_times_that_of_monai() -> None:
    logits, labels = _pair(3)
    theirs = monai.losses.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(logits, labels)
    assert Focal(gamma=2, alpha=1.0)(logits, labels).item() == pytest.approx(3 * theirs.item(), rel=1e-5)


def test_focal_holds_easy_voxels_down() -> None:
    one = torch.ones(1, 1, 1, 1, dtype=torch.int64)
    ratio = [(loss(_one_voxel(0.9), one) / loss(_one_voxel(0.1), one)).item() for loss in (CrossEntropy(), Focal())]
    assert ratio[1] == pytest.approx(ratio[0] * (0.1 / 0.9) ** 2, rel=1e-4)


def test_focal_with_a_factor_for_each_class() -> None:
    logits, labels = _pair()
    both = [Focal(alpha=alpha)(logits, labels).item() for alpha in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))]
    assert both[0] + both[1] == pytest.approx(both[2])


def test_binary_cross_entropy_of_one_class_is_the_cross_entropy() -> None:
    logits, labels = _pair()
    assert BinaryCrossEntropy()(logits, labels).item() == pytest.approx(CrossEntropy()(logits, labels).item())


def test_binary_cross_entropy_of_several_classes_takes_each_against_the_rest() -> None:
    logits, labels = _pair(4)
    p = logits.softmax(1)[:, 1:]
    g = torch.cat([(labels == c).float() for c in (1, 2, 3)], 1)
    assert BinaryCrossEntropy()(logits, labels).item() == pytest.approx(
        functional.binary_cross_entropy(p, g).item(), rel=1e-5
    )


@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
def test_cosine_sine_by_hand(p: float) -> None:
    cost = {label: CosineSine()(_one_voxel(p), torch.full((1, 1, 1, 1), label)).item() for label in (0, 1)}
    assert cost[1] == pytest.approx(-cos(pi * p / 2) * log(p), rel=1e-4)
    assert cost[0] == pytest.approx(-sin(pi * p / 2) * log(1 - p), rel=1e-4)


def test_cosine_sine_stresses_hard_voxels_and_the_bare_one_does_not() -> None:
    ratios = {p: _slope(CosineSine(), p, 1) / _slope(BinaryCrossEntropy(), p, 1) for p in (0.05, 0.95)}
    assert ratios[0.05] == pytest.approx(1, abs=0.02)
    assert ratios[0.95] < 0.2
    assert abs(_slope(CosineSine(plain=True), 0.05, 1)) == pytest.approx(0.006, abs=5e-4)
    one = torch.ones(1, 1, 1, 1, dtype=torch.int64)
    shares = [CosineSine()(_one_voxel(p), one).item() / -log(p) for p in (0.05, 0.95)]
    assert shares == pytest.approx([0.997, 0.078], abs=5e-4)


@pytest.mark.parametrize("batchwise", [False, True])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("smooth", [1e-5, 1.0])
def test_dice_is_that_of_monai(batchwise: bool, squared: bool, background: bool, smooth: float) -> None:
    logits, labels = _pair(3)
    theirs = monai.losses.DiceLoss(
        softmax=True,
        to_onehot_y=True,
        include_background=background,
        squared_pred=squared,
        batch=batchwise,
        smooth_nr=smooth,
        smooth_dr=smooth,
    )
    ours = Dice(squared=squared, background=background, batchwise=batchwise, smooth=smooth)
    assert ours(logits, labels).item() == pytest.approx(theirs(logits, labels).item(), abs=1e-6)


def test_dice_is_0_when_perfect_or_both_empty_and_about_1_when_disjoint() -> None:
    cube = _cube(2, 2, 2)
    assert Dice()(_sure(cube), cube).item() == pytest.approx(0, abs=1e-6)
    assert Dice()(_sure(cube.roll(8, 2)), cube).item() == pytest.approx(1, abs=1e-6)
    nothing = torch.zeros_like(cube)
    assert Dice()(_sure(nothing), nothing).item() == pytest.approx(0, abs=1e-3)
    assert Dice()(_sure(cube), nothing).item() == pytest.approx(1, abs=1e-6)


def test_squared_dice_pulls_missed_voxels_up() -> None:
    cube = _cube(2, 2, 2)
    logits = torch.zeros(1, 2, 16, 16, 16, requires_grad=True)
    Dice(squared=True)(logits, cube).backward()
    assert logits.grad is not None
    assert bool((logits.grad[:, 1:][cube == 1] < 0).all())


@pytest.mark.parametrize("batchwise", [False, True])
@pytest.mark.parametrize("smooth", [1e-5, 1.0])
def test_tversky_of_halves_is_dice(batchwise: bool, smooth: float) -> None:
    logits, labels = _pair(3)
    halves = Tversky(alpha=0.5, beta=0.5, batchwise=batchwise, smooth=smooth)
    assert halves(logits, labels).item() == pytest.approx(
        Dice(batchwise=batchwise, smooth=smooth)(logits, labels).item()
    )


def test_tversky_is_that_of_monai() -> None:
    logits, labels = _pair(3)
    theirs = monai.losses.TverskyLoss(
        softmax=True, to_onehot_y=True, include_background=False, alpha=0.3, beta=0.7, smooth_nr=5e-6, smooth_dr=5e-6
    )
    assert Tversky()(logits, labels).item() == pytest.approx(theirs(logits, labels).item(), abs=1e-6)


def test_beta_of_tversky_is_the_price_of_a_miss() -> None:
    cube = _cube(2, 2, 2)
    missed = _sure(_cube(2, 2, 2, side=4))
    costs = [Tversky(alpha=0.3, beta=beta)(missed, cube).item() for beta in (0.3, 0.5, 0.7, 0.9)]
    assert costs == sorted(costs)
    assert costs[2] == pytest.approx(1 - 64 / (64 + 0.7 * (216 - 64)), abs=1e-5)


def test_weights_by_effective_number() -> None:
    counts = torch.tensor([4_580.0, 1e6], dtype=torch.float64)
    assert effective_weights(counts, 0.0).tolist() == [1.0, 1.0]
    assert effective_weights(counts, 0.99).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert effective_weights(counts, 0.9999).tolist() == pytest.approx([1.46, 0.54], abs=5e-3)
    assert effective_weights(counts, 1 - 1e-9).tolist() == pytest.approx([1.991, 0.009], abs=5e-4)
    assert effective_weights(torch.tensor([0.0, 10.0, 10.0], dtype=torch.float64), 0.9).tolist() == [0.0, 1.5, 1.5]


def test_equal_weights_are_the_dice_of_all_classes() -> None:
    logits, labels = _pair(3)
    theirs = monai.losses.DiceLoss(softmax=True, to_onehot_y=True, smooth_nr=1e-6, smooth_dr=1e-6)
    assert ClassBalancedDice(beta=0.0, batchwise=False)(logits, labels).item() == pytest.approx(
        theirs(logits, labels).item(), abs=1e-6
    )
    with pytest.raises(LymphoscopeError, match="beta"):
        ClassBalancedDice(beta=1.0)


def test_the_structure_loss_weighs_outlines() -> None:
    logits, labels = _pair(lesion=0.5)
    everywhere = Structure(window=1, overlap=0.0)(logits, labels)
    assert everywhere.item() == pytest.approx(CrossEntropy()(logits, labels).item(), rel=1e-5)
    cube = _cube(4, 4, 4, side=8)
    costs = []
    for place in ((4, 4, 4), (7, 7, 7)):
        wrong = cube.clone()
        wrong[(0, 0, *place)] = 0
        costs.append(Structure(window=5, overlap=0.0)(_sure(wrong), cube).item())
    assert costs[0] > 2 * costs[1]


def test_the_overlap_of_the_structure_loss_by_hand() -> None:
    cube = _cube(4, 4, 4, side=8)
    half = cube.clone()
    half[:, :, :8] = 0
    cost = Structure(window=1, overlap=2.0)(_sure(half), cube) - Structure(window=1, overlap=0.0)(_sure(half), cube)
    assert cost.item() == pytest.approx(2 * (1 - (256 + 1) / (512 + 1)), rel=1e-5)


def test_signed_distances_of_a_cube() -> None:
    distances = signed_distances(_cube(5, 5, 5) == 1)[0, 0]
    assert distances[8, 8, [3, 4, 5, 6, 7, 8, 9, 10, 11]].tolist() == [2, 1, 0, -1, -2, -2, -1, 0, 1]
    assert float(signed_distances(torch.zeros(1, 1, 4, 4, dtype=torch.bool)).abs().max()) == 0
    assert float(signed_distances(torch.ones(1, 1, 4, 4, dtype=torch.bool)).abs().max()) == 0


def test_the_boundary_loss_has_the_measured_values() -> None:
    cube, grown = _cube(5, 5, 5), _cube(4, 4, 4, side=8)
    costs = [Boundary()(_sure(seen), cube).item() for seen in (cube, grown, torch.ones_like(cube))]
    assert costs == pytest.approx([-0.018, 0.063, 4.1], abs=1e-3 + 1e-3)
    assert Boundary()(_sure(torch.zeros_like(cube)), cube).item() == pytest.approx(0, abs=1e-6)


def test_the_boundary_loss_is_that_of_monai() -> None:
    logits, labels = _pair(3, lesion=0.1)
    theirs = monai.losses.BoundaryLoss(softmax=True, to_onehot_y=True, include_background=False)
    assert Boundary()(logits, labels).item() == pytest.approx(theirs(logits, labels).item(), rel=1e-5)


@pytest.mark.parametrize("form", ["kervadec", "bidirectional"])
def test_the_boundary_loss_grows_with_a_shift(form: str) -> None:
    cube = _cube(5, 5, 5)
    costs = [Boundary(form)(_sure(cube.roll(by, 2)), cube).item() for by in range(5)]
    assert all(first < second for first, second in pairwise(costs))


def test_the_boundary_loss_has_two_forms() -> None:
    with pytest.raises(LymphoscopeError, match="kervadec, bidirectional"):
        Boundary("hausdorff")


def test_border_weights_peak_in_the_gap_between_two_discs() -> None:
    y, x = np.mgrid[:40, :40]
    labels = torch.from_numpy(((y - 20) ** 2 + (x - 12) ** 2 <= 49) | ((y - 20) ** 2 + (x - 29) ** 2 <= 49)).long()
    weights = BorderCrossEntropy().weights(labels[None, None], 2)[0, 0]
    assert labels[20, 18:24].tolist() == [1, 1, 0, 0, 1, 1]
    # the two pixels between them are 1 and 2 away from the discs
    by_class = frequency_weights(labels[None, None], 2, (0.1, 10.0))
    assert weights[20, 20].item() == pytest.approx(by_class[0].item() + 10 * np.exp(-9 / 50), rel=1e-5)
    assert weights.max().item() == weights[20, 20].item() == weights[20, 21].item()
    assert weights[0, 0] < by_class[0] + 0.01
    assert weights[20, 12].item() == by_class[1].item()


def test_a_single_lesion_has_no_gap() -> None:
    mask = np.zeros((8, 8, 8), bool)
    mask[2:4, 2:4, 2:4] = True
    assert np.isinf(gap_width(mask)).all()
    mask[4, 4, 4] = True
    assert np.isinf(gap_width(mask)).all(), "touching by a corner is one lesion"


def test_full_expectation_is_a_focal_mean_of_each_class() -> None:
    logits, _ = _pair()
    labels = (torch.arange(2 * 6 * 7 * 8) % 2).view(2, 1, 6, 7, 8)
    shift = PriorShift(weights=(1.0, 0.0))
    torch.nn.init.constant_(shift.theta, 50.0)
    assert shift(logits, labels).item() == pytest.approx(2 * Focal(gamma=2, alpha=1.0)(logits, labels).item(), rel=1e-5)


def test_no_expectation_costs_nothing() -> None:
    logits, labels = _pair()
    shift = PriorShift(weights=(1.0, 0.0))
    torch.nn.init.constant_(shift.theta, -200.0)
    assert shift(logits, labels).item() == 0


def test_expectations_are_learnt_from_the_mean_confidence_of_each_class() -> None:
    logits, labels = _pair()
    shift = PriorShift()
    mover = torch.optim.SGD(shift.parameters(), lr=6.0)
    for _ in range(40):
        mover.zero_grad()
        shift(logits, labels).backward()
        mover.step()
    q = logits.softmax(1).gather(1, labels)
    expected = [q[labels == c].mean().item() for c in (0, 1)]
    assert shift.theta.sigmoid().tolist() == pytest.approx(expected, abs=1e-3)


def test_more_background_does_not_change_what_lesions_add() -> None:
    logits, labels = _pair()
    shift = PriorShift(weights=(1.0, 0.0))
    certain = torch.cat([torch.full((2, 1, 6, 7, 8), 9.0), torch.zeros(2, 1, 6, 7, 8)], 1)
    costs = []
    for copies in (1, 4):
        seen = torch.cat([logits, *[certain] * copies], 4).requires_grad_()
        shift(seen, torch.cat([labels, *[torch.zeros_like(labels)] * copies], 4)).backward()
        assert seen.grad is not None
        costs.append(seen.grad[..., :8][labels.expand(-1, 2, -1, -1, -1) == 1])
    assert torch.allclose(*costs)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(LymphoscopeError, match="3 classes"):
        PriorShift(classes=3)(*_pair(2))


@pytest.mark.parametrize(
    "loss", [WeightedCrossEntropy(weights=(1, 2, 3)), Focal(alpha=(1, 2, 3)), ClassBalancedDice(counts=(1, 2, 3))]
)
def test_settings_for_another_number_of_classes_are_refused(loss: torch.nn.Module) -> None:
    with pytest.raises(LymphoscopeError, match="3 numbers for 2 classes"):
        loss(*_pair(2))


def test_counts_of_the_training_set_replace_those_of_the_batch() -> None:
    logits, labels = _pair(2)
    counted = ClassBalancedDice()(logits, labels).item()
    counts = [int((labels == c).sum()) for c in (0, 1)]
    assert ClassBalancedDice(counts=counts)(logits, labels).item() == pytest.approx(counted)
    assert ClassBalancedDice(counts=(10_000, 1))(logits, labels).item() != pytest.approx(counted)
