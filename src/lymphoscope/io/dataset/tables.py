"""The small tables beside a data set: patients.csv, outcome.csv, splits_final.json."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import Fact

UNKNOWN = ("", "na", "n/a", "nan", "none", "unknown")
"""Words in a table for what is not known, in any case."""

Splits = tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def read_patients(folder: Path) -> dict[str, str]:
    """Patient of each case that ``patients.csv`` (columns ``case`` and ``patient``) names; empty without the file.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE``.
    """
    found = {}
    for case, row in _rows(folder / "patients.csv").items():
        if not row.get("patient"):
            raise LymphoscopeError("DATA-E-TABLE", f"case {case} has no patient", "patients.csv")
        found[case] = row["patient"]
    return found


def read_days(folder: Path) -> dict[str, float]:
    """Day on which each case was scanned, from column ``scanned`` of ``patients.csv``; who has none is left out.

    A date (``2024-05-17``) or a number of days from any day of the patient's own, such as 0 and 60.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE``, ``DATA-E-COURSE`` for anything else.
    """
    rows = _rows(folder / "patients.csv")
    said = {case: row.get("scanned", "") for case, row in rows.items()}
    return {case: _day(text, case) for case, text in said.items() if text.lower() not in UNKNOWN}


def read_outcomes(folder: Path) -> dict[str, dict[str, Fact]]:
    """Facts of each case in ``outcome.csv`` (column ``case`` and any others): numbers where they read as numbers.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE``.
    """
    rows = _rows(folder / "outcome.csv")
    return {
        case: {name: _fact(text) for name, text in row.items() if name != "case" and text.lower() not in UNKNOWN}
        for case, row in rows.items()
    }


def read_splits(folder: Path) -> Splits:
    """Ids of training and validation cases by fold, from ``splits_final.json``; empty without the file.

    Raises:
        LymphoscopeError: ``DATA-E-SPLIT`` where the file does not hold that.
    """
    path = folder / "splits_final.json"
    if not path.is_file():
        return ()
    try:
        return tuple((_ids(fold["train"]), _ids(fold["val"])) for fold in read_json(path))
    except (KeyError, TypeError, ValueError):
        what = "the file is not a list of folds, each with the ids of its train and val cases"
        raise LymphoscopeError("DATA-E-SPLIT", what, path.name) from None


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: The file is not JSON.
        LymphoscopeError: ``IO-E-PATH`` where it cannot be opened.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "a file cannot be opened", path.name) from None


def require_known(named: Mapping[str, Any], cases: Mapping[str, Any], table: str) -> None:
    """Refuse a table that speaks of cases which are not there.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE``.
    """
    strangers = [case for case in named if case not in cases]
    if strangers:
        what = f"{len(strangers)} cases of the table are not in the data set, such as {strangers[0]}"
        raise LymphoscopeError("DATA-E-TABLE", what, table)


def _rows(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [{str(k): (v or "").strip() for k, v in row.items()} for row in reader]
            columns = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error, AttributeError):
        raise LymphoscopeError("DATA-E-TABLE", "the table cannot be read", path.name) from None
    if "case" not in columns:
        raise LymphoscopeError("DATA-E-TABLE", "the table has no column named case", path.name)
    found = {row["case"]: row for row in rows}
    if len(found) < len(rows):
        raise LymphoscopeError("DATA-E-TABLE", "the table names a case twice", path.name)
    return found


def _day(text: str, case: str) -> float:
    try:
        return float(date.fromisoformat(text).toordinal())
    except ValueError:
        pass
    try:
        day = float(text)
    except ValueError:
        day = math.nan
    if not math.isfinite(day):
        raise LymphoscopeError("DATA-E-COURSE", f"scanned is {text!r}, no date and no number", f"case {case}")
    return day


def _fact(text: str) -> Fact:
    try:
        return float(text)
    except ValueError:
        return text


def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(case, str) for case in value):
        raise ValueError
    return tuple(value)
