"""Clinical scores: sums of points, each with what it needs. A missing input is said, never guessed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from lymphoscope.core.registry import unknown_name
from lymphoscope.prognosis.score_inputs import METHOD, Facts, checked, known

Numbers = Mapping[str, float]
Groups = tuple[tuple[float, str], ...]
"""From which sum each group begins, ascending."""

_WHITE_PER_UL = 1000.0
IMPI_KNOT_ML = 307.9
IMPI_METHOD = "suv4.0"


@dataclass(frozen=True)
class Item:
    """One part of a score.

    Attributes:
        title: What gives the points, in words.
        needs: Names of the inputs; ``a|b`` where either will do.
        points: From the inputs.
    """

    title: str
    needs: tuple[str, ...]
    points: Callable[[Numbers], float]


@dataclass(frozen=True)
class Score:
    """A published score.

    Attributes:
        title: Its name.
        disease: Whom it was made for.
        items: Its parts; the score is their sum.
        groups: Risk groups; none where the source gives none.
        paper: Where it was published.
        only: Says why a patient is not one the score is for; an empty string where the patient is.
        published: Outcome of each group as published: context, never a forecast.
    """

    title: str
    disease: str
    items: tuple[Item, ...]
    groups: Groups
    paper: str
    only: Callable[[Facts], str] = lambda facts: ""
    published: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """A score of one patient.

    Attributes:
        name: Of the score.
        value: The sum; None where it is not computable.
        group: Risk group; empty without one.
        why: Why it is not computable, such as ``not computable: missing ecog``; empty where it is.
        points: What each part gave.
        inputs: What it was computed from.
    """

    name: str
    value: float | None
    group: str = ""
    why: str = ""
    points: Mapping[str, float] = field(default_factory=dict)
    inputs: Mapping[str, float] = field(default_factory=dict)


def compute(name: str, facts: Facts) -> Scored:
    """Compute a score.

    Args:
        name: Of `SCORES`.
        facts: Of the patient, in the units of `score_inputs.INPUTS`.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for a score that is not there, ``PROG-E-SCORE`` for an impossible value.
    """
    if name not in SCORES:
        raise unknown_name("score", name, SCORES)
    score, sound = SCORES[name], checked(facts)
    needs = tuple(dict.fromkeys(need for item in score.items for need in item.needs))
    missing = [need.replace("|", " or ") for need in needs if not any(known(sound, one) for one in need.split("|"))]
    if missing:
        return Scored(name, None, why=f"not computable: missing {', '.join(missing)}")
    unfit = score.only(sound)
    if unfit:
        return Scored(name, None, why=f"not computable: {unfit}")
    named = [one for need in needs for one in need.split("|") if known(sound, one)]
    inputs = {one: float(sound[one] or 0.0) for one in named}
    points = {item.title: item.points(inputs) for item in score.items}
    value = math.fsum(points.values())
    group = next((word for start, word in reversed(score.groups) if value >= start), "")
    return Scored(name, value, group, "", points, inputs)


def _above(name: str, limit: float, title: str) -> Item:
    return Item(title, (name,), lambda x: float(x[name] > limit))


def _below(name: str, limit: float, title: str) -> Item:
    return Item(title, (name,), lambda x: float(x[name] < limit))


def _from(name: str, limits: Sequence[float], title: str, worth: float = 1.0) -> Item:
    """As many points as limits are reached."""
    return Item(title, (name,), lambda x: worth * sum(x[name] >= limit for limit in limits))


def _beyond(name: str, limits: Sequence[float], title: str) -> Item:
    """As many points as limits are exceeded."""
    return Item(title, (name,), lambda x: float(sum(x[name] > limit for limit in limits)))


def _few_lymphocytes(x: Numbers) -> float:
    """Below 0.6 · 10⁹/L or 8 %; either is had from the other by the white cells."""
    count, white = x.get("lymphocytes_1e9_l"), x["wbc_1e9_l"]
    percent = x["lymphocytes_percent"] if "lymphocytes_percent" in x else 100 * (count or 0.0) / white
    count = percent * white / 100 if count is None else count
    return float(count < 0.6 or percent < 8)


def _at_most_60(facts: Facts) -> str:
    return "" if float(facts["age_years"] or 0) <= 60 else "it is for patients up to 60 years"


def _suv4(facts: Facts) -> str:
    method = facts.get(METHOD)
    if not method:
        return f"missing {METHOD}"
    return "" if method == IMPI_METHOD else f"the volume has to be measured by {IMPI_METHOD}, not {method}"


_OLD = _above("age_years", 60, "age above 60")
_LDH = _above("ldh_ratio", 1, "LDH above normal")
_ECOG = _from("ecog", (2,), "ECOG 2 or more")
_STAGE = _from("stage", (3,), "stage III or IV")
_SITES = _above("extranodal_sites", 1, "more than one extranodal site")
_ANAEMIA = _below("hb_g_dl", 12, "haemoglobin below 12 g/dL")
_IPI = (_OLD, _LDH, _ECOG, _STAGE, _SITES)
_AGE_TERM = Item("0.03535 · age", ("age_years",), lambda x: 0.03535 * x["age_years"])
_MIPI = (
    _AGE_TERM,
    _from("ecog", (2,), "0.6978 if ECOG is above 1", 0.6978),
    Item("1.367 · log10(LDH / ULN)", ("ldh_ratio",), lambda x: 1.367 * math.log10(x["ldh_ratio"])),
    Item(
        "0.9393 · log10(white cells per µL)",
        ("wbc_1e9_l",),
        lambda x: 0.9393 * math.log10(x["wbc_1e9_l"] * _WHITE_PER_UL),
    ),
)
_IMPI_STAGE = (0.0, -0.114645415, 0.281141117, 0.322247142)
_IMPI = (
    Item("0.003077330 · MTV", ("mtv_ml",), lambda x: 0.003077330 * x["mtv_ml"]),
    Item(
        "−0.002761985 · (MTV − 307.9), above 307.9",
        ("mtv_ml",),
        lambda x: -0.002761985 * max(x["mtv_ml"] - IMPI_KNOT_ML, 0.0),
    ),
    Item("0.008092449 · age", ("age_years",), lambda x: 0.008092449 * x["age_years"]),
    Item("stage", ("stage",), lambda x: _IMPI_STAGE[int(x["stage"]) - 1]),
)
_FOUR = ("low", "low-intermediate", "high-intermediate", "high")
_CONTEXT = "5-year PFS {} %, OS {} % (2124 patients, R-CHOP; NEJM 2021, PMC8377611)"


def _published(groups: Sequence[str], rates: Sequence[tuple[int, int]]) -> Mapping[str, str]:
    return {group: _CONTEXT.format(*rate) for group, rate in zip(groups, rates, strict=True)}


def _starting(starts: Sequence[float], words: Sequence[str]) -> Groups:
    return tuple(zip(starts, words, strict=True))


SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "ipi": Score(
            "IPI", "aggressive B-cell lymphoma", _IPI, _starting((0, 2, 3, 4), _FOUR), "NEJM 1993;329:987",
            published=_published(_FOUR, ((81, 88), (67, 76), (58, 67), (46, 54))),
        ),
        "r_ipi": Score(
            "R-IPI", "DLBCL", _IPI, _starting((0, 1, 3), ("very good", "good", "poor")), "Blood 2007;109:1857",
            published=_published(("very good", "good", "poor"), ((87, 93), (74, 81), (53, 61))),
        ),
        "aa_ipi": Score(
            "age-adjusted IPI", "aggressive B-cell lymphoma, up to 60 years",
            (Item("age (for whom it is)", ("age_years",), lambda x: 0.0), _STAGE, _LDH, _ECOG),
            _starting((0, 1, 2, 3), _FOUR), "NEJM 1993;329:987", _at_most_60,
        ),
        "nccn_ipi": Score(
            "NCCN-IPI", "DLBCL",
            (_beyond("age_years", (40, 60, 75), "age above 40, 60, 75"),
             _beyond("ldh_ratio", (1, 3), "LDH above 1, 3 ULN"), _STAGE, _ECOG,
             _from("extranodal_major", (1,), "marrow, CNS, liver, GI tract or lung")),
            _starting((0, 2, 4, 6), _FOUR), "Blood 2014;123:837",
            published=_published(_FOUR, ((86, 92), (75, 84), (54, 63), (43, 49))),
        ),
        "flipi": Score(
            "FLIPI", "follicular lymphoma",
            (_OLD, _STAGE, _ANAEMIA, _LDH, _above("nodal_areas", 4, "more than 4 nodal areas")),
            _starting((0, 2, 3), ("low", "intermediate", "high")), "Blood 2004;104:1258",
        ),
        "flipi2": Score(
            "FLIPI2", "follicular lymphoma",
            (_OLD, _ANAEMIA, _above("b2m_ratio", 1, "β2-microglobulin above normal"),
             _from("marrow_involved", (1,), "marrow involved"),
             _above("largest_node_cm", 6, "largest node above 6 cm")),
            _starting((0, 1, 3), ("low", "intermediate", "high")), "J Clin Oncol 2009;27:4555",
        ),
        "mipi": Score(
            "MIPI", "mantle cell lymphoma", _MIPI, _starting((-math.inf, 5.7, 6.2), ("low", "intermediate", "high")),
            "Blood 2008;111:558",
            published={"low": "median OS not reached", "intermediate": "median OS 51 months",
                       "high": "median OS 29 months"},
        ),
        "mipi_b": Score(
            "biological MIPI", "mantle cell lymphoma",
            (*_MIPI, Item("0.02142 · Ki-67", ("ki67_percent",), lambda x: 0.02142 * x["ki67_percent"])),
            _starting((-math.inf, 5.7, 6.5), ("low", "intermediate", "high")), "Blood 2008;111:558",
        ),
        "s_mipi": Score(
            "simplified MIPI", "mantle cell lymphoma",
            (_from("age_years", (50, 60, 70), "age from 50, 60, 70"), _from("ecog", (2,), "ECOG 2 or more", 2.0),
             _from("ldh_ratio", (0.67, 1, 1.5), "LDH from 0.67, 1, 1.5 ULN"),
             _from("wbc_1e9_l", (6.7, 10, 15), "white cells from 6.7, 10, 15 · 10⁹/L")),
            _starting((0, 4, 6), ("low", "intermediate", "high")), "Blood 2008;111:558",
        ),
        "ips": Score(
            "IPS", "advanced Hodgkin lymphoma",
            (_below("albumin_g_l", 40, "albumin below 40 g/L"), _below("hb_g_dl", 10.5, "haemoglobin below 10.5 g/dL"),
             _from("male", (1,), "male"), _from("age_years", (45,), "45 years or older"),
             _from("stage", (4,), "stage IV"),
             _from("wbc_1e9_l", (15,), "white cells 15 · 10⁹/L or more"),
             Item("lymphocytes below 0.6 · 10⁹/L or 8 %", ("lymphocytes_1e9_l|lymphocytes_percent", "wbc_1e9_l"),
                  _few_lymphocytes)),
            _starting((0, 1, 2, 3, 4, 5), ("0", "1", "2", "3", "4", "5 or more")), "NEJM 1998;339:1506",
            published={group: f"5-year freedom from progression {rate} %" for group, rate in
                       zip(("0", "1", "2", "3", "4", "5 or more"), (84, 77, 67, 60, 51, 42), strict=True)},
        ),
        "impi": Score(
            "IMPI, linear predictor", "DLBCL, MTV by SUV ≥ 4.0", _IMPI, (),
            "J Clin Oncol 2022;40:2352; coefficients from a secondary source (ASH abstract of the Kameda cohort)",
            _suv4,
        ),
    }
)  # fmt: skip
"""The scores, by name."""
