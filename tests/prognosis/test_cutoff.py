from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.prognosis.curves import log_rank
from lymphoscope.prognosis.cutoff import log_rank_scores, maximally_selected, youden, youden_with_interval
from lymphoscope.prognosis.outcome import Outcome

from .cohorts import FREIREICH, simulated


def test_of_equal_cut_offs_the_more_specific_is_taken() -> None:
    event, values = [0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6]
    chosen = youden(event, values)
    assert chosen is not None
    assert chosen.at == 5, "3 and 5 have Youden's index 2/3 both"
    assert chosen.at_risk(values).tolist() == [False] * 4 + [True] * 2


def test_a_quantity_of_which_little_is_bad_is_cut_from_below() -> None:
    event, values = [1, 1, 0, 1, 0, 0], [1, 2, 3, 4, 5, 6]
    chosen = youden(event, values, high_is_worse=False)
    assert chosen is not None
    assert chosen.at_risk(values).tolist() == [True] * 2 + [False] * 4
    assert youden(event, values, high_is_worse=True) is None or youden([1, 1, 0, 0], [1, 2, 3, 4]) is None


def test_the_interval_of_a_cut_off_is_of_its_place_and_repeats_with_the_seed() -> None:
    outcome, x = simulated(150, 2)
    event = outcome.by(0.5)
    how = Resampling(300, seed=5)
    found = youden_with_interval(event.event[event.known], x[event.known], how=how)
    assert found is not None
    assert found.interval.low < found.cutoff.at == found.interval.value < found.interval.high
    assert found.interval.method == "percentile"
    assert found == youden_with_interval(event.event[event.known], x[event.known], how=how)
    assert found.calls.youden > 0


def test_log_rank_scores_add_up_to_observed_minus_expected() -> None:
    scores = log_rank_scores(FREIREICH)
    assert scores.sum() == pytest.approx(0, abs=1e-12)
    # placebo: 21 observed, 10.75 expected, as printed in every textbook
    assert scores[21:].sum() == pytest.approx(21 - 10.7495, abs=1e-3)


def test_the_limit_is_found_that_separates_most_and_its_p_pays_for_the_search() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=120)
    outcome = Outcome.of(rng.exponential(np.where(x > 0.5, 0.4, 2.0)) + 1e-9, np.ones(120))
    found = maximally_selected(outcome, x, 999)
    assert found is not None
    assert found.cutoff.at == pytest.approx(0.5, abs=0.2)
    assert found.p == 0.001, "the smallest that 999 permutations can give"
    assert found.p > found.p_naive
    share = found.cutoff.at_risk(x).mean()
    assert 0.1 <= share <= 0.9
    assert found.chi2 == log_rank(outcome, found.cutoff.at_risk(x).tolist()).chi2
    turned = maximally_selected(outcome, -x, 99)
    assert turned is not None
    assert not turned.cutoff.high_is_worse


def test_the_corrected_p_keeps_its_word_where_nothing_is_to_be_found() -> None:
    """Under no effect p is below 0.05 in about 5 % of cohorts; the naive p is so far more often."""
    p, naive = [], []
    for seed in range(60):
        outcome, _ = simulated(40, seed, 0.0)
        found = maximally_selected(outcome, np.random.default_rng(1000 + seed).normal(size=40), 199, seed)
        assert found is not None
        p.append(found.p)
        naive.append(found.p_naive)
    assert np.mean(np.array(p) < 0.05) < 0.12
    assert np.mean(np.array(naive) < 0.05) > 0.2
    assert 0.35 < np.mean(p) < 0.65


def test_where_no_limit_leaves_enough_on_both_sides_there_is_none() -> None:
    outcome, _ = simulated(40, 0)
    assert maximally_selected(outcome, np.r_[np.zeros(38), 1, 1], 99) is None
