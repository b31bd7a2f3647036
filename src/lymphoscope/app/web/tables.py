"""The tables of the database: users, sessions, and what the worklist says of cases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Tables(DeclarativeBase):
    """All tables."""


class About(Tables):
    """Which shape the tables have, and what patients' numbers are hashed with."""

    __tablename__ = "about"
    schema: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    salt: Mapped[str] = mapped_column(String(64), default="")


class User(Tables):
    """Who may log in. Without a password only the one-time link on loopback does."""

    __tablename__ = "users"
    login: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(20))
    password: Mapped[str | None] = mapped_column(String(200))


class LoginSession(Tables):
    """A session; the token itself is kept by the browser alone."""

    __tablename__ = "sessions"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    login: Mapped[str] = mapped_column(String(40))
    csrf: Mapped[str] = mapped_column(String(64))
    expires: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Lease(Tables):
    """Which window writes a draft, as a hash of what it calls itself, and until when nobody else may."""

    __tablename__ = "leases"
    case: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[str] = mapped_column(String(8), primary_key=True)
    window: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CaseRow(Tables):
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
    patient: Mapped[str] = mapped_column(String(64), default="")
