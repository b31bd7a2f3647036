"""One DICOM header, asked without fear: what is absent or garbled is None or empty, never an exception."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from pydicom import Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.uid import MediaStorageDirectoryStorage

from lymphoscope.core.errors import Notes
from lymphoscope.io.clock import combine, parse_date, parse_datetime, parse_time
from lymphoscope.io.tags import as_number, texts

_NEUTRAL = re.compile(
    r"(im|img|image|i|slice|ct|pt|pet|mr|file|z|1-)?[-_ ]?\d{1,6}(\.(dcm|ima|img|nii|nii\.gz))?", re.I
)
_BINARY = {"US", "SS", "UL", "SL", "FL", "FD", "US or SS"}
_MODALITIES = """
ANN AR AS ASMT AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA
FID FS FUNDUS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NEARIR NM OAM OCT OP OPM OPR OPT OPTBSV
OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT
RWV SEG SM SMR SR SRF ST STAIN TEXTUREMAP TG US VA VF VL XA XAPROTOCOL XC
"""
"""Defined terms of Modality (0008,0060), DICOM PS3.3 C.7.3.1.1.1, retired ones too."""


@dataclass(frozen=True, eq=False)
class Header:
    """The header of one DICOM file.

    Attributes:
        path: The file.
        dataset: Its elements before the pixels.
    """

    path: Path
    dataset: Dataset

    def has(self, keyword: str) -> bool:
        """Whether the element is there at all."""
        return (tag_for_keyword(keyword) or 0) in self.dataset

    def texts(self, keyword: str) -> tuple[str, ...]:
        """All values of an element as stripped text, one value as a tuple of one; letters beyond ASCII as bytes."""
        tag = tag_for_keyword(keyword) or 0
        if dictionary_VR(tag) not in _BINARY:
            return texts(self.dataset, tag)
        try:
            value = self.dataset[tag].value
            return tuple(str(v) for v in value) if isinstance(value, MultiValue) else (str(value),)
        except Exception:  # absent, or garbled in any way
            return ()

    def text(self, keyword: str) -> str:
        """An element as one line of text; empty when absent."""
        return "\\".join(self.texts(keyword))

    def words(self, keyword: str) -> str:
        """An element meant for people, in its character set; empty when absent or undecodable."""
        try:
            value = self.dataset.get(keyword)
            return "" if value is None else str(value).strip().strip("\0")
        except Exception:  # a character set may be unknown or broken in any way
            return self.text(keyword)

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """An element as exactly `count` finite numbers, or None."""
        found = [as_number((part,)) for part in self.texts(keyword)]
        if len(found) != count or any(n is None or math.isnan(n) for n in found):
            return None
        return tuple(float(n) for n in found if n is not None)

    def number(self, keyword: str) -> float | None:
        """An element as one finite number, or None."""
        numbers = self.numbers(keyword, 1)
        return numbers[0] if numbers else None

    def integer(self, keyword: str) -> int | None:
        """An element as one whole number, or None."""
        number = self.number(keyword)
        return int(number) if number is not None and number == int(number) else None

    def day(self, keyword: str) -> date | None:
        """An element as a date, or None."""
        return parse_date(self.text(keyword))

    def moment(self, event: str) -> datetime | None:
        """Wall-clock date-time of ``Acquisition``, ``Series``, ``Study`` or ``Content``, or None."""
        apart = combine(parse_date(self.text(f"{event}Date")), parse_time(self.text(f"{event}Time")))
        joined = parse_datetime(self.text("AcquisitionDateTime")) if event == "Acquisition" else None
        return apart or (joined[0] if joined else None)

    def examine(self) -> None:
        """Decode every element once, so that whatever breaks the standard is heard of by `lenient_reading`."""
        waiting = [self.dataset]
        while waiting:
            dataset = waiting.pop()
            for tag in list(dataset.keys()):
                try:
                    element = dataset[tag]
                    waiting += list(element.value) if element.VR == "SQ" else []
                except Exception:  # reading goes on whatever one element is
                    warnings.warn("an element cannot be decoded", UserWarning, stacklevel=1)

    @property
    def modality(self) -> str:
        """Modality (0008,0060) where it is one that DICOM has, otherwise empty: garbled, it can hold a name."""
        said = self.text("Modality")
        return said if said in _MODALITIES.split() else ""

    @property
    def syntax(self) -> str:
        """Transfer syntax UID; empty when unknown."""
        return self._meta("TransferSyntaxUID")

    @property
    def is_directory(self) -> bool:
        """Whether the file is a DICOMDIR."""
        return self._meta("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage or self.has(
            "DirectoryRecordSequence"
        )

    def _meta(self, keyword: str) -> str:
        meta = getattr(self.dataset, "file_meta", None)
        return Header(self.path, meta).text(keyword) if meta is not None else ""

    @property
    def place(self) -> str:
        """What the file may be called in a message: its base name when that tells nobody's name."""
        if _NEUTRAL.fullmatch(self.path.name):
            return f"file {self.path.name}"
        number = self.integer("InstanceNumber")
        return "a file" if number is None else f"the file of instance number {number}"


def digest(text: str) -> str:
    """First 16 hex digits of SHA-256, the only form in which an identifier may be compared or shown."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


@contextmanager
def lenient_reading(notes: Notes) -> Iterator[None]:
    """Read headers that break the standard; what pydicom grumbles about becomes one message without its values.

    pydicom warns again and again and quotes the offending value, which may be a name. Nothing of that may reach a
    terminal or a log. Its settings and Python's warning filters are as before afterwards; warnings of anybody else
    are passed on.
    """
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.WARN
    silenced = config.logger.disabled
    config.logger.disabled = True
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            yield
    finally:
        config.settings.reading_validation_mode = before
        config.logger.disabled = silenced
    ours = [w for w in heard if "pydicom" in Path(w.filename).parts or w.filename == __file__]
    kinds = {m.group(1) for w in ours if (m := re.search(r"\bVR ([A-Z]{2})\b", str(w.message)))}
    if ours:
        which = f" (value types {', '.join(sorted(kinds))})" if kinds else ""
        notes.add("IO-W-HEADER", f"some header values are longer or written otherwise than DICOM allows{which}")
    for other in heard:
        if other not in ours:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
