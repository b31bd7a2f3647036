"""Risks of unseen patients: cut-offs come from training patients, and from nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.classification import Calls, auc
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.prognosis.cutoff import CutOff
from lymphoscope.prognosis.folds import stratified
from lymphoscope.prognosis.foretold import Foretold, by_youden, compared, judged, separated, within_folds
from lymphoscope.prognosis.outcome import Floats, Outcome

QUICK = Resampling(replicates=50)


def cohort(n: int = 40, worth: float = 1.5, seed: int = 0) -> tuple[Floats, Foretold]:
    """Patients whose risk is worth something; every network says the same but for its own scale."""
    rng = np.random.default_rng(seed)
    event = (rng.random(n) < 0.4).astype(float)
    fold = stratified(event.tolist())
    logit = worth * event + rng.standard_normal(n)
    risks = np.stack([1 / (1 + np.exp(-(logit + shift))) for shift in np.linspace(-2, 2, 5)])
    unseen = risks[fold, np.arange(n)]
    trained = np.where(fold[None, :] == np.arange(5)[:, None], np.nan, risks)
    return event, Foretold("net", fold, unseen, trained)


def test_a_label_shuffle_is_worth_nothing_and_would_be_if_the_cut_off_saw_the_patients() -> None:
    rng, areas, honest, leaking = np.random.default_rng(1), [], [], []
    values = rng.random(40)
    labels = np.repeat([1.0, 0.0], [16, 24])
    for _ in range(300):
        event = rng.permutation(labels)
        told = Foretold.of_quantity("x", stratified(event.tolist(), seed=int(rng.integers(2**31))), values)
        area = auc(event, told.unseen)
        assert area is not None
        areas.append(area.value)
        honest.append(Calls.of(event, told.called(told.cut_offs(event, by_youden))).youden)
        leaking.append(Calls.of(event, told.called([by_youden(event > 0, values)] * 5)).youden)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)
    assert np.mean(honest) == pytest.approx(0.0, abs=0.03)
    assert np.mean(leaking) > 0.15, "what this test would find"


def test_the_cut_off_of_a_fold_does_not_change_with_the_outcome_or_risk_of_its_patients() -> None:
    event, told = cohort()
    before = told.cut_offs(event, by_youden)
    for number in range(5):
        inside = told.fold == number
        other = np.where(inside, 1 - event, event)
        moved = Foretold("net", told.fold, np.where(inside, 0.0, told.unseen), told.trained)
        assert moved.cut_offs(other, by_youden)[number] == before[number]
        poisoned = np.array(told.trained)
        poisoned[number, inside] = 1.0  # a network's word of patients of its own fold is not heard
        assert Foretold("net", told.fold, told.unseen, poisoned).cut_offs(other, by_youden)[number] == before[number]


def test_networks_on_different_scales_are_judged_within_their_folds() -> None:
    event, told = cohort(200)
    record = judged(event, told, QUICK)
    assert record["auc_within_folds"] > record["auc"]["value"] + 0.03
    assert within_folds(event, Foretold("x", told.fold, event, told.trained)) == 1.0
    assert within_folds(np.zeros(200), told) is None
    calls = record["calls"]["youden"]
    assert calls["youden"] > record["calls"]["half"]["youden"], "one half means something else in every fold"
    assert calls["youden_interval"][0] < calls["youden"] < calls["youden_interval"][1]
    assert sum(yes + no for yes, no in record["folds"]) == 200
    assert Foretold("x", told.fold, told.unseen, told.trained).called([None] * 5).sum() == 0


def test_patients_without_an_outcome_are_left_out_of_calls_and_kept_in_the_curves() -> None:
    event, told = cohort(60)
    hidden = np.where(np.arange(60) % 6 == 0, np.nan, event)
    record = judged(hidden, told, QUICK)
    assert (record["patients"], record["events"]) == (50, int(np.nansum(hidden)))
    time = np.where(event > 0, 100.0, 900.0) + np.arange(60)
    followed = np.arange(60) != 3
    groups = separated(Outcome.of(time[followed], event[followed]), followed, hidden, told)["youden"]
    assert sum(curve["n"] for curve in groups["curves"].values()) == 59
    assert groups["log_rank"]["p"] < 0.01
    assert separated(Outcome.of(time, event), np.ones(60, bool), event, Foretold.of_quantity("q", told.fold, event))[
        "youden"
    ]["log_rank"]["p"] < 1e-6  # fmt: skip


def test_a_network_is_compared_with_quantities_on_the_same_patients() -> None:
    event, told = cohort(80)
    better = Foretold.of_quantity("oracle", told.fold, event + 0.1 * told.unseen)
    same = Foretold.of_quantity("the same", told.fold, told.unseen)
    found = compared(event, told, [better, same], QUICK)
    assert [one["second"] for one in found] == ["oracle", "the same"]
    assert found[0]["delong"]["first"] < found[0]["delong"]["second"] == 1.0
    assert (found[1]["delong"]["p"], found[0]["delong"]["p_holm"]) == (1.0, 2 * found[0]["delong"]["p"])
    assert found[0]["youden_difference"]["high"] < 0
    assert better.cut_offs(event, by_youden)[0] == CutOff(pytest.approx(1.0, abs=0.11))
