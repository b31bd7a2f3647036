"""Response aids at every border of the specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.measure import Measure, Measures
from lymphoscope.quant.response import Uptake, five_point, qpet_class, response_aids


def organ(mean: float, top: float) -> Measures:
    return Measures((Measure("mean", mean, "g/mL"), Measure("max", top, "g/mL")))


BOTH = {"liver": organ(2.0, 2.8), "blood_pool": organ(1.4, 1.8)}


def codes(uptake: Uptake, references: dict[str, Measures], **more: object) -> list[str]:
    return [m.code for m in response_aids(uptake, references, **more)[1]]  # type: ignore[arg-type]


def score(suvmax: float | None, references: dict[str, Measures] = BOTH, **more: object) -> object:
    return response_aids(Uptake(suvmax), references, **more)[0].value("deauville_aid")  # type: ignore[arg-type]


@pytest.mark.parametrize(("peak", "wanted"), [(1.89, 2), (1.90, 3), (2.59, 3), (2.60, 4), (3.99, 4), (4.00, 5)])
def test_qpet_borders_of_the_specification(peak: float, wanted: int) -> None:
    found, _ = response_aids(Uptake(5.0, peak), BOTH)
    assert found.value("qpet_score") == wanted
    assert found.value("qpet") == pytest.approx(peak / 2.0)


@settings(max_examples=100, deadline=None)
@given(st.integers(130, 300))
def test_qpet_borders_are_borders_for_every_liver(hundredths: int) -> None:
    """A peak of exactly 0.95, 1.3 and 2 times the liver reaches the higher score, whatever its decimals."""
    liver = hundredths / 100
    for limit, upper in ((0.95, 3), (1.3, 4), (2.0, 5)):
        assert qpet_class(round(liver * limit, 6) / liver) == upper
        assert qpet_class((liver * limit - 1e-6) / liver) == upper - 1


@pytest.mark.parametrize(
    ("suvmax", "wanted"),
    [(1.0, 2), (1.8, 2), (1.8001, 3), (2.8, 3), (2.8001, 4), (5.5999, 4), (5.6, 5), (9.0, 5)],
)
def test_five_point_borders(suvmax: float, wanted: int) -> None:
    assert score(suvmax) == wanted


def test_the_factor_for_five_can_be_three() -> None:
    assert score(8.3999, k=3.0) == 4
    assert score(8.4, k=3.0) == 5
    assert response_aids(Uptake(8.4), BOTH, k=3.0)[0].value("deauville_k") == 3.0
    for wrong in (1.9, 3.1, float("nan")):
        with pytest.raises(LymphoscopeError) as caught:
            score(5.0, k=wrong)
        assert caught.value.code == "USE-E-VALUE"


@pytest.mark.parametrize(("blood", "suvmax", "wanted"), [
    (2.8, 2.79, 2), (2.8, 2.8, 3), (2.8, 2.81, 4), (3.4, 2.79, 2), (3.4, 2.8, 3), (3.4, 3.0, 4), (3.4, 5.6, 5),
])  # fmt: skip
def test_blood_as_hot_as_the_liver_leaves_only_the_liver(blood: float, suvmax: float, wanted: int) -> None:
    assert score(suvmax, {"liver": organ(2.0, 2.8), "blood_pool": organ(2.0, blood)}) == wanted


def test_without_blood_pool_only_scores_above_the_liver_are_given() -> None:
    liver = {"liver": organ(2.0, 2.8)}
    assert score(3.0, liver) == 4
    assert score(6.0, liver) == 5
    aid = response_aids(Uptake(2.0), liver)[0]["deauville_aid"]
    assert aid.value is None
    assert aid.why == "no blood pool reference"


def test_readers_findings_decide() -> None:
    assert response_aids(Uptake(2.0, new_lesion=True), BOTH)[0].value("deauville_aid") == 5
    assert response_aids(Uptake(2.0, new_lesion=True), {})[0].value("deauville_aid") == 5
    assert response_aids(Uptake(9.0, unlikely_lymphoma=True), BOTH)[0].value("deauville_aid") == "X"
    assert response_aids(Uptake(1.0, background=1.0), BOTH)[0].value("deauville_aid") == 1
    assert response_aids(Uptake(1.01, background=1.0), BOTH)[0].value("deauville_aid") == 2


def test_without_a_lesion_there_is_no_score() -> None:
    found, messages = response_aids(Uptake(None), BOTH)
    assert found["deauville_aid"].value is None
    assert "reader" in found["deauville_aid"].why
    assert found["qpet_score"].value is None
    assert found["max_to_liver_max"].why == "no lesion was measured"
    assert found.value("blood_pool_max_to_liver_max") == pytest.approx(1.8 / 2.8)
    assert messages == ()


def test_raw_ratios_stand_beside_the_scores() -> None:
    found, _ = response_aids(Uptake(7.0, 6.5), BOTH)
    wanted = {
        "max_to_liver_max": 2.5,
        "max_to_liver_mean": 3.5,
        "max_to_blood_pool_max": 7.0 / 1.8,
        "qpet": 3.25,
        "deauville_aid": 5,
        "qpet_score": 5,
    }
    assert {name: found.value(name) for name in wanted} == pytest.approx(wanted)


@pytest.mark.parametrize(("mean", "sound"), [(1.29, False), (1.3, True), (3.0, True), (3.01, False)])
def test_liver_outside_its_range_switches_the_scores_off(mean: float, sound: bool) -> None:
    references = {"liver": organ(mean, mean * 1.4), "blood_pool": organ(1.0, 1.2)}
    found, messages = response_aids(Uptake(20.0, 19.0), references)
    assert (found.value("deauville_aid") == 5) == sound
    assert (found.value("qpet_score") == 5) == sound
    assert found.value("qpet") == pytest.approx(19.0 / mean)
    assert ("D5PS-W-LIVER" in [m.code for m in messages]) != sound


def test_diseased_liver_and_no_liver() -> None:
    assert codes(Uptake(20.0, 19.0), BOTH, liver_diseased=True) == ["D5PS-W-LIVER"]
    assert score(20.0, BOTH, liver_diseased=True) is None
    found, messages = response_aids(Uptake(20.0, 19.0), {})
    assert found["deauville_aid"].why == found["qpet_score"].why == "no liver reference"
    assert found["max_to_blood_pool_max"].why == "no blood pool reference"
    assert messages == ()


@pytest.mark.parametrize(
    ("suvmax", "peak", "near"),
    [
        (2.2, 0.5, 0),
        (2.66, 0.5, 1),  # 5 % below the liver, 2.8
        (2.65, 0.5, 0),
        (2.94, 0.5, 1),
        (2.95, 0.5, 0),
        (5.32, 0.5, 1),  # 5 % below twice the liver
        (5.31, 0.5, 0),
        (1.71, 0.5, 1),  # 5 % below the blood pool, 1.8
        (1.70, 0.5, 0),
        (4.0, 2.47, 1),  # qPET 1.235: 5 % below 1.3
        (4.0, 2.46, 0),
        (4.0, 4.2, 1),  # qPET 2.1: 5 % above 2.0
        (4.0, 4.22, 0),
        (2.8, 2.6, 2),
    ],
)
def test_values_close_to_a_limit_are_told(suvmax: float, peak: float, near: int) -> None:
    assert codes(Uptake(suvmax, peak), BOTH) == ["D5PS-W-BORDER"] * near


def test_the_hottest_uptake_comes_from_the_patients_numbers() -> None:
    patient = Measures((Measure("suvmax", 7.5), Measure("qpet_peak", 6.0)))
    assert Uptake.of(patient, new_lesion=True) == Uptake(7.5, 6.0, new_lesion=True)


@settings(max_examples=200, deadline=None)
@given(*[st.floats(0.1, 30.0)] * 4, st.floats(2.0, 3.0))
def test_hotter_is_never_a_lower_score(a: float, b: float, liver: float, blood: float, k: float) -> None:
    low, high = sorted((a, b))
    first, second = (five_point(v, liver, blood, k) for v in (low, high))
    assert first is not None
    assert second is not None
    assert first <= second
    assert qpet_class(low) <= qpet_class(high)


def test_scores_are_found_for_every_level_in_between() -> None:
    found = [five_point(float(v), 2.8, 1.8) for v in np.arange(0.1, 8.0, 0.1)]
    assert sorted(set(found)) == [2, 3, 4, 5]
