"""The printed tables of Liu et al. 2022 put together again from the counts behind them, by our code."""

from __future__ import annotations

import pytest

from lymphoscope.evaluate.classification import Calls

EVENTS, OTHERS = 89, 180
MAIN = {  # accuracy, sensitivity, specificity, Youden's index of Table 3
    "ResNet34": (0.769, 0.584, 0.861, 0.445),
    "DenseNet121": (0.773, 0.585, 0.867, 0.452),
    "multi-task U-Net": (0.784, 0.639, 0.855, 0.495),
    "Zhou": (0.792, 0.651, 0.861, 0.512),
    "ours": (0.821, 0.730, 0.866, 0.596),
}
ABLATION = {  # of Table 4, one fold: 17 events, 37 others
    "B": (0.777, 0.588, 0.865, 0.453),
    "C": (0.796, 0.647, 0.865, 0.512),
    "D": (0.796, 0.588, 0.892, 0.480),
    "E": (0.833, 0.706, 0.892, 0.598),
    "ours": (0.833, 0.706, 0.892, 0.598),
}
FOLDS = ((18, 35), (18, 36), (17, 37), (17, 37), (19, 35))


def behind(sensitivity: float, specificity: float, events: int, others: int) -> Calls:
    """The counts that come nearest to printed rates."""
    hit, spared = round(sensitivity * events), round(specificity * others)
    return Calls(hit, events - hit, others - spared, spared)


@pytest.mark.parametrize("model", MAIN)
def test_the_main_study_is_that_of_all_patients_together(model: str) -> None:
    accuracy, sensitivity, specificity, youden = MAIN[model]
    assert (EVENTS * sensitivity + OTHERS * specificity) / (EVENTS + OTHERS) == pytest.approx(accuracy, abs=0.001)
    assert sensitivity + specificity - 1 == pytest.approx(youden, abs=0.0015)
    calls = behind(sensitivity, specificity, EVENTS, OTHERS)
    assert calls.accuracy == pytest.approx(accuracy, abs=0.003), "printed rates are means of folds, not of patients"


@pytest.mark.parametrize("model", ABLATION)
def test_the_ablation_is_that_of_one_fold_to_its_digits(model: str) -> None:
    accuracy, sensitivity, specificity, youden = ABLATION[model]
    calls = behind(sensitivity, specificity, *FOLDS[2])
    assert calls.sensitivity == pytest.approx(sensitivity, abs=0.0005)
    assert calls.specificity == pytest.approx(specificity, abs=0.0005)
    assert calls.youden == pytest.approx(youden, abs=0.001)
    assert calls.accuracy == pytest.approx(accuracy, abs=0.0009), "some are cut off, not rounded"


def test_the_ablation_could_be_of_no_other_fold_than_the_third_or_fourth() -> None:
    fits = [
        number
        for number, (events, others) in enumerate(FOLDS, 1)
        if all(
            behind(sensitivity, specificity, events, others).sensitivity == pytest.approx(sensitivity, abs=0.0005)
            and behind(sensitivity, specificity, events, others).specificity == pytest.approx(specificity, abs=0.0005)
            for _, sensitivity, specificity, _ in ABLATION.values()
        )
    ]
    assert fits == [3, 4]


def test_calls_of_folds_add_up_to_those_of_all() -> None:
    parts = [behind(0.73, 0.866, *fold) for fold in FOLDS]
    whole = sum(parts[1:], parts[0])
    assert (whole.events, whole.others) == (EVENTS, OTHERS)
    assert whole.true_positives == sum(part.true_positives for part in parts)
    assert whole.accuracy == (whole.true_positives + whole.true_negatives) / 269
    assert Calls.of([], []).accuracy is None
    assert Calls(0, 0, 1, 2).youden is None
