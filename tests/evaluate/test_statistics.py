from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lymphoscope.evaluate.statistics import Resampling, bootstrap, by_group, holm, paired_test

VALUES = np.random.default_rng(4).lognormal(size=40)


def mean_of(values: np.ndarray):
    return lambda rows: float(values[rows].mean())


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_intervals_are_those_of_scipy(method: str, theirs: str) -> None:
    ours = bootstrap(mean_of(VALUES), range(40), Resampling(6000, method=method))
    other = stats.bootstrap((VALUES,), np.mean, n_resamples=6000, method=theirs, rng=1).confidence_interval
    width = other.high - other.low
    assert ours.low == pytest.approx(other.low, abs=0.05 * width)
    assert ours.high == pytest.approx(other.high, abs=0.05 * width)
    assert (ours.value, ours.method, ours.patients) == (VALUES.mean(), method, 40)


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    one, again = (bootstrap(mean_of(VALUES), range(40), Resampling(200, seed=3)) for _ in range(2))
    assert one == again
    assert one.seed == 3
    assert bootstrap(mean_of(VALUES), range(40), Resampling(200, seed=4)).low != one.low


def test_copies_of_a_patient_do_not_narrow_the_interval() -> None:
    five_times = np.repeat(VALUES, 5)
    groups = np.repeat(np.arange(40), 5)
    how = Resampling(1000, method="percentile")
    whole = bootstrap(mean_of(five_times), groups.tolist(), how)
    once = bootstrap(mean_of(VALUES), range(40), how)
    assert (whole.low, whole.high) == pytest.approx((once.low, once.high))
    careless = bootstrap(mean_of(five_times), range(200), how)
    assert careless.high - careless.low < 0.6 * (whole.high - whole.low)


def test_a_number_that_is_not_defined_has_no_interval() -> None:
    assert bootstrap(lambda rows: None, range(5)).value is None
    alone = bootstrap(mean_of(VALUES), ["same"] * 40)
    assert (alone.low, alone.high, alone.patients) == (None, None, 1)
    constant = bootstrap(lambda rows: 1.0, range(5), Resampling(100))
    assert (constant.low, constant.high, constant.method) == (1.0, 1.0, "percentile")


def test_exact_permutation_of_differences_all_one_way() -> None:
    found = paired_test([1, 2, 3, 4, 5], [0, 0, 0, 0, 0])
    assert found is not None
    assert found.exact
    assert found.permutation_p == pytest.approx(2 / 32)
    assert found.wilcoxon_p == pytest.approx(2 / 32)
    assert found.difference == 3.0


def test_random_permutation_agrees_with_the_t_test() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(0.25, 1, 60), rng.normal(0, 1, 60)
    found = paired_test(one, two)
    assert found is not None
    assert not found.exact
    assert found.permutation_p == pytest.approx(stats.ttest_rel(one, two).pvalue, abs=0.02)
    same = paired_test(one, one)
    assert same is not None
    assert (same.wilcoxon_p, same.permutation_p) == (1.0, 1.0)
    assert paired_test([], []) is None


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_patients_have_the_mean_of_what_is_defined() -> None:
    assert by_group([1.0, None, 3.0, None], ["a", "a", "a", "b"]) == {"a": 2.0}
