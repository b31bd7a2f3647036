"""A batch on the terminal: a bar with the time left while it goes on, and what it came to."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lymphoscope.app import show
from lymphoscope.app.batch.run import OVERVIEW, BatchOutcome, Unwatched, Watcher
from lymphoscope.app.batch.table import STATUSES
from lymphoscope.app.batch.work import FAILED, MEASURED, Ending
from lymphoscope.core.errors import Message

_STUDIES = "studies"
_PACE_SECONDS = 3600.0
"""Studies of this last while tell how fast it goes."""
_MOST_FAILURES = 12


@dataclass
class _Bars:
    """A bar for each step, where standard error is a terminal, and a line a study with ``--verbose``."""

    console: Console
    bars: Progress | None
    verbose: bool
    tasks: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def looking(self, step: str, done: int, total: int) -> None:
        """Show how much of the tree was read."""
        if self.bars is not None:
            self._task(step, total)
            self.bars.update(self.tasks[step], completed=done)

    def begins(self, todo: int, done: int) -> None:
        """Show what is to be done."""
        self.total = todo
        if self.verbose:
            self.console.print(f"{todo} studies to do, {done} done before")
        if self.bars is not None:
            for task in self.tasks.values():
                self.bars.remove_task(task)
            self.tasks.clear()
            self._task(_STUDIES, todo)

    def ended(self, ending: Ending) -> None:
        """Show one more study."""
        self.counts[ending.status] += 1
        if self.verbose:
            code = f" {ending.message.code}" if ending.message else ""
            done = sum(self.counts.values())
            self.console.print(f"{done}/{self.total} {ending.name} {ending.status}{code} {ending.seconds:.1f} s")
        if self.bars is not None:
            others = ", ".join(f"{n} {status}" for status, n in sorted(self.counts.items()) if status != MEASURED)
            self.bars.update(self.tasks[_STUDIES], advance=1, others=others)

    def _task(self, step: str, total: int) -> None:
        if self.bars is not None and step not in self.tasks:
            self.tasks[step] = self.bars.add_task(step, total=total, others="")


@contextlib.contextmanager
def watching(manner: show.Manner) -> Iterator[Watcher]:
    """Someone who tells the terminal how a batch goes on; nobody with ``--quiet`` or without a terminal."""
    console = show.err()
    if manner.quiet or not (console.is_terminal or manner.verbose):
        yield Unwatched()
        return
    if not console.is_terminal:
        yield _Bars(console, None, manner.verbose)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[others]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, speed_estimate_period=_PACE_SECONDS) as bars:
        yield _Bars(console, bars, manner.verbose)


def result(outcome: BatchOutcome, manner: show.Manner) -> None:
    """Show what a batch came to: counts, failures, refusals by code, and the page's place last."""
    summary = outcome.summary
    failures = [row for row in outcome.rows if row.status == FAILED]
    for row in failures[:_MOST_FAILURES]:
        show.err().print(f"{row.case}: {escape(str(row.message.get('text', '')))}", soft_wrap=True)
    if len(failures) > _MOST_FAILURES:
        show.err().print(f"{len(failures) - _MOST_FAILURES} more failed, see status.jsonl")
    if manner.as_json:
        show.as_json(dict(summary))
        return
    console = show.out()
    if not manner.quiet:
        parts = [f"{summary[status]} {status}" for status in STATUSES if summary[status]]
        noun = "study" if summary["studies"] == 1 else "studies"
        console.print(f"{summary['studies']} {noun}: {', '.join(parts) or 'none'}")
        console.print(f"{summary['done_now']} done now, {summary['done_before']} before")
        for code, count in summary["codes"].items():
            style = show.STYLE[Message(code, "").severity]
            console.print(f"  {count} × [{style}]{code}[/]")
    console.print(escape(str(outcome.folder / OVERVIEW)), soft_wrap=True)
