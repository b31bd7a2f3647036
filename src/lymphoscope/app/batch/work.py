"""One study of a batch, in whatever process it falls to: nothing gets out but how it ended."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lymphoscope import __version__
from lymphoscope.app.failure import known_errors
from lymphoscope.app.settings import RunSettings
from lymphoscope.core.errors import LymphoscopeError, Message

MEASURED, REFUSED, FAILED = "measured", "refused", "failed"


@dataclass(frozen=True, repr=False)
class Task:
    """What a worker is told. Its paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: Name of the case.
        kind: ``dicom``, ``archive`` or ``nifti``.
        files: The files of the study.
        case: The case folder to make.
        scratch: Folder for what is needed for a while; the batch removes it.
        settings: What the run is told.
        stamp: What the case is marked with.
        version: Version of the one who asks.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    case: str
    scratch: str
    settings: RunSettings
    stamp: Mapping[str, str]
    version: str = __version__

    def __repr__(self) -> str:
        """The name of the case."""
        return f"Task({self.name})"


@dataclass(frozen=True)
class Ending:
    """How one study ended.

    Attributes:
        name: Name of the case.
        status: ``measured``, ``refused`` or ``failed``.
        message: Why it was refused or failed.
        seconds: Time it took.
    """

    name: str
    status: str
    message: Message | None = None
    seconds: float = 0.0


def work(task: Task) -> Ending:
    """Measure one study and write its case; whatever goes wrong becomes part of the answer."""
    return ended(task.name, Path(task.case).parent, lambda: _measured(task))


def ended(name: str, log: Path, do: Callable[[], tuple[str, Message | None]]) -> Ending:
    """Do something and say how it ended, whatever goes wrong.

    Args:
        name: Name of the study.
        log: Path beside which the log of an unexpected error is written.
        do: Gives status and message.
    """
    began = time.perf_counter()
    try:
        with known_errors(log):
            status, message = do()
    except LymphoscopeError as error:
        status, message = FAILED, error.message
    return Ending(name, status, message, time.perf_counter() - began)


def _measured(task: Task) -> tuple[str, Message | None]:
    from lymphoscope.app import pipeline  # noqa: PLC0415 - slow to load, and only where the work is done
    from lymphoscope.app.libraries import prepared  # noqa: PLC0415

    if task.version != __version__:
        what = f"the worker has version {__version__} of Lymphoscope, not {task.version}"
        raise LymphoscopeError("USE-E-VALUE", what, fix="Install the same version on every machine.")
    with prepared(threads=1), _scratch(Path(task.scratch)), gathered(task.kind, task.files) as source:
        outcome = pipeline.run(source, task.case, task.settings, stamp=task.stamp)
    if outcome.record["status"] != REFUSED:
        return MEASURED, None
    refusal = outcome.record["refusal"]
    return REFUSED, Message(refusal["code"], refusal["what"], refusal["where"], refusal["fix"], tuple(refusal["tags"]))


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Have temporary files made in the batch's own folder, which is cleared even after a killed worker."""
    before = tempfile.tempdir
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def gathered(kind: str, files: Sequence[str]) -> Iterator[Path]:
    """Give a study as one folder of its files alone, wherever they lie; an archive as it is.

    The folder holds links with neutral names; NIfTI files keep theirs, which tell what they are.
    """
    if kind == "archive":
        yield Path(files[0])
        return
    with tempfile.TemporaryDirectory(prefix="lymphoscope-") as folder:
        for number, text in enumerate(files, 1):
            path = Path(text).absolute()
            _link(path, Path(folder) / (path.name if kind == "nifti" else f"{number:06d}"))
        yield Path(folder)


def _link(path: Path, link: Path) -> None:
    try:
        link.symlink_to(path)
    except OSError:  # a system or file system without links
        shutil.copyfile(path, link)
