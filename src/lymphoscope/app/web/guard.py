"""What stands before every request: size, host, origin, headers, and a log that names nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("lymphoscope.web")
MOST_BODY = 4 * 2**20
MOST_UPLOAD = 4 * 2**30
UPLOAD = "/api/uploads"
"""The only path whose body is not held in memory: it counts what comes by itself."""
_TOO_LARGE = (413, "WEB-E-SIZE", "the request is too large")

_HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    b"connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; font-src 'self' data:; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Wraps the application.

    Args:
        app: What answers.
        hosts: Names that the server may be called by; another is a page elsewhere that points here.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it before it is read."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began, told = time.monotonic(), {"status": 500}

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                _protect(message)
            await send(message)

        refusal = self._refusal(scope)
        streamed = scope["path"] == UPLOAD
        body = None if refusal or streamed else await _body(receive)
        if refusal:
            await _say(sending, *refusal)
        elif streamed:
            await self.app(scope, receive, sending)
        elif body is None:
            await _say(sending, *_TOO_LARGE)
        else:
            await self.app(scope, _given(body, receive), sending)
        # the route's pattern, not the path: a path could hold anything
        route = getattr(scope.get("route"), "path", "-")
        LOG.info("%s %s %s %.0f ms", scope["method"], route, told["status"], 1000 * (time.monotonic() - began))

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if host.rsplit(":", 1)[0].lower() not in self.hosts and host.lower() not in self.hosts:
            return 421, "WEB-E-HOST", "the server is not known by this name"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").split("://", 1)[-1].lower() != host.lower():
            return 403, "WEB-E-HOST", "the request comes from a page elsewhere"
        length = headers.get(b"content-length", b"0")
        most = MOST_UPLOAD if scope["path"] == UPLOAD else MOST_BODY
        if not length.isdigit() or int(length[:20]) > most:
            return _TOO_LARGE
        return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is larger than it may be; a body need not say its length."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    """What was read already, then whatever comes."""
    waiting = [body]

    async def receiving() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return receiving


def _protect(message: MutableMapping[str, Any]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    extra = [(name, value) for name, value in _HEADERS.items() if name not in present]
    if b"cache-control" not in present:
        extra.append((b"cache-control", b"no-store"))
    message["headers"] = [*message["headers"], *extra]


async def _say(send: Send, status: int, code: str, what: str) -> None:
    body = f'{{"code":"{code}","what":"{what}","where":"","fix":""}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
