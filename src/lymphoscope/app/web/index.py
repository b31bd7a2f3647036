"""The database: users, sessions and an index of the cases. What it says of cases is made again from their folders.

SQLite beside the cases by default, any other that SQLAlchemy knows by its URL.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import DateTime, String, create_engine, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lymphoscope.app.reading import chain
from lymphoscope.app.reading.case import READING, version_names
from lymphoscope.core.errors import LymphoscopeError

INDEX_FILE = ".lymphoscope-index.sqlite"
SCHEMA = 1
ROLES = ("reader", "adjudicator", "admin")
_MOST_CASES = 20_000
_MOST_JSON = 32 * 2**20


class _Table(DeclarativeBase):
    pass


class About(_Table):
    """Which shape the tables have."""

    __tablename__ = "about"
    schema: Mapped[int] = mapped_column(primary_key=True)


class User(_Table):
    """Who may log in. Without a password only the one-time link on loopback does."""

    __tablename__ = "users"
    login: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(20))
    password: Mapped[str | None] = mapped_column(String(200))


class LoginSession(_Table):
    """A session; the token itself is kept by the browser alone."""

    __tablename__ = "sessions"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    login: Mapped[str] = mapped_column(String(40))
    csrf: Mapped[str] = mapped_column(String(64))
    expires: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CaseRow(_Table):
    """A case folder. Its id is a hash, so that neither an address nor a log names a folder."""

    __tablename__ = "cases"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    folder: Mapped[str] = mapped_column(String(4096))
    status: Mapped[str] = mapped_column(String(20))
    why: Mapped[str] = mapped_column(String(400), default="")
    study: Mapped[str] = mapped_column(String(20), default="")
    scanned: Mapped[str] = mapped_column(String(40), default="")
    flags: Mapped[str] = mapped_column(String(2000), default="[]")
    versions: Mapped[str] = mapped_column(String(20_000), default="[]")


@dataclass(frozen=True)
class VersionFact:
    """What the worklist needs to know of a version; no number of it.

    Attributes:
        name: Such as ``v1``.
        by: Login of its reader.
        purpose: ``read``, ``adjudicate`` or ``reopen``.
        signed: Whether it is signed.
        parent: The version that it began from, or empty.
    """

    name: str
    by: str
    purpose: str
    signed: bool
    parent: str


class Index:
    """The database of one server.

    Args:
        cases: The folder that holds the case folders.
        url: Database URL; SQLite beside the cases when empty.

    Raises:
        LymphoscopeError: ``WEB-E-DATABASE`` when it cannot be opened or has another shape.
    """

    def __init__(self, cases: Path, url: str = "") -> None:
        self.cases = cases.resolve()
        try:
            self.engine = create_engine(url or f"sqlite:///{self.cases / INDEX_FILE}", pool_pre_ping=True)
            _Table.metadata.create_all(self.engine)
            with Session(self.engine) as session:
                known = session.scalar(select(About.schema))
                if known is None:
                    session.add(About(schema=SCHEMA))
                    session.commit()
        except (SQLAlchemyError, ImportError, OSError):
            raise LymphoscopeError("WEB-E-DATABASE", "the database cannot be opened") from None
        if known not in (None, SCHEMA):
            raise LymphoscopeError("WEB-E-DATABASE", f"the database has shape {known}, this version needs {SCHEMA}")

    def session(self) -> Session:
        """A session of the database."""
        return Session(self.engine, expire_on_commit=False)

    def rebuild(self) -> int:
        """Make the index of the cases again from their folders; users and sessions stay.

        Returns:
            Number of cases.
        """
        rows = [row_of(self.cases, folder) for folder in case_folders(self.cases)]
        with self.session() as session:
            session.execute(delete(CaseRow))
            session.add_all(rows)
            session.commit()
        return len(rows)

    def refresh(self, case_id: str) -> None:
        """Take over what has changed in a case's folder."""
        with self.session() as session:
            row = session.get(CaseRow, case_id)
            if row is not None:
                session.merge(row_of(self.cases, self.cases / row.folder))
                session.commit()

    def rows(self) -> list[CaseRow]:
        """All cases, by folder."""
        with self.session() as session:
            return list(session.scalars(select(CaseRow).order_by(CaseRow.folder)))

    def row(self, case_id: str) -> CaseRow:
        """A case by its id.

        Raises:
            LymphoscopeError: ``WEB-E-NOTHERE``.
        """
        with self.session() as session:
            row = session.get(CaseRow, case_id)
        if row is None:
            raise LymphoscopeError("WEB-E-NOTHERE", "there is no such case")
        return row

    def folder(self, case_id: str) -> Path:
        """The folder of a case. It comes from the index, never from a request, and lies under the cases.

        Raises:
            LymphoscopeError: ``WEB-E-NOTHERE``.
        """
        folder = (self.cases / self.row(case_id).folder).resolve()
        if not folder.is_relative_to(self.cases):
            raise LymphoscopeError("WEB-E-NOTHERE", "there is no such case")
        return folder


def case_folders(cases: Path) -> Iterator[Path]:
    """Case folders below a folder, without following links; a case is not searched for more cases."""
    found = 0
    for place, folders, files in os.walk(cases):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        if "report.json" in files:
            folders.clear()
            found += 1
            if found > _MOST_CASES:
                return
            yield Path(place)


def row_of(cases: Path, folder: Path) -> CaseRow:
    """What the index says of a case folder."""
    relative = folder.relative_to(cases).as_posix()
    row = CaseRow(id=hashlib.sha256(os.fsencode(relative)).hexdigest()[:16], folder=relative, flags="[]", versions="[]")
    row.study, row.scanned, row.why = "", "", ""
    try:
        if (folder / "report.json").stat().st_size > _MOST_JSON:
            raise ValueError
        record = json.loads((folder / "report.json").read_bytes())
        facts = record["input"]
        row.study, row.scanned = (facts["study_uid_hash"] or "")[:16], (facts["scanned"] or "")[:19]
        codes = [m["code"] for m in record["messages"] if m["severity"] != "info"]
        row.flags = json.dumps(codes[:20])
        refused = record["status"] == "refused"
        row.why = str(record["refusal"]["code"])[:100] if refused else ""
        versions = [version_fact(folder, name) for name in version_names(folder)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        row.status, row.why = "damaged", "READ-E-CASE"
        return row
    except LymphoscopeError as error:
        row.status, row.why = "damaged", error.code
        return row
    row.status = "refused" if refused else status_of(versions)
    row.versions = json.dumps([vars(v) for v in versions])
    return row


def version_fact(folder: Path, name: str) -> VersionFact:
    """What a version's log says, for the worklist.

    Raises:
        LymphoscopeError: ``READ-E-CHANGED``.
    """
    events = chain.read(folder / READING / f"{name}.jsonl")
    begin = events[0] if events else {}
    signed = bool(events) and events[-1]["kind"] == "sign"
    return VersionFact(name, begin.get("by", ""), begin.get("purpose", ""), signed, begin.get("parent", ""))


def status_of(versions: list[VersionFact]) -> str:
    """Status of a case in the worklist."""
    if not versions:
        return "ready"
    return "reading" if any(not v.signed for v in versions) else "signed"


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
