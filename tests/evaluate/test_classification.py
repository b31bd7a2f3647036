from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.evaluate.classification import auc, delong_test, mcnemar, roc, wilson

Y = [1] * 5 + [0] * 5
ONE, TWO = [0.9, 0.8, 0.7, 0.6, 0.4, 0.5, 0.3, 0.2, 0.2, 0.1], [0.7, 0.4, 0.8, 0.5, 0.3, 0.6, 0.2, 0.4, 0.1, 0.2]


def test_delong_has_the_numbers_of_the_specification() -> None:
    found = delong_test(Y, ONE, TWO)
    assert found is not None
    assert (found.first, found.second) == pytest.approx((0.96, 0.82))
    assert found.z == pytest.approx(1.32288, abs=1e-5)
    assert found.p == pytest.approx(0.185877, abs=1e-6)
    same = delong_test(Y, ONE, ONE)
    assert same is not None
    assert same.p == 1.0


def test_mcnemar_has_the_numbers_of_the_specification() -> None:
    found = mcnemar(10, 3)
    assert found.p == pytest.approx(0.09229, abs=1e-5)
    assert found.chi2 == pytest.approx(2.7692, abs=1e-4)
    assert mcnemar(0, 0).p == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_area_is_the_mann_whitney_statistic(rows: list[tuple[bool, int]]) -> None:
    y, s = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], float)
    found, curve = auc(y, s), roc(y, s)
    if y.all() or not y.any():
        assert found is None
        assert curve is None
        return
    pairs = np.sign(s[y][:, None] - s[~y][None, :])
    assert found is not None
    assert curve is not None
    assert found.value == pytest.approx((pairs.mean() + 1) / 2)
    assert curve.area == pytest.approx(found.value)
    flipped = auc(~y, s)
    assert flipped is not None
    assert flipped.value == pytest.approx(1 - found.value)


def test_youden_takes_the_strictest_of_the_best_thresholds() -> None:
    curve = roc([1, 1, 0, 0], [0.9, 0.6, 0.6, 0.1])
    assert curve is not None
    assert curve.youden == (pytest.approx(0.5), 0.9)


def test_wilson_of_ten_out_of_ten() -> None:
    assert wilson(10, 10) == pytest.approx((1 / (1 + 1.959964**2 / 10), 1.0), abs=1e-6)
    assert wilson(0, 0) is None
