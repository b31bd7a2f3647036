"""What sections of a report are built of: tables, figures, and the sections themselves, all strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lymphoscope.core import shown
from lymphoscope.render.pictures import Picture
from lymphoscope.render.words import label

ROWS = 200
"""Rows of a table that are printed; the CSV has all."""

Record = Mapping[str, Any]
Block = dict[str, Any]


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], foot: Sequence[Any] = ()) -> Block:
    """A table; a column whose head begins with ``#`` holds numbers."""
    body = [[_cell(cell) for cell in row] for row in rows]
    more = max(0, len(body) - ROWS)
    return {
        "caption": caption,
        "columns": [{"text": c.removeprefix("#"), "number": c.startswith("#")} for c in columns],
        "rows": body[:ROWS],
        "foot": [_cell(cell) for cell in foot],
        "more": f"{more} more rows are in report.csv and report.json." if more else "",
    }


def _cell(content: Any) -> Block:
    if isinstance(content, dict):
        return {"text": "", "image": "", "alt": "", "mark": "", **content}
    return {"text": shown.NONE if content is None else str(content), "image": "", "alt": "", "mark": ""}


def figure(picture: Picture) -> Block:
    """A picture as templates see it."""
    width, height = picture.size
    return {"image": picture.name, "alt": picture.alt, "caption": picture.caption, "width": width, "height": height}


def section(letter: str, title: str, *tables: Block, texts: Sequence[str] = (), figures: Sequence[Block] = ()) -> Block:
    """A section."""
    return {"letter": letter, "title": title, "texts": list(texts), "tables": list(tables), "figures": list(figures)}


def plain(near: str) -> str:
    """A fact near its limit, as ``name value``, with the name in words."""
    name, _, rest = near.partition(" ")
    return f"{label(name)} {rest}"
