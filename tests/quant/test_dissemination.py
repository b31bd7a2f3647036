"""Distances against all pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask
from lymphoscope.quant.dissemination import dmax_voxel_cm, farthest_from_cm, spread
from lymphoscope.quant.farthest import farthest, outermost

QUICK = settings(max_examples=60, deadline=None)


def all_pairs(points: np.ndarray) -> float:
    return float(pdist(points).max()) if len(points) > 1 else 0.0


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.tuples(*[st.integers(1, 9)] * 3))
def test_farthest_equals_all_pairs_on_grids(seed: int, count: int, shape: tuple[int, int, int]) -> None:
    """Any set of voxels: single, straight, flat or full."""
    rng = np.random.default_rng(seed)
    index = np.argwhere(rng.permutation(math.prod(shape)).reshape(shape) < count)
    matrix = np.diag([3.27, 2.0, 2.5]) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    wanted = all_pairs(index @ matrix.T)
    assert farthest(index, matrix) == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert farthest(outermost(index), matrix) == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert len(outermost(index)) <= len(index)


def test_degenerate_sets() -> None:
    eye = np.eye(3)
    assert farthest(np.zeros((0, 3)), eye) == 0
    assert farthest(np.ones((1, 3)), eye) == 0
    assert farthest(np.ones((5, 3)), eye) == 0  # the same point five times
    line = np.arange(30)[:, None] * np.array([[1, 2, 3]])
    assert farthest(line, eye) == pytest.approx(29 * math.sqrt(14))
    plane = np.argwhere(np.ones((7, 9))) @ np.array([[1, 0, 1], [0, 1, 1]])
    assert farthest(plane, eye) == pytest.approx(all_pairs(plane))
    almost = np.vstack([plane * 100, [[0, 0, 1]]])
    assert farthest(almost, eye) == pytest.approx(all_pairs(almost))


def test_many_points_go_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(500, 3))
    ball /= np.linalg.norm(ball, axis=1)[:, None]  # all on the hull
    wanted = all_pairs(ball)
    monkeypatch.setattr("lymphoscope.quant.farthest._BLOCK", 1000)
    assert farthest(ball, np.eye(3)) == pytest.approx(wanted, rel=1e-12)


def test_voxel_distance_is_between_centres() -> None:
    labels = np.zeros((30, 20, 25), dtype=np.int32)
    labels[2, 3, 4] = 1
    labels[27, 15, 20] = 2
    geometry = Geometry.axial(labels.shape, (3.0, 2.0, 4.0))
    wanted = math.sqrt((25 * 3) ** 2 + (12 * 2) ** 2 + (16 * 4) ** 2) / 10
    assert dmax_voxel_cm(LesionMask(labels, geometry, "t")) == pytest.approx(wanted, rel=1e-12)
    one = np.where(labels == 1, 1, 0).astype(np.int32)
    assert dmax_voxel_cm(LesionMask(one, geometry, "t")) == 0
    assert dmax_voxel_cm(LesionMask(np.zeros_like(labels), geometry, "t")) == 0


def test_spread_of_three_lesions() -> None:
    centres = np.array([[0.0, 0, 0], [30, 0, 0], [0, 40, 0]])
    found = spread(centres, np.array([1.0, 5.0, 2.0]))
    assert found == pytest.approx({"dmax_cm": 5.0, "dmax_bulk_cm": 5.0, "spread_sum_cm": 12.0})
    found = spread(centres, np.array([9.0, 5.0, 2.0]))
    assert found["dmax_bulk_cm"] == pytest.approx(4.0)
    # of equal volumes the first is the bulk
    assert spread(centres, np.ones(3))["dmax_bulk_cm"] == pytest.approx(4.0)


def test_fewer_than_two_lesions_are_not_spread() -> None:
    nothing = {"dmax_cm": 0.0, "dmax_bulk_cm": 0.0, "spread_sum_cm": 0.0}
    assert spread(np.zeros((0, 3)), np.zeros(0)) == nothing
    assert spread(np.ones((1, 3)), np.ones(1)) == nothing


def test_distance_to_the_spleen() -> None:
    assert farthest_from_cm(np.array([[0.0, 0, 0], [0, 0, 100]]), np.array([0.0, 0, 40])) == pytest.approx(6.0)
    assert farthest_from_cm(np.zeros((0, 3)), np.zeros(3)) == 0


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_bulk_and_sum_against_all_pairs(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    centres, volumes = rng.normal(size=(count, 3)) * 100, rng.random(count)
    found = spread(centres, volumes)
    assert found["dmax_cm"] == pytest.approx(pdist(centres).max() / 10)
    assert found["spread_sum_cm"] == pytest.approx(pdist(centres).sum() / 10)
    bulk = centres[volumes.argmax()]
    assert found["dmax_bulk_cm"] == pytest.approx(np.linalg.norm(centres - bulk, axis=1).max() / 10)
    assert found["dmax_bulk_cm"] == pytest.approx(farthest_from_cm(centres, bulk))
