"""The end of a survival analysis on the terminal: the main numbers, and where the page is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from lymphoscope.app import show
from lymphoscope.app.prognosis.run import PAGE, tables
from lymphoscope.app.prognosis.scoring import counts_table
from lymphoscope.app.show import Manner


def analysis(record: Mapping[str, Any], folder: Path, manner: Manner) -> None:
    """Show an analysis."""
    if manner.as_json:
        show.as_canonical(record)
        return
    console = show.out()
    if not manner.quiet:
        console.print(f"{record['patients']} patients, {record['events']} events")
        for text in record["notes"]:
            show.err().print(escape(text), soft_wrap=True)
        for table in tables(record):
            console.print(show.table(table.heads, table.rows, table.caption))
    console.print(escape(str(folder / PAGE)), soft_wrap=True)


def scores(record: Mapping[str, Any], out: Path, manner: Manner) -> None:
    """Show how many patients came to which group."""
    if manner.as_json:
        show.as_canonical(record)
        return
    console, table = show.out(), counts_table(record)
    if not manner.quiet:
        console.print(show.table(table.heads, table.rows, table.caption))
    console.print(escape(str(out)), soft_wrap=True)
