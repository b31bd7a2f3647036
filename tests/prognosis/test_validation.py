from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.classification import Calls, auc
from lymphoscope.prognosis.cox import fit
from lymphoscope.prognosis.cutoff import select_by_log_rank, youden
from lymphoscope.prognosis.discrimination import harrell
from lymphoscope.prognosis.folds import stratified
from lymphoscope.prognosis.outcome import Outcome
from lymphoscope.prognosis.validation import at_median, by_youden, out_of_fold

from .cohorts import simulated

HORIZON = 0.5


def shuffled(seed: int, n: int = 60) -> tuple[Outcome, dict[str, np.ndarray]]:
    """Patients whose outcomes were dealt out anew, so that nothing predicts anything."""
    outcome, x = simulated(n, seed)
    rows = np.random.default_rng(500 + seed).permutation(n)
    return outcome.take(rows), {"x": x, "y": np.random.default_rng(9000 + seed).normal(size=n)}


def test_after_a_label_shuffle_unseen_patients_are_ranked_as_by_a_coin() -> None:
    """AUC and concordance near .5, and Youden's index of cut-offs chosen in folds near 0, over 18 shuffles."""
    areas, concordances, indices, apparent = [], [], [], []
    for seed in range(18):
        outcome, values = shuffled(seed)
        unseen = out_of_fold(outcome, values, stratified(outcome.event.tolist(), 5, seed), HORIZON)
        endpoint = outcome.by(HORIZON)
        event, score = endpoint.event[endpoint.known], unseen.score[endpoint.known]
        area = auc(event, score)
        assert area is not None
        areas.append(area.value)
        concordances.append(harrell(outcome, unseen.score).value)
        called = unseen.groups(outcome, by_youden(HORIZON))[endpoint.known]
        indices.append(Calls.of(event, called).youden)
        # a leak: fitted to and cut by the very patients that are judged
        known = fit(outcome, values).predictor(np.stack(list(values.values()), axis=1))[endpoint.known]
        chosen = youden(event, known)
        apparent.append(Calls.of(event, chosen.at_risk(known)).youden if chosen else 0.0)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.04)
    assert np.mean(concordances) == pytest.approx(0.5, abs=0.04)
    assert np.mean(indices) == pytest.approx(0, abs=0.07)
    assert np.mean(apparent) > 0.2, "what the test would see if anything leaked"


@pytest.mark.parametrize("choose", [at_median, by_youden(HORIZON), select_by_log_rank])
def test_what_becomes_of_a_fold_is_not_looked_at_for_its_own_predictions(choose) -> None:
    """Times and events of one fold are replaced: no prediction and no group of that fold may change."""
    outcome, x = simulated(80, 1)
    fold = stratified(outcome.event.tolist(), 4)
    before = out_of_fold(outcome, {"x": x}, fold, HORIZON)
    for number in range(4):
        inside = fold == number
        other = Outcome(np.where(inside, 9.0, outcome.time), outcome.event & ~inside)
        after = out_of_fold(other, {"x": x}, fold, HORIZON)
        assert (after.risk[inside] == before.risk[inside]).all()
        assert (after.score[inside] == before.score[inside]).all()
        groups = [one.groups(whose, choose)[inside] for one, whose in ((before, outcome), (after, other))]
        assert (groups[0] == groups[1]).all()


def test_ranking_by_risk_over_folds_would_call_a_worthless_model_worse_than_chance() -> None:
    """Why patients of all folds are ranked by the score: risks of small folds are biased downwards."""
    found = []
    for seed in range(14):
        outcome, values = shuffled(100 + seed, 40)
        unseen = out_of_fold(outcome, {"x": values["y"]}, stratified(outcome.event.tolist(), 5, seed), HORIZON)
        found.append([harrell(outcome, by).value for by in (unseen.risk_by(HORIZON), unseen.score)])
    by_risk, by_score = np.mean(found, axis=0)
    assert by_risk < 0.47 < by_score


def test_a_model_that_is_worth_something_is_found_so() -> None:
    outcome, x = simulated(150, 2, 1.0)
    unseen = out_of_fold(outcome, {"x": x}, stratified(outcome.event.tolist(), 5), [0.3, HORIZON])
    assert harrell(outcome, unseen.score).value == pytest.approx(harrell(outcome, x).value, abs=0.01)
    assert (unseen.risk[:, 1] > unseen.risk[:, 0]).all()
    assert np.isnan(unseen.trained[0][unseen.fold == 0]).all()
