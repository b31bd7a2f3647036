"""The audit trail as a file: every log whole, as CSV or JSON, and what verifies such a file without the server."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lymphoscope.app.reading import chain
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.render.table import cell

SCHEMA = "lymphoscope/audit/1"
COLUMNS = ("log", "number", "when_utc", "by", "role", "kind", "op", "reason", "tmtv_before_ml", "tmtv_after_ml",
           "mask_before", "mask_after", "hash_before", "hash", "event")  # fmt: skip
_END = "end"
"""Number of the row that says how long a log is and how it ends."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Verified:
    """What verifying a log came to.

    Attributes:
        log: ``server``, or case and version.
        first: Number of the first event that is there; above 0 the log begins in its middle.
        events: How many are there.
        last: Hash of the last.
        wrong: What is wrong, in words; empty where every link holds.
    """

    log: str
    first: int
    events: int
    last: str
    wrong: str = ""


def since(events: Sequence[Event], moment: str) -> list[Event]:
    """The events of a log from a time on: all of its end, so that the links between them can be verified."""
    first = next((k for k, event in enumerate(events) if event["when"] >= moment), len(events))
    return list(events[first:])


def as_csv(logs: Mapping[str, Sequence[Event]]) -> str:
    """A row an event, with the event itself at the end, and a row at each log's end.

    Args:
        logs: Events by log, with ``before`` and ``hash``.

    Returns:
        CSV, lines ending in CR LF; a cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for name, events in logs.items():
        writer.writerows([cell(value) for value in _row(name, event)] for event in events)
        writer.writerow([cell(value) for value in _last(name, events)])
    return stream.getvalue()


def as_json(logs: Mapping[str, Sequence[Event]]) -> bytes:
    """The same as JSON."""
    told = {n: {"events": list(e), "n": len(e), "last": e[-1]["hash"] if e else ""} for n, e in logs.items()}
    return json.dumps({"schema": SCHEMA, "logs": told}, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _row(name: str, event: Event) -> list[Any]:
    was, then = event.get("was") or {}, event.get("is") or {}
    act = event.get("act") or {}
    line = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return [
        name, event["number"], event["when"], event["by"], event.get("role", ""), event["kind"], event.get("op", ""),
        act.get("reason", "") or event.get("reason", ""), was.get("tmtv_ml"), then.get("tmtv_ml"), was.get("head", ""),
        then.get("head", ""), event["before"], event["hash"], line,
    ]  # fmt: skip


def _last(name: str, events: Sequence[Event]) -> list[Any]:
    blank = dict.fromkeys(COLUMNS, "")
    known = {"log": name, "number": _END, "op": len(events), "hash": events[-1]["hash"] if events else ""}
    return list((blank | known).values())


def verify(content: bytes) -> list[Verified]:
    """Verify an exported trail, or a log file as the server keeps it.

    Args:
        content: CSV of `as_csv`, JSON of `as_json`, or lines of JSON.

    Returns:
        What each log came to, in order.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a file that is none of these.
    """
    try:
        text = content.decode("utf-8-sig")
        if text.startswith(",".join(COLUMNS[:3])):
            return list(_of_csv(text))
        if text.lstrip().startswith("{") and f'"{SCHEMA}"' in text:
            logs = json.loads(text)["logs"]
            return [verified(name, log["events"], log["n"], log["last"]) for name, log in sorted(logs.items())]
        return [verified("log", [json.loads(line) for line in text.splitlines() if line])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error):
        raise LymphoscopeError("USE-E-VALUE", "the file is no audit trail", fix="Export it again.") from None


def _of_csv(text: str) -> Iterator[Verified]:
    csv.field_size_limit(2**27)
    logs: dict[str, list[list[str]]] = {}
    for row in csv.reader(io.StringIO(text)):
        if row != list(COLUMNS):
            logs.setdefault(row[0], []).append(row)
    for name, rows in logs.items():
        *events, end = rows
        if end[1] != _END:
            yield Verified(name, 0, len(rows), "", "the row at its end is missing")
            continue
        parsed = [json.loads(row[-1]) for row in events]
        found = verified(name, parsed, int(end[6]), end[13])
        differs = [n for n, (row, event) in enumerate(zip(events, parsed, strict=True)) if not _same(row, name, event)]
        if differs and not found.wrong:
            found = Verified(name, found.first, found.events, found.last, f"row {differs[0]} differs from its event")
        yield found


def _same(row: list[str], name: str, event: Event) -> bool:
    return row == [cell(value) for value in _row(name, event)]


def verified(name: str, events: Iterable[Event], count: int | None = None, last: str | None = None) -> Verified:
    """Verify the links of a log.

    Args:
        name: Its name.
        events: Its events, with ``before`` and ``hash``.
        count: How many there should be, if that is known.
        last: Hash that the last should have, if that is known.
    """
    held = list(events)
    first = int(held[0]["number"]) if held else 0
    before = held[0]["before"] if first else chain.BEGINNING
    for place, event in enumerate(held):
        plain = {k: v for k, v in event.items() if k not in ("before", "hash")}
        bound = event["before"] == before and event["number"] == first + place
        if not bound or chain.line_of(plain, before)[1] != event["hash"]:
            return Verified(name, first, len(held), "", f"event {first + place} is not as it was written")
        before = event["hash"]
    if (count is not None and count != len(held)) or (last is not None and held and last != before):
        return Verified(name, first, len(held), before, "events at its end are missing")
    return Verified(name, first, len(held), before if held else "")
