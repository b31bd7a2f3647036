"""Mean field: what it leaves, what it removes, and that it is the sum it says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lymphoscope.image.mean_field import mean_field


def shares(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).uniform(0.05, 1.0, size=(3, *shape)).astype(np.float32)
    return raw / raw.sum(axis=0)


def test_without_weight_probabilities_are_returned() -> None:
    given = shares((4, 5, 6))
    suv = np.random.default_rng(1).gamma(2.0, size=(4, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(mean_field(given, suv, weight=0.0), given, atol=1e-6)


def test_an_isolated_wrong_voxel_in_a_uniform_image_is_removed() -> None:
    lesion = np.full((9, 9, 9), 0.1, np.float32)
    lesion[4, 4, 4] = 0.9
    given = np.stack([1 - lesion, lesion])
    assert (mean_field(given, np.ones((9, 9, 9), np.float32))[1] < 0.5).all()


def test_a_voxel_of_another_uptake_is_left_alone() -> None:
    lesion = np.full((9, 9, 9), 0.1, np.float32)
    suv = np.ones((9, 9, 9), np.float32)
    lesion[4, 4, 4], suv[4, 4, 4] = 0.9, 8.0
    assert mean_field(np.stack([1 - lesion, lesion]), suv)[1, 4, 4, 4] == pytest.approx(0.9, abs=1e-3)


def test_an_edge_that_the_image_has_is_kept_and_the_mask_moves_to_it() -> None:
    suv = np.ones((12, 12, 12), np.float32)
    suv[:, :, 6:] = 6.0
    lesion = np.full(suv.shape, 0.2, np.float32)
    lesion[:, :, 7:] = 0.8
    found = mean_field(np.stack([1 - lesion, lesion]), suv, weight=6.0)[1, 2:-2, 2:-2]
    assert (found[:, :, 6:] > 0.5).all()
    assert (found[:, :, :6] < 0.2).all()


def test_one_update_is_the_written_sum() -> None:
    shape = (4, 5)
    given, suv = shares(shape), np.random.default_rng(2).gamma(2.0, size=shape).astype(np.float32)
    offsets = [o for o in product((-1, 0, 1), repeat=2) if any(o)]
    norm = sum(np.exp(-(a * a + b * b) / 8) for a, b in offsets)
    logits = np.log(given).astype(np.float64)
    for y, x in np.ndindex(*shape):
        for a, b in offsets:
            if 0 <= y + a < shape[0] and 0 <= x + b < shape[1]:
                k = np.exp(-(a * a + b * b) / 8 - (suv[y, x] - suv[y + a, x + b]) ** 2 / (2 * 0.7**2))
                logits[:, y, x] += 2.0 * k / norm * given[:, y + a, x + b]
    wanted = np.exp(logits) / np.exp(logits).sum(axis=0)
    found = mean_field(given, suv, weight=2.0, iterations=1, sigma=(2.0, 0.7), window=3)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_order_of_classes_and_mirroring_do_not_matter() -> None:
    given = shares((5, 6, 7))
    suv = np.random.default_rng(3).gamma(2.0, size=(5, 6, 7)).astype(np.float32)
    found = mean_field(given, suv)
    np.testing.assert_allclose(mean_field(given[::-1], suv), found[::-1], atol=1e-5)
    np.testing.assert_allclose(
        mean_field(given[:, ::-1, :, ::-1], suv[::-1, :, ::-1]), found[:, ::-1, :, ::-1], atol=1e-5
    )
