from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.calibration import Reliability, net_benefit, recalibration


def test_bins_add_up_and_give_error_and_brier() -> None:
    p, y = np.array([0.05, 0.95, 0.95, 1.0]), np.array([0, 1, 0, 1])
    whole = Reliability.of(p, y)
    assert whole.brier == pytest.approx(np.mean((p - y) ** 2))
    assert whole.curve[0] == (pytest.approx(0.05), 0.0, 1)
    assert whole.curve[1] == (pytest.approx(2.9 / 3), pytest.approx(2 / 3), 3), "1 is in the last bin"
    assert whole.expected_calibration_error == pytest.approx((0.05 + 0.9) / 4)
    parts = Reliability.of(p[:2], y[:2]) + Reliability.of(p[2:], y[2:])
    assert parts.expected_calibration_error == pytest.approx(whole.expected_calibration_error)
    assert parts.brier == pytest.approx(whole.brier)
    assert Reliability.of([], []).brier is None


def test_the_fit_finds_a_slope_and_an_intercept_that_were_put_in() -> None:
    # exact: for each logit, events in the proportion that slope 0.5 and intercept 0.3 ask for
    logits = np.repeat([-2.0, 0.0, 1.0, 3.0], 100_000)
    truth = 1 / (1 + np.exp(-(0.3 + 0.5 * logits)))
    y = np.tile(np.arange(100_000) / 100_000, 4) < truth
    found = recalibration(1 / (1 + np.exp(-logits)), y)
    assert found is not None
    assert (found.slope, found.intercept) == pytest.approx((0.5, 0.3), abs=1e-4)


def test_no_fit_where_there_is_none() -> None:
    assert recalibration([0.2, 0.7], [1, 1]) is None
    assert recalibration([0.2, 0.3, 0.8, 0.9], [0, 0, 1, 1]) is None, "separated"
    assert recalibration([0.5, 0.5], [0, 1]) is None


def test_net_benefit_of_acting_on_all_falls_to_nothing_at_the_prevalence() -> None:
    y = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    benefit = net_benefit(np.ones(8), y, [0.25, 0.1])
    assert benefit == pytest.approx([0.0, 0.25 - 0.75 / 9])
    assert net_benefit(np.zeros(8), y, [0.1]).tolist() == [0.0]
