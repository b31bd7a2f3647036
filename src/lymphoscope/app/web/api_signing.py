"""Signing a version: what would be filed before it is signed, the signature, and the documents of what was."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from lymphoscope.app.reading.case import Version
from lymphoscope.app.reading.comparison import Earlier
from lymphoscope.app.reading.signing import MEANINGS, Signature, sign, to_be_filed
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.api import At, Sent, Who, Written, text_of, told_to
from lymphoscope.app.web.desk import Desk
from lymphoscope.app.web.earlier import earlier_scans, scan_before, with_lesions
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.case import CASE_FILES

signed = APIRouter(prefix="/api")
_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "pdf": "application/pdf", "csv": "text/csv"}
_IN_A_FRAME = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox",
    "x-frame-options": "SAMEORIGIN",
}
"""A report in a frame of the page: its own style and pictures, no script, nothing from elsewhere."""


class Entered(Sent):
    """What a reader says besides the mask."""

    impression: str = Field("", max_length=4000)
    answers: dict[str, str] = Field({}, max_length=10)


class SignatureSent(Entered):
    """What is signed with."""

    head: str = Field(max_length=64)
    meaning: str = MEANINGS[0]
    name: str = Field("", max_length=120)
    password: str = Field("", max_length=200)
    searched: bool = False


class _Before:
    """The patient's earlier scans as a person may know of them, found before a version is held."""

    def __init__(self, case: str, person: Person, desk: Desk) -> None:
        self.scans, self.last = earlier_scans(case, person, desk), scan_before(case, person, desk)

    def beside(self, version: Version) -> list[Earlier]:
        return with_lesions(self.scans, version, self.last)


@signed.post("/cases/{case}/versions/{name}/draft")
def draft(case: str, name: str, sent: Entered, person: Who, desk: At) -> dict[str, str]:
    """Render the report that signing now would file; nothing is written."""
    impression, before = text_of(sent.impression), _Before(case, person, desk)
    with desk.version(case, name, person, writing=True) as version:
        made = to_be_filed(version, impression, sent.answers, before.beside(version)).encode()
    key = hashlib.sha256(made).hexdigest()
    desk.case(case).keep_draft(name, made)
    return {"path": f"/api/cases/{case}/versions/{name}/draft/{key}.html"}


@signed.get("/cases/{case}/versions/{name}/draft/{key}.html")
def drafted(case: str, name: str, key: str, person: Who, desk: At) -> Response:
    """The report that was rendered last of a draft."""
    with desk.version(case, name, person, writing=True):
        made = desk.case(case).draft(name)
    if made is None or hashlib.sha256(made).hexdigest() != key:
        raise LymphoscopeError("WEB-E-NOTHERE", "there is no such preview", fix="Ask for it again.")
    return Response(made, media_type=_TYPES["html"], headers=_IN_A_FRAME)


@signed.post("/cases/{case}/versions/{name}/sign")
def signing(case: str, name: str, sent: SignatureSent, by: Written, person: Who, desk: At) -> dict[str, Any]:
    """Sign a version: the credentials are asked for again."""
    desk.access.tries.take(person.login)
    if person.has_password and not desk.access.right(person.login, sent.password):
        raise LymphoscopeError("WEB-E-LOGIN", "the password is wrong")
    printed = person.name if person.has_password else text_of(sent.name)
    if not printed:
        raise LymphoscopeError("READ-E-SIGN", "a signature has a printed name")
    impression = text_of(sent.impression)
    signature = Signature(person.login, printed, sent.meaning, sent.head, impression, sent.searched, sent.answers)
    before = _Before(case, person, desk)
    with desk.version(case, name, person, writing=True, window=by.window) as version:
        event = sign(version, signature, by.tip, before.beside(version))
        desk.index.refresh(case)
        return {
            "signed": event["signed"],
            "documents": event["documents"],
            **told_to(person, desk.case(case).table(version)),
        }


@signed.get("/cases/{case}/versions/{name}/files/{file}")
def document(case: str, name: str, file: str, person: Who, desk: At) -> Response:
    """A document of a signed version, as it was signed."""
    with desk.version(case, name, person) as version:
        if file not in CASE_FILES or version.signature is None or file not in version.signature["documents"]:
            raise LymphoscopeError("WEB-E-NOTHERE", "there is no such document of this version")
        content = (version.folder / file).read_bytes()
    desk.access.audit.note("export", person.login, person.role, case=case, version=name, file=file)
    headers = {"content-disposition": f'attachment; filename="{name}-{file}"'}
    return Response(
        content, media_type=_TYPES.get(file.rsplit(".", 1)[-1], "application/octet-stream"), headers=headers
    )
