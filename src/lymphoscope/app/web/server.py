"""The application: paths, errors in words, the page, and how it is run."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from lymphoscope.app.failure import trace_without_data
from lymphoscope.app.reading.suggestion import FIRST
from lymphoscope.app.web.access import Access, Limit
from lymphoscope.app.web.api import COOKIE, FOREVER, Sent, api, desk_of
from lymphoscope.app.web.api_audit import audits
from lymphoscope.app.web.api_pictures import drawn
from lymphoscope.app.web.api_readers import readers
from lymphoscope.app.web.api_signing import signed
from lymphoscope.app.web.desk import Desk
from lymphoscope.app.web.door import Door
from lymphoscope.app.web.guard import LOG, MOST_UPLOAD, Guard
from lymphoscope.app.web.index import Index
from lymphoscope.app.web.uploads import Uploads, uploads
from lymphoscope.core.errors import LymphoscopeError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_STATUS: Mapping[str, int] = {
    "WEB-E-LOGIN": 401,
    "WEB-E-RIGHT": 403,
    "WEB-E-NOTHERE": 404,
    "READ-E-VERSION": 404,
    "READ-E-SIGNED": 409,
    "READ-E-STALE": 412,
    "READ-E-HELD": 423,
    "WEB-E-SIZE": 413,
    "WEB-E-TIP": 428,
    "WEB-E-RATE": 429,
    "IO-E-WRITE": 507,
}
_LOOK = "Load the page again to see what was done."
_KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def create_app(
    index: Index, access: Access, hosts: frozenset[str] = LOOPBACK, secure: bool = False, suggestions: str = FIRST
) -> Any:
    """Make the application.

    Args:
        index: The database.
        access: Log-ins.
        hosts: Names that the server may be called by.
        secure: The session's cookie goes over TLS only.
        suggestions: As in `Door`.

    Returns:
        An ASGI application.
    """
    app = FastAPI(title="Lymphoscope reading page", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.desk, app.state.secure, app.state.limit = Desk(index, access, suggestions), secure, Limit(900, 30.0)
    app.include_router(api)
    app.include_router(drawn)
    app.include_router(signed)
    app.include_router(readers)
    app.include_router(audits)
    app.include_router(uploads)
    app.state.uploads, app.state.most_upload = Uploads(index), MOST_UPLOAD
    app.add_api_route("/login", login_by_link, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login", login_by_password, methods=["POST"], include_in_schema=False)
    app.add_api_route("/logout", logout, methods=["POST"], include_in_schema=False)
    app.add_api_route("/{name:path}", page_file, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(LymphoscopeError, _known)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _foreign)
    app.add_exception_handler(Exception, _unexpected)
    return Guard(app, hosts)


def _said(status: int, code: str, what: str, where: str = "", fix: str = "") -> JSONResponse:
    return JSONResponse({"code": code, "what": what, "where": where, "fix": fix}, status)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LymphoscopeError)
    message = error.message
    status = _STATUS.get(error.code, 422)
    return _said(status, message.code, message.what, message.where, message.fix or message.text.rsplit(". ", 1)[-1])


async def _database(request: Request, error: Exception) -> JSONResponse:
    LOG.error("%s", trace_without_data(error))
    return _said(503, "WEB-E-DATABASE", "the database does not answer", fix=_LOOK)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    return _said(422, "READ-E-ACT", "the request is not understood", fix="Load the page again.")


async def _foreign(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: unknown paths and methods, bodies that are no JSON."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in (404, 405):
        return _said(status, "WEB-E-NOTHERE", "there is no such thing to ask for", fix="Load the page again.")
    return _said(status, "READ-E-ACT", "the request is not understood", fix="Load the page again.")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    LOG.error("%s", trace_without_data(error))
    return _said(500, "RUN-E-UNEXPECTED", f"Lymphoscope failed ({type(error).__name__})", fix=_LOOK)


def login_by_link(request: Request, once: str = "") -> Response:
    """The one-time link, or the page to log in."""
    if not once:
        return page_file("login.html")
    return _entered(request, desk_of(request).access.by_link(once))


class Credentials(Sent):
    """What one logs in with."""

    login: str = Field(max_length=40)
    password: str = Field(max_length=200)


def login_by_password(request: Request, sent: Credentials) -> Response:
    """Log in by password."""
    address = request.client.host if request.client else ""
    return _entered(request, desk_of(request).access.by_password(sent.login, sent.password, address))


def _entered(request: Request, token: str) -> Response:
    response = RedirectResponse("/", 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.app.state.secure, path="/")
    return response


def logout(request: Request) -> Response:
    """End the session."""
    desk_of(request).access.end(request.cookies.get(COOKIE))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def page_file(name: str = "") -> Response:
    """A file of the page. Only names that are in the package exist; none is a path of the disk."""
    found = PAGE_FILES.get(name or "index.html")
    if found is None:
        raise LymphoscopeError("WEB-E-NOTHERE", "there is no such page")
    kind = next((kind for end, kind in _KINDS.items() if (name or "index.html").endswith(end)), "text/plain")
    headers = FOREVER if name.startswith("vendor/") else {"cache-control": "no-cache"}
    return Response(found.read_bytes(), media_type=kind, headers=headers)


VIEWER = "vendor/niivue.js"
"""What the build takes from npm; an installation from source without Node lacks it."""


def _page_files() -> dict[str, Any]:
    folder = files("lymphoscope.app.web") / "page"
    found = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}
    vendor = folder / "vendor"
    if vendor.is_dir():
        found |= {f"vendor/{entry.name}": entry for entry in vendor.iterdir() if entry.is_file()}
    return found


PAGE_FILES = _page_files()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        LymphoscopeError: ``WEB-E-LISTEN``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except (OSError, OverflowError):
        found.close()
        raise LymphoscopeError("WEB-E-LISTEN", f"nothing can listen at port {port} of that address") from None
    return found


def serve(cases: Path, door: Door, told: Any) -> None:
    """Serve the cases of a folder until interrupted.

    Args:
        cases: Folder with case folders.
        door: Where and how.
        told: Called with the link when the server listens.

    Raises:
        LymphoscopeError: ``WEB-E-LISTEN``, ``WEB-E-DATABASE``, ``IO-E-PATH``, ``USE-E-EXTRA`` without the viewer.
    """
    if not cases.is_dir():
        raise LymphoscopeError("IO-E-PATH", "the folder of cases is not there")
    if VIEWER not in PAGE_FILES:
        what, fix = "the page's viewer is not in this installation", "Install a released wheel, or run `make page`."
        raise LymphoscopeError("USE-E-EXTRA", what, fix=fix)
    local = door.host in LOOPBACK
    index = Index(cases, door.database)
    index.rebuild()
    access = Access(index, link=local)
    with closing(listening(door.host, door.port)) as socket_:
        shown = f"[{door.host}]" if ":" in door.host else door.host
        address = f"http://{shown}:{socket_.getsockname()[1]}"
        told(f"{address}/login?once={access.once}" if local else address)
        hosts = LOOPBACK if local else frozenset({door.host, *door.names})
        app = create_app(index, access, hosts, secure=not local, suggestions=door.suggestions)
        LOG.setLevel(logging.INFO)
        settings = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, lifespan="off")
        uvicorn.Server(settings).run(sockets=[socket_])
