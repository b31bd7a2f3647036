"""The verb `serve`: run the page, add a user, make the index again."""

from __future__ import annotations

import getpass
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lymphoscope.app.libraries import prepared
from lymphoscope.app.settings import threads
from lymphoscope.app.web.door import Door
from lymphoscope.core.errors import LymphoscopeError


@dataclass(frozen=True)
class NewUser:
    """A user to add; nobody without a login."""

    login: str | None
    role: str
    name: str


def serve(cases: Path | None, door: Door, user: NewUser, rebuild: bool, demo: bool = False) -> None:
    """Do what the verb is asked for.

    Args:
        cases: The folder of cases; for the demonstration it may be none, and is then gone afterwards.
        door: Where the page is served.
        user: A user to add.
        rebuild: Make the index again, and leave.
        demo: Put the demonstration case there first.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without the extra, and those of `lymphoscope.app.web.server.serve`.
    """
    try:
        from lymphoscope.app.web import server  # noqa: PLC0415 - an extra
        from lymphoscope.app.web.access import Access  # noqa: PLC0415
        from lymphoscope.app.web.demo import with_demonstration  # noqa: PLC0415
        from lymphoscope.app.web.index import Index  # noqa: PLC0415
    except ImportError:
        raise LymphoscopeError(
            "USE-E-EXTRA", "the reading page is not installed", fix="pip install 'lymphoscope[serve]'"
        ) from None
    if demo and cases is None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # else the folder would outlive the server
        with TemporaryDirectory(prefix="lymphoscope-demo-") as place:
            return serve(Path(place), door, user, rebuild, demo)
    if cases is None:
        raise LymphoscopeError("USE-E-VALUE", "the folder of cases is not named", fix="Name it, or use --demo.")
    if demo:
        _say("measuring the demonstration case: some ten seconds")
        with prepared(threads()):
            with_demonstration(cases)
    if not cases.is_dir():
        raise LymphoscopeError("IO-E-PATH", "the folder of cases is not there")
    if user.login is not None:
        Access(Index(cases, door.database), link=False).add_user(
            user.login, user.name or user.login, user.role, _password()
        )
        _say(f"user {user.login} may log in as {user.role}")
    elif rebuild:
        _say(f"{Index(cases, door.database).rebuild()} cases")
    else:
        logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr, level=logging.WARNING)
        with prepared(threads()):
            server.serve(cases, door, _say)


def verify_audit(path: Path) -> None:
    """Say of an exported audit trail, log by log, whether every link of it holds.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``USE-E-VALUE`` for a file that is no trail, ``READ-E-CHANGED`` where a link is
            broken, after all logs were told.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "the audit trail cannot be read") from None
    from lymphoscope.app.web.trail import verify  # noqa: PLC0415 - as everything of the page, when it is asked for

    found = verify(content)
    for log in found:
        part = f", from event {log.first}" if log.first else ""
        _say(f"{log.log}: {log.events} events{part}, {log.wrong or 'every link holds'}")
    if any(log.wrong for log in found):
        raise LymphoscopeError("READ-E-CHANGED", "the audit trail was changed after it was written")


def _password() -> str:
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
