"""Discrimination and calibration with censoring against scikit-survival (GPL: asked, never used). Skips without it."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.prognosis.calibration import brier, integrated_brier
from lymphoscope.prognosis.discrimination import auc_at, harrell, uno
from lymphoscope.prognosis.outcome import Outcome

metrics = pytest.importorskip("sksurv.metrics", reason="scikit-survival is not installed")


@pytest.mark.parametrize("seed", range(4))
def test_concordance_auc_and_brier_score_are_those_of_scikit_survival(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=120)
    time, lost = rng.exponential(10 * np.exp(-0.8 * x)), rng.exponential(12, 120)
    outcome, at = Outcome.of(np.minimum(time, lost), time <= lost), np.array([2.0, 5.0, 8.0])
    theirs = np.array(list(zip(outcome.event, outcome.time, strict=True)), dtype=[("event", bool), ("time", float)])
    survival = np.exp(-np.outer(np.exp(0.8 * x), at / 10))
    risk = 1 - survival
    assert harrell(outcome, x).value == pytest.approx(
        metrics.concordance_index_censored(outcome.event, outcome.time, x)[0]
    )
    assert uno(outcome, x, 8.0).value == pytest.approx(metrics.concordance_index_ipcw(theirs, theirs, x, tau=8.0)[0])
    areas = [auc_at(outcome, x, time).value for time in at]
    assert areas == pytest.approx(metrics.cumulative_dynamic_auc(theirs, theirs, x, at)[0])
    scores = [brier(outcome, risk[:, column], time) for column, time in enumerate(at)]
    assert scores == pytest.approx(metrics.brier_score(theirs, theirs, survival, at)[1])
    assert integrated_brier(outcome, risk, at) == pytest.approx(
        metrics.integrated_brier_score(theirs, theirs, survival, at)
    )
