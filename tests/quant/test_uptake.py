"""SUV statistics of a lesion against formulas and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lymphoscope.quant.uptake import auc_csh, first_order, uptake

VALUES = arrays(np.float64, st.integers(2, 60), elements=st.floats(0.01, 50.0))
QUICK = settings(max_examples=50, deadline=None)


def test_known_values() -> None:
    found = uptake(np.array([2.0, 4.0, 4.0, 6.0]), 0.5)
    assert found["mtv_ml"] == 2.0
    assert found["tlg_g"] == 8.0
    assert found["n_voxels"] == 4
    assert (found["suvmin"], found["suvmean"], found["suvmax"]) == (2.0, 4.0, 6.0)
    assert found["suvsd"] == pytest.approx(np.sqrt(8 / 3))  # n-1
    assert found["cov"] == pytest.approx(np.sqrt(8 / 3) / 4)
    assert found["auc_csh"] == pytest.approx(4 / 6)


@QUICK
@given(VALUES)
def test_area_is_mean_over_maximum_and_the_area_of_the_histogram(values: np.ndarray) -> None:
    area = auc_csh(values)
    assert area == pytest.approx(values.mean() / values.max(), rel=1e-12)
    # the definition itself: fraction of the volume at or above x·SUVmax, on a fine grid of x
    x = (np.arange(4000) + 0.5) / 4000
    fraction = (values[None] >= x[:, None] * values.max()).mean(axis=1)
    assert area == pytest.approx(fraction.mean(), abs=2e-3)


def test_area_with_negative_values_counts_them_as_nothing() -> None:
    assert auc_csh(np.array([-1.0, 2.0])) == pytest.approx(0.5)
    assert auc_csh(np.array([-1.0, 0.0])) is None
    assert auc_csh(np.zeros(3)) is None


@QUICK
@given(VALUES)
def test_first_order_agrees_with_scipy(values: np.ndarray) -> None:
    found = first_order(values)
    assert found["stat_var"] == pytest.approx(values.var(), rel=1e-9, abs=1e-12)
    assert found["stat_iqr"] == pytest.approx(stats.iqr(values), rel=1e-9, abs=1e-12)
    assert found["stat_rms"] == pytest.approx(np.sqrt(np.mean(values**2)), rel=1e-12)
    if values.var() > 1e-6:
        assert found["stat_skew"] == pytest.approx(stats.skew(values), rel=1e-6, abs=1e-9)
        assert found["stat_kurt"] == pytest.approx(stats.kurtosis(values), rel=1e-6, abs=1e-9)
        assert found["stat_cov"] == pytest.approx(stats.variation(values), rel=1e-9)


def test_equal_values_have_no_skewness() -> None:
    found = first_order(np.full(5, 3.0))
    assert found["stat_skew"] is None
    assert found["stat_kurt"] is None
    assert found["stat_cov"] == 0
    assert found["stat_range"] == 0


def test_mean_of_zero_has_no_ratio() -> None:
    values = np.array([-1.0, 1.0])
    assert uptake(values, 1.0)["cov"] is None
    assert first_order(values)["stat_cov"] is None
    assert first_order(values)["stat_qcod"] is None
