from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from lifelines.utils import concordance_index

from lymphoscope.evaluate.classification import auc
from lymphoscope.prognosis.curves import Censoring
from lymphoscope.prognosis.discrimination import auc_at, harrell, uno
from lymphoscope.prognosis.outcome import Outcome

from .cohorts import simulated


@pytest.mark.parametrize("seed", range(5))
def test_harrell_is_that_of_lifelines_with_ties_in_times_and_risks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event, risk = rng.integers(1, 12, 60), rng.random(60) < 0.6, rng.integers(0, 6, 60)
    assert harrell(Outcome.of(time, event), risk).value == pytest.approx(concordance_index(time, -risk, event))


def test_uno_counts_pair_by_pair_what_its_formula_says() -> None:
    rng = np.random.default_rng(7)
    outcome = Outcome.of(rng.integers(1, 15, 40), rng.random(40) < 0.6)
    risk, until = rng.integers(0, 8, 40), 11.0
    kept = Censoring.of(outcome).before(outcome.time)
    right = whole = 0.0
    for i, j in permutations(range(40), 2):
        later = outcome.time[i] < outcome.time[j] or (outcome.time[i] == outcome.time[j] and not outcome.event[j])
        if outcome.event[i] and outcome.time[i] < until and later:
            whole += kept[i] ** -2
            right += kept[i] ** -2 * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    assert uno(outcome, risk, until).value == pytest.approx(right / whole, rel=1e-5)


def test_without_censoring_uno_is_harrell_and_the_auc_at_a_time_is_the_auc() -> None:
    outcome, x = simulated(120, 3, censored=0)
    assert not (~outcome.event).any()
    assert uno(outcome, x, np.inf).value == pytest.approx(harrell(outcome, x).value)
    found = auc(outcome.time <= 0.7, x)
    assert found is not None
    assert auc_at(outcome, x, 0.7).value == pytest.approx(found.value)


def test_uno_does_not_move_with_censoring_as_harrell_does() -> None:
    """A variable that matters early only: the shorter the follow-up, the better Harrell's concordance looks."""
    rng = np.random.default_rng(0)
    early = rng.random(3000) < 0.5
    time = np.where(early, rng.exponential(0.3, 3000), 1 + rng.exponential(2, 3000)) + 1e-9
    risk = early + rng.normal(size=3000) * 0.2
    complete = harrell(Outcome.of(np.minimum(time, 3), time <= 3), risk).value
    lost = rng.exponential(1.5, 3000) + 1e-9
    seen = Outcome.of(np.minimum(np.minimum(time, lost), 3), (time <= lost) & (time <= 3))
    off = [abs(found.value - complete) for found in (uno(seen, risk, 3), harrell(seen, risk))]
    assert off[0] < 0.01 < off[1]


@pytest.mark.parametrize("measure", [harrell, uno, lambda outcome, x: auc_at(outcome, x, 0.5)])
def test_a_resampled_cohort_counts_as_if_its_patients_stood_there(measure) -> None:
    outcome, x = simulated(50, 8, censored=0)
    rows = np.random.default_rng(0).integers(0, 50, 50)
    again = (
        measure(outcome.take(rows), x[rows]).value if measure is not uno else uno(outcome.take(rows), x[rows], 9).value
    )
    there = measure(outcome, x) if measure is not uno else uno(outcome, x, 9)
    assert there.of(rows) == pytest.approx(again, rel=1e-5)


def test_no_pair_gives_no_number() -> None:
    assert harrell(Outcome.of([1, 2], [0, 0]), [1, 2]).value is None
