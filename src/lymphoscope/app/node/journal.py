"""The node's log: one JSON object a line, with hashes in the place of names, numbers and UIDs."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path


class Journal:
    """Writes lines to a file or to standard error; that a line cannot be written stops nothing.

    Args:
        path: The file, appended to; standard error when None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()

    def __call__(self, event: str, **facts: str | int | float | None) -> None:
        """Write a line.

        Args:
            event: What happened, one word.
            **facts: Hashes, counts, seconds, codes and names from the configuration. Nothing from a header.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=True) + "\n"
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._path is None:
                sys.stderr.write(line)
                sys.stderr.flush()
            else:
                with self._path.open("a", encoding="ascii") as out:
                    out.write(line)
