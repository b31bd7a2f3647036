from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.evaluate.boxes import box_giou, box_iou, centre_in_box, lesion_boxes, voxels_in

UNIT = np.array([[[0, 0, 0], [2, 2, 2]]], float)


def test_boxes_far_apart_have_the_number_of_the_catalogue() -> None:
    assert box_giou(UNIT, UNIT + 4)[0, 0] == pytest.approx(-0.926, abs=5e-4)
    assert box_iou(UNIT, UNIT + 4)[0, 0] == 0.0


def test_equal_boxes_have_one_and_inner_boxes_have_iou() -> None:
    assert box_giou(UNIT, UNIT)[0, 0] == box_iou(UNIT, UNIT)[0, 0] == 1.0
    inner = np.array([[[0, 0, 0], [1, 2, 2]]], float)
    assert box_giou(UNIT, inner)[0, 0] == box_iou(UNIT, inner)[0, 0] == 0.5
    assert -1 < box_giou(UNIT, UNIT + 100)[0, 0] < -0.999


def test_boxes_of_lesions_reach_the_outer_edges_of_voxels() -> None:
    labels = np.zeros((10, 10, 10), np.int32)
    labels[1:3, 4, 5:8] = 1
    labels[8, 8, 8] = 2
    boxes = lesion_boxes(labels, (3.0, 2.0, 1.0))
    assert boxes.tolist() == [[[3, 8, 5], [9, 10, 8]], [[24, 16, 8], [27, 18, 9]]]
    assert lesion_boxes(np.zeros_like(labels), (1, 1, 1)).shape == (0, 2, 3)
    assert box_iou(boxes, boxes[:0]).shape == (2, 0)


def test_a_centre_lies_in_a_box_or_not() -> None:
    others = np.concatenate([UNIT, UNIT + 5])
    assert centre_in_box(UNIT + 0.5, others).tolist() == [[True, False]]


def test_a_box_holds_the_voxels_whose_middle_it_holds() -> None:
    labels = np.zeros((6, 6, 6), np.int32)
    labels[1:3, 1:3, 1:3], labels[4, 4, 4:] = 1, 2
    edges = np.array(
        [[[1, 1, 1], [3, 3, 3]], [[0, 0, 0], [2.4, 9, 9]], [[4, 4, 3], [9, 9, 5.6]], [[7, 7, 7], [8, 8, 8]]]
    )
    assert voxels_in(edges, labels).tolist() == [[8, 0], [4, 0], [0, 2], [0, 0]]
    assert voxels_in(edges, np.zeros((6, 6, 6), np.int32)).shape == (4, 0)
