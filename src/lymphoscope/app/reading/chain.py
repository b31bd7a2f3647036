"""The log of a version: one JSON line an event, each bound to the one before by its hash, only ever appended to.

A line that a killed server left half written is not an event: it is cut off when the next is appended. Anything else
that does not fit is a changed log, and is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing

try:
    import fcntl
except ImportError:  # without it one server at a time is the user's care
    fcntl = None  # type: ignore[assignment]

Event = Mapping[str, Any]

BEGINNING = "0" * 64
"""What the first event is bound to."""

_LONGEST_LINE = 8 * 2**20


def line_of(event: Mapping[str, Any], before: str) -> tuple[bytes, str]:
    """An event as its line, bound to the hash of the one before.

    Args:
        event: Plain data without ``before`` and ``hash``.
        before: Hash of the event before.

    Returns:
        The line and its hash.
    """
    bound = {**event, "before": before}
    text = json.dumps(bound, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    found = hashlib.sha256(text.encode()).hexdigest()
    return (text[:-1] + f',"hash":"{found}"}}\n').encode(), found


def events_in(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """The events of a log, checked link by link.

    Args:
        content: The file.

    Returns:
        The events and the length of the file up to the last whole one.

    Raises:
        LymphoscopeError: ``READ-E-CHANGED`` for a log that does not hang together.
    """
    whole = content.rfind(b"\n") + 1
    events: list[dict[str, Any]] = []
    before = BEGINNING
    for number, line in enumerate(content[:whole].splitlines()):
        try:
            event = json.loads(line)
            found = event.pop("hash")
            if event.pop("before") != before or event["number"] != number:
                raise ValueError
            if line_of(event, before)[1] != found:
                raise ValueError
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise LymphoscopeError("READ-E-CHANGED", f"event {number} of a log is not as it was written") from None
        before = found
        events.append({**event, "hash": found})
    return events, whole


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a log file; none where there is no file.

    Raises:
        LymphoscopeError: ``READ-E-CHANGED``.
    """
    try:
        return events_in(path.read_bytes())[0]
    except FileNotFoundError:
        return []
    except OSError:
        raise LymphoscopeError("READ-E-CHANGED", "a log cannot be read") from None


def bound(path: Path) -> list[dict[str, Any]]:
    """The events of a log file as they stand, with what binds them and unchecked: for whoever verifies them.

    Raises:
        LymphoscopeError: ``READ-E-CHANGED`` for a file that holds anything but events.
    """
    try:
        found = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        if not all(isinstance(e, dict) and {"number", "when", "by", "kind", "before", "hash"} <= set(e) for e in found):
            raise ValueError
        return found
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError):
        raise LymphoscopeError("READ-E-CHANGED", "a log cannot be read") from None


def append(path: Path, event: Mapping[str, Any], expected: str) -> dict[str, Any]:
    """Add an event to a log and have it on the disk before returning.

    Args:
        path: The log file; made by the first event.
        event: Plain data; its number is filled in.
        expected: Hash of the event that the writer saw last.

    Returns:
        The event as it stands, with number and hash.

    Raises:
        LymphoscopeError: ``READ-E-STALE`` where another event came in between, ``IO-E-WRITE``, ``READ-E-CHANGED``.
    """
    with writing(), path.open("a+b") as file, _locked(file.fileno()):
        file.seek(0)
        events, whole = events_in(file.read())
        last = events[-1]["hash"] if events else BEGINNING
        if last != expected:
            raise LymphoscopeError("READ-E-STALE", "the version was changed in the meantime")
        return _written(file, whole, {**event, "number": len(events)}, last)


def extend(path: Path, event: Mapping[str, Any]) -> dict[str, Any]:
    """Add an event to a log that many write and that grows long: it is bound to the last line, and no other is read.

    Args:
        path: The log file; made by the first event.
        event: Plain data; its number is filled in.

    Returns:
        The event as it stands, with number and hash.

    Raises:
        LymphoscopeError: ``IO-E-WRITE``, ``READ-E-CHANGED`` where the last line is not as it was written.
    """
    with writing(), path.open("a+b") as file, _locked(file.fileno()):
        number, last, whole = _end_of(file)
        return _written(file, whole, {**event, "number": number}, last)


def _end_of(file: BinaryIO) -> tuple[int, str, int]:
    """Number of the next event, hash of the last, and the length of the file up to it."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _LONGEST_LINE)
    file.seek(start)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].splitlines()
    if not lines:
        if start:
            raise LymphoscopeError("READ-E-CHANGED", "the end of a log is not as it was written")
        return 0, BEGINNING, 0
    try:
        event = json.loads(lines[-1])
        found, before = event.pop("hash"), event.pop("before")
        if line_of(event, before)[1] != found:
            raise ValueError
        return event["number"] + 1, found, start + whole
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise LymphoscopeError("READ-E-CHANGED", "the end of a log is not as it was written") from None


def _written(file: BinaryIO, whole: int, numbered: dict[str, Any], last: str) -> dict[str, Any]:
    """Write an event after the whole lines of a file; on a failure the file is as it was."""
    line, found = line_of(numbered, last)
    file.truncate(whole)
    try:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(whole)
        raise
    return {**numbered, "hash": found}


@contextlib.contextmanager
def _locked(handle: int) -> Iterator[None]:
    """One writer at a time, also between processes."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_UN)
