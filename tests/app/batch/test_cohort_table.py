from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.batch.find import StudyFiles
from lymphoscope.app.batch.overview import overview
from lymphoscope.app.batch.table import Row, cohort_csv, rows, status_lines
from lymphoscope.app.batch.work import FAILED, MEASURED, Ending
from lymphoscope.core.errors import Message
from lymphoscope.render.record import message_record

EVIL = ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1+1", "＝1")


def summary(made: list[Row], **others: Any) -> dict[str, Any]:
    counts = {status: sum(row.status == status for row in made) for status in ("measured", "refused", "failed")}
    return {
        "studies": len(made), "waiting": 0, "codes": {}, "warnings": {}, "copies": 0, "closed_folders": 0,
        "other_cases": 0, "settings_sha256": "0" * 64, "version": "0", **counts,
        "settings": {"method": "suv4.0", "connectivity": 18, "min_volume_ml": 3.0}, **others,
    }  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_can_act_as_a_formula(evil: str) -> None:
    message = {**message_record(Message("IO-E-GAP", "gap")), "what": evil, "fix": evil}
    made = [
        Row("a", MEASURED, {"manufacturer": evil, "model": evil, "tmtv_ml": -1.0}),
        Row("b", "refused", {}, message),
        Row("c", MEASURED, {evil: 1.0}),
    ]
    cells = [cell for line in csv.reader(cohort_csv(made).splitlines(keepends=True)) for cell in line]
    numbers = [cell for cell in cells if cell == "-1"]
    assert len(numbers) == 1, "a negative number stays a number"
    assert not [c for c in cells if c.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝")) and c != "-1"]


def test_a_row_for_every_study_whatever_became_of_it(tmp_path: Path) -> None:
    studies = [StudyFiles(name, "dicom", ("f",), 1, name) for name in ("broken", "failed", "waits")]
    (tmp_path / "cases" / "broken").mkdir(parents=True)
    (tmp_path / "cases" / "broken" / "report.json").write_text("{")
    ending = Ending("failed", FAILED, Message("RUN-E-KILLED", "it was killed"))
    made = rows(studies, {"failed": ending}, tmp_path)
    assert [row.status for row in made] == ["waiting", "failed", "waiting"]
    lines = [json.loads(line) for line in status_lines(made).splitlines()]
    assert lines[1]["code"] == "RUN-E-KILLED" and lines[1]["text"].startswith("RUN-E-KILLED: it was killed")
    assert lines[0] == {"case": "broken", "status": "waiting", "code": None, "text": None}


def test_the_page_shows_what_it_is_given_and_runs_nothing() -> None:
    hostile = "<script>alert(1)</script>\u202e"
    message = {**message_record(Message("IO-E-GAP", "gap")), "what": hostile}
    made = [Row(f"{n:016x}", MEASURED, {"tmtv_ml": 10.0 + n % 7, "suvmax": 5.0}) for n in range(20)]
    made += [Row("f" * 16, MEASURED, {"tmtv_ml": 90_000.0}), Row("e" * 16, "refused", {}, message)]
    page = overview(made, summary(made, codes={"IO-E-GAP": 1}, warnings={"IO-W-NOCT": 3}, copies=2))
    assert "<script" not in page and "&lt;script&gt;" in page and "\u202e" not in page
    assert "slices are missing inside the series" in page and "no CT" in page and "2 archives" in page
    far = page[page.index("Far from the rest") : page.index("Refused and failed")]
    assert far.count(f"cases/{'f' * 16}/report.html") == 1 and far.count("report.html") == 1
    assert overview(made, summary(made, codes={"IO-E-GAP": 1}, warnings={"IO-W-NOCT": 3}, copies=2)) == page


def test_an_empty_cohort_has_a_page_too() -> None:
    assert "no study has it" in overview([], summary([]))
