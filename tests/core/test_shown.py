from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core import shown
from lymphoscope.core.measure import Measure
from lymphoscope.core.shown import CutOff

TS = "\u202f"


@pytest.mark.parametrize(
    ("value", "unit", "front", "detail"),
    [
        (311.8742, "mL", "312", "311.9"),
        (9.876, "mL", "9.9", "9.9"),
        (10.0, "mL", "10", "10.0"),
        (2288.04, "mL", f"2{TS}288", f"2{TS}288.0"),
        (2140.3, "g", f"2{TS}140", f"2{TS}140"),
        (123456.0, "g", f"123{TS}000", f"123{TS}456"),
        (45.67, "g", "45.7", "45.7"),
        (999.6, "g", f"1{TS}000", f"1{TS}000"),
        (4.5678, "g", "4.57", "4.6"),
        (21.349, "g/mL", "21.3", "21.35"),
        (38.2374, "cm", "38.2", "38.2"),
        (0.09923, "m-1", "0.10", "0.10"),
        (1.2345, "1", "1.23", "1.23"),
        (117.6, "min", "118", "118"),
        (5.44, "mmol/L", "5.4", "5.4"),
        (11, "1", "11", "11"),
        (0.0, "mL", "0", "0"),
        (-0.04, "g/mL", "0.0", "\u22120.04"),
        (-12345.6, "HU", f"\u221212{TS}346", f"\u221212{TS}346"),
        (1e-9, "g", "0.000000", "0.0"),
    ],
)
def test_the_table_of_digits(value: float, unit: str, front: str, detail: str) -> None:
    assert shown.number(value, unit) == front
    assert shown.number(value, unit, detail=True) == detail


@pytest.mark.parametrize(
    ("value", "unit", "cutoff", "text"),
    [
        (3.96, "g/mL", CutOff(4.0), "3.96"),
        (3.9999, "g/mL", CutOff(4.0), "3.9999"),
        (4.04, "g/mL", CutOff(4.0), "4.0"),
        (3.94, "g/mL", CutOff(4.0), "3.9"),
        (110.3, "min", CutOff(110.0, inclusive=False), "110.3"),
        (109.7, "min", CutOff(110.0, inclusive=False), "110"),
        (44.6, "min", CutOff(45.0), "44.6"),
        (365.7, "mL", CutOff(366.0), "365.7"),
        (1.296, "1", CutOff(1.3), "1.296"),
        (999.7, "g", CutOff(1000.0), "999.7"),
    ],
)
def test_rounding_never_hides_a_decision(value: float, unit: str, cutoff: CutOff, text: str) -> None:
    assert shown.number(value, unit, cutoffs=[cutoff]) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e4, 1e4), st.sampled_from(["mL", "g", "g/mL", "cm", "1", "min", "%"]), st.booleans())
def test_a_shown_number_reads_back_within_its_rounding(value: float, unit: str, detail: bool) -> None:
    text = shown.number(value, unit, detail=detail)
    back = float(text.replace(TS, "").replace(shown.MINUS, "-"))
    digits = len(text.partition(".")[2])
    coarse = unit == "g" and not detail and not digits and value
    step = 10.0 ** max(0, math.floor(math.log10(abs(value))) - 2) if coarse else 10.0**-digits
    assert abs(back - value) <= 0.5001 * step
    assert "-" not in text
    assert not text.startswith(f"{shown.MINUS}0") or back != 0


@settings(max_examples=200, deadline=None)
@given(st.floats(3.9, 4.1), st.booleans())
def test_shown_and_true_value_lie_on_the_same_side(value: float, inclusive: bool) -> None:
    cutoff = CutOff(4.0, inclusive)
    text = shown.number(value, "g/mL", cutoffs=[cutoff])
    if abs(value - 4.0) > 1e-6:
        assert cutoff.met(float(text)) == cutoff.met(value)


def test_a_missing_number_is_a_dash_with_its_reason() -> None:
    missing = Measure.missing("suvmax", "no lesion", "g/mL")
    assert shown.measure(missing) == "–"
    assert shown.with_reason(shown.measure(missing), missing.why) == "– (no lesion)"
    assert shown.with_reason("4.2", "ignored") == "4.2"
    assert shown.number(math.nan) == shown.number(math.inf) == shown.with_unit(None, "mL") == "–"


def test_units_intervals_parts_and_changes() -> None:
    assert shown.measure(Measure("tmtv_ml", 311.8742, "mL")) == "312 mL"
    assert shown.measure(Measure("sdmax_per_m", 0.3249, "m-1"), detail=True) == "0.32 m⁻¹"
    assert shown.measure(Measure("n", 11)) == "11"
    assert shown.measure(Measure("n_lesions", 1200, "{lesions}")) == f"1{TS}200"
    assert shown.measure(Measure("deauville", "4")) == "4"
    assert shown.measure(Measure("suvmax", 21.34, "g/mL"), unit=False) == "21.3"
    assert shown.interval(285.1, 341.0, "mL") == "285–341 mL"
    assert shown.interval(1.3, 3.0, "1") == "1.30–3.00"
    assert shown.percent(94.2, 100.0) == "94 %"
    assert shown.percent(1.0, 0.0) == shown.percent(None, 3.0) == shown.percent(1.0, None) == "–"
    assert shown.change(12.4) == "+12 %"
    assert shown.change(-25.3) == f"{shown.MINUS}25 %"
    assert shown.change(0.0) == "0 %"
    assert shown.change(None) == "–"


def test_near_a_cut_off_is_within_five_percent() -> None:
    cutoff = CutOff(4.0)
    assert cutoff.near(3.8) and cutoff.near(4.2)
    assert not cutoff.near(3.79) and not cutoff.near(4.21)
