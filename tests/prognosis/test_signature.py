from __future__ import annotations

import numpy as np
import pytest
from lifelines import CoxPHFitter
from pandas import DataFrame

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cox import fit, remarks
from lymphoscope.prognosis.discrimination import harrell
from lymphoscope.prognosis.folds import stratified
from lymphoscope.prognosis.outcome import Outcome
from lymphoscope.prognosis.signature import lasso, partial_likelihood, signature, thinned
from lymphoscope.prognosis.validation import out_of_fold

from .cohorts import simulated


def many(n: int, seed: int, others: int = 15) -> tuple[Outcome, dict[str, np.ndarray]]:
    """A variable that matters, its copy with a little noise, and others that do not."""
    outcome, x = simulated(n, seed)
    rng = np.random.default_rng(700 + seed)
    noise = {f"noise{k}": rng.normal(size=n) * 10**k % 7 for k in range(others)}
    return outcome, {"x": 50 + 20 * x, "copy": x + 0.05 * rng.normal(size=n), **noise}


def test_the_lasso_is_that_of_lifelines_and_zero_from_the_steepest_slope_on() -> None:
    outcome, values = many(80, 0, 6)
    scaled = np.stack([(c - c.mean()) / c.std() for name, c in values.items() if name != "copy"], axis=1)
    frame = DataFrame(scaled).add_prefix("v").assign(time=outcome.time, event=outcome.event)
    peer = CoxPHFitter(penalizer=0.1, l1_ratio=1.0).fit(frame, "time", "event")
    found = lasso(outcome, scaled, 0.1)
    assert found == pytest.approx(peer.params_.to_numpy(), abs=0.003), "that of lifelines smooths the corner"
    assert not lasso(outcome, scaled, 5.0).any()
    free = fit(outcome, {f"v{k}": scaled[:, k] for k in range(scaled.shape[1])})
    assert lasso(outcome, scaled, 0.0) == pytest.approx(free.beta, abs=1e-3)


def test_the_partial_likelihood_is_that_of_cox() -> None:
    outcome, x = simulated(60, 1)
    model = fit(outcome, {"x": x})
    assert partial_likelihood(outcome, model.predictor(x[:, None])) == pytest.approx(model.likelihood)
    assert partial_likelihood(outcome, np.zeros(60)) == pytest.approx(model.null_likelihood)


def test_of_like_variables_one_is_kept_whatever_their_scale() -> None:
    x = np.random.default_rng(0).normal(size=50)
    assert thinned({"x": x, "cubed": np.exp(x), "flat": np.ones(50), "turned": -x, "y": x % 1}) == ["x", "y"]


def test_a_signature_finds_what_matters_and_predicts_unseen_patients_by_it() -> None:
    outcome, values = many(120, 2)
    model = signature(outcome, values)
    chosen = {c.name: c.beta for c in model.coefficients if c.beta}
    assert "x" in chosen and "copy" not in chosen
    assert max(chosen, key=lambda name: abs(chosen[name]) * values[name].std()) == "x"
    table = np.stack(list(values.values()), axis=1)
    assert model.risk(table, 0.5).mean() == pytest.approx(1 - np.exp(-0.5), abs=0.2)
    unseen = out_of_fold(outcome, values, stratified(outcome.event.tolist(), 4), 0.5, signature)
    assert harrell(outcome, unseen.score).value > 0.65


def test_a_signature_of_nothing_is_worth_nothing_on_unseen_patients() -> None:
    """Choice among 15 variables inside the folds leaks nothing: concordance near .5 over eight cohorts of noise."""
    found = []
    for seed in range(8):
        outcome, values = many(50, seed)
        noise = {name: column for name, column in values.items() if name.startswith("noise")}
        unseen = out_of_fold(outcome, noise, stratified(outcome.event.tolist(), 3), 0.5, signature)
        found.append(harrell(outcome, unseen.score).value)
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_an_empty_signature_says_so_and_too_few_events_are_refused() -> None:
    outcome, values = many(40, 3)
    empty = signature(outcome, {"noise": np.random.default_rng(1).permutation(values["x"])})
    assert not empty.beta.any()
    assert [message.code for message in remarks(empty)] == ["PROG-W-EMPTY"]
    few = Outcome(outcome.time, outcome.event & (np.cumsum(outcome.event) <= 4))
    with pytest.raises(LymphoscopeError, match="4 events are too few"):
        signature(few, values)
