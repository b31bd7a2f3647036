from __future__ import annotations

import math

import numpy as np
import pytest
from lifelines import CoxPHFitter
from pandas import DataFrame

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cox import examine, fit, nested_test, remarks, separated
from lymphoscope.prognosis.discrimination import harrell
from lymphoscope.prognosis.outcome import Outcome

from .cohorts import ARM, FREIREICH, simulated


def test_cox_of_freireich_is_that_of_the_specification() -> None:
    model = examine(FREIREICH, {"placebo": ARM})
    found = model.coefficients[0]
    assert found.beta == pytest.approx(1.572125, abs=5e-7)
    assert found.se == pytest.approx(0.412397, abs=5e-7)
    assert found.hazard_ratio == pytest.approx(4.8169, abs=5e-5)
    assert harrell(FREIREICH, model.predictor(ARM[:, None])).value == pytest.approx(0.690042, abs=5e-7)
    assert found.proportional_p > 0.5, "its hazards are proportional, as is known"


def test_cox_finds_a_hazard_ratio_that_was_put_in() -> None:
    outcome, x = simulated(600, 3, math.log(2))
    assert fit(outcome, {"x": x}).coefficients[0].hazard_ratio == pytest.approx(2, rel=0.2)


def test_predicted_risks_are_those_of_lifelines() -> None:
    outcome, x = simulated(80, 1)
    y = np.random.default_rng(2).normal(size=80)
    model, table = fit(outcome, {"x": x, "y": y}), np.stack([x, y], axis=1)
    frame = DataFrame({"x": x, "y": y, "time": outcome.time, "event": outcome.event})
    peer = CoxPHFitter().fit(frame, "time", "event")
    for time in (0.1, 0.5, 1.2):
        there = 1 - peer.predict_survival_function(frame, times=[outcome.time[outcome.time <= time].max()])
        assert model.risk(table, time) == pytest.approx(there.to_numpy()[0], abs=1e-9)
    assert (model.risk(table, 0.0) == 0).all()


def test_nested_models_are_tested_by_their_likelihoods() -> None:
    outcome, x = simulated(200, 5)
    noise = np.random.default_rng(1).normal(size=200)
    small, large = fit(outcome, {"x": x}), fit(outcome, {"x": x, "noise": noise})
    found = nested_test(small, large)
    assert found is not None
    assert found.chi2 == pytest.approx(small.aic - large.aic + 2)
    assert found.p > 0.05
    assert nested_test(large, small) is None


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 1], "lowest"),  # no one with the sign has the event
        ([8, 7, 6, 5, 4, 3, 2, 1], "highest"),  # the larger, the sooner
        ([3, 9, 1, 4, 2, 8, 6, 5], ""),
    ],
)
def test_complete_separation_is_seen_before_the_fit_runs_away(column: list[float], says: str) -> None:
    outcome, x = Outcome.of([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 0, 0, 0, 0]), np.array(column, float)
    assert separated(outcome, x) == says
    if says:
        with pytest.raises(LymphoscopeError, match="sign separates fully: at every event") as refused:
            fit(outcome, {"sign": x})
        assert "more patients" in refused.value.message.fix


def test_a_model_that_cannot_be_is_refused_by_name() -> None:
    outcome, x = simulated(40, 0)
    for values, words in (
        ({"x": x, "flat": np.ones(40)}, "flat is the same for all of 40 patients"),
        ({"x": x, "y": x**2, "both": 3 * x - x**2 + 7}, "both follows from the other variables"),
    ):
        with pytest.raises(LymphoscopeError, match=words):
            fit(outcome, values)
    with pytest.raises(LymphoscopeError, match="there is no event among 40 patients"):
        fit(Outcome(outcome.time, np.zeros(40, bool)), {"x": x})


def test_too_few_events_and_changing_hazards_are_said() -> None:
    outcome, x = simulated(30, 0)
    y = np.random.default_rng(4).normal(size=30)
    few = remarks(examine(outcome, {"x": x, "y": y, "z": x * y}))
    assert few[0].code == "PROG-W-EVENTS"
    assert f"{outcome.events} events for 3 variables" in few[0].what
    crossing = Outcome.of(np.r_[np.linspace(1, 2, 100), np.linspace(0.1, 4, 100)], np.ones(200))
    said = remarks(examine(crossing, {"arm": np.repeat([0.0, 1.0], 100)}))
    assert [message.code for message in said] == ["PROG-W-HAZARDS"]
