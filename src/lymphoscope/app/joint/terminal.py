"""The end of a comparison of runs on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from lymphoscope.app import show
from lymphoscope.app.joint.run import PAGE, tables
from lymphoscope.app.show import Manner


def comparison(record: Mapping[str, Any], folder: Path, manner: Manner) -> None:
    """Show a comparison."""
    if manner.as_json:
        show.as_canonical(record)
        return
    console = show.out()
    if not manner.quiet:
        for text in record["notes"]:
            show.err().print(escape(text), soft_wrap=True)
        for table in tables(record):
            console.print(show.table(table.heads, table.rows, table.caption))
    console.print(escape(str(folder / PAGE)), soft_wrap=True)
