"""What the headers of every series say of its grid, written down before anything is resampled; no text, no identifier.

Reference: LymphAtlas, section 2.3.1 (size, spacing, origin, direction cosines, field of view, position of the patient).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lymphoscope.io.header import Header

COLUMNS = (
    "study", "series", "modality", "images", "columns", "rows", "pixel_mm", "step_mm", "uneven_mm", "origin_lps_mm",
    "direction_cosines", "field_mm", "patient_position",
)  # fmt: skip
_POSITION = re.compile(r"(HF|FF|LF|RF|AF|PF)(S|P|DL|DR|R|L)")

Row = Mapping[str, Any]


def series_metadata(headers: Iterable[Header]) -> list[Row]:
    """A row for each series of images, in the order of modality and number of images.

    Args:
        headers: Headers of a study's files.

    Returns:
        Columns of `COLUMNS` but ``study``; None for what the headers do not say. ``step_mm`` is the median distance of
        neighbours along the normal, ``uneven_mm`` how far the largest distance is from it.
    """
    by_series: dict[str, list[Header]] = {}
    for header in headers:
        if header.integer("Rows"):
            by_series.setdefault(header.text("SeriesInstanceUID"), []).append(header)
    rows = sorted((_row(members) for members in by_series.values()), key=_order)
    return [{"series": number, **row} for number, row in enumerate(rows, 1)]


def series_table(studies: Iterable[tuple[str, Sequence[Row]]]) -> str:
    """The rows of all studies as CSV.

    Args:
        studies: Name of each study and its rows.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for name, rows in studies:
        writer.writerows([name, *(_shown(row[column]) for column in COLUMNS[1:])] for row in rows)
    return stream.getvalue()


def _row(members: Sequence[Header]) -> dict[str, Any]:
    first = members[0]
    cosines, pixel = first.numbers("ImageOrientationPatient", 6), first.numbers("PixelSpacing", 2)
    columns, rows = first.integer("Columns"), first.integer("Rows")
    origin, step, uneven, length = _along(members, cosines)
    field = None
    if pixel is not None and columns and rows:
        field = [columns * pixel[1], rows * pixel[0], *([length] if length is not None else [])]
    position = first.text("PatientPosition")
    return {
        "modality": first.modality,
        "images": len(members),
        "columns": columns,
        "rows": rows,
        "pixel_mm": pixel,
        "step_mm": step,
        "uneven_mm": uneven,
        "origin_lps_mm": origin,
        "direction_cosines": cosines,
        "field_mm": field,
        "patient_position": position if _POSITION.fullmatch(position) else None,
    }


def _along(members: Sequence[Header], cosines: tuple[float, ...] | None) -> tuple[Any, ...]:
    """Position of the first image along the normal, median step, largest difference from it, and length, mm."""
    found = [p for member in members if (p := member.numbers("ImagePositionPatient", 3)) is not None]
    if cosines is None or not found:
        return None, None, None, None
    normal = np.cross(cosines[:3], cosines[3:])
    places = np.array(found)
    order = np.argsort(places @ normal)
    origin = places[order[0]].tolist()
    if len(found) < 2:
        return origin, None, None, None
    gaps = np.diff((places @ normal)[order])
    step = float(np.median(gaps))
    return origin, step, float(np.abs(gaps - step).max()), float(gaps.sum() + step)


def _order(row: Row) -> tuple[str, int, str]:
    return str(row["modality"]), -int(row["images"]), str(row)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return " ".join(map(_shown, value))
    return f"{round(value, 6) + 0.0:.10g}" if isinstance(value, float) else str(value)
