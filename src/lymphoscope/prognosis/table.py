"""A CSV of patients as columns of text and numbers, with every fault told by column and row."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.prognosis.outcome import Floats

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", ".", "-", "?"})
"""What stands for a value that is not there, in small letters."""

_MOST_ROWS = 5
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?")


@dataclass(frozen=True, eq=False)
class Table:
    """A CSV as columns of text.

    Attributes:
        columns: Text of each column, in the order of the header.
        rows: Row of each line, the header being row 1.
    """

    columns: Mapping[str, tuple[str, ...]]
    rows: tuple[int, ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The text of a column.

        Raises:
            LymphoscopeError: ``PROG-E-COLUMN``, with the nearest names.
        """
        if name not in self.columns:
            fix = unknown_name("column", name, self.columns).message.fix
            raise LymphoscopeError("PROG-E-COLUMN", f"there is no column {name!r}", "the header", fix)
        return self.columns[name]

    def numbers(self, name: str) -> Floats:
        """A column as numbers, NaN where it is empty or says that it is missing.

        Raises:
            LymphoscopeError: ``PROG-E-COLUMN``, telling the rows that hold something else.
        """
        texts = self.column(name)
        found = [number_of(text) for text in texts]
        odd = [row for row, number in zip(self.rows, found, strict=True) if number is None]
        if odd:
            words = sorted({text for text, number in zip(texts, found, strict=True) if number is None})
            shown = ", ".join(repr(word) for word in words[:3])
            raise LymphoscopeError(
                "PROG-E-COLUMN", f"{name} holds what is no number: {shown}", rows_named(odd), _remedy(words)
            )
        return np.array(found, dtype=np.float64)


def _remedy(words: Sequence[str]) -> str:
    if all("," in word and number_of(word.replace(",", ".")) is not None for word in words):
        return "Write decimals with a point."
    if all(_DATE.fullmatch(word) for word in words):
        return "These are dates: give the time between two of them as a number of days or months."
    if all(word.lower().lstrip("+-") in ("inf", "infinity") for word in words):
        return "Write a number, or leave the cell empty."
    if len(words) <= 2:
        return f"Code it as 0 and 1, such as 1 for {words[0]!r}, or draw curves by it with --curves."
    return "Code classes as numbers, or draw curves by them with --curves."


def number_of(text: str) -> float | None:
    """A number, NaN for what stands for a missing one, None for anything else."""
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def rows_named(rows: Sequence[int]) -> str:
    """Rows in words, such as ``rows 4, 9 and 3 more``."""
    named = ", ".join(str(row) for row in rows[:_MOST_ROWS])
    more = f" and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
    return f"row{'s' * (len(rows) > 1)} {named}{more}"


def read_table(text: str) -> Table:
    """Read a CSV with a header; commas, semicolons or tabs between cells. Rows without any text do not count.

    Raises:
        LymphoscopeError: ``PROG-E-TABLE`` when it is none.
    """
    head = text.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter, strict=True))
    except csv.Error:
        raise LymphoscopeError("PROG-E-TABLE", "quotes in it are not closed") from None
    names = [name.strip() for name in lines[0]] if lines else []
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LymphoscopeError(
            "PROG-E-TABLE", f"column {twice!r} is there twice" if twice else "a column has no name", "row 1"
        )
    full = [(row, line) for row, line in enumerate(lines[1:], 2) if any(cell.strip() for cell in line)]
    if not full:
        raise LymphoscopeError("PROG-E-TABLE", "it has no patient")
    ragged = [row for row, line in full if len(line) != len(names)]
    if ragged:
        raise LymphoscopeError("PROG-E-TABLE", f"rows do not have the header's {len(names)} cells", rows_named(ragged))
    columns = {name: tuple(line[place].strip() for _, line in full) for place, name in enumerate(names)}
    return Table(columns, tuple(row for row, _ in full))
