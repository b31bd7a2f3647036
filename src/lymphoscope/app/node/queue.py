"""What the node must not forget, in one SQLite file: instances held, studies worked, results on their way.

A study has a serial that grows with every instance that is new or changed. It is due while its serial is ahead of
that of its last version; so nothing is put into a queue and nothing can fall out of one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS study (key TEXT PRIMARY KEY, serial INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS instance (
    study TEXT, sop TEXT, file TEXT NOT NULL, series TEXT NOT NULL, modality TEXT NOT NULL, slices INTEGER NOT NULL,
    PRIMARY KEY (study, sop));
CREATE TABLE IF NOT EXISTS version (
    study TEXT, number INTEGER, serial INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (study, number));
CREATE TABLE IF NOT EXISTS parcel (
    study TEXT, number INTEGER, file TEXT, destination TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (study, number, file, destination));
CREATE TABLE IF NOT EXISTS asked (source TEXT, study TEXT, instances INTEGER, PRIMARY KEY (source, study));
CREATE INDEX IF NOT EXISTS waiting ON parcel (destination, state);
"""


@dataclass(frozen=True)
class Instance:
    """One instance held. All names are hashes, but for the modality.

    Attributes:
        study: Key of the study and patient.
        sop: Hash of the SOP instance UID.
        file: Name of the file in the study's folder; it depends on the content.
        series: Hash of the series.
        modality: ``PT``, ``CT`` or another code.
        slices: Slices that the series should have by its header; 0 where it does not say.
    """

    study: str
    sop: str
    file: str
    series: str = ""
    modality: str = ""
    slices: int = 0


@dataclass(frozen=True)
class Version:
    """A run of a study as it was at a serial."""

    study: str
    number: int
    serial: int

    @property
    def name(self) -> str:
        """Name of the case folder."""
        return f"{self.study}-v{self.number}"


@dataclass(frozen=True)
class Parcel:
    """A result that a destination should have."""

    study: str
    number: int
    file: str
    destination: str

    @property
    def case(self) -> str:
        """Name of the case folder the file is in."""
        return f"{self.study}-v{self.number}"


class Queue:
    """The durable state. Every method is one transaction, on the disk before it returns; any thread may call.

    Args:
        path: The SQLite file; made when absent.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        for line in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._base.execute(f"PRAGMA {line}")
        self._base.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._base.execute(query, values).fetchall()

    # instances

    def add(self, instance: Instance) -> tuple[str, str]:
        """Note an instance that is on the disk.

        Returns:
            ``new``, ``same`` (this content is held) or ``changed``; and the file that is held no longer, or nothing.
        """
        with self._transaction() as base:
            found = base.execute(
                "SELECT file FROM instance WHERE study=? AND sop=?", (instance.study, instance.sop)
            ).fetchone()
            if found and found[0] == instance.file:
                return "same", ""
            row = (instance.file, instance.series, instance.modality, instance.slices, instance.study, instance.sop)
            if found:
                base.execute("UPDATE instance SET file=?, series=?, modality=?, slices=? WHERE study=? AND sop=?", row)
            else:
                base.execute(
                    "INSERT INTO instance (file, series, modality, slices, study, sop) VALUES (?,?,?,?,?,?)", row
                )
            base.execute(
                "INSERT INTO study VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET serial = serial + 1", (instance.study,)
            )
            return ("changed", found[0]) if found else ("new", "")

    def files(self, study: str) -> list[str]:
        """Names of the files a study consists of."""
        return [row[0] for row in self._rows("SELECT file FROM instance WHERE study=? ORDER BY file", study)]

    def has(self, instance: Instance) -> bool:
        """True where this content of the instance is noted."""
        query = "SELECT 1 FROM instance WHERE study=? AND sop=? AND file=?"
        return bool(self._rows(query, instance.study, instance.sop, instance.file))

    def holds(self, sop: str) -> bool:
        """True for an instance that is held, in whatever study."""
        return bool(self._rows("SELECT 1 FROM instance WHERE sop=? LIMIT 1", sop))

    def series(self, study: str) -> list[tuple[str, int, int]]:
        """Modality, slices held and slices promised of each series of a study."""
        return self._rows(
            "SELECT modality, COUNT(*), MAX(slices) FROM instance WHERE study=? GROUP BY series, modality", study
        )

    # versions

    def due(self) -> list[str]:
        """Studies with something that no finished version has seen."""
        return [
            row[0]
            for row in self._rows(
                "SELECT key FROM study LEFT JOIN version v ON v.study = key "
                "AND v.number = (SELECT MAX(number) FROM version WHERE study = key) "
                "WHERE v.number IS NULL OR v.state = 'begun' OR v.serial < study.serial ORDER BY study.rowid"
            )
        ]

    def begin(self, study: str) -> Version:
        """Begin a version of a study, or begin the one again that was not finished."""
        with self._transaction() as base:
            (serial,) = base.execute("SELECT serial FROM study WHERE key=?", (study,)).fetchone()
            last = base.execute(
                "SELECT number, state FROM version WHERE study=? ORDER BY number DESC LIMIT 1", (study,)
            ).fetchone()
            number = last[0] if last and last[1] == "begun" else (last[0] if last else 0) + 1
            base.execute(
                "INSERT INTO version (study, number, serial, state) VALUES (?,?,?,'begun') "
                "ON CONFLICT DO UPDATE SET serial = excluded.serial",
                (study, number, serial),
            )
            return Version(study, number, serial)

    def finish(self, version: Version, parcels: Iterable[Parcel]) -> None:
        """Note that a version's case stands, and what of it is to be sent: both or neither."""
        with self._transaction() as base:
            base.execute("UPDATE version SET state='done' WHERE study=? AND number=?", (version.study, version.number))
            base.executemany(
                "INSERT OR IGNORE INTO parcel (study, number, file, destination, state) VALUES (?,?,?,?,'waiting')",
                [(p.study, p.number, p.file, p.destination) for p in parcels],
            )

    def broke_down(self, version: Version, limit: int) -> int:
        """Count a run that broke down; after `limit` of them the version is left.

        Returns:
            How often it broke down.
        """
        with self._transaction() as base:
            key = (version.study, version.number)
            base.execute("UPDATE version SET attempts = attempts + 1 WHERE study=? AND number=?", key)
            (attempts,) = base.execute("SELECT attempts FROM version WHERE study=? AND number=?", key).fetchone()
            if attempts >= limit:
                base.execute("UPDATE version SET state='failed' WHERE study=? AND number=?", key)
            return int(attempts)

    # parcels

    def waiting(self, destination: str) -> list[Parcel]:
        """Results a destination has not confirmed, oldest version first."""
        return [
            Parcel(study, number, file, destination)
            for study, number, file in self._rows(
                "SELECT study, number, file FROM parcel WHERE destination=? AND state='waiting' ORDER BY rowid",
                destination,
            )
        ]

    def confirmed(self, parcel: Parcel) -> None:
        """Note that the destination has it."""
        self._mark(parcel, "UPDATE parcel SET state='sent'")

    def refused(self, parcel: Parcel, limit: int) -> int:
        """Count a refusal by a destination that did answer; after `limit` of them the result is left.

        Returns:
            How often it was refused.
        """
        self._mark(
            parcel,
            "UPDATE parcel SET attempts = attempts + 1, "
            f"state = CASE WHEN attempts + 1 >= {int(limit)} THEN 'refused' ELSE state END",
        )
        where = "study=? AND number=? AND file=? AND destination=?"
        values = (parcel.study, parcel.number, parcel.file, parcel.destination)
        return int(self._rows(f"SELECT attempts FROM parcel WHERE {where}", *values)[0][0])

    def _mark(self, parcel: Parcel, update: str) -> None:
        with self._transaction() as base:
            base.execute(
                f"{update} WHERE study=? AND number=? AND file=? AND destination=?",
                (parcel.study, parcel.number, parcel.file, parcel.destination),
            )

    def reopen(self) -> None:
        """Give what was left another round; done when a node starts."""
        with self._transaction() as base:
            base.execute(
                "UPDATE version SET state='begun', attempts=0 WHERE state='failed' AND number = "
                "(SELECT MAX(number) FROM version v WHERE v.study = version.study)"
            )
            base.execute("UPDATE parcel SET state='waiting', attempts=0 WHERE state='refused'")

    # what was asked for

    def asked(self, source: str, study: str) -> int:
        """Instances that a source had of a study when it was last fetched; -1 when it never was."""
        rows = self._rows("SELECT instances FROM asked WHERE source=? AND study=?", source, study)
        return int(rows[0][0]) if rows else -1

    def ask(self, source: str, study: str, instances: int) -> None:
        """Note that a study was fetched whole."""
        with self._transaction() as base:
            base.execute("INSERT OR REPLACE INTO asked VALUES (?,?,?)", (source, study, instances))

    def counts(self) -> dict[str, int]:
        """How many rows are in which state, for the log and for tests."""
        found = {f"version-{state}": n for state, n in self._rows("SELECT state, COUNT(*) FROM version GROUP BY state")}
        found |= {f"parcel-{state}": n for state, n in self._rows("SELECT state, COUNT(*) FROM parcel GROUP BY state")}
        for table in ("study", "instance"):
            found[table] = self._rows(f"SELECT COUNT(*) FROM {table}")[0][0]
        return found
