from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.prognosis.analysis import MOST_PATIENTS, Question, analyse
from lymphoscope.prognosis.cohort import Cohort
from lymphoscope.prognosis.models import Model, pairs_of
from lymphoscope.prognosis.outcome import Outcome

from .cohorts import simulated


def cohort_of(outcome: Outcome, **values: np.ndarray) -> Cohort:
    rows = tuple(range(2, len(outcome) + 2))
    return Cohort(rows, tuple(map(str, rows)), outcome, values)


def test_too_many_patients_and_none_with_the_event_are_refused() -> None:
    many = Outcome(np.ones(MOST_PATIENTS + 1), np.ones(MOST_PATIENTS + 1, bool))
    with pytest.raises(LymphoscopeError, match="10001 patients are more than the 10000"):
        analyse(cohort_of(many), Question())
    with pytest.raises(LymphoscopeError, match="none of 3 patients has the event"):
        analyse(cohort_of(Outcome(np.ones(3), np.zeros(3, bool))), Question())


def test_without_a_horizon_the_median_time_of_events_is_taken_and_said() -> None:
    outcome, x = simulated(40, 0)
    record = analyse(cohort_of(outcome, x=x), Question(how=Resampling(100))).record
    assert record["horizon"] == np.median(outcome.time[outcome.event])
    assert not record["horizon_given"]
    assert record["models"] == [] and len(record["variables"]) == 1


def test_a_better_model_is_found_better_on_the_same_unseen_patients() -> None:
    outcome, x = simulated(80, 5, 1.2)
    noise = np.random.default_rng(3).normal(size=80)
    models = (Model("noise", ("noise",)), Model("x", ("x",)))
    record = analyse(cohort_of(outcome, x=x, noise=noise), Question(models, horizon=0.5, how=Resampling(200))).record
    (pair,) = record["comparisons"]
    assert (pair["first"], pair["second"], pair["patients"]) == ("noise", "x", 80)
    assert pair["harrell_difference"]["high"] < 0, "its whole interval"
    assert pair["delong"]["p_holm"] == pair["delong"]["p"] < 0.05
    assert pair["likelihood_ratio"] is None, "neither holds the other"
    unseen = record["models"][1]["unseen"]
    assert unseen["integrated_brier"] < unseen["integrated_brier_without_model"]
    assert unseen["groups_at_training_median"]["log_rank"]["p"] < 0.05
    assert (
        sum(unseen["endpoint"]["calls"][k] for k in ("true_positives", "false_negatives"))
        == record["endpoint"]["events"]
    )


def test_of_many_models_each_is_compared_with_the_main_one() -> None:
    assert [len(pairs_of([object()] * count)) for count in (2, 6, 7, 12)] == [1, 15, 6, 11]  # type: ignore[list-item]
