"""Where a model comes from: a folder, an archive, or an address, made into a folder that can be read."""

from __future__ import annotations

import contextlib
import hashlib
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.parse import urlsplit

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.atomic import writing

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
MOST_BYTES = 64 * 2**30
_WANTED = re.compile(r"(?:(?P<top>.*)/)?(?P<file>plans\.json|dataset\.json|fold_(?:all|\d{1,3})/checkpoint_\w+\.pth)")
_PIECE = 2**20

Agree = Callable[[str], bool]
"""Asks a person; what is asked names address and size."""


@dataclass(frozen=True)
class Fetching:
    """How an archive is fetched.

    Attributes:
        agree: Asks before anything is fetched.
        md5: Of the archive, where it is known.
        keep_in: Where the archive lies while it is read.
    """

    agree: Agree
    md5: str = ""
    keep_in: Path | None = None


@contextlib.contextmanager
def model_folder(source: str, fetching: Fetching, progress: Progress = silent) -> Iterator[Path]:
    """A folder with plans.json, dataset.json and fold_* for the length of the block.

    Args:
        source: A folder, a zip, or an address.
        fetching: How an archive is fetched.
        progress: Hears of fetching and unpacking.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``MODEL-E-FOLDER`` when no model is in it or several are, ``MODEL-E-DOWNLOAD``,
            ``MODEL-E-HASH``.
    """
    with contextlib.ExitStack() as stack:
        path = Path(source)
        if "://" in source:
            path = stack.enter_context(_fetched(source, fetching, progress))
        if not path.exists():
            raise LymphoscopeError("IO-E-PATH", "there is no such folder or file")
        if path.is_file():
            if fetching.md5 and _md5(path) != fetching.md5:
                raise LymphoscopeError("MODEL-E-HASH", "the archive has another hash", where=path.name)
            path = stack.enter_context(_unpacked(path, fetching.keep_in, progress))
        yield _one_model(path)


def _one_model(folder: Path) -> Path:
    """The folder below that holds a model."""
    found = [plans.parent for plans in sorted(folder.rglob("plans.json")) if is_model(plans.parent)]
    if len(found) == 1:
        return found[0]
    what = "no folder with plans.json, dataset.json and a fold with a checkpoint"
    if found:
        what = f"{len(found)} models: {', '.join(one.name for one in found[:6])}"
    raise LymphoscopeError("MODEL-E-FOLDER", f"in it there is {what}", fix="Give the folder of one model.")


def is_model(folder: Path) -> bool:
    """Whether a folder is what nnU-Net leaves of a training."""
    return (folder / "dataset.json").is_file() and any(checkpoints(folder))


def checkpoints(folder: Path) -> Iterator[Path]:
    """The checkpoint of each fold: the last one, else the best."""
    for fold in sorted(folder.glob("fold_*")):
        there = [fold / name for name in CHECKPOINTS if (fold / name).is_file()]
        if there:
            yield there[0]


@contextlib.contextmanager
def _unpacked(path: Path, keep_in: Path | None, progress: Progress) -> Iterator[Path]:
    """What of a zip belongs to a model, in a folder of its own; nothing else in it is looked at."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        raise LymphoscopeError("MODEL-E-FOLDER", "the file is no zip that can be read", where=path.name) from None
    with archive, TemporaryDirectory(dir=keep_in, prefix=".lymphoscope-") as name:
        wanted = [(entry, found) for entry in archive.infolist() if (found := _WANTED.fullmatch(entry.filename))]
        if sum(entry.file_size for entry, _ in wanted) > MOST_BYTES:
            raise LymphoscopeError("MODEL-E-FOLDER", "the archive unpacks to more than 64 GiB", where=path.name)
        tops: dict[str, Path] = {}
        for number, (entry, found) in enumerate(wanted):
            progress("unpacking", number, len(wanted))
            # the archive's own folders decide nothing: each becomes a number
            top = tops.setdefault(found["top"] or "", Path(name) / str(len(tops)))
            _unpack(archive, entry, top / found["file"])
        progress("unpacking", len(wanted), len(wanted))
        yield Path(name)


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    with writing():
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(entry) as packed, target.open("xb") as file:
            _copy(packed, file, entry.file_size)
    except (zipfile.BadZipFile, RuntimeError, EOFError, NotImplementedError, OSError) as error:
        what = f"the archive is damaged ({type(error).__name__})"
        raise LymphoscopeError("MODEL-E-FOLDER", what, where=target.name) from None


def _copy(packed: IO[bytes], file: IO[bytes], size: int) -> None:
    """Copy no more than was announced."""
    while piece := packed.read(_PIECE):
        size -= len(piece)
        if size < 0:
            raise zipfile.BadZipFile
        file.write(piece)


@contextlib.contextmanager
def _fetched(url: str, fetching: Fetching, progress: Progress) -> Iterator[Path]:
    """A file from an address, after a person has agreed."""
    if urlsplit(url).scheme != "https":
        raise LymphoscopeError("MODEL-E-DOWNLOAD", "only addresses that begin with https are fetched")
    refused = LymphoscopeError("MODEL-E-DOWNLOAD", f"{urlsplit(url).hostname} could not be reached, or broke off")
    if fetching.keep_in is not None:
        with writing():
            fetching.keep_in.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=fetching.keep_in, prefix=".lymphoscope-") as name:
        path = Path(name) / "model.zip"
        if not fetching.agree(url):
            what = "nothing was fetched: nobody agreed to it"
            raise LymphoscopeError("MODEL-E-DOWNLOAD", what, fix="Add --yes, or give a file that was fetched already.")
        try:
            with urllib.request.urlopen(url, timeout=60) as answer, path.open("wb") as file:
                if urlsplit(answer.geturl()).scheme != "https":
                    raise refused
                _receive(answer, file, int(answer.headers.get("Content-Length") or 0), progress)
        except (urllib.error.URLError, OSError, ValueError):
            raise refused from None
        yield path


def _receive(answer: IO[bytes], file: IO[bytes], size: int, progress: Progress) -> None:
    done = 0
    while piece := answer.read(_PIECE):
        done += len(piece)
        if done > MOST_BYTES:
            raise ValueError
        file.write(piece)
        progress("fetching", done // _PIECE, max(size, done) // _PIECE)
    if size and done != size:
        raise ValueError


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
