"""A de-identified tree on the terminal: counts, what was left out by code, where the crosswalk is."""

from __future__ import annotations

from rich.markup import escape

from lymphoscope.app import show
from lymphoscope.app.batch.work import FAILED, REFUSED
from lymphoscope.app.deid.run import DeidOutcome
from lymphoscope.app.deid.work import DONE
from lymphoscope.core.codes import CODES
from lymphoscope.core.errors import Message


def result(outcome: DeidOutcome, manner: show.Manner) -> None:
    """Show what a tree came to."""
    summary = outcome.summary
    if manner.as_json:
        show.as_json(dict(summary))
        return
    console = show.out()
    if not manner.quiet:
        counts = ", ".join(f"{summary[status]} {status}" for status in (DONE, REFUSED, FAILED) if summary[status])
        noun = "patient" if summary["patients"] == 1 else "patients"
        console.print(f"{summary['patients']} {noun}; studies: {counts or 'none'}; {summary['done_now']} done now")
        files = ", ".join(f"{number} {modality}" for modality, number in summary["files"].items())
        console.print(f"files: {files or 'none'}")
        for code, count in summary["codes"].items():
            style = show.STYLE[Message(code, "").severity]
            console.print(f"  {count} × [{style}]{code}[/] {CODES[code].means}", soft_wrap=True)
    console.print(f"crosswalk: {escape(str(outcome.crosswalk))}", soft_wrap=True)
