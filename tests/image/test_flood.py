from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lymphoscope.image.components import connectivity_structure
from lymphoscope.image.flood import flood

SHAPES = st.tuples(*[st.integers(1, 5)] * 3)


@st.composite
def landscapes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Few heights, so that ties abound; three markers in any order of seniority."""
    shape = draw(SHAPES)
    relief = draw(arrays(np.int8, shape, elements=st.integers(0, 4))).astype(float)
    markers = draw(arrays(np.int8, shape, elements=st.sampled_from([0, 0, 0, 0, 1, 2, 3]))).astype(np.int32)
    domain = draw(arrays(bool, shape, elements=st.sampled_from([True, True, True, False])))
    return relief, markers, domain, draw(st.permutations([1, 2, 3]))


def plain(
    relief: np.ndarray, markers: np.ndarray, domain: np.ndarray, order: list[int], connectivity: int
) -> np.ndarray:
    """The same flood voxel by voxel: lowest water first, then first come, first served; markers by seniority."""
    steps = np.argwhere(connectivity_structure(connectivity)) - 1
    found = np.where(domain, markers, 0)
    # a height is a pair: markers of one height come by seniority, unmarked voxels of that height after them
    queue = [((relief[tuple(p)], order.index(found[tuple(p)])), 0, *p) for p in np.argwhere(found)]
    heapq.heapify(queue)
    age = 0
    while queue:
        level, _, z, y, x = heapq.heappop(queue)
        for step in steps:
            near = (z + step[0], y + step[1], x + step[2])
            if all(0 <= n < m for n, m in zip(near, relief.shape, strict=True)) and domain[near] and not found[near]:
                found[near] = found[z, y, x]
                age += 1
                heapq.heappush(queue, (max(level, (relief[near], len(order))), age, *near))
    return found


@settings(max_examples=80, deadline=None)
@given(landscapes(), st.sampled_from([6, 18, 26]))
def test_equals_the_plain_algorithm(landscape, connectivity: int) -> None:  # type: ignore[no-untyped-def]
    np.testing.assert_array_equal(flood(*landscape, connectivity), plain(*landscape, connectivity))


@settings(max_examples=120, deadline=None)
@given(landscapes(), st.sampled_from([6, 18, 26]), st.permutations([0, 1, 2]), st.sets(st.sampled_from([0, 1, 2])))
def test_ties_do_not_depend_on_the_order_of_storage(landscape, connectivity, axes, flips) -> None:  # type: ignore[no-untyped-def]
    relief, markers, domain, order = landscape

    def turned(array: np.ndarray) -> np.ndarray:
        return np.flip(array.transpose(axes), tuple(flips))

    np.testing.assert_array_equal(
        turned(flood(relief, markers, domain, order, connectivity)),
        flood(turned(relief), turned(markers), turned(domain), order, connectivity),
    )


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_middle_of_level_ground_goes_to_the_senior(order: tuple[int, int]) -> None:
    markers = np.array([1, 0, 0, 0, 2]).reshape(1, 1, 5)
    found = flood(np.zeros((1, 1, 5)), markers, np.ones((1, 1, 5), bool), order)
    assert found[0, 0].tolist() == [1, 1, order[0], 2, 2]


def test_what_no_marker_reaches_stays_dry() -> None:
    markers = np.array([1, 0, 0, 0]).reshape(1, 1, 4)
    domain = np.array([True, True, False, True]).reshape(1, 1, 4)
    assert flood(np.zeros((1, 1, 4)), markers, domain, (1,))[0, 0].tolist() == [1, 1, 0, 0]
