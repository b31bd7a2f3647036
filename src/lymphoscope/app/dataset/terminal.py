"""A data set that was built, on the terminal: counts, codes, where the page to check is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from lymphoscope.app import show
from lymphoscope.app.batch.work import FAILED, REFUSED
from lymphoscope.app.dataset.build import BuildOutcome
from lymphoscope.app.dataset.duplicates import Duplicates
from lymphoscope.app.dataset.telling import PAGE
from lymphoscope.app.deid.work import DONE
from lymphoscope.core.codes import CODES
from lymphoscope.core.errors import Message

_CALLED = {DONE: "cases", REFUSED: "refused", FAILED: "failed"}


def result(outcome: BuildOutcome, manner: show.Manner) -> None:
    """Show what a tree came to."""
    summary = outcome.summary
    if manner.as_json:
        show.as_json(dict(summary))
        return
    console = show.out()
    if not manner.quiet:
        counts = ", ".join(f"{summary[status]} {word}" for status, word in _CALLED.items() if summary[status])
        console.print(f"studies: {counts}; {summary['done_now']} done now")
        for code, count in summary["codes"].items():
            style = show.STYLE[Message(code, "").severity]
            console.print(f"  {count} × [{style}]{code}[/] {CODES[code].means}", soft_wrap=True)
        for made in summary["data_sets"]:
            news = ", ".join(f"{made[word]} {word}" for word in ("added", "changed", "removed") if made[word])
            cases = f"{made['cases']} cases{_of_test(made)}"
            words = f"{made['name']}: version {made['version']}, {cases} ({news or 'nothing new'})"
            console.print(escape(words), soft_wrap=True)
    console.print(escape(str(outcome.work / PAGE)), soft_wrap=True)


def duplicates(found: Duplicates, manner: show.Manner) -> None:
    """Show what data sets hold twice."""
    if manner.as_json:
        show.as_json(found.record())
        return
    console = show.out()
    for pair in found.pairs:
        ends = [f"{place.data_set}/{place.case} ({place.part})" for place in (pair.one, pair.other)]
        words = f"{pair.kind:5}  {pair.correlation:.3f}  {ends[0]}  =  {ends[1]}"
        console.print(escape(words), style="bold red" if pair.leaks else None, soft_wrap=True)
    for place, why in found.left_out:
        console.print(escape(f"left out {place.data_set}/{place.case}: {why.code} {why.what}"), soft_wrap=True)
    leaks = sum(pair.leaks for pair in found.pairs)
    words = f"{found.cases} cases: {len(found.pairs)} pairs of one examination"
    console.print(f"{words}, {leaks} of them in different parts or data sets" if leaks else words, soft_wrap=True)


def adopted(summary: Mapping[str, Any], out: Path, manner: show.Manner) -> None:
    """Show what a collection came to."""
    if manner.as_json:
        show.as_json(dict(summary))
        return
    console = show.out()
    if not manner.quiet:
        cases = f"{summary['cases']} cases of {summary['patients']} patients{_of_test(summary)}"
        console.print(f"{summary['collection']}: {cases}", soft_wrap=True)
        for case, why in summary["left_out"].items():
            console.print(escape(f"  left out {case}: {why['code']} {why['what']}"), soft_wrap=True)
        for code, count in summary["codes"].items():
            style = show.STYLE[Message(code, "").severity]
            console.print(f"  {count} × [{style}]{code}[/] {CODES[code].means}", soft_wrap=True)
    console.print(escape(str(out)), soft_wrap=True)


def _of_test(counts: Mapping[str, Any]) -> str:
    return f", {counts['test']} of the cases for a last test" if counts["test"] else ""
