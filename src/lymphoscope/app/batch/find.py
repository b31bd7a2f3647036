"""Which studies lie in a tree: DICOM by study UID wherever the files are, archives, NIfTI cases. Pixels stay unread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.files import is_nifti, read_header, walk
from lymphoscope.io.header import digest, lenient_reading
from lymphoscope.io.layouts import sort_cases

_HEAD_BYTES = 64 * 2**10
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")
_CASE_MARKS = ("run.json", "report.json", "report.html")
_NAME_DIGITS = 16


@dataclass(frozen=True, repr=False)
class StudyFiles:
    """One study of the tree. Paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: What its case is called: the hash of the study UID, else of the contents.
        kind: ``dicom``, ``archive`` or ``nifti``.
        files: Its files, sorted; of an archive the archive alone.
        size: Their bytes together.
        input_sha256: Changes when a file is added, taken away, or changed in its size or its first 64 KiB (NIfTI: in
            any byte); moving and renaming change nothing.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    size: int
    input_sha256: str

    def __repr__(self) -> str:
        """The name of the case."""
        return f"StudyFiles({self.name})"


@dataclass(frozen=True)
class Tree:
    """What lies in a tree.

    Attributes:
        studies: The studies, by name.
        copies: Number of archives and NIfTI cases left out because they are equal to one that is taken.
        other_files: Number of files that belong to no study.
        closed_folders: Number of folders that may not be looked into.
    """

    studies: tuple[StudyFiles, ...]
    copies: int = 0
    other_files: int = 0
    closed_folders: int = 0


@dataclass(frozen=True)
class _Print:
    """A file, its size in bytes, and what it is known by."""

    path: str
    size: int
    sha256: bytes


@dataclass
class _Sorted:
    """Files sorted by where they belong, filled one by one."""

    dicom: dict[str, list[_Print]] = field(default_factory=dict)
    studies_in: dict[Path, set[str]] = field(default_factory=dict)
    damaged: dict[Path, list[_Print]] = field(default_factory=dict)
    nifti: dict[Path, list[Path]] = field(default_factory=dict)
    archives: list[Path] = field(default_factory=list)
    others: int = 0


def find_studies(tree: Path, progress: Progress = silent) -> Tree:
    """Find every study in a tree; headers are read, one at a time.

    A DICOM study is what shares a StudyInstanceUID; files without one belong together when they share a folder. A
    damaged file counts for every study of its folder, so that none is measured without it unnoticed. Case folders of
    ours are passed over.

    Args:
        tree: The folder.
        progress: Told as ``looking for studies``.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` when there is no such folder.
    """
    if not tree.is_dir():
        raise LymphoscopeError("IO-E-PATH", "the tree is not there or is no folder", "TREE")
    closed: list[OSError] = []
    paths = [str(path) for path in walk(tree, closed.append)]
    sorted_, own = _Sorted(), _OwnCases()
    for done, text in enumerate(paths, 1):
        path = Path(text)
        if own.holds(path):
            sorted_.others += 1
        else:
            _sort(path, sorted_)
        progress("looking for studies", done, len(paths))
    found = [*_dicom(sorted_), *map(_archive, sorted_.archives), *_nifti(sorted_)]
    studies, copies = _named_apart(found)
    return Tree(studies, copies, sorted_.others, len(closed))


class _OwnCases:
    """Knows the case folders of Lymphoscope, so that results are not taken for studies."""

    def __init__(self) -> None:
        self._known: dict[Path, bool] = {}

    def holds(self, path: Path) -> bool:
        folder = path.parent
        if folder not in self._known:
            self._known[folder] = all((folder / name).is_file() for name in _CASE_MARKS)
        return self._known[folder]


def _sort(path: Path, into: _Sorted) -> None:
    if is_nifti(path):
        into.nifti.setdefault(path.parent, []).append(path)
        return
    if path.name.lower().endswith(_ARCHIVES):
        into.archives.append(path)
        return
    study, is_dicom = _study_of(path)
    if study:
        into.dicom.setdefault(study, []).append(_print(path))
        into.studies_in.setdefault(path.parent, set()).add(study)
    elif is_dicom is None:
        into.damaged.setdefault(path.parent, []).append(_print(path))
    elif not is_dicom:
        into.others += 1


def _study_of(path: Path) -> tuple[str, bool | None]:
    """Key of the study that a file belongs to, and what `read_header` says of the file."""
    try:
        with lenient_reading(Notes()):
            header, is_dicom = read_header(path)
    except LymphoscopeError:  # a file that cannot be opened is as bad as a damaged one
        return "", None
    if header is None:
        return "", is_dicom
    uid = header.text("StudyInstanceUID")
    return digest(uid) if uid else f"folder {path.parent}", True


def _dicom(sorted_: _Sorted) -> Iterable[StudyFiles]:
    for folder, damaged in sorted_.damaged.items():
        for study in sorted_.studies_in.get(folder, {f"folder {folder}"}):
            sorted_.dicom.setdefault(study, []).extend(damaged)
    for key, prints in sorted_.dicom.items():
        contents = _joined(sorted(p.sha256 for p in prints))
        name = contents[:_NAME_DIGITS] if key.startswith("folder ") else key
        yield _study(name, "dicom", prints, contents)


def _archive(path: Path) -> StudyFiles:
    return _study("", "archive", [_print(path)], _archive_sha256(path))


def _archive_sha256(path: Path) -> str:
    """Hash of an archive by what its directory says of the contents; of its first bytes where there is none."""
    try:
        with ZipFile(path) as archive:
            entries = sorted((entry.CRC, entry.file_size) for entry in archive.infolist())
            return sha256(repr(entries).encode()).hexdigest()
    except Exception:  # a damaged or foreign archive; why it cannot be read is said when it is
        return _joined([_print(path).sha256])


def _nifti(sorted_: _Sorted) -> Iterable[StudyFiles]:
    for files in sorted_.nifti.values():
        cases = sort_cases(files)
        sorted_.others += len(set(files) - {path for case in cases for path in case})
        for case in cases:
            prints = [_print(path, whole=True) for path in case]
            yield _study("", "nifti", prints, _joined(p.sha256 for p in prints))


def _print(path: Path, whole: bool = False) -> _Print:
    """What a file is known by; one that cannot be opened is known by its place."""
    state, size = sha256(), 0
    try:
        size = path.stat().st_size
        state.update(str(size).encode())
        with path.open("rb") as file:
            while piece := file.read(2**20 if whole else _HEAD_BYTES):
                state.update(piece)
                if not whole:
                    break
    except OSError:
        state.update(str(path).encode("utf-8", "surrogateescape"))
    return _Print(str(path), size, state.digest())


def _joined(parts: Iterable[bytes]) -> str:
    return sha256(b"".join(parts)).hexdigest()


def _study(name: str, kind: str, prints: Iterable[_Print], contents: str) -> StudyFiles:
    in_order = sorted(prints, key=lambda p: p.path)
    files, size = tuple(p.path for p in in_order), sum(p.size for p in in_order)
    return StudyFiles(name or contents[:_NAME_DIGITS], kind, files, size, contents)


def _named_apart(found: Iterable[StudyFiles]) -> tuple[tuple[StudyFiles, ...], int]:
    """The studies by name, without copies."""
    by_name: dict[str, StudyFiles] = {}
    copies = 0
    for study in found:
        if study.name in by_name:
            copies += 1
        else:
            by_name[study.name] = study
    return tuple(by_name[name] for name in sorted(by_name)), copies
