"""What a tree holds to make cases of: DICOM studies, also those in zips, and the NIfTI masks that lie with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lymphoscope.app.batch.find import StudyFiles, find_studies
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.archive import archive_kind, unpacked
from lymphoscope.io.deid.crosswalk import Crosswalk
from lymphoscope.io.files import is_nifti, walk
from lymphoscope.io.layouts import named_as_mask
from lymphoscope.render.record import message_record

DICOM = "dicom"
_PIECE = 2**20


@dataclass(frozen=True, repr=False)
class Source:
    """A DICOM study. Its paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: Hash of the study UID.
        files: Its files; of one in an archive their names in there.
        masks: NIfTI masks that lie with it, likewise.
        archive: The archive; empty for none.
        sha256: Changes when a file does.
    """

    name: str
    files: tuple[str, ...]
    masks: tuple[str, ...]
    archive: str
    sha256: str

    def __repr__(self) -> str:
        """The name."""
        return f"Source({self.name})"


@dataclass(frozen=True)
class Found:
    """What lies in a tree.

    Attributes:
        sources: Studies to make cases of, by name.
        left_out: Path and reason of what is no source.
        others: Number of files that belong to nothing.
        closed_folders: Number of folders that may not be looked into.
    """

    sources: tuple[Source, ...]
    left_out: tuple[tuple[str, Message], ...]
    others: int = 0
    closed_folders: int = 0


@dataclass
class _Heap:
    """Sources by name and what was left out, filled one by one."""

    sources: dict[str, Source] = field(default_factory=dict)
    left_out: list[tuple[str, Message]] = field(default_factory=list)

    def add(self, source: Source, path: str) -> None:
        if source.name in self.sources:
            self.left_out.append((path, Message("DATA-I-COPY", "the study was found elsewhere in the tree already")))
        else:
            self.sources[source.name] = source


def find_sources(tree: Path, crosswalk: Crosswalk, progress: Progress = silent) -> Found:
    """Find what cases can be made of.

    A NIfTI mask belongs to the study in whose folder it lies, or in the nearest folder above it that holds any study.
    An archive is looked into once; what was in it is written into the crosswalk.

    Args:
        tree: The folder.
        crosswalk: Remembers what archives hold.
        progress: Told as ``looking for studies``.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` when there is no such folder, ``IO-E-WRITE``.
    """
    found = find_studies(tree, progress)
    heap = _Heap()
    _take(found.studies, tree, "", heap)
    for study in found.studies:
        if study.kind == "archive":
            _take_archive(study, crosswalk, heap)
    others = found.other_files - sum(len(source.masks) for source in heap.sources.values() if not source.archive)
    sources = tuple(heap.sources[name] for name in sorted(heap.sources))
    return Found(sources, tuple(heap.left_out), max(others, 0), found.closed_folders)


def _take(studies: Iterable[StudyFiles], folder: Path, archive: str, heap: _Heap) -> None:
    """Take the studies of a folder, which an archive may have been unpacked to."""
    taken = [study for study in studies if study.kind == DICOM]
    masks, unclear = _masks(folder, taken)
    for path in unclear:
        shown = archive or str(path)
        heap.left_out.append((shown, Message("DATA-E-WHOSE", "a NIfTI mask lies with several studies, or with none")))
    for study in taken:
        own = masks.get(study.name, ())
        state = hashlib.sha256(study.input_sha256.encode())
        for mask in own:
            state.update(_contents(mask))
        files = _named(map(Path, study.files), folder, archive)
        source = Source(study.name, files, _named(own, folder, archive), archive, state.hexdigest())
        heap.add(source, archive or study.files[0])
    for study in studies:
        if study.kind == "nifti":
            what = "a NIfTI file may hold texts anywhere and says nothing of its SUV"
            heap.left_out.append((archive or study.files[0], Message("DEID-E-KIND", what)))


def _named(files: Iterable[Path], folder: Path, archive: str) -> tuple[str, ...]:
    return tuple(str(file.relative_to(folder)) if archive else str(file.absolute()) for file in files)


def _masks(folder: Path, studies: Iterable[StudyFiles]) -> tuple[Mapping[str, list[Path]], list[Path]]:
    """NIfTI masks by study, and those that belong to none or to several."""
    below: dict[Path, set[str]] = {}
    for study in studies:
        for holder in {Path(file).parent for file in study.files}:
            for place in (holder, *holder.parents):
                below.setdefault(place, set()).add(study.name)
                if place == folder:
                    break
    masks: dict[str, list[Path]] = {}
    unclear = []
    for path in walk(folder, lambda _: None):
        if is_nifti(path) and named_as_mask(path):
            nearest = next((below[place] for place in path.parents if place in below), set())
            if len(nearest) == 1:
                masks.setdefault(min(nearest), []).append(path)
            else:
                unclear.append(path)
    return masks, unclear


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:  # why it cannot be read is said when it is
        return b""


def _take_archive(study: StudyFiles, crosswalk: Crosswalk, heap: _Heap) -> None:
    """Take what lies in an archive: as written down when it was looked into before."""
    name = f"archive-{crosswalk.secret.name('archive', study.name)}"
    record = crosswalk.record(name)
    if record.get("sha256") != study.input_sha256:
        record = {"sha256": study.input_sha256, **_looked_into(Path(study.files[0]))}
        crosswalk.write_record(name, record)
    path = str(Path(study.files[0]).absolute())
    for one in record["sources"]:
        heap.add(Source(one["name"], tuple(one["files"]), tuple(one["masks"]), path, one["sha256"]), path)
    heap.left_out += [(path, _message(one)) for one in record["left_out"]]


def _looked_into(path: Path) -> dict[str, Any]:
    """What lies in an archive, as it is written down."""
    heap = _Heap()
    try:
        if (kind := archive_kind(path)) != "zip":
            raise LymphoscopeError("IO-E-ARCHIVE", f"the file is {kind or 'no'} archive; of archives only zip is read")
        with unpacked(path) as folder:
            _take(find_studies(folder).studies, folder, str(path), heap)
        if not heap.sources and not heap.left_out:
            raise LymphoscopeError("DEID-E-NOTHING", "no DICOM is in the archive")
    except LymphoscopeError as error:
        heap.left_out.append((str(path), error.message))
    return {"sources": list(_records(heap)), "left_out": [message_record(message) for _, message in heap.left_out]}


def _records(heap: _Heap) -> Iterator[dict[str, Any]]:
    for source in heap.sources.values():
        yield {"name": source.name, "files": source.files, "masks": source.masks, "sha256": source.sha256}


def _message(record: Mapping[str, Any]) -> Message:
    return Message(str(record["code"]), str(record["what"]), str(record.get("where", "")), str(record.get("fix", "")))
