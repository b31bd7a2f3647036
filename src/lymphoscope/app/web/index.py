"""The database: users, sessions and an index of the cases. What it says of cases is made again from their folders.

SQLite beside the cases by default, any other that SQLAlchemy knows by its URL.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from lymphoscope.app.reading import chain
from lymphoscope.app.reading.agreement import disputed_by
from lymphoscope.app.reading.case import READING, progress, version_names
from lymphoscope.app.web.migrations import migrate
from lymphoscope.app.web.tables import About, CaseRow
from lymphoscope.core.codes import CODES
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.objects.kept import whose

INDEX_FILE = ".lymphoscope-index.sqlite"
CLOSED = ("refused", "damaged")
"""Status of what cannot be read."""

_MOST_CASES = 20_000
_MOST_JSON = 32 * 2**20


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
        # of the drivers for PostgreSQL the one that the extra brings
        known = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
        try:
            waits = {} if known else {"timeout": 30}  # seconds, for another's turn to write: a disk can be slow
            place = known or f"sqlite:///{self.cases / INDEX_FILE}"
            self.engine = create_engine(place, pool_pre_ping=True, connect_args=waits)
            migrate(self.engine)
            self.salt = self._salt()
        except (SQLAlchemyError, ImportError, OSError):
            raise LymphoscopeError("WEB-E-DATABASE", "the database cannot be opened") from None

    def _salt(self) -> str:
        with self.session() as session:
            about = session.scalars(select(About)).one()
            about.salt = about.salt or secrets.token_hex(16)
            session.commit()
            return about.salt

    def session(self) -> Session:
        """A session of the database."""
        return Session(self.engine, expire_on_commit=False)

    def rebuild(self) -> int:
        """Make the index of the cases again from their folders; users and sessions stay.

        Returns:
            Number of cases.
        """
        rows = [self._row_of(folder) for folder in case_folders(self.cases)]
        with self.session() as session:
            session.execute(delete(CaseRow))
            session.add_all(rows)
            session.commit()
        return len(rows)

    def refresh(self, case_id: str) -> None:
        """Take over what has changed in a case's folder."""
        self.take(self.cases / self.row(case_id).folder)

    def take(self, folder: Path) -> str:
        """Take a case folder into the index, or what has changed in it.

        Returns:
            Its id.
        """
        with self.session() as session:
            row = session.merge(self._row_of(folder))
            session.commit()
            return row.id

    def _row_of(self, folder: Path) -> CaseRow:
        row = row_of(self.cases, folder)
        person = whose(folder)
        row.patient = hashlib.sha256(f"{self.salt} {person}".encode()).hexdigest()[:32] if person else ""
        return row

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
            row = session.get(CaseRow, case_id) if case_id.isalnum() else None
        if row is None:
            raise LymphoscopeError("WEB-E-NOTHERE", "there is no such case")
        return row

    def earlier(self, case_id: str) -> list[CaseRow]:
        """The same patient's measured scans before this one, the first first."""
        row = self.row(case_id)
        same = (CaseRow.patient == row.patient, CaseRow.scanned < row.scanned, CaseRow.study != row.study)
        readable = CaseRow.status.not_in(CLOSED)
        if not row.patient or not row.scanned:
            return []
        with self.session() as session:
            return list(session.scalars(select(CaseRow).where(*same, readable).order_by(CaseRow.scanned)))

    def before(self, case_id: str) -> CaseRow | None:
        """The last of them, or None."""
        return next(reversed(self.earlier(case_id)), None)

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
    row.study, row.scanned, row.why, row.patient = "", "", "", ""
    try:
        if (folder / "report.json").stat().st_size > _MOST_JSON:
            raise ValueError
        record = json.loads((folder / "report.json").read_bytes())
        facts = record["input"]
        row.study, row.scanned = (facts["study_uid_hash"] or "")[:16], (facts["scanned"] or "")[:19]
        codes = [m["code"] for m in record["messages"] if m["severity"] != "info"]
        row.flags = json.dumps(codes[:20])
        refused = record["status"] == "refused"
        row.why = _known(record["refusal"]["code"]) if refused else ""
        logs = {name: chain.read(folder / READING / f"{name}.jsonl") for name in version_names(folder)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        row.status, row.why = "damaged", "READ-E-CASE"
        return row
    except LymphoscopeError as error:
        row.status, row.why = "damaged", error.code
        return row
    versions = [_fact(name, events) for name, events in logs.items() if events]
    signed = {name: events[-1] for name, events in logs.items() if _signed(events)}
    row.status = "refused" if refused else status_of(versions, signed)
    row.versions = json.dumps([vars(v) for v in versions])
    return row


def _known(code: Any) -> str:
    if code not in CODES:
        raise ValueError
    return str(code)


def refusal_of(folder: Path, why: str) -> dict[str, Any]:
    """Why a case cannot be read, and what would help.

    Args:
        folder: Its folder.
        why: The code by which the index knows it.

    Returns:
        ``code``, ``what``, ``where``, ``fix``, and of a refused study the ``series`` that were considered.
    """
    told = {"code": why, "what": CODES[why].means, "where": "", "fix": CODES[why].fix, "series": []}
    try:
        if (folder / "report.json").stat().st_size > _MOST_JSON:
            return told
        record = json.loads((folder / "report.json").read_bytes())
        series = [{name: one[name] for name in ("modality", "description", "n", "why")} for one in record["series"]]
        return {name: record["refusal"][name] for name in ("code", "what", "where", "fix")} | {"series": series}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return told


def _signed(events: Sequence[chain.Event]) -> bool:
    return bool(events) and events[-1]["kind"] == "sign"


def _fact(name: str, events: Sequence[chain.Event]) -> VersionFact:
    begin = events[0]
    return VersionFact(name, begin["by"], begin["purpose"], _signed(events), begin["parent"])


def reads(versions: list[VersionFact]) -> list[VersionFact]:
    """The independent reads: of each reader the last version that goes back to one begun from the case."""
    named = {v.name: v for v in versions}
    first = {v.name: root(v, named) for v in versions}
    return list({first[v.name].by: v for v in versions if first[v.name].purpose == "read"}.values())


def places(versions: list[VersionFact]) -> dict[str, str]:
    """Which read each version belongs to: R1, R2, … in the order in which they were begun; empty for none."""
    named = {v.name: v for v in versions}
    first = {v.name: root(v, named) for v in versions}
    readers = list(dict.fromkeys(f.by for f in first.values() if f.purpose == "read"))
    return {name: f"R{readers.index(f.by) + 1}" if f.purpose == "read" else "" for name, f in first.items()}


def progress_of(folder: Path, version: str) -> float | None:
    """How far a draft is, as `lymphoscope.app.reading.case.progress`; None where its log does not tell."""
    try:
        return progress(chain.read(folder / READING / f"{version}.jsonl"))
    except LymphoscopeError:
        return None


def root(version: VersionFact, named: dict[str, VersionFact]) -> VersionFact:
    """The version that a chain of reopened ones goes back to."""
    while version.purpose == "reopen" and version.parent in named:
        version = named[version.parent]
    return version


def status_of(versions: list[VersionFact], signed: Mapping[str, chain.Event]) -> str:
    """Status of a case in the worklist.

    Args:
        versions: All versions, in order.
        signed: Signing events by version; what they hold decides and is not kept.
    """
    if not versions:
        return "ready"
    if any(not v.signed for v in versions):
        return "reading"
    if versions[-1].purpose == "adjudicate":
        return "final"
    two = reads(versions)[:2]
    if len(two) < 2:
        return "signed"
    one, other = (signed[v.name] for v in two)
    return "adjudicate" if disputed_by((_tmtv(one), one), (_tmtv(other), other)) else "agreed"


def _tmtv(event: chain.Event) -> float:
    return float(event["is"]["tmtv_ml"])


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
