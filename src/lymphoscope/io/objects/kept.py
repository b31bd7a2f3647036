"""The images that objects refer to, kept in the case folder, so that objects can be made again without the study.

``images.json`` holds identifiers and places of the slices and no name; patient and study are read from the object that
is always there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.header import lenient_reading
from lymphoscope.io.objects.source import Source

IMAGES_FILE = "images.json"
NAMED_FILE = "mip.dcm"
"""The object that says whose the study is."""

_OWN = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
)
_NUMBERS = ("InstanceNumber", "Rows", "Columns")
_DAMAGED = LymphoscopeError("OUT-E-SOURCE", "what the case folder keeps of the images is missing or damaged")


def kept_images(source: Source) -> bytes:
    """What ``images.json`` holds: what all slices share, and what each has of its own."""
    slices = [{keyword: _plain(s, keyword) for keyword in _OWN} for s in source.slices]
    shared = {k: v for k, v in slices[0].items() if all(s[k] == v for s in slices)}
    own = [{k: v for k, v in s.items() if k not in shared} for s in slices]
    said = {"acquired": source.acquired.isoformat(), "shared": shared, "slices": own}
    return (json.dumps(said, sort_keys=True, indent=0) + "\n").encode()


def _plain(dataset: Dataset, keyword: str) -> Any:
    value = dataset[keyword].value
    if keyword in _NUMBERS:
        return int(value)
    return [str(v) for v in value] if dataset[keyword].VM > 1 else str(value)


def source_again(images: bytes, named: bytes, geometry: Geometry) -> Source:
    """The images as objects refer to them, from what the case folder keeps.

    Args:
        images: Content of ``images.json``.
        named: An object of the same case, for patient and study.
        geometry: Grid of the PET.

    Raises:
        LymphoscopeError: ``OUT-E-SOURCE`` where either is damaged or they are not of one study.
    """
    try:
        said = json.loads(images)
        with lenient_reading(Notes()):
            person = dcmread(io.BytesIO(named), stop_before_pixels=True)
            slices = tuple(_slice({**said["shared"], **own}, person) for own in said["slices"])
        acquired = datetime.fromisoformat(said["acquired"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidDicomError):
        raise _DAMAGED from None
    if len(slices) != geometry.shape[0] or slices[0].StudyInstanceUID != person.get("StudyInstanceUID"):
        raise _DAMAGED
    return Source(slices, geometry, acquired)


def whose(folder: Path) -> str:
    """Whose study a case folder holds, as the archive knows it: issuer and number; empty where nothing says it."""
    try:
        with lenient_reading(Notes()):
            person = dcmread(
                folder / NAMED_FILE, stop_before_pixels=True, specific_tags=["PatientID", "IssuerOfPatientID"]
            )
            number = str(person.get("PatientID", "") or "")
            return f"{person.get('IssuerOfPatientID', '') or ''} {number}".strip() if number else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidDicomError):
        return ""


def _slice(said: Mapping[str, Any], person: Dataset) -> Dataset:
    made = Source.named(person)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.PositionReferenceIndicator = made.Manufacturer = ""  # typed by people, and no object needs them
    made.Modality, made.BodyPartExamined = "PT", "WHOLEBODY"
    for keyword in _OWN:
        setattr(made, keyword, said[keyword])
    return made
