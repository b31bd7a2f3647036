from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lymphoscope.app.evaluation.gallery import gallery
from lymphoscope.app.evaluation.pairing import Folders
from lymphoscope.app.evaluation.run import Request, evaluate, evaluated
from lymphoscope.app.evaluation.tables import cases_of, csv_of, interval, p_value
from lymphoscope.core.progress import silent
from lymphoscope.evaluate.statistics import Resampling

FEW = Request(resampling=Resampling(100))


@pytest.mark.parametrize(
    ("found", "unit", "text"),
    [
        ({"value": 0.7123, "low": 0.65, "high": 0.8}, "1", "0.712 (0.650–0.800)"),
        ({"value": -5.0, "low": -12.34, "high": -1.0}, "mL", "−5.0 (−12.3 to −1.0)"),
        ({"value": 1.0, "low": None, "high": None}, "1", "1.000"),
        ({"value": None}, "mm", "–"),
    ],
)
def test_a_number_stands_with_its_interval(found: dict[str, float | None], unit: str, text: str) -> None:
    assert interval(found, unit) == text


def test_small_p_values_are_not_zero() -> None:
    assert [p_value(p) for p in (1e-9, 0.0123, 0.5)] == ["< 0.001", "0.012", "0.50"]


def test_one_case_is_not_cases() -> None:
    assert cases_of({"cases": 1, "patients": 1}) == "1 case of 1 patient"
    assert cases_of({"cases": 3, "patients": 2}) == "3 cases of 2 patients"


def test_a_case_named_like_a_formula_is_text() -> None:
    assert csv_of(["case", "dice"], [{"case": "=1+1", "dice": None}]) == b"case,dice\r\n'=1+1,\r\n"


def test_each_case_is_drawn_once_and_empty_ones_not_at_all(folders: Callable[..., Path]) -> None:
    made = evaluated(Folders(folders("a", 1), folders("b")), FEW)
    pictures = gallery(made.files, made.results, silent)
    assert [picture.name for picture in pictures] == ["worst-1.png", "worst-2.png", "worst-3.png"]
    captions = [picture.caption.split(":")[0] for picture in pictures]
    assert captions == ["Worst 1. three", "Worst 2. two", "Worst 3. one"], "small cubes suffer most from a shift"


def test_nothing_drawn_anywhere_is_no_failure(folders: Callable[..., Path], tmp_path: Path) -> None:
    empty, high = folders("empty", cases=("none",)), folders("p", kind="probability", cases=("none",))
    made = evaluate(Folders(empty, empty, high, high), tmp_path / "out", FEW)
    summary = made.record["summary"]
    assert summary["kinds"] == {"both": 0, "missed": 0, "false alarm": 0, "none": 1}
    assert summary["metrics"]["dice"]["mean"]["value"] is None
    assert summary["metrics"]["dice_empty_one"]["mean"]["value"] == 1.0
    assert summary["froc"] is None
    assert (tmp_path / "out" / "report.html").is_file()
