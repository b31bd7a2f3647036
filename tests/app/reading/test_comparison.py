"""A scan beside earlier ones: differences by hand, none where the methods differ, the same words on page and paper."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.reading.comparison import Earlier, comparison
from lymphoscope.render.page import page
from lymphoscope.render.paper import paper
from lymphoscope.render.pictures import Pictures
from lymphoscope.render.view import view

NOTHING = Pictures(None)


@pytest.fixture(scope="module")
def now(read_case: Path) -> dict[str, Any]:
    return json.loads((read_case / "report.json").read_bytes())


def before(now: dict[str, Any], date: str = "2020-01-02", **patient: Any) -> dict[str, Any]:
    record = copy.deepcopy(now)
    record["input"]["scanned"] = f"{date}T08:00:00"
    record["patient"] |= {"tmtv_ml": 110.592, "tlg_g": 864.768848, "n": 5, "suvpeak": 12.0} | patient
    return record


def rows(block: dict[str, Any], scan: int = 0) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in block["scans"][scan]["rows"]}


def test_differences_are_those_of_the_unrounded_numbers(now: dict[str, Any]) -> None:
    block = comparison(now, [Earlier("Previous", before(now), "signed, v1")])
    found = rows(block)
    assert found["tmtv_ml"]["delta"] == pytest.approx(27.648 - 110.592)
    assert found["tmtv_ml"]["delta_percent"] == pytest.approx(-75.0)
    assert found["tmtv_ml"]["shown"] == {
        "before": "111 mL", "now": "28 mL", "delta": "−83 mL", "delta_percent": "−75 %",
    }  # fmt: skip
    assert found["suvpeak"]["delta_percent"] == pytest.approx(100 * (now["patient"]["suvpeak"] - 12) / 12)
    assert "Previous 2020-01-02 (signed, v1): TMTV 111 mL → 28 mL (−83 mL, −75 %)" in block["line"]


def test_a_percentage_of_next_to_nothing_is_not_printed(now: dict[str, Any]) -> None:
    found = rows(comparison(now, [Earlier("Previous", before(now, tmtv_ml=2.0, tlg_g=9.0), "as measured")]))
    assert (found["tmtv_ml"]["delta"], found["tmtv_ml"]["delta_percent"]) == (pytest.approx(25.648), None)
    assert found["tlg_g"]["delta_percent"] is None
    assert found["suvpeak"]["delta_percent"] is not None
    none = rows(comparison(now, [Earlier("Previous", before(now, suvpeak=None, n=0), "as measured")]))
    assert none["suvpeak"]["shown"]["delta"] == "–"


@pytest.mark.parametrize(
    ("part", "key", "value", "words"),
    [
        ("segmentation", "method", "max41/18/3mL", "TMTV methods differ (max41/18/3mL / suv4.0"),
        ("segmentation", "threshold", "SUV ≥ 2.5", "thresholds differ (SUV ≥ 2.5 / SUV ≥ 4.0)"),
        ("suv", "fdg", False, "tracers differ"),
        ("suv", "type", "SUVlbm", "SUV types differ (SUVlbm / SUVbw)"),
    ],
)
def test_no_difference_is_computed_where_the_scans_do_not_compare(
    now: dict[str, Any], part: str, key: str, value: Any, words: str
) -> None:
    other = before(now)
    other[part][key] = value
    block = comparison(now, [Earlier("Previous", other, "signed, v1")])
    assert {row["delta"] for row in block["scans"][0]["rows"]} == {None}
    assert block["scans"][0]["rows"][0]["before"] == 110.592, "both numbers stand"
    assert f"not compared, {words}" in block["line"]
    assert "RESP-E-INCOMPATIBLE" in block["line"]
    assert "→" not in block["line"]


def test_what_is_only_to_be_known_is_noted(now: dict[str, Any]) -> None:
    other = before(now)
    other["suv"]["uptake_min"] = now["suv"]["uptake_min"] + 16
    other["input"]["pet"]["model"] = "Biograph128"
    block = comparison(now, [Earlier("Previous", other, "signed, v1")])
    assert [note.split(" ")[0] for note in block["scans"][0]["soft"]] == ["uptake", "scanners"]
    assert block["scans"][0]["rows"][0]["delta"] is not None
    assert comparison(now, []) is None


def test_page_and_paper_say_the_same_of_baseline_and_previous(now: dict[str, Any]) -> None:
    scans = [
        Earlier("Baseline", before(now, "2019-06-01", tmtv_ml=400.0), "signed, v2"),
        Earlier("Previous", before(now), "as measured, not read"),
    ]
    made = now | {"comparison": comparison(now, scans)}
    line = made["comparison"]["line"]
    assert line.index("Baseline 2019-06-01") < line.index("Previous 2020-01-02")
    html = page(made, NOTHING, None, "")
    assert line in html
    assert line == view(made, NOTHING)["comparison"]
    section = next(part for part in view(made, NOTHING)["sections"] if part["letter"] == "G")
    table = next(t for t in section["tables"] if t["caption"] == "Earlier scans")
    tmtv = [cell["text"] for cell in table["rows"][0]]
    assert tmtv == ["TMTV", "400 mL", "111 mL", "28 mL", "−372 mL (−93 %)", "−83 mL (−75 %)"]
    assert all(cell in html for cell in tmtv)
    assert paper(made, NOTHING, None, "").startswith(b"%PDF")
