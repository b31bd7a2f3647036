"""Folders that appear complete or not at all, with one writer at a time.

A new folder is filled under a hidden name beside its place (``.lymphoscope-…-new``), made to last, and renamed.
A previous one steps aside (``.lymphoscope-…-old``) and is removed when the new one stands. What a killed run leaves
behind is hidden, and mended by the next run that claims the same folder: a half-filled draft is removed, a previous
folder that had stepped aside comes back. Where the folder itself cannot be renamed (a mount point, a parent that may
not be written), the same is done with its entries inside it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError

try:
    import fcntl
except ImportError:  # a system without it gets a lock that a killed run leaves behind
    fcntl = None  # type: ignore[assignment]

_MARK = ".lymphoscope-"
_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EACCES: "writing is not permitted",
    errno.EPERM: "writing is not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "part of the path is a file",
}


@dataclass(frozen=True)
class Claim:
    """A folder that this run alone may write.

    Attributes:
        folder: The folder, links resolved.
        inside: Work with the folder's entries, because the folder itself cannot be renamed.
        stem: Start of the hidden names that belong to this folder.
    """

    folder: Path
    inside: bool
    stem: str

    def beside(self, kind: str) -> Path:
        """Hidden path of that kind (``new``, ``old``, ``lock``) on the folder's own file system."""
        return (self.folder if self.inside else self.folder.parent) / f"{self.stem}{kind}"


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn what the system refuses into ``IO-E-WRITE``; the message holds no path, which may hold a name."""
    try:
        yield
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0, os.strerror(error.errno) if error.errno else "the system refused")
        raise LymphoscopeError("IO-E-WRITE", f"the result could not be written: {cause}") from None


@contextlib.contextmanager
def claim(folder: Path, force: bool, ours: Callable[[Path], bool]) -> Iterator[Claim]:
    """Keep a folder for this run until the end of the block, and mend what a killed run left.

    Args:
        folder: The folder; it need not exist.
        force: What is there may be replaced.
        ours: Says whether an entry of an existing folder is one that we write; a folder with any other entry is never
            replaced.

    Raises:
        LymphoscopeError: ``IO-E-LOCKED`` when another run has it; ``USE-E-OUTPUT`` when it is a file, holds something
            and `force` is not given, or holds what is not ours; ``IO-E-WRITE`` when the system refuses.
    """
    with writing():
        folder = Path(folder).resolve()
        if folder.exists() and not folder.is_dir():
            raise LymphoscopeError("USE-E-OUTPUT", "the output is a file, not a folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        inside = folder.is_dir() and (folder.is_mount() or not os.access(folder.parent, os.W_OK))
        key = hashlib.sha256(os.fsencode(folder.name)).hexdigest()[:12]
        held = Claim(folder, inside, f"{_MARK}{key}-")
        release = _lock(held.beside("lock"))
    try:
        with writing():
            _mend(held)
            _require_replaceable(folder, force, ours)
        yield held
    finally:
        release()


@contextlib.contextmanager
def draft(held: Claim, durable: bool = True) -> Iterator[Path]:
    """Give an empty hidden folder to fill; when the block ends well it takes the claimed folder's place.

    Args:
        held: The claim on the folder.
        durable: Have all bytes on the disk before the name is given (slow for many files).

    Raises:
        LymphoscopeError: ``IO-E-WRITE`` when the system refuses, in the block too.
    """
    new = held.beside("new")
    try:
        with writing():
            new.mkdir()
            yield new
            if durable:
                _sync_tree(new)
            _replace(held, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, without the hidden names of this module."""
    return [p for p in sorted(folder.iterdir()) if not p.name.startswith(_MARK)] if folder.is_dir() else []


def _require_replaceable(folder: Path, force: bool, ours: Callable[[Path], bool]) -> None:
    found = _entries(folder)
    strange = sum(not ours(entry) for entry in found)
    if strange:
        raise LymphoscopeError(
            "USE-E-OUTPUT",
            f"the output folder holds {strange} files or folders that are not results of Lymphoscope",
            fix="Give a new or empty folder.",
        )
    if found and not force:
        raise LymphoscopeError("USE-E-OUTPUT", "the output folder holds a result already")


def _lock(path: Path) -> Callable[[], None]:
    """Take a lock file; the system frees it when the process dies. Returns what gives it back."""
    busy = LymphoscopeError("IO-E-LOCKED", "another run is writing the output folder")
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | (os.O_EXCL if fcntl is None else 0), 0o666)
        except FileExistsError:
            raise busy from None
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                break
        except BlockingIOError:
            os.close(handle)
            raise busy from None
        except FileNotFoundError:
            pass  # the last owner removed it between our opening and our locking
        os.close(handle)

    def release() -> None:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(handle)

    return release


def _mend(held: Claim) -> None:
    """Undo what a killed run had begun: remove its draft, bring back a previous folder that had stepped aside."""
    for kind in ("new", "gone"):
        shutil.rmtree(held.beside(kind), ignore_errors=True)
    old = held.beside("old")
    if not old.exists():
        return
    if held.inside:
        _mend_inside(held.folder, old)
    elif not _entries(held.folder):
        if held.folder.exists():
            held.folder.rmdir()
        old.rename(held.folder)
        return
    _discard(held)


def _mend_inside(folder: Path, old: Path) -> None:
    """Bring the previous entries back. Each step can be killed and taken again.

    A mark tells whether all previous entries had been moved to `old`: then what is in the folder is new.
    """
    aside = old / f"{_MARK}aside"
    if aside.exists():
        for entry in _entries(folder):
            _remove(entry)
        aside.rmdir()
    _move_entries(old, folder)


def _replace(held: Claim, new: Path) -> None:
    """Put the draft in the folder's place; whatever fails, the previous state comes back."""
    old = held.beside("old")
    try:
        if held.inside:
            old.mkdir()
            _move_entries(held.folder, old)
            (old / f"{_MARK}aside").mkdir()
            _move_entries(new, held.folder)
            _sync(held.folder)
            _discard(held)
        else:
            if held.folder.exists():
                held.folder.rename(old)
            new.rename(held.folder)
            _sync(held.folder.parent)
    except BaseException:
        _mend(held)
        raise
    with contextlib.suppress(OSError):  # the new content stands; what is left over goes next time
        _discard(held)


def _discard(held: Claim) -> None:
    """Let the previous content go, by one renaming: half-removed it must not be taken for something to bring back."""
    gone = held.beside("gone")
    if held.beside("old").exists():
        held.beside("old").rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _move_entries(source: Path, target: Path) -> None:
    for entry in _entries(source):
        entry.rename(target / entry.name)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Make a file or folder last. Some file systems cannot do it for folders; that is no failure."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)
