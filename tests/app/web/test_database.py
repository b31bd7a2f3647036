"""The database: what an older version wrote is taken over, and PostgreSQL does what SQLite does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from lymphoscope.app.web import migrations
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.index import INDEX_FILE, Index
from lymphoscope.app.web.server import create_app
from lymphoscope.core.errors import LymphoscopeError

from .conftest import PASSWORD, Browser

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SHAPE_1 = """
CREATE TABLE about (schema INTEGER NOT NULL PRIMARY KEY);
CREATE TABLE users (login VARCHAR(40) NOT NULL PRIMARY KEY, name VARCHAR(120) NOT NULL, role VARCHAR(20) NOT NULL,
    password VARCHAR(200));
CREATE TABLE sessions (token_sha256 VARCHAR(64) NOT NULL PRIMARY KEY, login VARCHAR(40) NOT NULL,
    csrf VARCHAR(64) NOT NULL, expires DATETIME NOT NULL);
CREATE TABLE cases (id VARCHAR(16) NOT NULL PRIMARY KEY, folder VARCHAR(4096) NOT NULL, status VARCHAR(20) NOT NULL,
    why VARCHAR(400) NOT NULL, study VARCHAR(20) NOT NULL, scanned VARCHAR(40) NOT NULL, flags VARCHAR(2000) NOT NULL,
    versions VARCHAR(20000) NOT NULL);
INSERT INTO about VALUES (1);
"""


def test_a_database_of_an_older_version_is_taken_over_with_its_users(cases: Path) -> None:
    with sqlite3.connect(cases / INDEX_FILE) as old:
        old.executescript(SHAPE_1)
        old.execute("INSERT INTO users VALUES ('ann', 'Dr Ann', 'reader', ?)", (FAST.hash(PASSWORD),))
    index = Index(cases)
    assert index.rebuild() == 1
    browser = Browser(create_app(index, Access(index, link=False, hasher=FAST), frozenset({"127.0.0.1"})))
    assert browser.enter("ann").get("/api/me").json()["name"] == "Dr Ann"
    assert Index(cases).salt == index.salt, "a second start changes nothing"


def test_a_database_of_a_newer_version_is_left_alone(cases: Path) -> None:
    index = Index(cases)
    with index.engine.begin() as connection:
        connection.execute(text("UPDATE about SET schema = :n"), {"n": migrations.SHAPE + 1})
    with pytest.raises(LymphoscopeError, match="newer") as error:
        Index(cases)
    assert error.value.code == "WEB-E-DATABASE"


def test_a_database_that_fails_is_told_in_words_and_changes_nothing(ann: Any, access: Access) -> None:
    version = ann.begin()
    with access.index.engine.begin() as connection:
        connection.execute(text("ALTER TABLE sessions RENAME TO gone"))
    answer = ann.get(version)
    assert (answer.status_code, answer.json()["code"]) == (503, "WEB-E-DATABASE")
    with access.index.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO sessions"))
    assert ann.get(version).status_code == 200


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL of our own on loopback, gone afterwards."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if root else {}
    with tempfile.TemporaryDirectory() as place:
        if root:
            shutil.chown(place, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        said = {"cwd": place, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **who}
        subprocess.run([programs / "initdb", "-D", f"{place}/db", "-A", "trust", "-U", "reads", "--no-sync"],
                       check=True, **said)  # fmt: skip
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={place}", "-c", "fsync=off"]
        server = subprocess.Popen([programs / "postgres", "-D", f"{place}/db", "-p", str(port), *settings], **said)
        try:
            for _ in range(200):
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"postgresql://reads@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # the fast way: it does not wait for connections
            server.wait(30)


@pytest.mark.system
def test_postgresql_by_its_url(postgres: str, cases: Path) -> None:
    for _ in range(60):  # it listens a little before it answers
        try:
            index = Index(cases, postgres)
            break
        except LymphoscopeError:
            time.sleep(0.25)
    access = Access(index, link=False, hasher=FAST)
    for login, role in (("ann", "reader"), ("dee", "admin")):
        access.add_user(login, f"Dr {login}", role, PASSWORD)
    assert index.rebuild() == index.rebuild() == 1
    assert not (cases / INDEX_FILE).exists()
    browser = Browser(create_app(index, access, frozenset({"127.0.0.1"}))).enter("ann")
    version = browser.begin()
    region = browser.get(version).json()["rows"][0]["region"]
    assert browser.do(version, "remove", regions=[region]).status_code == 200
    assert browser.sign(version).status_code == 200
    assert [row.status for row in Index(cases, postgres).rows()] == ["signed"]
    browser.client.post("/logout")
    assert browser.get("/api/me").status_code == 401
