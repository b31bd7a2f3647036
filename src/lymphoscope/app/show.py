"""What the terminal shows: results on stdout, progress and messages on stderr; JSON alone where it is asked for."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from lymphoscope.core import shown
from lymphoscope.core.codes import Code
from lymphoscope.core.errors import Message, Severity
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import SeriesFact, Study

_PIPE_WIDTH = 200
STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_ACTS = {
    Severity.ERROR: "stops the study",
    Severity.WARNING: "is printed on the report",
    Severity.INFO: "is kept in the record",
}


@dataclass(frozen=True)
class Manner:
    """How a verb speaks.

    Attributes:
        as_json: Write JSON alone to stdout.
        quiet: Show no progress and no table.
        verbose: Show each step with its time, and notes.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


def out() -> Console:
    """Standard output; wide where it is not a terminal, so that lines stay whole."""
    return _console(sys.stdout)


def err() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def as_json(record: Any) -> None:
    """Write a record to stdout: sorted keys, no NaN."""
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def as_canonical(record: Any) -> None:
    """Write a record to stdout with the very bytes that a case folder would hold."""
    from lymphoscope.io.case import canonical_json  # noqa: PLC0415 - numpy is not loaded for less

    sys.stdout.write(canonical_json(record).decode("utf-8"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """A plain table of what there is: empty columns are left out, and so is a head without names.

    Args:
        columns: Names; one that ends in ``>`` is set to the right.
        rows: Cells as plain text.
        title: Printed above.
    """
    cells = [[escape(cell) for cell in row] for row in rows]
    filled = [n for n in range(len(columns)) if not cells or any(row[n] for row in cells)]
    made = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False,
        show_header=any(columns),
    )  # fmt: skip
    for n in filled:
        made.add_column(columns[n].removesuffix(">"), justify="right" if columns[n].endswith(">") else "left")
    for row in cells:
        made.add_row(*(row[n] for n in filled))
    return made


def message_line(message: Message) -> str:
    """A message in one marked-up line, code first."""
    code, _, rest = message.text.partition(":")
    return f"[{STYLE[message.severity]}]{code}[/]{escape(':' + rest)}"


def error(message: Message, json_wanted: bool = False) -> None:
    """Say what went wrong on stderr, and with ``--json`` on stdout too."""
    if json_wanted:
        status = {"RUN": "failed", "USE": "usage"}.get(message.code.split("-")[0], "refused")
        from lymphoscope.render.record import message_record  # noqa: PLC0415 - only for --json

        as_json({"status": status, "messages": [message_record(message)]})
    err().print(message_line(message))


@dataclass
class _Steps:
    """Turns calls of `Progress` into bars, or into one line a finished step."""

    console: Console
    bars: Bars | None
    verbose: bool
    tasks: dict[str, Any] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self.began:
            self.finish()
            self.began[step] = time.perf_counter()
            if self.bars is not None:
                self.tasks[step] = self.bars.add_task(step, total=total)
        if self.bars is not None:
            self.bars.update(self.tasks[step], completed=done, total=total)

    def finish(self) -> None:
        """Close what is open: a step ends where the next one begins."""
        for step, began in self.began.items():
            if self.bars is not None:
                self.bars.remove_task(self.tasks.pop(step))
            if self.verbose:
                self.console.print(f"{escape(step)}: {time.perf_counter() - began:.1f} s")
        self.began.clear()


@contextlib.contextmanager
def progress(manner: Manner) -> Iterator[Progress]:
    """A listener for long work: bars where stderr is a terminal, lines with ``--verbose``, silence with ``--quiet``."""
    console = err()
    if manner.quiet or not (console.is_terminal or manner.verbose):
        yield silent
        return
    if not console.is_terminal:
        steps = _Steps(console, None, manner.verbose)
        yield steps
        steps.finish()
        return
    told = (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), *told)
    with Bars(*columns, console=console, transient=True) as bars:
        steps = _Steps(console, bars, manner.verbose)
        yield steps
        steps.finish()


def series(facts: Sequence[SeriesFact], manner: Manner) -> None:
    """Show the series of a study and what became of each."""
    if manner.as_json:
        as_json({"series": [vars(fact) for fact in facts]})
        return
    rows = [
        (f.role or "–", f.modality, str(f.count), f.description, f"{f.code}: {f.why}" if f.code else f.why, f.uid)
        for f in facts
    ]
    out().print(table(("taken as", "kind", "images>", "description", "why", "series UID"), rows))
    if not rows:
        out().print("No DICOM series was found.")


def codes(found: Mapping[str, Code], manner: Manner) -> None:
    """Explain message codes."""
    if manner.as_json:
        as_json({code: entry._asdict() for code, entry in found.items()})
        return
    console = out()
    for code, entry in found.items():
        severity = Message(code, entry.means).severity
        console.print(f"[{STYLE[severity]}]{code}[/]  {escape(entry.means)}; {_ACTS[severity]}")
        for line in filter(None, (entry.effect, entry.fix)):
            console.print(f"  {escape(line)}")


def trained(card: Mapping[str, Any], manner: Manner) -> None:
    """What a training made: a line a fold, and all folds together."""
    if manner.as_json:
        as_json(card)
        return
    rows = []
    for fold, facts in card["folds"].items():
        spent = facts["training"].values()
        rows.append(
            (
                fold,
                "–" if facts["dice_mean"] is None else f"{facts['dice_mean']:.3f}",
                str(len(facts["dice"])),
                f"{sum(one['seconds'] for one in spent) / 60:.1f}",
                " + ".join(f"{one['voxels_per_second'] or 0:,}" for one in spent),
            )
        )
    columns = ("fold", "mean Dice", "cases", "minutes", "voxels a second")
    out().print(table(columns, rows, f"{card['recipe']['id']}: {card['recipe']['title']}"))
    whole = card["out_of_fold"]
    if whole["cases"]:
        line = f"Not trained on when predicted: {whole['cases']} cases, mean Dice {whole['dice_mean']:.3f}, "
        out().print(f"{line}median {whole['dice_median']:.3f}. For all figures: lymphoscope evaluate")
    if card.get("outcome"):
        _foretold(card["outcome"])


def _foretold(outcome: Mapping[str, Any]) -> None:
    """How many had the outcome, and how well it was foretold."""
    left = outcome["censored_before"] + outcome["unknown"]
    said = f"{outcome['name']}: {outcome['events']} with, {outcome['others']} without"
    said += f", {left} not known ({outcome['censored_before']} censored before): no part in the outcome" if left else ""
    area = outcome["auc"]
    if area:
        said += f". AUC {area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f}) of {outcome['told']} unseen"
    out().print(said + ".")


def predicted(record: Mapping[str, Any], manner: Manner) -> None:
    """What a prediction made, in a line."""
    if manner.as_json:
        as_json(record)
        return
    networks = f", {record['networks']} network{'s' if record['networks'] > 1 else ''}" if record["networks"] else ""
    out().print(f"{record['cases']} cases by {record.get('recipe') or record['model']}{networks} ({record['engine']})")
    if record.get("outcome"):
        note = "It means nothing of cases that the networks were trained on."
        out().print(f"Risk of {record['outcome']}: risk.csv. {note}")


def truths(record: Mapping[str, Any], manner: Manner) -> None:
    """Show what is true of a phantom's lesions."""
    if manner.as_json:
        as_json(record)
        return
    rows = [
        (t["name"], shown.number(t["volume_ml"], "mL", detail=True), shown.number(t["counted_ml"], "mL", detail=True),
         shown.number(t["suv"], "g/mL", detail=True))
        for t in record["lesions"]
    ]  # fmt: skip
    out().print(table(("lesion", "exact mL>", "voxels mL>", "SUV>"), rows))


def phantoms(record: Mapping[str, Any], manner: Manner) -> None:
    """Show what is true of whole-body phantoms."""
    if manner.as_json:
        as_json(record)
        return
    rows = [
        (p["name"], p["map"], p["facts"]["subtype"], p["facts"]["scanner"], str(len(p["lesions"])),
         shown.number(p["tmtv_ml"], "mL", detail=True))
        for p in record["phantoms"]
    ]  # fmt: skip
    out().print(table(("phantom", "anatomy", "subtype", "scanner", "foci>", "TMTV mL>"), rows))
    for name in record["maps_left_out"]:
        err().print(f"[yellow]{escape(name)}[/] left out: a body cannot be made of it")


def audit(study: Study, lines: Iterable[tuple[str, str]], manner: Manner) -> None:
    """Show how SUV was computed, and what was noted on the way."""
    if manner.as_json:
        from lymphoscope.render.record import message_record, suv_record  # noqa: PLC0415 - only for --json

        as_canonical({"suv": suv_record(study.suv), "messages": [message_record(m) for m in study.messages]})
        return
    notes(study.messages, manner)
    out().print(table(("fact", "value"), lines))


def notes(messages: Iterable[Message], manner: Manner) -> None:
    """Show messages on stderr: warnings always, notes with ``--verbose``."""
    console = err()
    for message in messages:
        if message.severity is not Severity.INFO or manner.verbose:
            console.print(message_line(message))


_CHECK_STYLE = {"ok": "green", "absent": "dim", "bad": "bold red"}


def checks(record: Mapping[str, Any], manner: Manner) -> None:
    """Show what this machine has."""
    if manner.as_json:
        as_json(record)
        return
    console = out()
    made = table(("", "subject", "found", "note"), ())
    for check in record["checks"]:
        status = check["status"]
        made.add_row(f"[{_CHECK_STYLE[status]}]{status}[/]", *(escape(check[k]) for k in ("subject", "found", "note")))
    console.print(made)
    console.print("Ready." if record["ok"] else "Something that is needed is missing: see the lines marked bad.")
