"""The end of an evaluation or comparison on the terminal: the main numbers, and where the page is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from lymphoscope.app import show
from lymphoscope.app.evaluation.run import PAGE
from lymphoscope.app.evaluation.tables import (
    MAIN,
    Table,
    agreement_table,
    cases_of,
    lesion_table,
    means_table,
    metric_table,
    pairs_table,
    ranking_table,
)
from lymphoscope.app.show import Manner


def evaluation(record: Mapping[str, Any], folder: Path, manner: Manner) -> None:
    """Show an evaluation."""
    summary = record["summary"]
    kinds = ", ".join(f"{number} {kind}" for kind, number in summary["kinds"].items() if number)
    title = f"{cases_of(summary)} ({kinds})"
    tables = (metric_table(summary, MAIN), lesion_table(summary), agreement_table(summary))
    _show(record, title, tables, folder, manner)


def comparison(record: Mapping[str, Any], folder: Path, manner: Manner) -> None:
    """Show a comparison."""
    pairs = pairs_table(record)
    first = Table(pairs.caption, pairs.heads, tuple(row for row in pairs.rows if row[0] == pairs.rows[0][0]))
    _show(record, "", (ranking_table(record), means_table(record), first), folder, manner)


def _show(
    record: Mapping[str, Any], title: str, tables: tuple[Table | None, ...], folder: Path, manner: Manner
) -> None:
    if manner.as_json:
        show.as_canonical(record)
        return
    console = show.out()
    if not manner.quiet:
        if title:
            console.print(escape(title))
        for table in filter(None, tables):
            console.print(show.table(table.heads, table.rows, table.caption))
    console.print(escape(str(folder / PAGE)), soft_wrap=True)
