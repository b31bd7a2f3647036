from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from lymphoscope.app.batch.plot import WIDTH, plot
from lymphoscope.app.batch.spread import FAR, QUANTITIES, Quantity, robust_z, spread
from lymphoscope.app.batch.table import Row

values_of = st.lists(st.floats(0.01, 1e5), min_size=8, max_size=40)


@given(values=values_of, log=st.booleans())
@settings(max_examples=60, deadline=None)
def test_robust_z_is_the_distance_in_scipys_robust_standard_deviations(values: list[float], log: bool) -> None:
    known = np.log(values) if log else np.array(values)
    sigma = median_abs_deviation(known, scale="normal")
    found = robust_z(values, log)
    if None in found:
        assert sigma <= 2e-3 * max(1.0, abs(float(np.median(known))))
    else:
        assert found == pytest.approx((known - np.median(known)) / sigma, rel=1e-9, abs=1e-9)


@given(values=values_of, factor=st.floats(0.1, 10.0))
@settings(max_examples=40, deadline=None)
def test_units_do_not_make_outliers(values: list[float], factor: float) -> None:
    one, other = robust_z(values, True), robust_z([v * factor for v in values], True)
    if None not in one and None not in other:
        assert other == pytest.approx(one, rel=1e-5, abs=1e-5)


def test_few_values_and_equal_values_have_no_outliers() -> None:
    assert robust_z([1, 2, 3, 4, 5, 6, 1000], False) == [None] * 7
    assert robust_z([2.0] * 6 + [2.0001, 9.0], False) == [None] * 8
    assert robust_z([], True) == []


def test_a_value_far_out_is_found_and_only_that() -> None:
    made = [Row(f"{n}", "measured", {"liver_mean": 2.0 + 0.1 * (n % 5)}) for n in range(15)]
    made += [Row("far", "measured", {"liver_mean": 4.5}), Row("none", "measured", {"liver_mean": None})]
    made += [Row("refused", "refused", {"liver_mean": 99.0})]
    found = spread(next(q for q in QUANTITIES if q.column == "liver_mean"), made)
    assert [point.case for point in found.points if point.far] == ["far"]
    assert (len(found.points), found.missing, found.zeros) == (16, 1, 0)
    assert FAR == 3.5


def test_no_lesion_is_counted_apart_where_a_logarithm_is_drawn() -> None:
    made = [Row(f"{n}", "measured", {"tmtv_ml": float(v)}) for n, v in enumerate((0, 0, 10, 100, 1000))]
    found = spread(QUANTITIES[0], made)
    assert (len(found.points), found.zeros) == (3, 2) and found.quartiles[1] == 100.0


@given(values=st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=60), log=st.booleans())
@settings(max_examples=60, deadline=None)
def test_everything_drawn_lies_in_the_picture(values: list[float], log: bool) -> None:
    quantity = Quantity("x", "X", "mL", log, limits=(1.3, 3.0))
    drawn = plot(spread(quantity, [Row(f"{n}", "measured", {"x": v}) for n, v in enumerate(values)]))
    assert drawn is not None and len(drawn.marks) == len(values)
    xs = [float(x) for x in (*(m.x for m in drawn.marks), *(x for x, _ in drawn.ticks), *drawn.limits, drawn.median)]
    assert all(0 <= x <= WIDTH for x in xs)
    assert len(drawn.ticks) <= 8 and all(math.isfinite(float(label)) for _, label in drawn.ticks)
    places = [float(mark.x) for mark in drawn.marks]
    assert places == sorted(places), "larger lies further right"


def test_without_values_there_is_nothing_to_draw() -> None:
    assert plot(spread(QUANTITIES[0], [])) is None
