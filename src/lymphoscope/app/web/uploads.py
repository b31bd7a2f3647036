"""Studies sent in as a zip: kept on disk as they come, judged as every archive is, measured one after the other."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from lymphoscope.app.failure import trace_without_data
from lymphoscope.app.pipeline import run
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.api import At, Who
from lymphoscope.app.web.guard import LOG
from lymphoscope.app.web.index import Index
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.archive import archive_kind
from lymphoscope.io.atomic import writing

WAITING = ".lymphoscope-uploads"
"""Where archives wait, below the cases; a name with a dot is never searched for cases."""

UPLOADED = "uploads"
MOST_WAITING = 20


@dataclass(frozen=True)
class Upload:
    """What became of an archive.

    Attributes:
        id: Start of the hash of its content, and the name of the case folder.
        state: ``waiting``, ``measuring``, ``done`` or ``failed``.
        code: Why it failed, or empty.
        what: The same in words.
    """

    id: str
    state: str
    code: str = ""
    what: str = ""


class Uploads:
    """The archives of one server.

    Args:
        index: The database, which knows where the cases are.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._known: dict[str, Upload] = {}
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="upload")

    def all(self) -> list[Upload]:
        """What became of each since the server began."""
        with self._lock:
            return list(self._known.values())

    async def take(self, pieces: AsyncIterator[bytes], most: int) -> Upload:
        """Keep an archive as it comes and have it measured; the same content is measured once.

        Args:
            pieces: Its bytes.
            most: Most bytes it may have.

        Raises:
            LymphoscopeError: ``WEB-E-SIZE``, ``WEB-E-RATE``, ``IO-E-ARCHIVE`` for anything but a zip, ``IO-E-WRITE``.
        """
        if sum(u.state in ("waiting", "measuring") for u in self.all()) >= MOST_WAITING:
            raise LymphoscopeError("WEB-E-RATE", "too many studies are waiting", fix="Wait until some are measured.")
        folder = self.index.cases / WAITING
        with writing():
            folder.mkdir(mode=0o700, exist_ok=True)
        kept = folder / f"{secrets.token_hex(8)}.part"
        try:
            name = await _written(kept, pieces, most)
            if archive_kind(kept) != "zip":
                raise LymphoscopeError("IO-E-ARCHIVE", "what was sent is not a zip", fix="Send a zip of the study.")
            archive = kept.rename(folder / f"{name}.zip")
        finally:
            kept.unlink(missing_ok=True)
        return self._enqueue(name, archive)

    def _enqueue(self, name: str, archive: Path) -> Upload:
        with self._lock:
            known = self._known.get(name)
            if known is None or known.state in ("failed", "done"):
                known = self._known[name] = Upload(name, "waiting")
                self._worker.submit(self._measure, name, archive)
        return known

    def _measure(self, name: str, archive: Path) -> None:
        self._tell(Upload(name, "measuring"))
        target = self.index.cases / UPLOADED / name
        try:
            if not (target / "report.json").is_file():
                run(archive, target)
            self.index.take(target)
            self._tell(Upload(name, "done"))
        except LymphoscopeError as error:
            self._tell(Upload(name, "failed", error.code, error.message.what))
        except Exception as error:
            LOG.error("%s", trace_without_data(error))
            self._tell(Upload(name, "failed", "RUN-E-UNEXPECTED", f"Lymphoscope failed ({type(error).__name__})"))
        finally:
            archive.unlink(missing_ok=True)

    def _tell(self, upload: Upload) -> None:
        with self._lock:
            self._known[upload.id] = upload


async def _written(path: Path, pieces: AsyncIterator[bytes], most: int) -> str:
    """Write what comes and give the start of its hash."""
    digest, size = hashlib.sha256(), 0
    with writing(), path.open("xb") as file:
        try:
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise LymphoscopeError("WEB-E-SIZE", "the archive is too large", fix="Use `lymphoscope run`.")
                digest.update(piece)
                file.write(piece)
        except ClientDisconnect:
            raise LymphoscopeError("IO-E-ARCHIVE", "the archive did not come whole", fix="Send it again.") from None
    return digest.hexdigest()[:16]


uploads = APIRouter(prefix="/api")


def _require_admin(person: Person) -> None:
    if not person.may("upload"):
        raise LymphoscopeError("WEB-E-RIGHT", "studies are added by an admin")


@uploads.post("/uploads")
async def upload(request: Request, person: Who, desk: At) -> dict[str, Any]:
    """Send a study as a zip; it is the body of the request, and nothing else."""
    _require_admin(person)
    most: int = request.app.state.most_upload
    taken = await request.app.state.uploads.take(request.stream(), most)
    desk.access.audit.note("upload", person.login, person.role, archive=taken.id)
    return asdict(taken)


@uploads.get("/uploads")
def uploaded(request: Request, person: Who) -> list[dict[str, Any]]:
    """What became of the studies that were sent."""
    _require_admin(person)
    return [asdict(found) for found in request.app.state.uploads.all()]
