"""Who writes a draft: one window at a time, until it lets go or has given no sign of life for five minutes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lymphoscope.app.web.index import Index, now
from lymphoscope.app.web.tables import Lease
from lymphoscope.core.errors import LymphoscopeError

LASTS = timedelta(minutes=5)
BEAT_S = 30
"""How often a window gives a sign of life, seconds."""


@dataclass(frozen=True)
class Held:
    """A lease that was given.

    Attributes:
        since: When this window began to write.
        until: When others may take over, unless it gives a sign of life before.
        from_another: Another window held it, and gave no sign of life.
    """

    since: datetime
    until: datetime
    from_another: bool


class Leases:
    """Leases of the drafts of one server, in its database: they outlive the server and hold between servers.

    Args:
        index: The database.
    """

    def __init__(self, index: Index) -> None:
        self.index = index

    def take(self, case: str, version: str, window: str) -> Held:
        """Take a lease, or give a sign of life.

        Args:
            case: Id of the case.
            version: Name of the draft.
            window: What the window calls itself.

        Raises:
            LymphoscopeError: ``READ-E-HELD`` while another window holds it.
        """
        moment, own = now(), _digest(window)
        until = moment + LASTS
        with self.index.session() as session:
            before = session.get(Lease, (case, version))
            mine = (Lease.case == case, Lease.version == version, Lease.window == own)
            if _changed(session, update(Lease).where(*mine, Lease.until > moment).values(until=until)):
                session.commit()
                # it may have been taken by this very window since it was looked for
                return Held(moment if before is None else _aware(before.since), until, False)
            over = (Lease.case == case, Lease.version == version, Lease.until <= moment)
            fresh = {"window": own, "since": moment, "until": until}
            if _changed(session, update(Lease).where(*over).values(**fresh)):
                session.commit()
                return Held(moment, until, before is not None and before.window != own)
            session.expunge_all()
            session.add(Lease(case=case, version=version, **fresh))
            try:
                session.commit()
            except IntegrityError:
                session.rollback()
                raise self._held(session.get(Lease, (case, version))) from None
        return Held(moment, until, False)

    def release(self, case: str, version: str, window: str) -> None:
        """Let go of a lease; of another window's nothing happens."""
        with self.index.session() as session:
            mine = (Lease.case == case, Lease.version == version, Lease.window == _digest(window))
            session.execute(delete(Lease).where(*mine))
            session.commit()

    def require(self, case: str, version: str, window: str) -> None:
        """Refuse a writer while another window holds the lease.

        Raises:
            LymphoscopeError: ``READ-E-HELD``.
        """
        with self.index.session() as session:
            found = session.get(Lease, (case, version))
        if found is not None and _aware(found.until) > now() and found.window != _digest(window):
            raise self._held(found)

    def _held(self, found: Lease | None) -> LymphoscopeError:
        if found is None:  # let go of in the same moment
            return LymphoscopeError("READ-E-HELD", "another window writes this reading")
        what = f"another window of yours writes this reading since {_aware(found.since):%H:%M} UTC"
        fix = f"Go on there, or close it; without a sign of life it ends at {_aware(found.until):%H:%M} UTC."
        return LymphoscopeError("READ-E-HELD", what, fix=fix)


def _changed(session: Session, statement: Any) -> bool:
    result: CursorResult[Any] = session.execute(statement.execution_options(synchronize_session=False))  # type: ignore[assignment]
    return result.rowcount == 1


def _digest(window: str) -> str:
    return hashlib.sha256(window.encode()).hexdigest()


def _aware(moment: datetime) -> datetime:
    """SQLite keeps no time zone; all times are UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
