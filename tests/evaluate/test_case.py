from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.evaluate.case import CaseResult, EvaluationSettings, Pair, evaluate_case
from lymphoscope.evaluate.catalogue import METRICS, reference_page
from lymphoscope.evaluate.detection import average_precision, froc
from lymphoscope.evaluate.size import Strata
from lymphoscope.io.boxes import ScoredBoxes

GRID = Geometry.axial((20, 30, 30), (5.0, 4.0, 4.0), (-60, -60, -50))
ML = 0.08


def mask(*boxes: tuple[tuple[int, int, int], int], labels: bool = False) -> LesionMask:
    array = np.zeros(GRID.shape, np.int32)
    for number, ((z, y, x), side) in enumerate(boxes, start=1):
        array[z : z + side, y : y + side, x : x + side] = number if labels else 1
    return LesionMask(array, GRID, "test")


NODE, FAR, NEAR = ((5, 5, 5), 6), ((15, 20, 20), 2), ((5, 5, 7), 6)


def result(prediction: LesionMask, reference: LesionMask, **words: object) -> CaseResult:
    return evaluate_case(Pair("one", prediction, reference, **words))  # type: ignore[arg-type]


def test_a_case_has_the_numbers_of_its_masks() -> None:
    found = result(mask(NEAR, FAR), mask(NODE))
    n = found.numbers
    both = 6 * 6 * 4
    assert found.counts.tn == GRID.shape[0] * GRID.shape[1] * GRID.shape[2] - 216 - 216 - 8 + both
    assert n["dice"] == pytest.approx(2 * both / (216 + 216 + 8))
    assert (n["volume_ref_ml"], n["volume_pred_ml"]) == (pytest.approx(216 * ML), pytest.approx(224 * ML))
    assert (n["avd_ml"], n["avd_percent"]) == (pytest.approx(8 * ML), pytest.approx(800 / 216))
    assert (n["fpv_ml"], n["fnv_ml"]) == (pytest.approx(8 * ML), 0.0)
    assert (n["lesions_ref"], n["lesions_pred"]) == (1, 2)
    assert (n["c1_recall"], n["c1_precision"], n["c2_f1_25"]) == (1.0, 0.5, pytest.approx(2 / 3))
    assert n["sq"] == pytest.approx(both / (2 * 216 - both))
    assert found.diagonal_mm == pytest.approx(np.linalg.norm([100, 120, 120]))
    assert (found.kind, "c3_f1" in n) == ("both", False)


EMPTY = mask()


@pytest.mark.parametrize(
    ("prediction", "reference", "kind", "expected"),
    [
        (EMPTY, EMPTY, "none", {"dice": None, "dice_empty_one": 1.0, "hd_mm": None, "nsd": None, "fpv_ml": 0.0,
                                "fnv_ml": 0.0, "c1_f1": None, "pq": None}),
        (mask(NODE), EMPTY, "false alarm", {"dice": None, "dice_empty_one": 0.0, "hd_mm": None, "nsd": 0.0,
                                            "fpv_ml": 216 * ML, "fnv_ml": 0.0, "c1_f1": 0.0, "c1_recall": None,
                                            "c1_precision": 0.0, "sensitivity": None, "rvd": None,
                                            "avd_percent": None}),
        (EMPTY, mask(NODE), "missed", {"dice": 0.0, "iou": 0.0, "sensitivity": 0.0, "hd_mm": None, "nsd": 0.0,
                                       "fpv_ml": 0.0, "fnv_ml": 216 * ML, "c1_f1": 0.0, "c1_precision": None,
                                       "avd_percent": 100.0}),
    ],
)  # fmt: skip
def test_empty_masks_follow_the_convention(
    prediction: LesionMask, reference: LesionMask, kind: str, expected: dict[str, float | None]
) -> None:
    found = result(prediction, reference)
    assert found.kind == kind
    assert {name: found.numbers[name] for name in expected} == pytest.approx(expected)


def test_touching_lesions_are_one_component_but_two_segments() -> None:
    boxes = (((5, 5, 5), 3), ((5, 5, 8), 3))
    drawn = mask(*boxes, labels=True)
    assert result(drawn, drawn).numbers["lesions_ref"] == 1
    found = evaluate_case(Pair("one", drawn, drawn), EvaluationSettings(lesion="segment"))
    assert found.numbers["lesions_ref"] == 2
    assert found.numbers["c2_recall_50"] == 1.0


def test_one_label_is_evaluated_alone() -> None:
    drawn = mask(NODE, FAR, labels=True)
    found = evaluate_case(Pair("one", mask(FAR), drawn), EvaluationSettings(label=2))
    assert found.counts.n_ref == 8
    assert found.numbers["dice"] == 0.0, "the prediction's label is 1"


def test_lesions_have_rows_with_size_place_and_partner() -> None:
    suv = np.full(GRID.shape, 1.0, np.float32)
    suv[5, 5, 5] = 9.0
    pet = Volume(suv, GRID, Unit.SUV_BW)
    found = result(mask(NEAR, FAR), mask(NODE), pet=pet)
    prediction, stray, reference = found.lesions
    assert (prediction["side"], stray["side"], reference["side"]) == ("prediction", "prediction", "reference")
    assert reference["volume_ml"] == pytest.approx(17.28)
    assert reference["stratum"] == "10–30 mL"
    assert reference["suvmax"] == 9.0
    assert [reference[f"centroid_{a}_mm"] for a in "lps"] == pytest.approx([-30.0, -30.0, -12.5])
    assert (reference["partner"], prediction["partner"], stray["partner"]) == (1, 1, None)
    assert reference["box_iou"] == reference["box_giou"] == pytest.approx(0.5)
    assert (reference["c1"], reference["c3"], prediction["c3"]) == (1, 0, 0), "the hottest voxel is not predicted"
    assert found.numbers["tlg_ref_g"] == pytest.approx((215 + 9) * ML)
    coarse = evaluate_case(Pair("one", mask(NEAR), mask(NODE)), EvaluationSettings(strata=Strata("v", "mL", (50.0,))))
    assert coarse.lesions[0]["stratum"] == "< 50 mL"


def test_probability_maps_give_scores_and_calibration() -> None:
    p = np.zeros(GRID.shape, np.float32)
    p[mask(NODE).foreground] = 0.8
    p[mask(FAR).foreground] = 0.3
    found = result(mask(NODE, FAR), mask(NODE), probability=Volume(p, GRID, Unit.PROBABILITY))
    assert sorted(found.candidates["iou_50"].scores) == pytest.approx([0.3, 0.8])
    assert found.candidates["centre_in_box"].hits.tolist() == [[True], [False]]
    assert found.numbers["score"] == pytest.approx(0.8)
    voxels = p.size
    assert found.numbers["probability_mae"] == pytest.approx((216 * 0.2 + 8 * 0.3) / voxels)
    assert found.numbers["ece"] == pytest.approx((216 * 0.2 + 8 * 0.3) / 224)


def test_boxes_stand_for_lesions_where_they_are_given() -> None:
    edges = [
        [[5, 5, 5], [11, 11, 11]],
        [[15, 20, 20], [17, 22, 22]],
        [[5, 5, 5], [11, 11, 8]],
        [[-9, -9, -9], [0, 0, 0]],
    ]
    boxes = ScoredBoxes.on(GRID, edges, [0.9, 0.4, 0.7, 0.2])
    found = result(mask(FAR), mask(NODE, ((15, 5, 5), 2)), boxes=boxes).candidates
    assert set(found) == {"iou_10", "iou_25", "iou_50", "any_overlap", "centre_in_box"}
    np.testing.assert_allclose(found["iou_50"].closeness, [[1, 0], [0, 0], [0.5, 0], [0, 0]], atol=1e-9)
    for rule in ("any_overlap", "centre_in_box"):
        assert found[rule].hits.tolist() == [[True, False], [False, False], [True, False], [False, False]]
    curve = froc([found["any_overlap"]])
    assert curve is not None
    assert curve.at(0.5) == 0.5, "the second box of a lesion is no false positive"
    assert average_precision([found["any_overlap"]]) == 0.5


def test_another_grid_is_refused() -> None:
    moved = LesionMask(mask(NODE).labels, Geometry.axial(GRID.shape, GRID.spacing), "test")
    with pytest.raises(LymphoscopeError) as refused:
        result(moved, mask(NODE))
    assert refused.value.code == "GEO-E-MASKGRID"
    assert "prediction" in refused.value.message.what


def test_every_number_is_in_the_catalogue() -> None:
    everything = Volume(np.full(GRID.shape, 0.5, np.float32), GRID, Unit.PROBABILITY)
    pet = Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    found = result(mask(NODE), mask(NODE), probability=everything, pet=pet)
    assert set(found.numbers) == set(METRICS)
    page = reference_page()
    assert all(f"| `{name}` |" in page for name in METRICS)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_numbers_do_not_change_when_both_masks_are_mirrored(axis: int) -> None:
    one, two = mask(NEAR, FAR), mask(NODE)
    flipped = [LesionMask(np.flip(m.labels, axis), GRID, "test") for m in (one, two)]
    assert result(*flipped).numbers == pytest.approx(result(one, two).numbers)
