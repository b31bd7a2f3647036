"""Instances on the disk: whole, synced and noted before anybody is told that they are held."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from lymphoscope.app.node.queue import Instance, Queue, Version
from lymphoscope.core.errors import LymphoscopeError

try:
    import fcntl
except ImportError:  # a system without it: two nodes on one folder are not told apart
    fcntl = None  # type: ignore[assignment]

_READ = [
    "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "IssuerOfPatientID", "Modality",
    "NumberOfSlices",
]  # fmt: skip
_FILE = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}\.dcm")


class NotUnderstoodError(ValueError):
    """The bytes are not an instance that can be told from others."""


@dataclass(frozen=True)
class Kept:
    """What became of an instance.

    Attributes:
        study: Key of its study.
        how: ``new``, ``same`` or ``changed``.
    """

    study: str
    how: str


def hashed(*parts: str) -> str:
    """A name that tells nothing: 128 bits of SHA-256."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Store:
    """The node's folder. One node at a time has it; see `opened`.

    Args:
        folder: The node's folder.
        min_free_bytes: Space below which nothing more is taken.
    """

    def __init__(self, folder: Path, min_free_bytes: float = 0.0) -> None:
        self.folder = folder
        self._min_free = min_free_bytes
        self._lock = threading.Lock()
        for name in ("incoming", "studies", "jobs", "cases"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.queue = Queue(folder / "node.db")

    def case(self, name: str) -> Path:
        """The case folder of a version."""
        return self.folder / "cases" / name

    def keep(self, encoded: bytes, sop: str = "") -> Kept:
        """Keep an instance; it is on the disk and noted when this returns.

        Args:
            encoded: A DICOM file, with preamble and meta information.
            sop: SOP instance UID that the sender announced, if it did.

        Raises:
            NotUnderstoodError: The bytes are no instance, or another one than announced.
            OSError: The disk is full, or refuses.
        """
        instance = instance_of(encoded, sop)
        if shutil.disk_usage(self.folder).free - len(encoded) < self._min_free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        place = self.folder / "studies" / instance.study / instance.file
        if self.queue.has(instance) and place.exists():
            return Kept(instance.study, "same")
        self._write(place, encoded)
        with self._lock:
            how, dropped = self.queue.add(instance)
            if dropped:
                place.with_name(dropped).unlink(missing_ok=True)
        return Kept(instance.study, how)

    def _write(self, place: Path, encoded: bytes) -> None:
        half = self.folder / "incoming" / uuid.uuid4().hex
        try:
            with half.open("xb") as out:
                out.write(encoded)
                out.flush()
                os.fsync(out.fileno())
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True)
                _sync(place.parent.parent)
            half.replace(place)
            _sync(place.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)
            raise

    def begin(self, study: str) -> tuple[Version, Path]:
        """Begin a version; gives a folder with the study as it is now, which later instances do not enter."""
        with self._lock:
            version = self.queue.begin(study)
            job = self.folder / "jobs" / version.name
            shutil.rmtree(job, ignore_errors=True)
            job.mkdir()
            for name in self.queue.files(study):
                source = self.folder / "studies" / study / name
                try:
                    os.link(source, job / name)
                except OSError as error:
                    if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                        raise
                    shutil.copyfile(source, job / name)  # a file system without links
        return version, job

    def mend(self) -> int:
        """Undo what a killed node had begun: half files go, whole ones that were not noted yet are noted.

        Returns:
            Files that were noted now.
        """
        for name in ("incoming", "jobs"):
            for entry in (self.folder / name).iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        studies = [entry for entry in (self.folder / "studies").iterdir() if entry.is_dir()]
        return sum(self._adopt(file) for study in studies for file in self._strays(study))

    def _strays(self, study: Path) -> list[Path]:
        known = set(self.queue.files(study.name))
        return [file for file in study.iterdir() if file.name not in known and _FILE.fullmatch(file.name)]

    def _adopt(self, file: Path) -> bool:
        """Note a file that nobody was told about. Where another content of the same instance is noted, that stays."""
        if any(name.startswith(file.name.split("-")[0]) for name in self.queue.files(file.parent.name)):
            file.unlink()
            return False
        with contextlib.suppress(NotUnderstoodError):
            self.queue.add(instance_of(file.read_bytes()))
        return True


def instance_of(encoded: bytes, sop: str = "") -> Instance:
    """Read who an instance is.

    Raises:
        NotUnderstoodError: It cannot be told.
    """
    try:
        header = dcmread(io.BytesIO(encoded), stop_before_pixels=True, specific_tags=_READ)
        found = {name: _text(header, name) for name in _READ}
    except Exception:  # a sender's bytes can be wrong in any way, and the text of the error may quote them
        raise NotUnderstoodError from None
    own = found["SOPInstanceUID"]
    if not (own and found["StudyInstanceUID"]) or (sop and own != sop):
        raise NotUnderstoodError
    study = hashed(found["StudyInstanceUID"], found["PatientID"], found["IssuerOfPatientID"])
    number = found["NumberOfSlices"]
    return Instance(
        study=study,
        sop=hashed(own),
        file=f"{hashed(own)}-{hashlib.sha256(encoded).hexdigest()[:32]}.dcm",
        series=hashed(found["SeriesInstanceUID"]),
        modality=found["Modality"] if found["Modality"] in ("PT", "CT") else "",
        slices=int(number) if number.isdecimal() and len(number) < 6 else 0,
    )


def _text(header: Dataset, name: str) -> str:
    value = header.get(name)
    return "" if value is None else str(value).strip(" \0")


def _sync(folder: Path) -> None:
    """Make a new name in a folder last."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def opened(folder: Path, min_free_bytes: float = 0.0) -> Iterator[Store]:
    """Open the node's folder for one node, and mend it.

    Raises:
        LymphoscopeError: ``NODE-E-LOCKED`` when another node has it, ``IO-E-WRITE`` when the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("w")
    except OSError:
        raise LymphoscopeError("IO-E-WRITE", "the node's folder could not be made") from None
    with lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LymphoscopeError("NODE-E-LOCKED", "another node has the folder") from None
        store = Store(folder, min_free_bytes)
        try:
            store.queue.reopen()
            store.mend()
            yield store
        finally:
            store.queue.close()
