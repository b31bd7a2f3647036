from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.calibration import net_benefit
from lymphoscope.prognosis.calibration import brier, calibration, decision_curve, integrated_brier

from .cohorts import simulated


def truth(x: np.ndarray, time: float) -> np.ndarray:
    """The risk that simulated patients have."""
    return 1 - np.exp(-time * np.exp(x))


def test_without_censoring_brier_and_net_benefit_are_those_of_yes_or_no() -> None:
    outcome, x = simulated(90, 4, censored=0)
    risk, event = truth(x, 0.6), outcome.time <= 0.6
    assert brier(outcome, risk, 0.6) == pytest.approx(np.mean(np.square(risk - event)))
    at = np.array([0.1, 0.4, 0.8])
    curve = decision_curve(outcome, risk, 0.6, at)
    assert curve.model == pytest.approx(net_benefit(risk, event, at))
    assert curve.everyone == pytest.approx(net_benefit(np.ones(90), event, at))


def test_true_risks_are_found_calibrated_and_exaggerated_ones_not() -> None:
    outcome, x = simulated(1500, 1)
    found = calibration(outcome, truth(x, 0.5), x, 0.5)
    assert found.slope == pytest.approx(1, abs=0.1)
    assert found.observed_to_expected == pytest.approx(1, abs=0.05)
    assert [group.n for group in found.groups] == [300] * 5
    assert all(group.low - 0.02 <= group.predicted <= group.high + 0.02 for group in found.groups)
    assert calibration(outcome, truth(2 * x, 0.5), 2 * x, 0.5).slope == pytest.approx(found.slope / 2)


def test_the_truth_has_the_lowest_brier_score_whoever_was_lost() -> None:
    outcome, x = simulated(1500, 2, censored=0.5)
    times = np.array([0.2, 0.5, 0.9])
    at = lambda scale: np.stack([truth(scale * x, time) for time in times], axis=1)  # noqa: E731
    best = integrated_brier(outcome, at(1.0), times)
    assert best < min(integrated_brier(outcome, at(scale), times) for scale in (0.3, 3.0))
    whole, y = simulated(1500, 2, censored=0)
    assert best == pytest.approx(
        integrated_brier(whole, np.stack([truth(y, t) for t in times], axis=1), times), abs=0.01
    )


def test_patients_make_no_more_groups_than_ten_each() -> None:
    outcome, x = simulated(25, 0)
    assert [group.n for group in calibration(outcome, truth(x, 0.5), x, 0.5).groups] == [13, 12]
