from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.components import (
    by_volume,
    component_boxes,
    components,
    connectivity_structure,
    keep_volume,
    voxel_counts,
)
from lymphoscope.image.delineation import at_least

MASKS = arrays(bool, st.tuples(*[st.integers(1, 7)] * 3))


@pytest.mark.parametrize(("connectivity", "count"), [(6, 3), (18, 2), (26, 1)])
def test_the_three_voxels_of_the_specification(connectivity: int, count: int) -> None:
    mask = np.zeros((5, 5, 5), bool)
    for place in ((1, 1, 1), (2, 2, 1), (3, 3, 2)):
        mask[place] = True
    assert components(mask, connectivity).max() == count


def test_eighteen_is_the_default() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = mask[0, 1, 1] = mask[1, 2, 2] = True
    np.testing.assert_array_equal(components(mask), components(mask, 18))


def test_structures() -> None:
    assert [connectivity_structure(c).sum() for c in (6, 18, 26)] == [7, 19, 27]


@pytest.mark.parametrize("wrong", [0, 4, 8, 27, "18"])
def test_another_connectivity_is_refused(wrong: object) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        components(np.ones((2, 2, 2), bool), wrong)  # type: ignore[arg-type]
    assert caught.value.code == "USE-E-VALUE"


@pytest.mark.parametrize(("voxels", "kept"), [(2999, False), (3000, True), (3001, True)])
def test_three_millilitres(voxels: int, kept: bool) -> None:
    labels = np.zeros((1, 1, 4000), np.int32)
    labels[0, 0, :voxels] = 1
    assert (keep_volume(labels, 0.001, 3.0).max() == 1) == kept


def test_three_millilitres_of_voxels_whose_volumes_do_not_sum_exactly() -> None:
    labels = np.zeros((1, 1, 400), np.int32)
    labels[0, 0, :300] = 1
    below = float(np.nextafter(0.01, 0))
    assert 300 * below < 3.0
    assert keep_volume(labels, below, 3.0).max() == 1
    assert keep_volume(labels, 0.0099999, 3.0).max() == 0


def test_suv_four_is_reached_by_four() -> None:
    np.testing.assert_array_equal(at_least(np.float32([3.9999, 4.0, 4.0001]), 4.0), [False, True, True])


def test_larger_regions_come_first_and_equal_ones_by_their_first_voxel() -> None:
    mask = np.zeros((1, 1, 12), bool)
    mask[0, 0, [0, 2, 3, 5, 6, 8, 9, 10]] = True
    np.testing.assert_array_equal(components(mask)[0, 0], [4, 0, 2, 2, 0, 3, 3, 0, 1, 1, 1, 0])


def test_small_regions_go_and_the_others_close_ranks() -> None:
    labels = np.array([[[7, 7, 0, 3, 3, 3, 0, 5, 9, 9]]])
    np.testing.assert_array_equal(keep_volume(labels, 1.0, 2.0)[0, 0], [2, 2, 0, 1, 1, 1, 0, 0, 3, 3])


def test_an_empty_mask_has_no_regions() -> None:
    empty = components(np.zeros((3, 4, 5), bool))
    assert empty.dtype == np.int32
    assert empty.shape == (3, 4, 5)
    assert not empty.any()
    assert not keep_volume(empty, 1.0, 3.0).any()
    assert component_boxes(empty) == {}


def test_boxes() -> None:
    labels = np.zeros((4, 5, 6), np.int32)
    labels[1:3, 2:4, 3:5] = 2
    assert component_boxes(labels) == {2: (slice(1, 3), slice(2, 4), slice(3, 5))}


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([6, 18, 26]))
def test_laws_of_components(mask: np.ndarray, connectivity: int) -> None:
    labels = components(mask, connectivity)
    np.testing.assert_array_equal(labels > 0, mask)
    counts = voxel_counts(labels)[1:]
    assert counts.sum() == mask.sum()
    assert (counts > 0).all()
    first = [int(np.flatnonzero(labels == k)[0]) for k in range(1, labels.max() + 1)]
    order = list(zip((-counts).tolist(), first, strict=True))
    assert order == sorted(order)
    np.testing.assert_array_equal(by_volume(labels), labels)
    np.testing.assert_array_equal(keep_volume(labels, 1.0, 0.0), labels)


@settings(max_examples=30, deadline=None)
@given(MASKS, st.sampled_from([6, 18, 26]))
def test_more_neighbours_never_make_more_regions(mask: np.ndarray, connectivity: int) -> None:
    assert components(mask, 26).max() <= components(mask, connectivity).max() <= components(mask, 6).max()


def test_a_view_that_is_not_contiguous_gives_the_same() -> None:
    mask = np.random.default_rng(3).random((9, 8, 7)) > 0.6
    turned = np.asfortranarray(mask)
    np.testing.assert_array_equal(components(mask), components(turned))
