"""The shape of the database, step by step, so that a newer server takes over what an older one wrote."""

from __future__ import annotations

from collections.abc import Callable

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, DateTime, Engine, String, inspect, text

from lymphoscope.app.web.tables import Tables
from lymphoscope.core.errors import LymphoscopeError


def _patients(op: Operations) -> None:
    """Cases know whose they are, by a salted hash, so that the scan before is found."""
    op.add_column("about", Column("salt", String(64), nullable=False, server_default=""))
    op.add_column("cases", Column("patient", String(64), nullable=False, server_default=""))


def _leases(op: Operations) -> None:
    """Drafts know which window writes them."""
    time = DateTime(timezone=True)
    op.create_table(
        "leases",
        Column("case", String(16), primary_key=True),
        Column("version", String(8), primary_key=True),
        Column("window", String(64), nullable=False),
        Column("since", time, nullable=False),
        Column("until", time, nullable=False),
    )


STEPS: tuple[Callable[[Operations], None], ...] = (_patients, _leases)
"""Step n makes shape n + 2 of shape n + 1; tables are never changed otherwise."""

SHAPE = len(STEPS) + 1


def migrate(engine: Engine) -> None:
    """Bring a database to the shape that this version needs, whatever wrote it; all of it or nothing where it can.

    Raises:
        LymphoscopeError: ``WEB-E-DATABASE`` for one that a newer version wrote.
    """
    with engine.begin() as connection:
        if not inspect(connection).has_table("about"):
            Tables.metadata.create_all(connection)
            connection.execute(text("INSERT INTO about (schema, salt) VALUES (:shape, '')"), {"shape": SHAPE})
            return
        shape = connection.scalar(text("SELECT schema FROM about")) or SHAPE
        if shape > SHAPE:
            what = f"the database has shape {shape}, this version knows {SHAPE}"
            raise LymphoscopeError("WEB-E-DATABASE", what, fix="Use the newer version.")
        operations = Operations(MigrationContext.configure(connection))
        for step in STEPS[shape - 1 :]:
            step(operations)
        connection.execute(text("UPDATE about SET schema = :shape"), {"shape": SHAPE})
