from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from lymphoscope.evaluate.agreement import (
    Difference,
    bland_altman,
    concordance,
    correlation,
    icc,
    mean_absolute_percentage_error,
    within_share,
)

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
X, Y = [1, 2, 3, 4, 5], [1.1, 2.1, 2.9, 4.2, 5.3]


@pytest.mark.parametrize(("form", "value"), [("1,1", 0.1657), ("2,1", 0.2898), ("3,1", 0.7148)])
def test_icc_of_shrout_and_fleiss(form: str, value: float) -> None:
    found = icc(SHROUT_FLEISS, form)
    assert found is not None
    assert found.value == pytest.approx(value, abs=5e-5)
    assert found.low < found.value < found.high


def test_intervals_of_icc_as_published() -> None:
    # McGraw and Wong's formulas on these data, as given by R's irr and psych
    published = {"1,1": (-0.1329, 0.7226), "2,1": (0.0188, 0.7611), "3,1": (0.3425, 0.9459)}
    for form, (low, high) in published.items():
        found = icc(SHROUT_FLEISS, form)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_icc_of_equal_ratings_is_one_and_of_no_spread_none() -> None:
    for form in ("1,1", "2,1", "3,1"):
        found = icc([[1, 1], [2, 2], [5, 5]], form)
        assert found is not None
        assert found.value == pytest.approx(1.0)
    assert icc([[1, 1], [1, 1]]) is None


@given(st.lists(st.floats(0, 3000), min_size=2, max_size=30))
def test_equal_ratings_never_fail_by_rounding(volumes: list[float]) -> None:
    for form in ("1,1", "2,1", "3,1"):
        found = icc(np.stack([volumes, volumes], axis=1), form)
        assert found is None or found.value == pytest.approx(1.0)


@example([(4.9e-131, 0.0), (0.0, 0.0)])
@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(0, 3000)), min_size=2, max_size=30))
def test_no_volumes_fail(volumes: list[tuple[float, float]]) -> None:
    p, r = np.array(volumes).T
    for form in ("1,1", "2,1", "3,1"):
        found = icc(np.stack([p, r], axis=1), form)
        assert found is None or found.value <= 1 + 1e-9
    for kind in Difference:
        bland_altman(p, r, kind)
    for number in (concordance(p, r), correlation(p, r), correlation(p, r, rank=True)):
        assert number is None or -1 - 1e-9 <= number <= 1 + 1e-9


def test_concordance_and_bland_altman_of_the_specification() -> None:
    assert concordance(Y, X) == pytest.approx(0.992439, abs=1e-6)
    found = bland_altman(Y, X)
    assert found is not None
    assert found.bias == pytest.approx(0.12)
    assert (found.low, found.high) == pytest.approx((-0.1707, 0.4107), abs=1e-4)
    half = stats.t.ppf(0.975, 4) * found.sd * np.sqrt(1 / 5 + 1.96**2 / 8)
    assert found.high_ci == pytest.approx((found.high - half, found.high + half))
    assert found.bias_ci[0] < found.bias < found.bias_ci[1]


def test_a_constant_factor_is_a_bias_of_the_logarithm() -> None:
    reference = np.array([5.0, 50.0, 500.0, 0.0])
    found = bland_altman(2 * reference, reference, Difference.LOG)
    assert found is not None
    assert found.n == 3, "0 has no logarithm"
    assert found.bias == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((2.0, 2.0))
    percent = bland_altman(2 * reference, reference, Difference.PERCENT)
    assert percent is not None
    assert percent.bias == pytest.approx(100 / 1.5)
    assert bland_altman([1.0], [1.0]) is None


def test_a_shift_lowers_concordance_but_not_correlation() -> None:
    x = np.arange(10.0)
    assert correlation(x + 5, x) == pytest.approx(1.0)
    assert concordance(x + 5, x) == pytest.approx(2 * x.var() / (2 * x.var() + 25))
    assert correlation(np.exp(x), x, rank=True) == pytest.approx(1.0)
    assert correlation(np.ones(5), np.arange(5.0)) is None


def test_share_within_ten_percent_or_ten_millilitres() -> None:
    reference, measured = [5, 100, 100, 500, 500], [14.9, 110, 111, 550, 551]
    assert within_share(measured, reference) == pytest.approx(3 / 5)
    assert within_share([], []) is None


def test_percentage_error_leaves_empty_references_out() -> None:
    assert mean_absolute_percentage_error([110, 45, 3], [100, 50, 0]) == pytest.approx(10.0)
    assert mean_absolute_percentage_error([1], [0]) is None
