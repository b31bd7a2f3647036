"""The rule that makes masks of boxes."""

from __future__ import annotations

import numpy as np

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.box_mask import hot_in_box, painted

GRID = Geometry.axial((8, 8, 8), (4.0, 4.0, 4.0))


def test_a_voxel_has_the_highest_score_of_the_boxes_that_hold_its_middle() -> None:
    edges = np.array([[[1, 1, 1], [5, 5, 5]], [[3, 3, 3], [9, 9, 9]], [[0.6, 0, 0], [1.4, 1, 1]]])
    map_ = painted(edges, np.array([0.9, 0.4, 0.7]), GRID)
    lesion = map_[1]
    np.testing.assert_allclose(map_.sum(axis=0), 1)
    assert (lesion[1:5, 1:5, 1:5] == np.float32(0.9)).all()
    assert (lesion[5:, 5:, 5:] == np.float32(0.4)).all(), "to the end of the image and no further"
    assert np.isclose(lesion, 0.7).sum() == 0, "too small a box holds no middle"
    assert (lesion > 0).sum() == 64 + 125 - 8


def test_of_each_box_what_is_hot_beside_its_own_maximum_is_kept() -> None:
    map_ = painted(np.array([[[0, 0, 0], [4, 8, 8]], [[4, 0, 0], [8, 8, 8]]]), np.array([0.9, 0.6]), GRID)
    suv = np.ones(GRID.shape, np.float32)
    suv[1, 1, 1], suv[2, 2, 2], suv[3, 3, 3] = 20.0, 8.2, 8.1  # 41 % of 20 is 8.2
    suv[6, 6, 6], suv[6, 6, 7] = 5.0, 2.1
    out = hot_in_box(map_, suv, share=0.41)
    assert set(map(tuple, np.argwhere(out[1] > 0))) == {(1, 1, 1), (2, 2, 2), (6, 6, 6), (6, 6, 7)}
    np.testing.assert_allclose(out.sum(axis=0), 1)
    np.testing.assert_allclose(out[1, 6, 6, 6], 0.6)
    np.testing.assert_array_equal(hot_in_box(painted(np.zeros((0, 2, 3)), np.zeros(0), GRID), suv)[0], 1.0)
