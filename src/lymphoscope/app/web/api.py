"""What the page asks for and sends, as paths. All rules are elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from lymphoscope.app.again import ct_spacing
from lymphoscope.app.reading.answers import QUESTIONS
from lymphoscope.app.reading.case import Begun
from lymphoscope.app.reading.faint import faint_foci
from lymphoscope.app.reading.history import REDO, UNDO
from lymphoscope.app.reading.preview import told
from lymphoscope.app.reading.signing import MEANINGS
from lymphoscope.app.reading.suggestion import FIRST
from lymphoscope.app.web.access import RIGHTS, Person
from lymphoscope.app.web.desk import Desk, judging
from lymphoscope.app.web.index import CLOSED, VersionFact, places, progress_of, reads, refusal_of
from lymphoscope.app.web.leases import BEAT_S
from lymphoscope.app.web.pictures import thinning
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.study import ORGANS
from lymphoscope.render.turntable import FRAMES

COOKIE = "lymphoscope"
api = APIRouter(prefix="/api")
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_QUESTIONS = [{"key": key, "name": q.name, "options": q.options} for key, q in QUESTIONS.items()]
_TEXT = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]*")


def desk_of(request: Request) -> Desk:
    """The open cases."""
    found: Desk = request.app.state.desk
    return found


def person_of(request: Request, x_csrf: Annotated[str, Header()] = "") -> Person:
    """Who asks; a changing request has to carry what only our own page knows.

    Raises:
        LymphoscopeError: ``WEB-E-LOGIN``, ``WEB-E-RIGHT``, ``WEB-E-RATE``.
    """
    person = desk_of(request).access.person(request.cookies.get(COOKIE))
    request.app.state.limit.take(person.login)
    if request.method not in ("GET", "HEAD") and x_csrf != person.csrf:
        raise LymphoscopeError("WEB-E-RIGHT", "the request does not come from this page", fix="Load the page again.")
    return person


Window = Annotated[str, Header(alias="x-window", max_length=64)]
"""What the window that asks calls itself."""


class Writer(NamedTuple):
    """What a change was made on.

    Attributes:
        tip: The state that the writer saw.
        window: The window that it was made in.
    """

    tip: str
    window: str


def writer_of(if_match: Annotated[str, Header()] = "", x_window: Window = "") -> Writer:
    """What a change was made on.

    Raises:
        LymphoscopeError: ``WEB-E-TIP`` where it is not said.
    """
    tip = if_match.strip().strip('"')
    if not tip:
        raise LymphoscopeError("WEB-E-TIP", "a change says which state it was made on", fix="Send If-Match.")
    return Writer(tip, x_window)


Who = Annotated[Person, Depends(person_of)]
At = Annotated[Desk, Depends(desk_of)]
Written = Annotated[Writer, Depends(writer_of)]


class Sent(BaseModel):
    """What a page sends: nothing that is not expected."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewVersion(Sent):
    """A version to begin."""

    purpose: str = "read"
    parent: str = Field("", max_length=8)
    other: str = Field("", max_length=8)
    reason: str = Field("", max_length=400)


class Operation(Sent):
    """An act to do."""

    op: str = Field(max_length=20)
    words: dict[str, Any] = {}
    reason: str = Field("", max_length=200)
    id: str = Field("", max_length=64, pattern="^[A-Za-z0-9-]*$")
    at: str = Field("", max_length=40, pattern="^[0-9TZ:.+-]*$")


class Dismissed(Sent):
    """A faint focus by its hottest voxel, and whether it is nothing."""

    top: list[int] = Field(min_length=3, max_length=3)
    dismissed: bool = True


class Seen(Sent):
    """Regions that were displayed."""

    regions: list[int] = Field(max_length=2000)


@api.get("/me")
def me(person: Who) -> dict[str, Any]:
    """Who is logged in."""
    return {
        **vars(person),
        "rights": sorted(RIGHTS.get(person.role, ())),
        "meanings": MEANINGS,
        "organs": ORGANS,
        "frames": FRAMES,
        "beat_s": BEAT_S,
        "questions": _QUESTIONS,
    }


@api.get("/cases")
def cases(person: Who, desk: At) -> list[dict[str, Any]]:
    """The worklist: no volumes, lest they anchor the reader, and of others' reads only that they are signed."""
    return [
        {
            "id": row.id, "folder": row.folder, "status": row.status, "why": row.why, "study": row.study,
            "scanned": row.scanned,
            "flags": [code for code in json.loads(row.flags) if not (desk.unaided and judging(code))],
            **_versions([VersionFact(**v) for v in json.loads(row.versions)], person, desk.index.cases / row.folder),
        }
        for row in desk.index.rows()
    ]  # fmt: skip


def _versions(facts: list[VersionFact], person: Person, folder: Path) -> dict[str, Any]:
    """The versions of a case as a person may know of them, and the two reads that an adjudicator can lay together."""
    place = places(facts)
    two = reads(facts)[:2]
    pair = [v.name for v in two] if len(two) == 2 and all(v.signed for v in two) and person.may("adjudicate") else []
    told = [
        {"name": v.name, "purpose": v.purpose, "signed": v.signed, "mine": v.by == person.login,
         "open": person.may_see(v, facts), "place": place[v.name],
         "progress": None if v.signed or v.by != person.login else progress_of(folder, v.name)}
        for v in facts
        if v.signed or v.by == person.login or person.may("others")
    ]  # fmt: skip
    return {"versions": told, "pair": pair}


@api.get("/cases/{case}")
def facts(case: str, person: Who, desk: At) -> dict[str, Any]:
    """What is known of a case before its images are read."""
    known = desk.told(case)
    grid, spacing, drawn = known.grid, ct_spacing(known.record), known.record["segmentation"]
    return {
        "id": case,
        "digest": known.digest,
        "study": known.record["input"]["study_uid_hash"],
        "scanned": known.record["input"]["scanned"],
        "shape": grid.shape,
        "affine": grid.affine.tolist(),
        "voxel_ml": grid.voxel_ml,
        "ct": spacing is not None,
        "ct_step": thinning(spacing) if spacing is not None else None,
        "organs": known.again["organs"],
        "threshold": drawn["threshold"],
        "method": drawn["method"],
        "messages": [m for m in known.record["messages"] if not (desk.unaided and judging(m["code"]))],
        "previous": before.id if (before := desk.index.before(case)) is not None else None,
    }


@api.get("/cases/{case}/refusal")
def refusal(case: str, person: Who, desk: At) -> dict[str, Any]:
    """Why a case cannot be read: code, reason, remedy, and which series were considered."""
    row = desk.index.row(case)
    if row.status not in CLOSED:
        raise LymphoscopeError("WEB-E-NOTHERE", "the case was not refused", fix="Read it.")
    return refusal_of(desk.index.folder(case), row.why)


@api.post("/cases/{case}/versions")
def begin(case: str, sent: NewVersion, person: Who, desk: At) -> dict[str, Any]:
    """Begin a version; a reader who has a draft of the case goes on with it."""
    opened = desk.case(case)
    with opened.lock:
        known = desk.facts(case)
        own = [v for v in known if v.by == person.login and not v.signed]
        if own:
            return {"name": own[-1].name}
        _require_purpose(sent, person)
        for parent in filter(None, (sent.parent, sent.other)):
            with desk.version(case, parent, person):
                pass
        aided = sent.purpose != "read" or not desk.unaided
        begun = Begun(sent.parent, sent.other, not aided, FIRST if aided else desk.suggestions)
        version = opened.case.new(person.login, sent.purpose, begun, text_of(sent.reason))
        desk.index.refresh(case)
    return {"name": version.name}


@api.post("/cases/{case}/versions/{name}/lease")
@api.put("/cases/{case}/versions/{name}/lease")
def take_lease(case: str, name: str, person: Who, desk: At, window: Window = "") -> dict[str, Any]:
    """Be the one window that writes a draft, or give a sign of life as such; taking over from another is logged."""
    with desk.version(case, name, person, writing=True) as version:
        if version.signature is not None:
            raise LymphoscopeError("READ-E-SIGNED", f"version {name} is signed")
        held = desk.leases.take(case, name, window)
        if held.from_another:
            version.write({"kind": "takeover", "by": person.login}, version.tip)
        return {"since": held.since, "until": held.until, "tip": version.tip}


@api.delete("/cases/{case}/versions/{name}/lease")
def release_lease(case: str, name: str, person: Who, desk: At, window: Window = "") -> dict[str, Any]:
    """Let another window write."""
    with desk.version(case, name, person, writing=True):
        desk.leases.release(case, name, window)
    return {}


def _require_purpose(sent: NewVersion, person: Person) -> None:
    known = sent.purpose in ("read", "adjudicate", "reopen")
    if not (known and person.may(sent.purpose)) or (sent.purpose == "read" and sent.parent):
        raise LymphoscopeError("WEB-E-RIGHT", "your role does not begin such a version")


def text_of(text: str) -> str:
    """A text that was sent, without blanks round it.

    Raises:
        LymphoscopeError: ``READ-E-ACT`` for control characters, and for marks that turn the direction of reading.
    """
    if not _TEXT.fullmatch(text):
        raise LymphoscopeError("READ-E-ACT", "a text holds control characters")
    return text.strip()


@api.get("/cases/{case}/versions/{name}")
def table(case: str, name: str, person: Who, desk: At) -> dict[str, Any]:
    """All regions and numbers of a version, with the head that they belong to."""
    with desk.version(case, name, person) as version:
        return told_to(person, desk.case(case).table(version))


def told_to(person: Person, table: dict[str, Any]) -> dict[str, Any]:
    """A table as a person may have it: who reads is named to themselves, and to an admin or auditor alone."""
    by = table["by"]
    if person.may("names") or by == person.login:
        return {**table, "mine": by == person.login}
    rows = [{**row, "actor": "a reader" if row["actor"] == by else row["actor"]} for row in table["rows"]]
    return {**table, "by": "a reader", "mine": False, "rows": rows}


@api.get("/cases/{case}/versions/{name}/faint")
def faint(case: str, name: str, person: Who, desk: At) -> list[dict[str, Any]]:
    """Uptake above the liver that no region holds, to be looked at."""
    with desk.version(case, name, person) as version:
        grid, gone = version.case.kept.study.pet.geometry, version.dismissed
        foci = faint_foci(version.case.scene, version.now)
    return [{**vars(f), "top_lps": grid.to_lps(f.top).tolist(), "dismissed": f.top in gone} for f in foci]


@api.post("/cases/{case}/versions/{name}/dismiss")
def dismiss(case: str, name: str, sent: Dismissed, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Note that a faint focus is nothing, or take that back."""
    z, y, x = sent.top
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        version.dismiss((z, y, x), sent.dismissed, by.tip)
        return told_to(person, desk.case(case).table(version))


@api.post("/cases/{case}/versions/{name}/steps/{step}")
def accept(case: str, name: str, step: int, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Accept a stage of the benchmark workflow as it stands."""
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        version.accept(step, by.tip)
        return told_to(person, desk.case(case).table(version))


@api.post("/cases/{case}/versions/{name}/preview")
def preview(case: str, name: str, sent: Operation, person: Who, desk: At) -> dict[str, Any]:
    """What an act would do, without doing it."""
    with desk.version(case, name, person, writing=True) as version:
        after = version.history.after(
            sent.op, {"op": sent.op, "words": sent.words, "reason": sent.reason}, person.login
        )
        figures = {"was": version.figures(version.now), "is": version.figures(after)}
        return figures | told(version.case.scene, version.now, after)


@api.post("/cases/{case}/versions/{name}/ops")
def do(case: str, name: str, sent: Operation, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Do an act, ``undo`` or ``redo``."""
    act = {} if sent.op in (UNDO, REDO) else {"op": sent.op, "words": sent.words, "reason": sent.reason}
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        version.do(sent.op, act, person.login, by.tip, {"id": sent.id, "at": sent.at})
        return told_to(person, desk.case(case).table(version))


@api.post("/cases/{case}/versions/{name}/seen")
def seen(case: str, name: str, sent: Seen, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Note that regions were displayed."""
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        version.see(sent.regions, by.tip)
        return told_to(person, desk.case(case).table(version))


@api.post("/cases/{case}/versions/{name}/reveal")
def reveal(case: str, name: str, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Show the reader what rules or network suggested, now that the own reading is done; it is logged."""
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        version.reveal(by.tip)
        return told_to(person, desk.case(case).table(version))


@api.get("/cases/{case}/versions/{name}/log")
def log(case: str, name: str, person: Who, desk: At) -> list[dict[str, Any]]:
    """Everything that was done to a version; reading it checks every link and every mask."""
    with desk.version(case, name, person) as version:
        if not person.may("names") and version.author != person.login:
            raise LymphoscopeError("WEB-E-RIGHT", "the log names who reads: it is theirs, and an admin's or auditor's")
        return version.events
