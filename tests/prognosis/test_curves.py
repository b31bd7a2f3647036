from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.prognosis.curves import (
    Censoring,
    by_group,
    follow_up,
    kaplan_meier,
    log_rank,
    restricted_mean,
    survival_at,
)
from lymphoscope.prognosis.outcome import Outcome

from .cohorts import ARM, FREIREICH, MERCAPTOPURINE, simulated


def test_kaplan_meier_of_the_6_mp_arm_is_that_of_the_specification() -> None:
    curve = kaplan_meier(MERCAPTOPURINE)
    assert curve.at(10) == pytest.approx((0.7529, 0.5032, 0.8894), abs=5e-5)
    assert curve.at(22)[0] == pytest.approx(0.5378, abs=5e-5)
    assert curve.at(23)[0] == pytest.approx(0.4482, abs=5e-5)
    assert curve.median == 23
    assert curve.at_risk([0, 6, 7, 10, 36]) == [21, 21, 17, 15, 0], "just before the time, as printed under curves"


def test_the_quick_estimate_is_that_of_the_curve() -> None:
    outcome, _ = simulated(70, 3)
    tied = Outcome(np.ceil(outcome.time * 5), outcome.event)
    for one in (outcome, tied, MERCAPTOPURINE):
        times = [0.0, 0.1, 0.5, 1.0, 3.0, 10.0, 99.0]
        curve = kaplan_meier(one)
        assert survival_at(one, times) == pytest.approx([curve.at(time)[0] for time in times])


def test_log_rank_of_freireich_is_that_of_the_specification() -> None:
    found = log_rank(FREIREICH, ARM.tolist())
    assert found.chi2 == pytest.approx(16.7929, abs=5e-5)
    assert found.p == pytest.approx(4.17e-5, abs=5e-8)
    assert found.freedom == 1


def test_log_rank_tells_apart_what_differs_and_nothing_else() -> None:
    twice = Outcome(np.tile(MERCAPTOPURINE.time, 2), np.tile(MERCAPTOPURINE.event, 2))
    assert log_rank(twice, ARM.tolist()).p == pytest.approx(1)
    apart = Outcome.of(np.concatenate([np.arange(1, 31), np.arange(101, 131)]), np.ones(60))
    assert log_rank(apart, ["short"] * 30 + ["long"] * 30).p < 1e-11
    assert log_rank(twice, ["all"] * 42).p == 1


def test_without_censoring_the_curve_is_the_share_still_without_event() -> None:
    times = np.random.default_rng(0).integers(1, 30, 50)
    curve = kaplan_meier(Outcome.of(times, np.ones(50)))
    for at in (0.5, 3, 10, 29, 40):
        assert curve.at(at)[0] == pytest.approx(np.mean(times > at))
    assert restricted_mean(curve, 100) == pytest.approx(times.mean()), "the area under the whole curve is the mean"


def test_a_curve_that_does_not_fall_to_half_has_no_median() -> None:
    outcome = Outcome.of([1, 2, 3, 4, 5], [1, 0, 0, 0, 0])
    assert kaplan_meier(outcome).median is None
    assert follow_up(outcome) == 3, "of four who are lost one by one, half are still seen at 3"


def test_groups_come_in_the_order_of_numbers() -> None:
    outcome, _ = simulated(12, 0)
    assert list(by_group(outcome, ["10", "2", "1", "low"] * 3)) == ["1", "2", "10", "low"]


def test_weights_of_censoring_take_events_before_those_lost_at_the_same_time() -> None:
    kept = Censoring.of(Outcome.of([1, 2, 2, 3], [0, 1, 0, 1]))
    assert kept.before([1, 2, 3]) == pytest.approx([1, 0.75, 0.375])
    assert kept.at([0.5, 1, 2, 9]) == pytest.approx([1, 0.75, 0.375, 0.375])
