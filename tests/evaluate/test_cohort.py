from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.evaluate.case import CaseResult, Pair, evaluate_case
from lymphoscope.evaluate.cohort import Cohort, summarise
from lymphoscope.evaluate.statistics import Resampling

GRID = Geometry.axial((12, 20, 20), (5.0, 5.0, 5.0))
FEW = Resampling(200)


def case(name: str, predicted: list[tuple[int, int]], referred: list[tuple[int, int]], p: float = 0.9) -> CaseResult:
    """Cubes by their place along x and their side; each predicted one has its own probability, falling from `p`."""
    masks, probability = [], np.zeros(GRID.shape, np.float32)
    for cubes in (predicted, referred):
        labels = np.zeros(GRID.shape, np.int32)
        for x, side in cubes:
            labels[2 : 2 + side, 2 : 2 + side, x : x + side] = 1
        masks.append(LesionMask(labels, GRID, "test"))
    for n, (x, side) in enumerate(predicted):
        probability[2 : 2 + side, 2 : 2 + side, x : x + side] = p - 0.2 * n
    return evaluate_case(Pair(name, *masks, Volume(probability, GRID, Unit.PROBABILITY)))


RESULTS = (
    case("perfect", [(2, 4)], [(2, 4)]),
    case("half", [(2, 4)], [(2, 4), (10, 2)], 0.8),
    case("false", [(2, 2)], [], 0.7),
    case("missed", [], [(2, 4)]),
    case("nothing", [], []),
)
SUMMARY = summarise(Cohort(RESULTS, ["a", "b", "c", "d", "d"], FEW))


def test_kinds_and_patients_are_counted() -> None:
    assert SUMMARY["kinds"] == {"both": 2, "missed": 1, "false alarm": 1, "none": 1}
    assert (SUMMARY["cases"], SUMMARY["patients"]) == (5, 4)


def test_means_are_over_defined_cases_and_the_second_line_over_all() -> None:
    dice = SUMMARY["metrics"]["dice"]
    half = 2 * 64 / (64 + 72)
    assert (dice["n"], dice["missing"]) == (3, 2)
    assert dice["mean"]["value"] == pytest.approx((1 + half + 0) / 3)
    assert dice["mean"]["low"] <= dice["mean"]["value"] <= dice["mean"]["high"]
    assert SUMMARY["metrics"]["dice_empty_one"]["mean"]["value"] == pytest.approx((1 + half + 0 + 0 + 1) / 5)
    assert (dice["least"], dice["median"], dice["greatest"]) == (0.0, pytest.approx(half), 1.0)


def test_pooled_numbers_are_from_sums() -> None:
    assert SUMMARY["pooled"]["dice"] == pytest.approx(2 * 128 / (64 + 64 + 8 + 64 + 72 + 64))
    assert SUMMARY["pooled"]["precision"] == pytest.approx(128 / 136)


def test_lesions_are_pooled_and_split_by_size() -> None:
    c1 = SUMMARY["lesions"]["c1"]
    assert (c1["found"], c1["lesions_ref"], c1["true"], c1["lesions_pred"]) == (2, 4, 2, 3)
    assert (c1["recall"]["value"], c1["precision"]["value"]) == (0.5, pytest.approx(2 / 3))
    by_volume = {row["stratum"]: (row["lesions"], row["c1"]["found"]) for row in SUMMARY["strata"]["volume"]}
    assert by_volume["1–3 mL"] == (1, 0), "2³ voxels of 0.125 mL"
    assert by_volume["3–10 mL"] == (3, 2)
    assert sum(row["lesions"] for row in SUMMARY["strata"]["short_axis"]) == 4


def test_ranked_lesions_give_froc_and_average_precision() -> None:
    found = SUMMARY["froc"]["by_rule"]["iou_50"]
    assert found["ap"]["value"] == pytest.approx(0.5), "two of four lesions before the false one"
    assert found["sensitivity"]["luna7"]["0.125"] == 0.5
    assert SUMMARY["froc"]["map"] == pytest.approx(0.5)
    assert set(SUMMARY["froc"]["by_rule"]) == {"iou_10", "iou_25", "iou_50", "any_overlap", "centre_in_box"}


def test_a_case_with_anything_is_called_positive() -> None:
    found = SUMMARY["case_detection"]
    assert found["counts"] == {"tp": 2, "fp": 1, "fn": 1, "tn": 1}
    assert (found["sensitivity"]["value"], found["specificity"]["value"]) == (pytest.approx(2 / 3), 0.5)
    assert found["net_benefit"]["0.5"] == pytest.approx((2 - 1) / 5), "two true, one false, of five"
    assert found["auc"]["value"] == pytest.approx((2 * 2 + 0.5) / 6), "0.9, 0.8, 0 against 0.7, 0"


def test_volumes_agree_as_far_as_they_do() -> None:
    found = SUMMARY["volume_agreement"]
    assert found["within_10"] == 1.0, "all within 10 mL"
    assert found["bland_altman"]["absolute"]["bias"] == pytest.approx((0 - 1 + 1 - 8 + 0) / 5)
    assert found["bland_altman"]["log"]["n"] == 2
    assert SUMMARY["tlg_agreement"] is None


def test_a_lone_case_has_numbers_without_intervals() -> None:
    alone = summarise(Cohort(RESULTS[:1], ["a"], FEW))
    assert alone["metrics"]["dice"]["mean"]["value"] == 1.0
    assert alone["metrics"]["dice"]["mean"]["low"] is None
    assert alone["volume_agreement"]["bland_altman"]["absolute"] is None
