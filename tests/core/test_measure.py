from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Segmentation
from lymphoscope.core.volume import LesionMask


@pytest.mark.parametrize(("inside", "expected"), [({2: 3, 1: 1}, 2), ({2: 1}, 2), ({}, 0)])
def test_a_lesion_mostly_outside_its_candidate_still_belongs_to_it(inside: dict[int, int], expected: int) -> None:
    """A low threshold reaches far beyond the preselection: most voxels then lie in no candidate."""
    grid = Geometry.axial((1, 4, 10), (4.0, 4.0, 4.0))
    candidates = np.zeros(grid.shape, np.int32)
    place = 0
    for number, count in inside.items():
        candidates[0, 0, place : place + count] = number
        place += count
    lesions = np.ones(grid.shape, np.int32)
    segmentation = Segmentation(
        LesionMask(lesions, grid, "suv2.5"), LesionMask(candidates, grid, "preselection"), (), "suv2.5", "", 3.0, 18
    )
    assert segmentation.candidate_of(1) == expected


def test_a_mask_of_known_voxels_is_the_mask_of_its_labels() -> None:
    grid = Geometry.axial((3, 4, 5), (2.0, 2.0, 2.0))
    labels = np.zeros(grid.shape, np.int32)
    labels[1, 2:, 1], labels[2, 0, 3] = 2, 7
    inside = np.flatnonzero(labels)[::-1]
    made = LesionMask.at(inside, labels.reshape(-1)[inside], grid, "suv4.0")
    plain = LesionMask(labels, grid, "suv4.0")
    assert made.sha256 == plain.sha256
    assert made.voxels.tolist() == plain.voxels.tolist()
    assert (made.count, made.volume_ml) == (7, plain.volume_ml)
    assert not made.labels.flags.writeable
    none = LesionMask.at(np.zeros(0, np.int64), np.zeros(0, np.int64), grid, "suv4.0")
    assert (none.count, none.volume_ml) == (0, 0.0)
