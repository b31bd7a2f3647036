from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.infer import Slicewise, Sliding, steps, window
from lymphoscope.learn.sampling import Slices
from lymphoscope.learn.view import View


def two(images: np.ndarray) -> np.ndarray:
    """A network that says of each voxel what it is, and what is missing to 1."""
    return np.concatenate([1 - images[:, :1], images[:, :1]], axis=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.floats(0, 0.9))
def test_windows_cover_an_axis_with_the_overlap_asked_for(length: int, side: int, overlap: float) -> None:
    starts = steps(length, side, overlap)
    assert starts[0] == 0
    if length > side:
        assert starts[-1] == length - side
        assert max(np.diff(starts)) <= max(1, np.ceil(side * (1 - overlap)))
    else:
        assert starts == [0]


@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize("shape", [(5, 9, 17), (16, 16, 16), (3, 3, 3)])
def test_blending_what_windows_agree_on_changes_nothing(blend: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    found = Sliding(0.5, blend=blend)(two, images, View((8, 8, 8)))
    assert found.shape == (2, *shape)
    np.testing.assert_allclose(found[1], images[0], atol=1e-6)


def test_a_window_over_the_whole_volume_is_one_forward_pass() -> None:
    def blurred(images: np.ndarray) -> np.ndarray:
        return two(np.stack([ndimage.gaussian_filter(image, (0, 1, 1, 1), mode="constant") for image in images]))

    images = np.random.default_rng(0).random((1, 8, 8, 8), dtype=np.float32)
    np.testing.assert_allclose(Sliding()(blurred, images, View((8, 8, 8))), blurred(images[None])[0], atol=1e-6)


def test_tiles_of_a_valid_convolution_equal_the_whole() -> None:
    def valid(images: np.ndarray) -> np.ndarray:
        mean = np.stack([ndimage.uniform_filter(image[0], 5) for image in images])[:, None]
        return two(mean[:, :, 2:-2, 2:-2, 2:-2])

    images = np.random.default_rng(0).random((1, 13, 11, 9), dtype=np.float32)
    whole = Sliding()(valid, images, View((13, 11, 9)), context=2)
    tiled = Sliding(0.0)(valid, images, View((4, 5, 6)), context=2)
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_mirroring_makes_a_lopsided_network_even_handed() -> None:
    def lopsided(images: np.ndarray) -> np.ndarray:
        return two(np.roll(images, 1, axis=-1))

    images = np.zeros((1, 4, 4, 8), np.float32)
    images[..., 4] = 1
    plain = Sliding()(lopsided, images, View((4, 4, 8)))[1, 0, 0]
    mirrored = Sliding(mirror="x")(lopsided, images, View((4, 4, 8)))[1, 0, 0]
    assert plain.argmax() == 5
    np.testing.assert_allclose(mirrored[[3, 5]], 0.5)


def test_a_window_weighs_most_in_its_centre_and_nowhere_nothing() -> None:
    weight = window((7, 9), "gaussian")
    assert weight[3, 4] == weight.max() == 1
    assert weight.min() > 0
    np.testing.assert_allclose(weight, weight[::-1, ::-1])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [4, 8])
def test_slices_by_themselves_make_the_volume(axis: int, side: int) -> None:
    images = np.random.default_rng(0).random((1, 5, 6, 7), dtype=np.float32)
    seen: list[tuple[int, ...]] = []

    def noted(slices: np.ndarray) -> np.ndarray:
        seen.append(slices.shape)
        return two(slices)

    view = Slices(axis, side).view
    np.testing.assert_allclose(Slicewise()(noted, images, view)[1], images[0], atol=1e-6)
    assert set(seen) == {(1, 1, side, side)}, "what the network was exported for, whatever the size of the slice"


def test_thick_slices_see_their_neighbours() -> None:
    images = np.random.default_rng(0).random((1, 5, 4, 4), dtype=np.float32)
    view = Slices(0, 4, thick=3).view
    found = Slicewise()(lambda seen: two(seen[:, 2:]), images, view)
    np.testing.assert_allclose(found[1, :-1], images[0, 1:], atol=1e-6)


def test_words_that_mean_nothing_are_refused() -> None:
    with pytest.raises(LymphoscopeError, match="overlap"):
        Sliding(overlap=1.0)
    with pytest.raises(LymphoscopeError, match="median"):
        Sliding(blend="median")
