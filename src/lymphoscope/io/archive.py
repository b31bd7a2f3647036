"""Taking in a zip: judged by its directory first, then unpacked under counters into a fresh folder of our own names."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from lymphoscope.core.errors import LymphoscopeError

MOST_ENTRIES = 100_000
MOST_BYTES = 16 * 2**30
MOST_RATIO = 200
SMALL_BYTES = 4 * 2**20
"""Below this size an archive may shrink as much as it likes: nothing can be filled with it."""

_PIECE = 2**20
_OTHER_ARCHIVES = {
    b"Rar!\x1a\x07": "rar",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x07\x08": "multi-volume zip",
}
_NESTED = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CLUTTER = re.compile(r"(^|/)(__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini)(/|$)", re.I)


def archive_kind(path: Path) -> str:
    """What kind of archive a file is by its first bytes: ``zip``, another kind by name, or empty."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "the file cannot be opened") from None
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if start[257:262] == b"ustar":
        return "tar"
    return next((kind for mark, kind in _OTHER_ARCHIVES.items() if start.startswith(mark)), "")


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack a zip into a temporary folder that is gone afterwards, whatever happens.

    Nothing in the archive decides where or under which name a file is written: plain names are kept (NIfTI files are
    known by them), all others become hashes.

    Args:
        path: The zip.

    Yields:
        The folder with its files.

    Raises:
        LymphoscopeError: ``IO-E-ARCHIVE`` for anything unsafe or broken, with the reason.
    """
    try:
        archive = zipfile.ZipFile(path)
    except Exception:  # a garbled directory makes the library fail in many ways
        raise _unsafe("it is damaged, or one part of several") from None
    with archive, TemporaryDirectory(prefix="lymphoscope-") as folder:
        entries = _judged(archive)
        _extract(archive, entries, Path(folder))
        yield Path(folder)


def _judged(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries worth extracting; raises before a byte is unpacked when the directory shows danger."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise _unsafe(f"it has {len(entries)} entries; at most {MOST_ENTRIES} are taken")
    for entry in entries:
        reason = _danger(entry)
        if reason:
            raise _unsafe(reason)
    files = [e for e in entries if not e.is_dir() and not _CLUTTER.search(e.filename)]
    size, packed = sum(e.file_size for e in files), sum(e.compress_size for e in files)
    if size > MOST_BYTES:
        raise _unsafe(f"it unpacks to {size / 2**30:.1f} GiB; at most {MOST_BYTES / 2**30:.0f} are taken")
    if size > SMALL_BYTES and size > MOST_RATIO * max(packed, 1):
        raise _unsafe(f"it unpacks to {size / max(packed, 1):.0f} times its size, as no images do")
    return files


def _danger(entry: zipfile.ZipInfo) -> str:
    """Why an entry must not be unpacked; empty when it may."""
    name = entry.filename.replace("\\", "/")
    parts = PurePosixPath(name).parts
    kind = stat.S_IFMT(entry.external_attr >> 16)
    away = name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts or "\0" in name
    nested = name.lower().endswith(_NESTED) and not name.lower().endswith(".nii.gz")
    dangers = (
        (not name, "an entry has no name"),
        (away, "an entry points outside the archive"),
        (any(_DEVICES.fullmatch(part) for part in parts), "an entry is named like a device"),
        (kind not in (0, stat.S_IFREG, stat.S_IFDIR), "an entry is a link or a special file"),
        (entry.flag_bits & 0x1, "it is encrypted"),
        (nested, "it holds another archive"),
    )
    return next((reason for danger, reason in dangers if danger), "")


def _extract(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    """Write the entries, counting what really comes out."""
    left = MOST_BYTES
    taken: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries):
        target = folder / _own_name(entry.filename, number, taken)
        target.parent.mkdir(exist_ok=True)
        left -= _copy(archive, entry, target, left)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Unpack one entry; refuse more bytes than it promised or than are left."""
    written = 0
    try:
        with archive.open(entry) as source, target.open("xb") as out:
            while piece := source.read(_PIECE):
                written += len(piece)
                if written > min(left, entry.file_size):
                    raise _unsafe("an entry is larger than the archive says")
                out.write(piece)
    except OSError:
        raise LymphoscopeError("IO-E-WRITE", "the archive cannot be unpacked", "the temporary folder") from None
    except LymphoscopeError:
        raise
    except Exception:  # decompressors fail in many ways on damaged data
        raise _unsafe("an entry is damaged or packed in an unknown way") from None
    return written


def _own_name(name: str, number: int, taken: set[tuple[str, str]]) -> Path:
    """Where an entry is written: its folder as a hash, its own name where that is plain and free."""
    head, _, base = name.replace("\\", "/").rpartition("/")
    room = sha256(head.encode("utf-8", "replace")).hexdigest()[:12]
    key = (room, base.casefold())
    if not _PLAIN_NAME.fullmatch(base) or key in taken:
        suffix = next((s for s in (".nii.gz", ".nii", ".dcm") if base.lower().endswith(s)), "")
        base = f"{number:06d}-{sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}{suffix}"
    taken.add((room, base.casefold()))
    return Path(room) / base


def _unsafe(reason: str) -> LymphoscopeError:
    return LymphoscopeError("IO-E-ARCHIVE", f"the archive was not unpacked: {reason}")
