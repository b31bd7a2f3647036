"""Lesions as CSV: one row a lesion, raw values, units in the heads, and totals equal to the record's."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

_FIRST = ("id", "status", "site")
_NUMBERS = ("mtv_ml", "tlg_g", "suvmax", "suvpeak", "suvmean")
_LAST = ("origin", "rule", "actor", "organ", "overlap", "ai_probability", "why", "warnings")
_NOT_A_COLUMN = {
    "shown",
    "missing",
    "near",
    "word",
    "glyph",
    "lesion",
    "page_1",
    "region",
    "tracking_uid",
    "region_code",
    "nodal",
}
_CENTROID = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")
_TOTALS = {"mtv_ml": "tmtv_ml", "tlg_g": "tlg_g", "suvmax": "suvmax", "suvpeak": "suvpeak", "suvmean": "suvmean"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def table(record: Mapping[str, Any]) -> str:
    """Write the lesion table.

    A cell of text that a spreadsheet would take for a formula begins with an apostrophe.

    Args:
        record: The record of a measured or refused study; without lesions only heads and totals are written.

    Returns:
        CSV with commas, quotes where needed, lines ending in CR LF (RFC 4180); numbers with nine significant digits.
    """
    lesions = record["lesions"]
    others = sorted(
        {key for row in lesions for key in row} - _NOT_A_COLUMN - {*_FIRST, *_NUMBERS, *_LAST, "centroid_lps_mm"}
    )
    columns = (*_FIRST, *_NUMBERS, *_CENTROID, *others, *_LAST)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    units = {name: facts["unit"] for name, facts in record.get("quantities", {}).items()}
    writer.writerow([cell(_head(name, units.get(name, "1"))) for name in columns])
    warned = _warnings(record)
    for row in lesions:
        centroid = row["centroid_lps_mm"] or [None] * 3
        full = {**row, **dict(zip(_CENTROID, centroid, strict=True)), "warnings": warned}
        writer.writerow([cell(full.get(name)) for name in columns])
    if record["status"] != "refused":
        writer.writerow(_totals(record, columns))
    return stream.getvalue()


def _totals(record: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    patient = record["patient"]
    totals = {name: patient.get(key) for name, key in _TOTALS.items()}
    return [cell({"id": "total", **totals, "warnings": _warnings(record)}.get(name)) for name in columns]


def _warnings(record: Mapping[str, Any]) -> str:
    """Codes of the study's warnings: they stand in every row, as rows are copied and files joined."""
    return " ".join(dict.fromkeys(m["code"] for m in record["messages"] if m["severity"] == "warning"))


def _head(name: str, unit: str) -> str:
    """The name with its unit, where neither the name nor convention has it."""
    return name if unit in ("1", "") or name.endswith(("_ml", "_g", "_mm", "_cm", "_cm2")) else f"{name} [{unit}]"


def cell(content: Any) -> str:
    """One cell: numbers as they are, nothing for None, and text that cannot act as a formula."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, int):
        return str(content)
    if isinstance(content, float):
        return f"{content:.9g}"
    text = str(content).replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text
