"""The door of de-identification: the files of one study in, a folder of files without the patient out."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.codec import FAULTS, Stored, UndecodableError
from lymphoscope.io.deid.engine import Cleaner, declare_faceless
from lymphoscope.io.deid.faces import Blank
from lymphoscope.io.deid.identifiers import Identifiers, patient_key
from lymphoscope.io.deid.pixels import decoded, is_compressed, native_bytes
from lymphoscope.io.deid.secret import Secret
from lymphoscope.io.deid.table import TAKEN
from lymphoscope.io.files import read_header
from lymphoscope.io.header import Header, lenient_reading
from lymphoscope.io.persons import person

_PIXEL_DATA = 0x7FE00010
_SCREENS = ("SCREEN SAVE", "SCREENSHOT", "SCREEN SHOT")
_CONTOURS = "RTSTRUCT"
_IMAGES = ("CT", "MR", "PT")
_OURS = ".dcm"


@dataclass(frozen=True)
class Choice:
    """What the user decides.

    Attributes:
        secondary: Take images whose type is SECONDARY: resampled ones are, and so are pictures with text.
        words: Words that texts may keep beside the list.
        deface: Blank the front of the face.
    """

    secondary: bool = False
    words: tuple[str, ...] = ()
    deface: bool = False


@dataclass(frozen=True, repr=False)
class Cleaned:
    """What became of a study. It holds who the patient is, and tells nothing about itself in a log.

    Attributes:
        pseudonym: What the patient is called.
        study: Name of the study's folder.
        identity: Patient ID, name, Study Instance UID and date, as they were.
        study_uid: As it is.
        days: What dates were moved by.
        written: Files by modality.
        left_out: Path and code of every file that was not taken.
        cut: Texts that lost words, by keyword.
        notes: Warnings, which name nobody.
    """

    pseudonym: str
    study: str
    identity: tuple[str, str, str, str]
    study_uid: str
    days: int
    written: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    notes: Notes = field(default_factory=Notes)


def deidentify_study(
    files: Sequence[Path], out: Path, secret: Secret, choice: Choice | None = None, face: Blank | None = None
) -> Cleaned:
    """Write a study without its patient.

    Every file is read, its data set built anew from what may stay, its pixels decoded, and the result written as
    Explicit VR Little Endian under ``<pseudonym>/<study>/<modality>-<series>/<instance>.dcm``. SUV is the same to the
    bit. What is no image, segmentation or contour, what may show text, and what cannot be read is left out and told.

    Args:
        files: The files of one study.
        out: Folder of the whole data set; the study's folder in it appears whole or not at all.
        secret: The key.
        choice: What the user decides.
        face: Where a face is, which is blanked; an image in which its place cannot be told is left out.

    Raises:
        LymphoscopeError: ``IO-E-MIXEDPATIENT``, ``DEID-E-NOTHING`` or ``DEID-E-LEAK``; ``IO-E-WRITE``.
    """
    choice, notes = choice or Choice(), Notes()
    with lenient_reading(notes):
        left_out: list[tuple[str, str]] = []
        headers = list(_headers(files, left_out))
        _require_one_patient(headers)
        reasons = [(header, _reason(header, choice) or _unplaced(header, face)) for header in headers]
        left_out += [(str(header.path), code) for header, code in reasons if code]
        taken = [header for header, code in reasons if not code]
        if not taken:
            counts = ", ".join(f"{n} × {code}" for code, n in sorted(Counter(c for _, c in left_out).items()))
            raise LymphoscopeError("DEID-E-NOTHING", f"nothing of the study may stay: {counts or 'it has no file'}")
        cleaner, cleaned = _begin(headers, taken, secret, choice)
        cleaned.left_out.extend(left_out)
        folder = out / cleaned.pseudonym / cleaned.study
        with claim(folder, True, lambda entry: entry.is_dir()) as held, draft(held, durable=False) as new:
            _write_all(taken, new, _Hand(cleaner, secret, face), cleaned)
            if not cleaned.written:
                raise LymphoscopeError("DEID-E-NOTHING", "no file of the study can be read whole")
    _tell(cleaned, cleaner)
    return cleaned


def _headers(files: Sequence[Path], left_out: list[tuple[str, str]]) -> Iterator[Header]:
    for path in sorted(files):
        try:
            header, _ = read_header(path)
        except LymphoscopeError:  # of one file; it is told and the others are read
            header = None
        if header is None:
            left_out.append((str(path), "DEID-W-UNREADABLE"))
        else:
            yield header


def _require_one_patient(headers: Sequence[Header]) -> None:
    persons = list(dict.fromkeys(person(header) for header in headers))
    for number, one in enumerate(persons):
        for other in persons[:number]:
            if conflict := one.conflicts(other):
                raise LymphoscopeError("IO-E-MIXEDPATIENT", f"files of one study differ in {conflict}")


def _reason(header: Header, choice: Choice) -> str:
    """Code of why a file is not taken; empty when it is."""
    modality = TAKEN.get(header.text("SOPClassUID"))
    if modality is None:
        return "DEID-W-OBJECT"
    if modality == _CONTOURS:
        return ""
    kinds = {kind.upper() for kind in header.texts("ImageType")}
    shown = header.text("BurnedInAnnotation").upper() == "YES" or kinds & set(_SCREENS)
    doubtful = "SECONDARY" in kinds and modality != "SEG" and not choice.secondary
    colours = (header.integer("SamplesPerPixel") or 1) != 1
    return "DEID-W-BURNEDIN" if shown or doubtful or colours else ""


def _unplaced(header: Header, face: Blank | None) -> str:
    """Code of an image in which it cannot be told where the face is; empty for others."""
    image = TAKEN[header.text("SOPClassUID")] in _IMAGES
    return "DEID-W-UNPLACED" if face is not None and image and face.place(header) is None else ""


@dataclass(frozen=True)
class _Hand:
    """What is needed to write a file anew.

    Attributes:
        cleaner: For the header.
        secret: For the names of files.
        face: Where a face is, or None.
    """

    cleaner: Cleaner
    secret: Secret
    face: Blank | None


def _begin(
    headers: Sequence[Header], taken: Sequence[Header], secret: Secret, choice: Choice
) -> tuple[Cleaner, Cleaned]:
    first = taken[0]
    uid = next((u for h in taken if (u := h.text("StudyInstanceUID"))), "")
    key = next((k for h in headers if (k := patient_key(h.dataset))), "")
    notes = Notes()
    if not key:
        notes.add("DEID-W-NONUMBER", "the headers name no patient")
        key = f"study {uid or first.path}"
    cleaner = Cleaner.of(secret, key, Identifiers.of(h.dataset for h in headers), choice.words)
    day = next((d for h in taken if (d := h.text("StudyDate") or h.text("SeriesDate"))), "")
    identity = (first.text("PatientID"), first.words("PatientName"), uid, day)
    study = secret.name("study", uid or str(first.path))
    return cleaner, Cleaned(
        cleaner.pseudonym, study, identity, secret.uid(uid) if uid else "", cleaner.values.days, notes=notes
    )


def _write_all(taken: Sequence[Header], new: Path, hand: _Hand, cleaned: Cleaned) -> None:
    packed = [h for h in taken if _modality(h) != _CONTOURS and is_compressed(h)]
    pixels, waiting = decoded(packed), {id(h) for h in packed}
    for header in taken:
        given = next(pixels) if id(header) in waiting else None
        try:
            content = _file(header, given, hand)
        except UndecodableError as fault:
            code = FAULTS[str(fault)][0]
            cleaned.left_out.append((str(header.path), code))
            cleaned.notes.add(code, f"{FAULTS[str(fault)][1]}; the file was left out", header.place)
            continue
        series = f"{_modality(header).lower()}-{hand.secret.name('series', header.text('SeriesInstanceUID'))}"
        folder = new / series
        folder.mkdir(exist_ok=True)
        _put(folder, hand.secret.name("instance", header.text("SOPInstanceUID")), content)
        cleaned.written[_modality(header)] += 1


def _modality(header: Header) -> str:
    return TAKEN[header.text("SOPClassUID")]


def _file(header: Header, given: Stored | UndecodableError | None, hand: _Hand) -> bytes:
    """The bytes of one new file.

    Raises:
        UndecodableError: When its pixels cannot be had.
        LymphoscopeError: ``DEID-E-LEAK``.
    """
    if isinstance(given, UndecodableError):
        raise given
    try:
        source: Dataset = dcmread(header.path, force=True)
        made = hand.cleaner.clean(source)
        if _modality(header) != _CONTOURS:
            content, vr = native_bytes(source, given)
            if hand.face is not None and _modality(header) in _IMAGES:
                content = hand.face.blanked(header, content)
                declare_faceless(made)
            made.add_new(_PIXEL_DATA, vr, content)
        return _written(made)
    except (LymphoscopeError, UndecodableError):
        raise
    except Exception:  # a file may be damaged in any way beyond its header
        raise UndecodableError("cut") from None


def _written(made: Dataset) -> bytes:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def _put(folder: Path, name: str, content: bytes) -> None:
    """Write a file; of equal ones one is kept, of different ones of one name all."""
    number = 1
    path = folder / f"{name}{_OURS}"
    while path.exists() and path.read_bytes() != content:
        number += 1
        path = folder / f"{name}-{number}{_OURS}"
    path.write_bytes(content)


def _tell(cleaned: Cleaned, cleaner: Cleaner) -> None:
    cleaned.cut.update(cleaner.cut)
    words = {
        "DEID-W-OBJECT": "reports, documents or pictures",
        "DEID-W-BURNEDIN": "images that may show text",
        "DEID-W-UNREADABLE": "files that cannot be read",
        "DEID-W-UNPLACED": "images in which the place of the face is unknown",
    }
    counts = Counter(code for _, code in cleaned.left_out)
    for code, what in words.items():
        if counts[code]:
            cleaned.notes.add(code, f"{counts[code]} {what} were left out")
    if cleaned.cut:
        cleaned.notes.add("DEID-W-TEXT", f"words were taken out of {', '.join(sorted(cleaned.cut))}")
