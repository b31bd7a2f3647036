from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.detection import DUPLICATE, FALSE, RATES, Candidates, average_precision, froc, greedy


def case(scores: list[float], hits: list[list[int]], lesions: int) -> Candidates:
    """Candidates and the lesions (columns) each of them hits."""
    flags = np.zeros((len(scores), lesions), bool)
    for row, columns in enumerate(hits):
        flags[row, columns] = True
    return Candidates(np.array(scores, float), flags.astype(float), flags)


def test_the_surest_candidate_gets_the_lesion_and_the_next_is_a_duplicate() -> None:
    assert greedy(case([0.3, 0.9, 0.5], [[0], [0], []], 1)).tolist() == [DUPLICATE, 0, FALSE]


def test_a_perfect_detector_has_one_and_a_sure_miss_costs() -> None:
    assert average_precision([case([0.9, 0.8], [[0], [1]], 2)]) == 1.0
    assert average_precision([case([0.9, 0.8, 0.1], [[0], [1], []], 2)]) == 1.0, "a less sure false one costs nothing"
    # precisions at the two recalls: 1/2 and 2/3, the envelope lifts the first to 2/3
    assert average_precision([case([0.9, 0.8, 0.7], [[], [0], [1]], 2)]) == pytest.approx(2 / 3)


def test_duplicates_cost_average_precision_but_not_froc() -> None:
    cases = [case([0.9, 0.8, 0.7], [[0], [0], [1]], 2)]
    assert average_precision(cases) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    curve = froc(cases)
    assert curve is not None
    assert curve.false_positives.max() == 0.0
    assert curve.at(0.125) == 1.0


def test_froc_pools_cases_and_reads_named_rates() -> None:
    curve = froc([case([0.9, 0.6, 0.5], [[0], [], [1]], 2), case([0.8], [[]], 0)])
    assert curve is not None
    assert curve.false_positives.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert curve.sensitivity.tolist() == [0.5, 0.5, 0.5, 1.0]
    assert [curve.at(rate) for rate in RATES["ln4"]] == [0.5, 1.0, 1.0, 1.0]
    assert curve.mean("ln4") == pytest.approx(3.5 / 4)
    assert curve.mean("luna7") == pytest.approx((3 * 0.5 + 4) / 7)


def test_equal_scores_count_together_whatever_their_order() -> None:
    ones, others = case([0.5, 0.5], [[], [0]], 1), case([0.5, 0.5], [[0], []], 1)
    assert average_precision([ones]) == average_precision([others]) == 0.5
    curve = froc([ones])
    assert curve is not None
    assert curve.thresholds.tolist() == [0.5]


def test_sensitivity_never_falls() -> None:
    rng = np.random.default_rng(0)
    flags = rng.random((50, 6)) < 0.1
    curve = froc([Candidates(rng.random(50).round(1), flags.astype(float), flags)])
    assert curve is not None
    assert (np.diff(curve.sensitivity) >= 0).all()
    assert (np.diff(curve.false_positives) >= 0).all()


def test_nothing_to_find_and_nothing_found() -> None:
    assert froc([case([0.5], [[]], 0)]) is None
    assert average_precision([case([0.5], [[]], 0)]) is None
    assert average_precision([case([], [], 2)]) == 0.0
    curve = froc([case([], [], 2)])
    assert curve is not None
    assert curve.at(8) == 0.0
