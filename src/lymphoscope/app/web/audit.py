"""What is done at a server besides reading: log-ins, exports, studies sent in. By account, never by a person's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.reading import chain
from lymphoscope.app.reading.case import now

AUDIT_FILE = ".lymphoscope-audit.jsonl"


class Audit:
    """The server's own log, beside the cases: only ever added to, each line bound to the one before.

    Args:
        cases: The folder of cases.
    """

    def __init__(self, cases: Path) -> None:
        self.path = cases / AUDIT_FILE

    def note(self, kind: str, by: str, role: str = "", **said: Any) -> None:
        """Add an event.

        Args:
            kind: What was done, such as ``log in``.
            by: Account, or ``nobody`` where nobody was let in.
            role: Its role.
            **said: What else is to be known; ids, never names.

        Raises:
            LymphoscopeError: ``IO-E-WRITE``: what cannot be recorded is not done. ``READ-E-CHANGED``.
        """
        event = {"kind": kind, "by": by, "role": role, "when": now(), "software": __version__, **said}
        chain.extend(self.path, event)
