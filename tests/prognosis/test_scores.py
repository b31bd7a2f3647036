from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.impi import hazard_ratio, read_parameters
from lymphoscope.prognosis.scores import SCORES, compute

DLBCL = {"age_years": 60, "ldh_ratio": 1.0, "ecog": 1, "stage": 2, "extranodal_sites": 1, "extranodal_major": 0}
WORST = {"age_years": 61, "ldh_ratio": 1.01, "ecog": 2, "stage": 3, "extranodal_sites": 2, "extranodal_major": 1}
FOLLICULAR = {"age_years": 60, "stage": 2, "hb_g_dl": 12.0, "ldh_ratio": 1.0, "nodal_areas": 4}
SECOND = {"age_years": 60, "hb_g_dl": 12.0, "b2m_ratio": 1.0, "marrow_involved": 0, "largest_node_cm": 6.0}
HODGKIN = {
    "albumin_g_l": 40, "hb_g_dl": 10.5, "male": 0, "age_years": 44, "stage": 3, "wbc_1e9_l": 14.9,
    "lymphocytes_1e9_l": 1.5,
}  # fmt: skip


def points(score: str, facts: dict, **changed: float) -> float | None:
    return compute(score, {**facts, **changed}).value


@pytest.mark.parametrize("score", ["ipi", "r_ipi", "aa_ipi"])
def test_each_limit_of_the_ipi_gives_one_point_and_the_limit_itself_none(score: str) -> None:
    assert points(score, DLBCL) == 0
    for name in [item.needs[0] for item in SCORES[score].items if item.needs[0] != "age_years"]:
        assert points(score, DLBCL, **{name: WORST[name]}) == 1, name
    if score != "aa_ipi":
        assert points(score, WORST) == 5
        assert points(score, DLBCL, age_years=61) == 1


@pytest.mark.parametrize(
    ("score", "groups"),
    [
        ("ipi", ["low", "low", "low-intermediate", "high-intermediate", "high", "high"]),
        ("r_ipi", ["very good", "good", "good", "poor", "poor", "poor"]),
    ],
)
def test_groups_of_the_ipi(score: str, groups: list[str]) -> None:
    facts = dict(DLBCL)
    found = [compute(score, facts).group]
    for name in ("age_years", "ldh_ratio", "ecog", "stage", "extranodal_sites"):
        facts[name] = WORST[name]
        found.append(compute(score, facts).group)
    assert found == groups


def test_the_age_adjusted_ipi_is_for_patients_up_to_60() -> None:
    assert [compute("aa_ipi", {**DLBCL, **more}).group for more in (
        {}, {"stage": 3}, {"stage": 4, "ldh_ratio": 2}, {"stage": 4, "ldh_ratio": 2, "ecog": 4})
    ] == ["low", "low-intermediate", "high-intermediate", "high"]  # fmt: skip
    assert compute("aa_ipi", {**DLBCL, "age_years": 61}).why == "not computable: it is for patients up to 60 years"


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("age_years", [(40, 0), (41, 1), (60, 1), (61, 2), (75, 2), (76, 3)]),
        ("ldh_ratio", [(1.0, 0), (1.01, 1), (3.0, 1), (3.01, 2)]),
        ("stage", [(2, 0), (3, 1), (4, 1)]),
        ("ecog", [(1, 0), (2, 1)]),
        ("extranodal_major", [(0, 0), (1, 1)]),
    ],
)
def test_points_of_the_nccn_ipi_at_every_limit(name: str, steps: list[tuple[float, float]]) -> None:
    young = {**DLBCL, "age_years": 40}
    assert [(at, points("nccn_ipi", young, **{name: at})) for at in (at for at, _ in steps)] == steps


def test_groups_of_the_nccn_ipi() -> None:
    facts = {**DLBCL, "age_years": 40}
    rising = ({}, {"age_years": 41}, {"age_years": 61}, {"age_years": 76}, {"stage": 3}, {"ecog": 2}, {"ldh_ratio": 2},
              {"ldh_ratio": 4}, {"extranodal_major": 1})  # fmt: skip
    found = []
    for more in rising:
        facts |= more
        found.append((compute("nccn_ipi", facts).value, compute("nccn_ipi", facts).group))
    words = ["low"] * 2 + ["low-intermediate"] * 2 + ["high-intermediate"] * 2 + ["high"] * 3
    assert found == list(zip(range(9), words, strict=True))


@pytest.mark.parametrize(
    ("score", "facts", "more"),
    [
        ("flipi", FOLLICULAR, {"age_years": 61, "stage": 3, "hb_g_dl": 11.9, "ldh_ratio": 1.01, "nodal_areas": 5}),
        ("flipi2", SECOND, {"age_years": 61, "hb_g_dl": 11.9, "b2m_ratio": 1.01, "marrow_involved": 1,
                            "largest_node_cm": 6.1}),
        ("ips", HODGKIN, {"albumin_g_l": 39.9, "hb_g_dl": 10.4, "male": 1, "age_years": 45, "stage": 4,
                          "wbc_1e9_l": 15, "lymphocytes_1e9_l": 0.59}),
    ],
)  # fmt: skip
def test_each_limit_of_the_other_sums_gives_one_point(score: str, facts: dict, more: dict) -> None:
    assert points(score, facts) == 0, "the limits themselves"
    for name, value in more.items():
        assert points(score, facts, **{name: value}) == 1, name
    assert points(score, {**facts, **more}) == len(more)


def test_groups_of_flipi_flipi2_and_ips() -> None:
    found = {
        score: [next(word for start, word in reversed(SCORES[score].groups) if value >= start) for value in range(6)]
        for score in ("flipi", "flipi2", "ips")
    }
    assert found["flipi"] == ["low", "low", "intermediate", "high", "high", "high"]
    assert found["flipi2"] == ["low", "intermediate", "intermediate", "high", "high", "high"]
    assert found["ips"] == ["0", "1", "2", "3", "4", "5 or more"]


def test_lymphocytes_count_by_number_or_share_whichever_is_low() -> None:
    by_share = {**HODGKIN, "lymphocytes_1e9_l": None, "wbc_1e9_l": 10}
    assert points("ips", by_share, lymphocytes_percent=8) == 0
    assert points("ips", by_share, lymphocytes_percent=7.9) == 1
    assert points("ips", {**by_share, "wbc_1e9_l": 5}, lymphocytes_percent=10) == 1, "0.5 · 10⁹/L"
    assert points("ips", HODGKIN, lymphocytes_1e9_l=0.6, wbc_1e9_l=8) == 1, "7.5 %"


MANTLE = (
    ({"age_years": 65, "ecog": 1, "ldh_ratio": 300 / 250, "wbc_1e9_l": 8}, 6.0722, "intermediate", 5, "intermediate"),
    ({"age_years": 72, "ecog": 2, "ldh_ratio": 400 / 250, "wbc_1e9_l": 12}, 7.3536, "high", 10, "high"),
    ({"age_years": 60, "ecog": 0, "ldh_ratio": 200 / 250, "wbc_1e9_l": 6}, 5.5373, "low", 3, "low"),
)


@pytest.mark.parametrize(("facts", "mipi", "group", "simple", "simple_group"), MANTLE)
def test_mipi_of_the_specification(facts: dict, mipi: float, group: str, simple: int, simple_group: str) -> None:
    found, easy = compute("mipi", facts), compute("s_mipi", facts)
    assert found.value == pytest.approx(mipi, abs=5e-5)
    assert (found.group, easy.value, easy.group) == (group, simple, simple_group)


def test_biological_mipi_of_the_specification() -> None:
    found = compute("mipi_b", {**MANTLE[0][0], "ki67_percent": 30})
    assert found.value == pytest.approx(6.7148, abs=5e-5)
    assert found.group == "high"


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("age_years", [(49, 0), (50, 1), (59, 1), (60, 2), (69, 2), (70, 3)]),
        ("ecog", [(1, 0), (2, 2), (4, 2)]),
        ("ldh_ratio", [(0.66, 0), (0.67, 1), (0.99, 1), (1.0, 2), (1.49, 2), (1.5, 3)]),
        ("wbc_1e9_l", [(6.69, 0), (6.7, 1), (9.99, 1), (10, 2), (14.9, 2), (15, 3)]),
    ],
)
def test_points_of_the_simplified_mipi_at_every_limit(name: str, steps: list[tuple[float, float]]) -> None:
    least = {"age_years": 40, "ecog": 0, "ldh_ratio": 0.5, "wbc_1e9_l": 5}
    assert [(at, points("s_mipi", least, **{name: at})) for at in (at for at, _ in steps)] == steps


def test_white_cells_in_another_unit_are_refused_where_other_calculators_call_the_patient_low() -> None:
    with pytest.raises(LymphoscopeError, match=r"wbc_1e9_l is 8000.*divided by 1000") as refused:
        compute("mipi", {**MANTLE[0][0], "wbc_1e9_l": 8000})
    assert refused.value.code == "PROG-E-SCORE"
    assert 0.9393 * math.log10(1000) == pytest.approx(2.8179, abs=5e-5)


def impi(mtv_ml: float, age: float, stage: int, method: str = "suv4.0"):
    return compute("impi", {"mtv_ml": mtv_ml, "age_years": age, "stage": stage, "mtv_method": method})


@pytest.mark.parametrize(
    ("patient", "value"),
    [((50, 40, 1), 0.477564), ((307.9, 62, 2), 1.334596), ((307.9, 62, 3), 1.730383), ((1000, 70, 4), 2.054479),
     ((2000, 75, 4), 2.410286)],
)  # fmt: skip
def test_impi_of_the_specification(patient: tuple, value: float) -> None:
    assert impi(*patient).value == pytest.approx(value, abs=5e-7)


def test_impi_as_hazard_ratio_and_never_as_a_group_or_a_probability() -> None:
    ratios = [hazard_ratio(impi(*patient)) for patient in ((50, 40, 1), (1000, 70, 4), (2000, 75, 4))]
    assert ratios == pytest.approx([0.2857, 1.3828, 1.9737], abs=5e-5)
    assert impi(500, 60, 3).group == ""


def test_the_risk_of_impi_rises_with_the_volume_everywhere() -> None:
    values = [impi(mtv, 62, 3).value for mtv in range(0, 5000, 10)]
    assert all(first < second for first, second in pairwise(values))


def test_impi_of_a_volume_by_another_method_is_refused() -> None:
    assert impi(300, 60, 3, "max41").why == ("not computable: the volume has to be measured by suv4.0, not max41")
    assert impi(300, 60, 3, "").why == "not computable: missing mtv_method"


@pytest.mark.parametrize("score", SCORES)
def test_what_is_missing_is_said_and_never_guessed(score: str) -> None:
    found = compute(score, {"age_years": math.nan, "ecog": None})
    assert (found.value, found.group) == (None, "")
    needs = dict.fromkeys(need.replace("|", " or ") for item in SCORES[score].items for need in item.needs)
    assert found.why == f"not computable: missing {', '.join(needs)}"


def test_probabilities_of_impi_come_from_a_parameter_file_alone() -> None:
    """The numbers are made up: the file shows that the arithmetic is S0(t)^exp(LP − centre)."""
    content = {"version": "1", "typed_by": "A. Person", "source": "a paper, table 3", "endpoint": "PFS", "centre": 1.73,
               "survival": {"1": 0.9, "3": 0.75}}  # fmt: skip
    found = read_parameters(json.dumps(content)).at(impi(307.9, 62, 3))
    assert found == pytest.approx({1: 0.9, 3: 0.75}, rel=1e-3)
    worse = read_parameters(json.dumps(content)).at(impi(2000, 75, 4))
    assert worse[3.0] == pytest.approx(0.75 ** math.exp(2.410286 - 1.73), rel=1e-5)
    for wrong in ({"typed_by": " "}, {"survival": {"1": 0.5, "3": 0.7}}, {"survival": {}}, {"centre": "x"}):
        with pytest.raises(LymphoscopeError, match="PROG-E-PARAMETERS"):
            read_parameters(json.dumps({**content, **wrong}))


def test_published_outcomes_stand_beside_the_groups_they_are_of() -> None:
    for score in SCORES.values():
        assert set(score.published) <= {word for _, word in score.groups}
    assert "PFS 81 %, OS 88 %" in SCORES["ipi"].published["low"]
    assert "PFS 43 %, OS 49 %" in SCORES["nccn_ipi"].published["high"]
