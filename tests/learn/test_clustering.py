"""Weighted box clustering."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.learn.clustering import Votes, clustered, surest

BOX = np.array([[10.0, 10, 10], [30, 30, 30]])


def votes(count: int, expected: float, weight: float = 1.0) -> Votes:
    return Votes(np.arange(count), np.full(count, expected), np.full(count, weight))


def test_duplicates_come_to_the_box_itself() -> None:
    boxes, scores = clustered(np.stack([BOX] * 4), np.full(4, 0.7), votes(4, 4), 0.5)
    np.testing.assert_allclose(boxes, [BOX])
    np.testing.assert_allclose(scores, [0.7])


@pytest.mark.parametrize(("expected", "score"), [(1, 0.8), (2, 0.4), (4, 0.2)])
def test_missing_votes_lower_the_score(expected: int, score: float) -> None:
    _, scores = clustered(BOX[None], np.array([0.8]), votes(1, expected), 0.5)
    np.testing.assert_allclose(scores, [score])


def test_one_voter_that_speaks_twice_counts_once() -> None:
    twice = Votes(np.array([0, 0]), np.full(2, 2.0), np.ones(2))
    _, scores = clustered(np.stack([BOX, BOX]), np.array([0.9, 0.9]), twice, 0.5)
    np.testing.assert_allclose(scores, [0.6])  # three words of equal weight, one of them silence


def test_corners_and_scores_are_weighted_as_the_formula_says() -> None:
    other = BOX + np.array([2.0, 0, 0])
    boxes, scores = clustered(np.stack([BOX, other]), np.array([0.9, 0.6]), votes(2, 2), 0.5)
    overlap = 18 / 22  # of the second box with the surest
    first, second = 1.0 * 0.9, overlap * 0.6
    np.testing.assert_allclose(boxes[0, :, 0], (first * BOX[:, 0] + second * other[:, 0]) / (first + second))
    np.testing.assert_allclose(scores, [(0.9 + overlap * 0.6) / (1 + overlap)])


def test_the_order_does_not_matter_and_boxes_apart_stay_apart() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([BOX + rng.normal(0, 1, (5, 2, 3)), BOX + 100 + rng.normal(0, 1, (5, 2, 3))])
    scores, order = rng.uniform(0.2, 1, 10), rng.permutation(10)
    one = clustered(boxes, scores, votes(10, 5), 0.1)
    who = Votes(order, np.full(10, 5.0), np.ones(10))
    two = clustered(boxes[order], scores[order], who, 0.1)
    assert len(one[0]) == 2
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b)


def test_of_boxes_that_overlap_the_surest_speaks() -> None:
    boxes = np.stack([BOX, BOX + 2.0, BOX + 100.0, BOX + 9.0])  # the last overlaps the second but hardly the first
    assert surest(boxes, 0.1).tolist() == [0, 2, 3]
    assert surest(boxes[::-1], 0.1).tolist() == [0, 1, 3]
    assert surest(boxes[:0], 0.1).tolist() == []


def test_nothing_comes_to_nothing() -> None:
    boxes, scores = clustered(np.zeros((0, 2, 3)), np.zeros(0), votes(0, 1), 0.5)
    assert boxes.shape == (0, 2, 3) and scores.shape == (0,)
