from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.geometry import Geometry
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.prepare import Prepared, places
from lymphoscope.learn.sampling import Patches, Slices, box, order

SIDES = st.tuples(*[st.integers(1, 12)] * 3)


def case(shape: tuple[int, int, int], lesions: np.ndarray | None = None) -> Prepared:
    """Images that say where each voxel is: its index + 1, so that 0 is outside only."""
    images = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(1, *shape)
    labels = np.zeros(shape, np.int8) if lesions is None else lesions.astype(np.int8)
    return Prepared("a", "p", images, labels, places(labels), Geometry.axial(shape, (4.0, 4.0, 4.0)), {})


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.integers(0, 2), st.integers(0, 99))
def test_a_patch_is_a_box_of_the_case_and_keeps_all_of_it_that_fits(
    shape: tuple[int, int, int], size: tuple[int, int, int], context: int, seed: int
) -> None:
    images, labels = Patches(size, 0.0).cut(case(shape), np.random.default_rng(seed), context)
    assert labels is not None
    assert images.shape[1:] == labels.shape == tuple(side + 2 * context for side in size)
    inside = images[0] > 0
    assert (labels == IGNORE).tolist() == (~inside).tolist()
    core = tuple(slice(context, context + side) for side in size)
    assert inside[core].sum() == np.prod([min(a, b) for a, b in zip(shape, size, strict=True)])
    where = np.unravel_index(images[0][inside].astype(int) - 1, shape)
    steps = np.argwhere(inside) - np.stack(where, 1)
    assert (steps == steps[0]).all(), "voxels lie beside each other as in the case"


def test_a_small_lesion_is_drawn_as_often_as_a_large_one() -> None:
    labels = np.zeros((30, 30, 30), np.int8)
    labels[2:12, 2:12, 2:12] = 1
    labels[25, 25, 25] = 1
    prepared = case(labels.shape, labels)
    rng = np.random.default_rng(0)
    drawn = [Patches(5, 1.0).cut(prepared, rng, 0)[1] for _ in range(400)]
    small = sum(int(patch is not None and patch.sum() == 1 and patch[2, 2, 2] == 1) for patch in drawn)
    assert 160 <= small <= 240  # half of 400, four standard deviations


@pytest.mark.parametrize(("positive", "share"), [(0.0, 0.0), (1.0, 1.0), (1 / 3, 1 / 3)])
def test_the_share_of_positive_patches_is_kept(positive: float, share: float) -> None:
    labels = np.zeros((41, 41, 41), np.int8)
    labels[0, 0, 0] = 1
    prepared = case(labels.shape, labels)
    rng = np.random.default_rng(0)
    hits = sum(int(Patches(3, positive).cut(prepared, rng, 0)[1].sum() > 0) for _ in range(300))  # type: ignore[union-attr]
    assert abs(hits / 300 - share) < 0.12


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_lies_across_its_axis_and_neighbours_become_channels(axis: int) -> None:
    labels = np.zeros((6, 7, 8), np.int8)
    labels[3, 4, 5] = 1
    prepared = case((6, 7, 8), labels)
    images, marked = Slices(axis, 8, 1.0, thick=3).cut(prepared, np.random.default_rng(0), 0)
    assert images.shape == (3, 8, 8)
    assert marked is not None and (marked == 1).sum() == 1
    assert images[1][marked == 1] == prepared.images[0, 3, 4, 5]
    before = [3, 4, 5]
    before[axis] -= 1
    assert images[0][marked == 1] == prepared.images[(0, *before)]


def test_an_epoch_draws_every_case_once_and_another_epoch_in_another_order() -> None:
    assert sorted(order(20, 1, 0)) == list(range(20))
    assert order(20, 1, 0).tolist() == order(20, 1, 0).tolist() != order(20, 1, 1).tolist()


def test_a_box_beside_the_array_is_empty() -> None:
    assert (box(np.ones((2, 3, 3)), [(5, 7), (0, 3)], -1) == -1).all()
