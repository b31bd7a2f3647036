"""Walking a messy folder: which files are DICOM, which are NIfTI, and how many are neither."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.header import Header

MOST_FILES = 500_000
MOST_INFLATED_BYTES = 512 * 2**20
_SNIFFED_BYTES = 1024
_VALUE_TYPES = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OF OW PN SH SL SQ SS ST TM UI UL UN US UT".split()


@dataclass(frozen=True, eq=False)
class Found:
    """What lies in a folder.

    Attributes:
        headers: Headers of the DICOM files, in the order of their paths.
        nifti: NIfTI files, in the order of their paths.
        skipped: Number of files that are neither.
        damaged: Number of files that begin as DICOM but cannot be read.
    """

    headers: tuple[Header, ...]
    nifti: tuple[Path, ...]
    skipped: int
    damaged: int


def _refuse(_: OSError) -> None:
    raise LymphoscopeError("IO-E-PATH", "a folder cannot be opened", "the input folder")


def walk(folder: Path, closed: Callable[[OSError], object] = _refuse) -> Iterator[Path]:
    """All regular files below a folder, sorted; links are followed, loops are not.

    Args:
        folder: Where to look.
        closed: Called for a folder that may not be looked into.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` for a folder that may not be looked into, unless `closed` says otherwise.
    """
    seen: set[Path] = set()
    for root, folders, files in os.walk(folder, onerror=closed, followlinks=True):
        real = Path(root).resolve()
        folders[:] = [] if real in seen else sorted(folders)
        if real in seen:
            continue
        seen.add(real)
        yield from (path for name in sorted(files) if (path := Path(root) / name).is_file())


def scan(folder: Path, progress: Progress = silent) -> Found:
    """Read every header below a folder; pixels are left alone.

    Args:
        folder: Where to look.
        progress: Told as ``reading headers``.

    Raises:
        LymphoscopeError: ``IO-E-SIZE`` for more files than any study has, ``IO-E-PATH`` for what may not be read.
    """
    paths = []
    for path in walk(folder):
        paths.append(path)
        if len(paths) > MOST_FILES:
            raise LymphoscopeError("IO-E-SIZE", f"more than {MOST_FILES} files", "the input folder")
    headers, nifti, skipped, damaged = [], [], 0, 0
    for done, path in enumerate(paths, 1):
        if is_nifti(path):
            nifti.append(path)
            continue
        header, is_dicom = read_header(path)
        if header is not None:
            headers.append(header)
        elif is_dicom is None:
            damaged += 1
        elif not is_dicom:
            skipped += 1
        progress("reading headers", done, len(paths))
    return Found(tuple(headers), tuple(nifti), skipped, damaged)


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI by its name."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_header(path: Path) -> tuple[Header | None, bool | None]:
    """Read one file's header, if it is DICOM.

    Returns:
        The header and True; None and True for a DICOMDIR, which describes other files; None and False for a file
        that is not DICOM; None and None for one that begins as DICOM and cannot be read.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` when the file may not be opened, ``IO-E-SIZE`` for a deflated file that
            grows beyond all measure.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "a file cannot be opened", "the input folder") from None
    marked = start[128:132] == b"DICM"
    if not marked and not _looks_bare(start):
        return None, False
    try:
        if DeflatedExplicitVRLittleEndian.encode() in start:
            _require_modest(path)
        header = Header(path, dcmread(path, stop_before_pixels=True, force=not marked))
    except LymphoscopeError:
        raise
    except InvalidDicomError:
        return None, False
    except Exception:  # pydicom fails in many ways on garbage; the file is damaged whatever it said
        return None, None if marked else False
    if header.is_directory:
        return None, True
    if not header.text("SOPClassUID") and not header.text("Modality"):
        return None, None if marked else False
    return header, True


def _looks_bare(start: bytes) -> bool:
    """Tell whether bytes look like a DICOM data set that lost its preamble (group 0002 or 0008 comes first)."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack(order + "HH", start[:4])
        length = struct.unpack(order + "I", start[4:8])[0]
        if group in (2, 8) and element < 0x100:
            return start[4:6] in _VALUE_TYPES or (order == "<" and length < 256)
    return False


def _require_modest(path: Path) -> None:
    """Refuse a deflated file that would fill the memory, by inflating it in pieces first."""
    meta = read_file_meta_info(path)
    offset = 128 + 4 + 12 + int(meta.FileMetaInformationGroupLength)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    with path.open("rb") as file:
        file.seek(offset)
        piece = file.read(2**16)
        while piece and not inflater.eof:
            size += len(inflater.decompress(piece, 2**22))
            if size > MOST_INFLATED_BYTES:
                raise LymphoscopeError(
                    "IO-E-SIZE", "a deflated file grows beyond all measure", Header(path, Dataset()).place
                )
            piece = inflater.unconsumed_tail or file.read(2**16)
