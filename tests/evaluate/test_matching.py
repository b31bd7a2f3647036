from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.matching import (
    Detection,
    Overlaps,
    any_overlap,
    hottest_voxel,
    one_to_one,
    panoptic_quality,
)

SHAPE = (40, 40, 40)


def painted(*boxes: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """Cubes of a corner and a side, numbered from 1."""
    labels = np.zeros(SHAPE, np.int32)
    for number, ((z, y, x), side) in enumerate(boxes, start=1):
        labels[z : z + side, y : y + side, x : x + side] = number
    return labels


def line(*runs: tuple[int, int]) -> np.ndarray:
    """Runs along x, numbered from 1."""
    labels = np.zeros((1, 1, 40), np.int32)
    for number, (start, stop) in enumerate(runs, start=1):
        labels[..., start:stop] = number
    return labels


NOTHING = painted()


def test_panoptic_quality_has_the_numbers_of_the_specification() -> None:
    reference = painted(((5, 5, 5), 10), ((30, 30, 30), 3))
    prediction = painted(((5, 5, 8), 10), ((20, 30, 2), 2))
    overlaps = Overlaps.of(prediction, reference)
    match = one_to_one(overlaps, 0.5)
    assert (len(match.pairs), int((~match.true).sum()), int((~match.found).sum())) == (1, 1, 1)
    quality = panoptic_quality(overlaps)
    assert quality.rq == pytest.approx(0.5)
    assert quality.sq == pytest.approx(0.53846, abs=1e-5)
    assert quality.pq == pytest.approx(0.26923, abs=1e-5)
    assert (overlaps.false_positive_voxels, overlaps.false_negative_voxels) == (8, 27)


def test_two_predictions_on_one_lesion_count_once_each_way() -> None:
    split = Overlaps.of(line((10, 15), (16, 20)), line((10, 20), (30, 32)))
    loose = any_overlap(split)
    assert (loose.recall, loose.precision) == (0.5, 1.0)
    assert loose.found.size == 2, "found and missed are all lesions"
    strict = one_to_one(split, 0.1)
    assert strict.pairs == ((0, 0),), "the larger piece"
    assert (strict.recall, strict.precision, strict.f1) == (0.5, 0.5, 0.5)


def test_one_prediction_on_two_lesions_finds_both_or_one() -> None:
    merged = Overlaps.of(line((10, 20)), line((10, 14), (15, 20)))
    assert any_overlap(merged).recall == any_overlap(merged).precision == 1.0
    strict = one_to_one(merged, 0.1)
    assert (strict.recall, strict.precision) == (0.5, 1.0)
    assert strict.pairs == ((0, 1),)


def test_the_assignment_is_the_best_over_all_pairs_not_the_first() -> None:
    # prediction 1 fits lesion 1 (8/12) better than lesion 2 (2/12), prediction 2 fits lesion 1 only (2/10)
    overlaps = Overlaps.of(line((2, 12), (0, 2)), line((0, 10), (10, 14)))
    assert overlaps.iou == pytest.approx(np.array([[8 / 12, 2 / 12], [2 / 10, 0]]))
    assert one_to_one(overlaps, 0.1).pairs == ((0, 0),)
    assert one_to_one(overlaps, 0.7).pairs == ()


@pytest.mark.parametrize(
    ("prediction", "reference", "recall", "precision", "f1"),
    [
        (NOTHING, NOTHING, None, None, None),
        (painted(((0, 0, 0), 2)), NOTHING, None, 0.0, 0.0),
        (NOTHING, painted(((0, 0, 0), 2)), 0.0, None, 0.0),
    ],
)
def test_empty_sides_follow_the_convention(
    prediction: np.ndarray,
    reference: np.ndarray,
    recall: float | None,
    precision: float | None,
    f1: float | None,
) -> None:
    overlaps = Overlaps.of(prediction, reference)
    suv = np.ones(SHAPE)
    found: list[Detection] = [any_overlap(overlaps), one_to_one(overlaps), hottest_voxel(prediction, reference, suv)]
    for detection in found:
        assert (detection.recall, detection.precision, detection.f1) == (recall, precision, f1)
    assert panoptic_quality(overlaps).pq == f1
    assert panoptic_quality(overlaps).sq is None


def test_the_hottest_voxel_decides_and_ties_count() -> None:
    reference, prediction = line((10, 20), (30, 35)), line((10, 12), (31, 34))
    suv = np.ones(reference.shape)
    suv[..., [11, 19]] = 9.0
    suv[..., 30] = 5.0
    found = hottest_voxel(prediction, reference, suv)
    assert found.found.tolist() == [True, False], "one of two equal maxima is predicted; the other lesion's is not"
    assert found.true.tolist() == [True, False]
