"""The images that objects refer to: the headers of the PET series, cut down to what an object may take over.

Only the attributes listed here are taken over, each checked, so that nothing private, unneeded or garbled reaches an
object, and attributes that must be there are there, empty where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.clock import parse_date, parse_time
from lymphoscope.io.dicom_write import ds
from lymphoscope.io.header import Header, lenient_reading
from lymphoscope.io.slices import Stack

_LONGEST = MappingProxyType({"SH": 16, "LO": 64})


def _words(header: Header, keyword: str) -> str:
    """Text without control characters; a value that a backslash cuts in two stays as the archive knows it."""
    value = header.dataset.get(keyword)
    text = "\\".join(str(v) for v in value) if isinstance(value, MultiValue) else header.words(keyword)
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _name(header: Header, keyword: str) -> str:
    """A person's name: one value, since nobody has two."""
    return _words(header, keyword).replace("\\", " ")


def _date(header: Header, keyword: str) -> str:
    day = parse_date(header.text(keyword))
    return day.strftime("%Y%m%d") if day else ""


def _time(header: Header, keyword: str) -> str:
    text = header.text(keyword).replace(":", "")
    return text[:13] if parse_time(text) is not None else ""


def _sex(header: Header, keyword: str) -> str:
    sex = header.text(keyword).upper()
    return sex if sex in ("M", "F", "O") else ""


_ALWAYS: dict[str, Callable[[Header, str], str]] = {
    "PatientName": _name,
    "PatientID": _words,
    "PatientBirthDate": _date,
    "PatientSex": _sex,
    "StudyDate": _date,
    "StudyTime": _time,
    "ReferringPhysicianName": _name,
    "StudyID": _words,
    "AccessionNumber": _words,
    "PositionReferenceIndicator": _words,
    "Manufacturer": _words,
}
"""Of type 2: there, and empty where not known."""

_IF_KNOWN: dict[str, Callable[[Header, str], str]] = {
    "IssuerOfPatientID": _words,
    "StudyDescription": _words,
    "ManufacturerModelName": _words,
}
_NUMBERS = ("PatientSize", "PatientWeight")
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPClassUID", "SOPInstanceUID")


@dataclass(frozen=True, eq=False)
class Source:
    """The PET series that was measured, as objects refer to it.

    Attributes:
        slices: One dataset a slice without pixels, in the order of the array's first axis.
        geometry: Their grid.
        acquired: Start of the acquisition, which stands for all times in the objects.
    """

    slices: tuple[Dataset, ...]
    geometry: Geometry
    acquired: datetime

    @property
    def series_uid(self) -> str:
        """Series instance UID of the PET."""
        return str(self.slices[0].SeriesInstanceUID)

    def about(self) -> Dataset:
        """A new dataset with patient and study, for an object that is not made from images."""
        return self.named(self.slices[0])

    @staticmethod
    def named(dataset: Dataset) -> Dataset:
        """A new dataset with the patient and the study of another."""
        kept = (*_ALWAYS, *_IF_KNOWN, *_NUMBERS, "StudyInstanceUID", "SpecificCharacterSet", "PatientAge")
        left = ("PositionReferenceIndicator", "Manufacturer", "ManufacturerModelName")
        about = Dataset()
        for keyword in kept:
            if keyword in dataset and keyword not in left:
                setattr(about, keyword, dataset[keyword].value)
        return about


def source_of(stack: Stack, measured: Geometry) -> Source:
    """Cut headers down to what objects take over.

    Args:
        stack: The PET series that was measured, headers in array order.
        measured: Grid of the PET that was measured.

    Raises:
        LymphoscopeError: ``OUT-E-GRID`` when the series lies on another grid than what was measured,
            ``OUT-E-SOURCE`` when it has no UIDs to refer to or no date.
    """
    difference = measured.difference(stack.geometry)
    if difference:
        raise LymphoscopeError("OUT-E-GRID", f"the PET series and what was measured differ: {difference}")
    for keyword in _UIDS:
        missing = sum(not h.text(keyword) for h in stack.headers)
        if missing:
            raise LymphoscopeError("OUT-E-SOURCE", f"{keyword} is missing in {missing} of {len(stack.headers)} slices")
    first = stack.headers[0]
    for event in ("Acquisition", "Series", "Study"):
        moments = [m for h in stack.headers if (m := h.moment(event)) is not None]
        if moments:
            with lenient_reading(Notes()):
                slices = tuple(_slice(h, first, stack.geometry, k) for k, h in enumerate(stack.headers))
            return Source(slices, stack.geometry, min(moments).replace(microsecond=0))
    raise LymphoscopeError("OUT-E-SOURCE", "the PET has no date and time that an object could carry")


def _slice(header: Header, first: Header, grid: Geometry, k: int) -> Dataset:
    """One slice: facts of patient and study from the first, place and UIDs its own."""
    clean = Dataset()
    clean.file_meta = FileMetaDataset()
    clean.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    clean.SpecificCharacterSet = "ISO_IR 192"
    for keyword, read in _ALWAYS.items():
        _put(clean, keyword, read(first, keyword))
    for keyword, read in _IF_KNOWN.items():
        if value := read(first, keyword):
            _put(clean, keyword, value)
    for keyword in _NUMBERS:
        number = first.number(keyword)
        if number is not None:
            setattr(clean, keyword, ds(number))
    age = first.text("PatientAge")
    if len(age) == 4 and age[:3].isdigit() and age[3] in "DWMY":
        clean.PatientAge = age
    for keyword in _UIDS:
        setattr(clean, keyword, header.text(keyword))
    clean.Modality, clean.BodyPartExamined = "PT", "WHOLEBODY"
    clean.InstanceNumber = k + 1 if header.integer("InstanceNumber") is None else header.integer("InstanceNumber")
    clean.Rows, clean.Columns = grid.shape[1], grid.shape[2]
    for keyword, count in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
        setattr(clean, keyword, [ds(v) for v in header.numbers(keyword, count) or ()])
    # from the positions: the tag says how thick a slice was reconstructed, or nothing, or something wrong
    clean.SliceThickness = clean.SpacingBetweenSlices = ds(grid.spacing[0])
    return clean


def _put(clean: Dataset, keyword: str, value: str) -> None:
    """Set a text, cut to the length that its value type allows unless it identifies the patient."""
    setattr(clean, keyword, value)
    longest = _LONGEST.get(clean[keyword].VR, 0)
    if longest and len(value) > longest and keyword not in ("PatientID", "AccessionNumber"):
        setattr(clean, keyword, value[:longest])
