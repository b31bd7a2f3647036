from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.core import body

WEIGHTS = st.floats(30, 200)
HEIGHTS = st.floats(1.2, 2.2)


@pytest.mark.parametrize(
    ("sex", "weight", "height", "kind", "expected"),
    [
        ("M", 70, 1.75, "LBM", 57.80),
        ("M", 70, 1.75, "LBMJAMES128", 56.52),
        ("M", 70, 1.75, "LBMJANMA", 55.857),
        ("M", 70, 1.75, "IBW", 72.38),
        ("M", 70, 1.75, "BSA", 1.8481),
        ("F", 60, 1.65, "LBM", 44.63),
        ("F", 60, 1.65, "LBMJAMES128", 44.63),
        ("F", 60, 1.65, "LBMJANMA", 39.287),
        ("F", 60, 1.65, "IBW", 57.33),
        ("F", 60, 1.65, "BSA", 1.6587),
        ("F", 160, 1.65, "LBMJAMES128", 32.03),
        ("F", 160, 1.65, "LBMJANMA", 64.15),
    ],
)
def test_checked_values_of_the_specification(sex, weight, height, kind, expected):
    digits = len(str(expected).split(".")[1])
    assert body.normaliser(kind, weight, height, sex) == pytest.approx(expected, abs=0.51 * 10**-digits)


@pytest.mark.parametrize(("sex", "bmi"), [("M", 43.0), ("F", 36.1)])
def test_lean_mass_by_james_peaks_where_the_specification_says(sex, bmi):
    peak = body.JAMES_PEAK_BMI[sex]
    assert peak == pytest.approx(bmi, abs=0.05)
    height = 1.7
    at, below, above = (body.normaliser("LBMJAMES128", f * peak * height**2, height, sex) for f in (1, 0.99, 1.01))
    assert at > below
    assert at > above
    assert not body.beyond_james(0.999 * peak * height**2, height, sex)
    assert body.beyond_james(1.001 * peak * height**2, height, sex)


@pytest.mark.parametrize("sex", ["O", None, ""])
@pytest.mark.parametrize("kind", list(body.NORMALISERS))
def test_other_sex_is_the_mean_of_both(kind, sex):
    male, female = (body.normaliser(kind, 80, 1.8, s) for s in "MF")
    assert body.normaliser(kind, 80, 1.8, sex) == pytest.approx((male + female) / 2, rel=1e-12)


def test_unknown_sex_has_the_stricter_limit_of_james():
    assert body.beyond_james(37 * 1.7**2, 1.7, None)
    assert not body.beyond_james(37 * 1.7**2, 1.7, "M")


def test_multipliers_are_the_norm_over_weight_and_surface_in_square_centimetres_per_gram():
    found = body.suv_multipliers(70, 1.75, "M")
    assert found["LBMJANMA"] == pytest.approx(55.857 / 70, rel=1e-5)
    assert found["BSA"] == pytest.approx(1.8481e4 / 70000, rel=1e-4)
    assert set(found) == set(body.NORMALISERS)


def test_a_formula_without_a_positive_value_gives_no_multiplier():
    found = body.suv_multipliers(250, 1.2, "F")
    assert "LBMJAMES128" not in found
    assert found["LBMJANMA"] > 0


@given(WEIGHTS, HEIGHTS, st.sampled_from(["M", "F", "O"]))
def test_janmahasatian_grows_with_weight(weight, height, sex):
    lean = body.normaliser("LBMJANMA", weight, height, sex)
    assert 0 < lean < body.normaliser("LBMJANMA", weight + 1, height, sex)
