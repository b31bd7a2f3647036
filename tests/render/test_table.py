from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.measure import Report
from lymphoscope.render.record import record, refusal_record
from lymphoscope.render.table import cell, table

Record = dict[str, Any]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_row_a_lesion_and_totals_equal_to_page_1(known: Record) -> None:
    rows = read(table(known))
    assert [row["id"] for row in rows] == ["L02", "L05", "L06", "total"]
    for key, total in (("mtv_ml", "tmtv_ml"), ("tlg_g", "tlg_g")):
        assert float(rows[-1][key]) == pytest.approx(known["patient"][total], rel=1e-8)
        assert sum(float(row[key]) for row in rows[:-1]) == pytest.approx(known["patient"][total], rel=1e-8)
    assert float(rows[-1]["suvmax [g/mL]"]) == max(float(row["suvmax [g/mL]"]) for row in rows[:-1])
    assert float(rows[-1]["mtv_ml"]) == pytest.approx(known["key_numbers"][0]["value"], rel=1e-8)
    assert rows[0]["status"] == "ai-only" and rows[2]["status"] == "doubtful"
    assert rows[0]["axial_diameter_mm"] == ""


def test_warnings_stand_in_every_row(known: Record) -> None:
    codes = [m["code"] for m in known["messages"] if m["severity"] == "warning"]
    assert codes and all(row["warnings"].split() == list(dict.fromkeys(codes)) for row in read(table(known)))


def test_units_stand_in_the_heads(known: Record) -> None:
    head = table(known).splitlines()[0].split(",")
    assert {"mtv_ml", "tlg_g", "suvmax [g/mL]", "suvpeak [g/mL]", "centroid_l_mm", "tumour_to_liver_peak"} <= set(head)
    assert len(set(head)) == len(head)


def test_no_cell_is_a_structure(known: Record) -> None:
    rows = read(table(known))
    assert not [name for row in rows for name, text in row.items() if text.startswith(("{", "["))]
    assert "page_1" not in rows[0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("left = right", "left = right"),
        (-1.5, "-1.5"),
        (-3, "-3"),
        (None, ""),
        (True, "true"),
        (1 / 3, "0.333333333"),
    ],
)
def test_a_cell_is_never_a_formula(content: Any, text: str) -> None:
    assert cell(content) == text


def test_hostile_sites_stay_in_their_cell(report: Report, software: Record, settings: Record) -> None:
    site = '=HYPERLINK("http://x","y"),\r\nnext'
    findings = tuple(replace(f, site=site) for f in report.findings)
    rows = read(table(record(replace(report, findings=findings), software, settings)))
    assert len(rows) == 4
    assert rows[0]["site"] == f"'{site}"


def test_a_refused_study_has_heads_only(software: Record, settings: Record) -> None:
    found = refusal_record(LymphoscopeError("SUV-E-WEIGHT", "missing"), software=software, settings=settings)
    assert read(table(found)) == []
    assert table(found).startswith("id,status,site,mtv_ml")
