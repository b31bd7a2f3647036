"""Outlines along pixel edges: filled again they are the pixels, corner for corner."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.measure import points_in_poly

from lymphoscope.io.foreign.filling import filled
from lymphoscope.io.objects.outlines import outlines

PLANES = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.booleans())


def plane(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


@pytest.mark.parametrize(
    ("pixels", "corners"),
    [
        pytest.param(plane("#"), [4], id="single"),
        pytest.param(plane("###", "###"), [4], id="collinear points left out"),
        pytest.param(plane("#.#"), [4, 4], id="two islands"),
        pytest.param(plane("#.", ".#"), [4, 4], id="diagonal touch stays apart"),
        pytest.param(plane("##", "#."), [6], id="L"),
        pytest.param(plane("###", "#.#", "###"), [10], id="ring is one polygon with a keyhole"),
        pytest.param(plane("...", "..."), [], id="nothing"),
    ],
)
def test_corners_of_known_shapes(pixels: np.ndarray, corners: list[int]) -> None:
    polygons = outlines(pixels)
    assert sorted(map(len, polygons)) == sorted(corners)
    assert np.array_equal(filled(polygons, pixels.shape), pixels)


def test_a_pixel_is_outlined_half_a_pixel_from_its_centre() -> None:
    (square,) = outlines(plane("...", "..#"))
    assert sorted(map(tuple, square.tolist())) == [(0.5, 1.5), (0.5, 2.5), (1.5, 1.5), (1.5, 2.5)]


@settings(max_examples=300, deadline=None)
@given(PLANES)
def test_filled_again_it_is_the_same_plane(pixels: np.ndarray) -> None:
    polygons = outlines(pixels)
    assert np.array_equal(filled(polygons, pixels.shape), pixels)
    shoelace = sum(0.5 * (p[:, 1] @ np.roll(p[:, 0], -1) - np.roll(p[:, 1], -1) @ p[:, 0]) for p in polygons)
    assert shoelace == pytest.approx(pixels.sum()), "the signed area is the number of pixels, holes taken off"


@settings(max_examples=60, deadline=None)
@given(PLANES)
def test_another_filler_sees_the_same_plane(pixels: np.ndarray) -> None:
    centres = np.argwhere(np.ones_like(pixels)).astype(float)
    inside = np.zeros(len(centres), dtype=bool)
    for polygon in outlines(pixels):
        inside ^= points_in_poly(centres, polygon)
    assert np.array_equal(inside.reshape(pixels.shape), pixels)


@settings(max_examples=100, deadline=None)
@given(PLANES)
def test_each_island_is_one_polygon_and_no_point_lies_on_a_straight_edge(pixels: np.ndarray) -> None:
    from scipy.ndimage import label  # noqa: PLC0415

    polygons = outlines(pixels)
    assert len(polygons) == label(pixels)[1]
    for polygon in polygons:
        steps = np.sign(np.roll(polygon, -1, axis=0) - polygon)
        assert (np.abs(steps).sum(axis=1) == 1).all(), "edges run along the grid"
        assert (steps != np.roll(steps, 1, axis=0)).any(axis=1).all()


def test_polygons_smaller_than_a_pixel_or_degenerate_leave_the_others_alone() -> None:
    square = np.array([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]])
    speck = np.array([[0.1, 0.1], [0.1, 0.3], [0.3, 0.3]])
    line = np.array([[0.0, 0.0], [3.0, 3.0]])
    point = np.array([[1.0, 1.0]])
    alone = filled([square], (4, 4))
    assert alone.sum() == 4
    assert np.array_equal(filled([speck, line, square, point], (4, 4)), alone)


def test_a_polygon_beyond_the_plane_is_cut() -> None:
    around = np.array([[-5.0, -5.0], [-5.0, 9.0], [9.0, 9.0], [9.0, -5.0]])
    assert filled([around], (3, 4)).all()


def test_many_points_need_little_memory() -> None:
    # a saw of twenty thousand teeth: each of 100 rows is crossed by all of them, 4 million crossings
    tooth = np.tile([[-0.5, 0.0], [99.5, 0.0]], (20_000, 1))
    tooth[:, 1] = np.linspace(-0.5, 4.5, len(tooth))
    polygon = np.concatenate([tooth, [[99.5, 4.5], [100.5, 4.5], [100.5, -0.5]]])
    tracemalloc.start()
    filled([polygon], (100, 9))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
