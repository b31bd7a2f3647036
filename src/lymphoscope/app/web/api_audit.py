"""The audit trail, for admins and auditors: all logs as JSON or CSV, and whether every link of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lymphoscope.app.reading import chain
from lymphoscope.app.reading.case import READING, version_names
from lymphoscope.app.web import trail
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.api import At, Who
from lymphoscope.app.web.desk import Desk
from lymphoscope.core.errors import LymphoscopeError

audits = APIRouter(prefix="/api/audit")
SERVER = "server"
Case = Annotated[str, Query(max_length=16, pattern="^[0-9a-f]*$")]
From = Annotated[str, Query(alias="from", max_length=30, pattern="^[0-9TZ:.+-]*$")]


def _paths(person: Person, desk: Desk, case: str) -> dict[str, Path]:
    """Every log, or one case's, by a name that says no folder."""
    if not person.may("audit"):
        raise LymphoscopeError("WEB-E-RIGHT", "the audit trail is for an admin or an auditor")
    logs = {} if case else {SERVER: desk.access.audit.path}
    for row in [desk.index.row(case)] if case else desk.index.rows():
        folder = desk.index.cases / row.folder
        logs |= {f"{row.id} {name}": folder / READING / f"{name}.jsonl" for name in version_names(folder)}
    return logs


def _logs(person: Person, desk: Desk, case: str, moment: str) -> dict[str, list[trail.Event]]:
    return {n: trail.since(chain.bound(path), moment) for n, path in _paths(person, desk, case).items()}


@audits.get("")
def exported(person: Who, desk: At, case: Case = "", moment: From = "") -> Response:
    """The trail as JSON; that it was exported is an event itself."""
    content = trail.as_json(_logs(person, desk, case, moment))
    return _sent(person, desk, content, "json", "application/json")


@audits.get("/csv")
def exported_csv(person: Who, desk: At, case: Case = "", moment: From = "") -> Response:
    """The trail as CSV."""
    content = trail.as_csv(_logs(person, desk, case, moment)).encode("utf-8-sig")
    return _sent(person, desk, content, "csv", "text/csv; charset=utf-8")


def _sent(person: Person, desk: Desk, content: bytes, form: str, kind: str) -> Response:
    desk.access.audit.note("export", person.login, person.role, what="audit trail", form=form)
    headers = {"content-disposition": f'attachment; filename="audit.{form}"'}
    return Response(content, media_type=kind, headers=headers)


@audits.get("/verify")
def verification(person: Who, desk: At, case: Case = "") -> list[dict[str, Any]]:
    """Whether every link of every log holds."""
    return [vars(_verified(name, path)) for name, path in _paths(person, desk, case).items()]


def _verified(name: str, path: Path) -> trail.Verified:
    try:
        return trail.verified(name, chain.bound(path))
    except LymphoscopeError as error:
        return trail.Verified(name, 0, 0, "", error.message.what)
