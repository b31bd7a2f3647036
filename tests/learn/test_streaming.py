"""Windows blended slab by slab: equal to blending the whole at once, whatever the sizes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lymphoscope.learn.infer import steps
from lymphoscope.learn.streaming import Windows, gaussian, slabs, voting


def whole(predict, images, side, overlap):  # type: ignore[no-untyped-def]
    """The plain way: one array of sums, one of weights."""
    weight = gaussian(side)
    sums, weights = np.zeros((2, *images.shape[1:])), np.zeros(images.shape[1:])
    starts = [steps(n, m, overlap) for n, m in zip(images.shape[1:], side, strict=True)]
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                where = tuple(slice(a, a + m) for a, m in zip((z, y, x), side, strict=True))
                sums[(slice(None), *where)] += predict(images[(slice(None), *where)][None])[0] * weight
                weights[where] += weight
    return sums / weights


def slanted(patch: np.ndarray) -> np.ndarray:
    """Outputs that depend on where in the window a voxel lies, so that blending matters."""
    ramp = np.arange(patch.shape[-1]) + 10.0 * np.arange(patch.shape[2])[:, None, None]
    return np.concatenate([patch[:, :1] * ramp, patch[:, :1] + ramp], axis=1).astype(np.float32)


@pytest.mark.parametrize("space", [(33, 20, 17), (8, 8, 8), (50, 8, 9)])
@pytest.mark.parametrize("overlap", [0.5, 0.25])
def test_slabs_are_the_whole(space: tuple[int, ...], overlap: float) -> None:
    images = np.random.default_rng(1).standard_normal((1, *space)).astype(np.float32)
    found = list(slabs(slanted, images, Windows((8, 8, 8), overlap), (0.0, 0.0)))
    starts = [first for first, _ in found]
    assert starts == np.cumsum([0, *(slab.shape[1] for _, slab in found)])[:-1].tolist()
    joined = np.concatenate([slab for _, slab in found], axis=1)
    assert joined.shape == (2, *space) and np.allclose(joined, whole(slanted, images, (8, 8, 8), overlap), atol=1e-3)


def test_images_smaller_than_a_window_are_filled_up() -> None:
    images = np.ones((1, 5, 9, 3), np.float32)
    joined = np.concatenate([s for _, s in slabs(lambda p: p * 2, images, Windows((8, 8, 8)), (0.0,))], axis=1)
    assert joined.shape == (1, 5, 9, 3) and np.allclose(joined, 2)


def test_windows_that_are_left_out_change_nothing_where_an_answer_is_wanted() -> None:
    rng = np.random.default_rng(2)
    images = rng.standard_normal((1, 30, 31, 32)).astype(np.float32)
    needed = np.zeros(images.shape[1:], bool)
    needed[3:6, 20:22, 5:9] = needed[25, 2, 30] = True
    every = np.concatenate([s for _, s in slabs(slanted, images, Windows((8, 8, 8)), (7.0, -7.0))], axis=1)
    some = np.concatenate([s for _, s in slabs(slanted, images, Windows((8, 8, 8), 0.5, needed), (7.0, -7.0))], axis=1)
    assert (every[:, needed] == some[:, needed]).all()
    assert (some[0] == 7).mean() > 0.8 and (some[1][some[0] == 7] == -7).mean() > 0.99


@example(seed=27, least=0.005, space=(16, 16, 21))  # an edge of the image, where weights are rounded up
@given(st.integers(0, 10**6), st.sampled_from([0.005, 0.01, 0.03]), st.tuples(*[st.integers(16, 45)] * 3))
def test_windows_that_are_hardly_heard_change_hardly_anything(seed: int, least: float, space: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    where = tuple(slice(a, a + int(rng.integers(1, 12))) for a in rng.integers(space))
    needed = np.zeros(space, bool)
    needed[where] = True
    index = np.arange(np.prod(space), dtype=np.float32).reshape(1, *space)

    def waving(patch: np.ndarray) -> np.ndarray:
        """The same in all of a window, between 0 and 1, and another in the next."""
        calls.append(patch.flat[0])
        return np.full_like(patch, 0.5 + 0.5 * np.sin(patch.flat[0]))

    found, counts = [], []
    for share in (0.0, least):
        calls: list[float] = []
        parts = slabs(waving, index, Windows((16, 16, 16), 0.5, needed, share), (9.0,))
        found.append(np.concatenate([slab for _, slab in parts], axis=1)[0][needed])
        counts.append(len(calls))
    along = [[sum(a <= i < a + 16 for a in steps(n, 16, 0.5)) for i in range(n)] for n in space]
    windows = np.einsum("i,j,k", *along)[needed]
    assert (np.abs(found[0] - found[1]) <= (windows - 1) * least + 1e-6).all(), "no more than was not heard"
    assert counts[1] <= counts[0]


def test_a_window_heard_at_its_rim_only_is_left_out() -> None:
    images = np.zeros((1, 32, 32, 64), np.float32)
    needed = np.zeros(images.shape[1:], bool)
    # windows of 32 begin at 0, 16 and 32: the second has less than 0.003 of the blend here
    needed[16, 16, 2:19] = True
    for least, expected in ((0.0, 2), (0.02, 1), (0.2, 1)):
        calls: list[int] = []
        for _ in slabs(
            lambda p, c=calls: (c.append(1), p)[1], images, Windows((32, 32, 32), 0.5, needed, least), (0.0,)
        ):
            pass
        assert len(calls) == expected


def test_a_window_is_heard_in_space_and_not_axis_by_axis() -> None:
    images = np.zeros((1, 48, 48, 48), np.float32)
    needed = np.zeros(images.shape[1:], bool)
    # of windows that begin at 0 and 16 the second has 0.12 of the blend along each axis here
    needed[22, 22, 22] = True
    counts = []
    for least in (0.0, 0.01, 0.02, 0.2):
        calls: list[int] = []
        windows = Windows((32, 32, 32), 0.5, needed, least)
        for _ in slabs(lambda p, c=calls: (c.append(1), p)[1], images, windows, (0.0,)):
            pass
        counts.append(len(calls))
    assert counts == [8, 7, 4, 1], "none; off along three axes; along two; along one"


def test_members_speak_one_after_the_other_over_all_mirrorings() -> None:
    image = np.random.default_rng(3).standard_normal((1, 1, 4, 4, 4)).astype(np.float32)

    def leaning(patch: np.ndarray) -> np.ndarray:
        return patch + np.arange(4, dtype=np.float32)

    both = voting([leaning, lambda p: 3 * p], (2,))(image)
    assert both.shape == (1, 3, 4, 4, 4)
    assert np.allclose(both[:, 2:], (leaning(image) + 3 * image) / 2), "all without mirroring come last"
    assert np.allclose(both[0, 0], image[0, 0] + 1.5, atol=1e-5), "a slope along the mirrored axis cancels"
    assert np.allclose(both[0, 1], 3 * image[0, 0], atol=1e-5)
    assert np.allclose(voting([leaning], (0, 1))(image)[0, 0], image[0, 0] + np.arange(4), atol=1e-5)


def test_weights_are_highest_in_the_middle_and_nowhere_zero() -> None:
    weight = gaussian((16, 24, 32))
    assert weight.max() == weight[8, 12, 16] == 10 and weight.min() > 0
    assert weight[8, 12, 20] == pytest.approx(10 * np.exp(-0.5), rel=1e-3), "an eighth of the side is one deviation"


def test_memory_does_not_grow_with_the_length_of_the_body() -> None:
    def peak(length: int) -> int:
        images = np.zeros((1, length, 32, 32), np.float32)
        tracemalloc.start()
        for _ in slabs(lambda patch: patch, images, Windows((16, 16, 16)), (0.0,)):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(256) < 1.1 * peak(64)
