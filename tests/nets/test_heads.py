"""Heads: sizes, and what is predicted of several levels."""

from __future__ import annotations

import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.heads import classify, risk, segment

FEATURES = [torch.randn(2, 3, 16, 12), torch.randn(2, 5, 8, 6), torch.randn(2, 7, 4, 3)]
WIDTHS = (3, 5, 7)


def test_levels_speak_on_their_own_grids() -> None:
    outputs = segment(WIDTHS, 2, 4, levels=(0, 1, 2))(FEATURES, (16, 12))
    assert [one.shape for one in outputs["logits"]] == [(2, 4, 16, 12), (2, 4, 8, 6), (2, 4, 4, 3)]


def test_a_coarse_first_level_is_enlarged_linearly() -> None:
    head = segment(WIDTHS, 2, 2, levels=(1,))
    found = head(FEATURES, (32, 24))["logits"][0]
    scores = head.scores[0](FEATURES[1])  # type: ignore[index, operator]
    assert found.shape == (2, 2, 32, 24)
    torch.testing.assert_close(
        found, torch.nn.functional.interpolate(scores, scale_factor=4, mode="bilinear", align_corners=False)
    )


def test_the_mean_of_levels_is_of_probabilities() -> None:
    levels = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)]
    levels[0][:, 1] = 50.0
    head = segment((2, 2), 2, 2, levels=(0, 1), average=True)
    assert float(head.probabilities({"logits": levels})[0, 1, 2, 2]) == pytest.approx(0.75)
    assert float(segment((2, 2), 2, 2, levels=(0, 1)).probabilities({"logits": levels})[0, 1, 2, 2]) == 1.0


def test_levels_of_a_risk_are_weighted() -> None:
    head = risk(WIDTHS, 2, 9, levels=(0, 1, 2), weights=(1, 2, 7))
    sure = [torch.tensor([[-50.0, 50.0]]), torch.tensor([[50.0, -50.0]]), torch.zeros(1, 2)]
    torch.testing.assert_close(head.probabilities({"risk": sure}), torch.tensor([[0.2 + 0.35, 0.1 + 0.35]]))
    assert [one.shape for one in head(FEATURES, (16, 12))["risk"]] == [(2, 2)] * 3


def test_a_class_of_an_image_does_not_ask_where() -> None:
    head = classify(WIDTHS, 2, 3)
    outputs = head(FEATURES, (16, 12))
    moved = head([one.flip(2).roll(1, 3) for one in FEATURES], (16, 12))
    torch.testing.assert_close(outputs["scores"][0], moved["scores"][0])
    assert head.probabilities(outputs).shape == (2, 3)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0), (2.0, -1.0)])
def test_weights_that_are_no_shares_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        classify(WIDTHS, 2, 2, levels=(0, 1), weights=weights)
    assert refused.value.code == "USE-E-VALUE"
