"""Folders and files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError

_MARK = ".lymphoscope-"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot sync a folder
            os.fsync(handle)
    finally:
        os.close(handle)


def _cause(error: OSError) -> str:
    """The reason in words; never the path, which may hold a name."""
    known = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the quota is used up",
        errno.EACCES: "writing is not permitted",
        errno.EPERM: "writing is not permitted",
        errno.EROFS: "the file system is read-only",
    }
    return known.get(error.errno or 0, os.strerror(error.errno) if error.errno else "the system refused")


def refused(error: OSError) -> LymphoscopeError:
    """The error for a write that the system refused."""
    return LymphoscopeError("IO-E-WRITE", f"the result could not be written: {_cause(error)}", "the output folder")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and make it last: its bytes are on the disk when this returns."""
    with path.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


@contextlib.contextmanager
def whole_folder(folder: Path, force: bool = False) -> Iterator[Path]:
    """Fill a temporary folder beside the wanted one; it takes the wanted name only when all went well.

    The previous folder is kept until the new one is complete. A run that is killed leaves at most a hidden folder,
    which the next run on the same name removes.

    Args:
        folder: The folder to make.
        force: Replace it when it is there and not empty.

    Yields:
        The temporary folder to write into.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT`` when the folder is there and `force` is not given, or it is a file;
            ``IO-E-WRITE`` when the system refuses.
    """
    folder = Path(folder)
    require_free(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = _beside(folder, "new")
    except OSError as error:
        raise refused(error) from None
    try:
        yield draft
        _replace(draft, folder)
    except OSError as error:
        raise refused(error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def require_free(folder: Path, force: bool) -> None:
    """Refuse an output folder that holds something.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT``.
    """
    if folder.exists() and not folder.is_dir():
        raise LymphoscopeError("USE-E-OUTPUT", "the output is a file, not a folder")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise LymphoscopeError("USE-E-OUTPUT", "the output folder is not empty")


def _beside(folder: Path, kind: str) -> Path:
    """Make a hidden folder on the same file system, so that renaming it is one step."""
    key = hashlib.sha256(folder.name.encode(errors="surrogateescape")).hexdigest()[:12]
    path = folder.parent / f"{_MARK}{key}-{kind}-{os.getpid()}-{secrets.token_hex(4)}"
    path.mkdir()
    return path


def _replace(draft: Path, folder: Path) -> None:
    """Give the draft its name. Renaming is atomic; the previous folder steps aside first and is removed last."""
    for path in sorted(draft.rglob("*")):
        if path.is_dir():
            _sync(path)
    _sync(draft)
    aside = _beside(folder, "old") / "previous"
    try:
        if folder.exists():
            folder.rename(aside)
        try:
            draft.rename(folder)
        except OSError:
            if aside.exists():
                aside.rename(folder)
            raise
        _sync(folder.parent)
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
