"""Who may do what: passwords, the one-time link, sessions, roles, and limits on trying."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from threading import Lock
from types import MappingProxyType

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy import delete

from lymphoscope.app.web.audit import Audit
from lymphoscope.app.web.index import Index, VersionFact, now, root
from lymphoscope.app.web.tables import LoginSession, User
from lymphoscope.core.errors import LymphoscopeError

LASTS = timedelta(hours=10)
LOCAL = "local"
"""Login of whoever holds the one-time link."""

NOBODY, SERVER = "nobody", "server"
"""Who did what no account did: somebody who was not let in, and whoever runs the server."""

RIGHTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reader": frozenset({"read"}),
        "adjudicator": frozenset({"read", "adjudicate", "others", "agreement"}),
        "admin": frozenset({"read", "adjudicate", "reopen", "upload", "others", "names", "agreement", "audit"}),
        "auditor": frozenset({"others", "names", "agreement", "audit"}),
    }
)
"""What each role may. ``others``: see what others signed; ``names``: who did what; the other words are what is done."""

SHORTEST_PASSWORD = 12
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Person:
    """Who is logged in.

    Attributes:
        login: Login.
        name: Name as printed.
        role: One of `RIGHTS`.
        csrf: What a changing request must carry.
        has_password: Whether signing asks for one.
    """

    login: str
    name: str
    role: str
    csrf: str = ""
    has_password: bool = False

    def may(self, right: str) -> bool:
        """Whether the role has a right, one of those of `RIGHTS`."""
        return right in RIGHTS.get(self.role, ())

    def may_see(self, version: VersionFact, versions: list[VersionFact]) -> bool:
        """Whether a version may be shown: readers do not see one another before both have signed."""
        if version.by == self.login:
            return True
        named = {v.name: v for v in versions}
        first = {v.name: root(v, named) for v in versions}
        own = [v for v in versions if first[v.name].by == self.login and first[v.name].purpose == "read"]
        if not version.signed or any(not v.signed for v in own):
            return False
        return self.may("others") or bool(own)


class Limit:
    """At most so many events in a span of time, by key.

    Args:
        most: Events.
        seconds: Span.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._seen: dict[str, deque[float]] = {}
        self._lock = Lock()

    def take(self, key: str) -> None:
        """Count an event.

        Raises:
            LymphoscopeError: ``WEB-E-RATE`` where it is one too many.
        """
        with self._lock:
            moment = time.monotonic()
            if len(self._seen) > 10_000:
                self._seen.clear()
            seen = self._seen.setdefault(key, deque())
            while seen and seen[0] < moment - self.seconds:
                seen.popleft()
            if len(seen) >= self.most:
                raise LymphoscopeError("WEB-E-RATE", "too many requests in a short time", fix="Wait a minute.")
            seen.append(moment)


class Access:
    """Log-ins of one server.

    Args:
        index: The database.
        link: Whether a one-time link logs in; for loopback.
        hasher: How passwords are kept; argon2id with its authors' costs when None.
    """

    def __init__(self, index: Index, link: bool, hasher: PasswordHasher | None = None) -> None:
        self.index, self.audit = index, Audit(index.cases)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self._once = secrets.token_urlsafe(32) if link else ""
        self.tries = Limit(10, 60.0)
        if link:
            with index.session() as session:
                session.merge(User(login=LOCAL, name="Local reader", role="admin", password=None))
                session.commit()

    @property
    def once(self) -> str:
        """The one-time token, empty when it was used."""
        return self._once

    def add_user(self, login: str, name: str, role: str, password: str) -> None:
        """Add a user or change one.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` for a login, role or password that cannot be.
        """
        if not _LOGIN.fullmatch(login) or login == LOCAL or role not in RIGHTS:
            raise LymphoscopeError(
                "USE-E-VALUE", f"a login is small letters and digits, a role one of {', '.join(RIGHTS)}"
            )
        if len(password) < SHORTEST_PASSWORD or not (name.isprintable() and 0 < len(name) <= 120):
            raise LymphoscopeError("USE-E-VALUE", f"a password has {SHORTEST_PASSWORD} letters or more, a user a name")
        with self.index.session() as session:
            session.merge(User(login=login, name=name, role=role, password=self._hasher.hash(password)))
            session.commit()
        self.audit.note("user", SERVER, account=login, as_role=role)

    def by_link(self, token: str) -> str:
        """Log in by the one-time link.

        Returns:
            The session's token.

        Raises:
            LymphoscopeError: ``WEB-E-LOGIN`` where it is wrong or was used.
        """
        self.tries.take("link")
        if not self._once or not hmac.compare_digest(token.encode(), self._once.encode()):
            self.audit.note("log-in refused", NOBODY, way="link")
            raise LymphoscopeError("WEB-E-LOGIN", "the link was used already or is not the one shown")
        self._once = ""
        return self._begin(LOCAL, "link")

    def by_password(self, login: str, password: str, address: str) -> str:
        """Log in by password.

        Raises:
            LymphoscopeError: ``WEB-E-LOGIN``, ``WEB-E-RATE``.
        """
        self.tries.take(address)
        self.tries.take(f"login {login}")
        if not self.right(login, password):
            self.audit.note("log-in refused", NOBODY, way="password")  # what was typed may be a password
            raise LymphoscopeError("WEB-E-LOGIN", "login or password is wrong")
        return self._begin(login, "password")

    def right(self, login: str, password: str) -> bool:
        """Whether a password is that of a user; it takes as long for a user that does not exist."""
        with self.index.session() as session:
            user = session.get(User, login[:40])
        try:
            known = user.password if user is not None and user.password else self._nobody
            return self._hasher.verify(known, password) and user is not None
        except Argon2Error:
            return False

    def _begin(self, login: str, way: str) -> str:
        token = secrets.token_urlsafe(32)
        with self.index.session() as session:
            user = session.get(User, login)
            self.audit.note("log in", login, user.role if user else "", way=way)
            session.execute(delete(LoginSession).where(LoginSession.expires < now()))
            fresh = LoginSession(
                token_sha256=_digest(token), login=login, csrf=secrets.token_urlsafe(32), expires=now() + LASTS
            )
            session.add(fresh)
            session.commit()
        return token

    def person(self, token: str | None) -> Person:
        """Who a session belongs to.

        Raises:
            LymphoscopeError: ``WEB-E-LOGIN`` where it is none, or over.
        """
        with self.index.session() as session:
            found = session.get(LoginSession, _digest(token or ""))
            user = session.get(User, found.login) if found is not None else None
        if found is None or user is None or found.expires.replace(tzinfo=UTC) < now():
            raise LymphoscopeError("WEB-E-LOGIN", "you are not logged in")
        return Person(user.login, user.name, user.role, found.csrf, bool(user.password))

    def end(self, token: str | None) -> None:
        """Log out."""
        with self.index.session() as session:
            found = session.get(LoginSession, _digest(token or ""))
            if found is not None:
                self.audit.note("log out", found.login)
            session.execute(delete(LoginSession).where(LoginSession.token_sha256 == _digest(token or "")))
            session.commit()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
