"""How every object is finished: times from the scan, UIDs from the content, bytes the same each time."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from lymphoscope.io.dicom_write import uid
from lymphoscope.io.objects.source import Source

MANUFACTURER = "Lymphoscope"
SERIES_NUMBERS: Mapping[str, int] = {
    "seg": 900,
    "removed": 901,
    "probability": 902,
    "sr": 903,
    "mip": 904,
    "report": 905,
    "suv": 906,
    "rtstruct": 907,
}
"""Series number of each kind of object."""


def _of_one_length(*parts: object) -> str:
    """A UID under 2.25 that depends on the parts only, always of 43 characters."""
    number = int(str(uid(*parts)).removeprefix("2.25."))
    return f"2.25.{10**37 + number % (9 * 10**37)}"


OBJECT_UID, SERIES_UID = (_of_one_length("placeholder", n) for n in (0, 1))
"""Stand for the UIDs of the object and of its series until the content is known."""

_CLOCK = ("InstanceCreationDate", "InstanceCreationTime", "DateOfSecondaryCapture", "TimeOfSecondaryCapture")
"""What highdicom reads from the clock, and nobody needs."""

_one_at_a_time = threading.RLock()
_HIGHDICOM = "1.2.826.0.1.3680043.10.511.3."


@dataclass(frozen=True, eq=False)
class Making:
    """What all objects of a case have in common.

    Attributes:
        source: The PET series.
        version: Version of the software.
        settings_sha256: Hash of everything that the numbers depend on besides the study.
        parameters: How lesions were drawn, in words such as ``method suv4.0``.
    """

    source: Source
    version: str
    settings_sha256: str
    parameters: tuple[str, ...] = ()

    def words(self, kind: str) -> dict[str, Any]:
        """What every class of highdicom is told."""
        return {
            "series_instance_uid": SERIES_UID,
            "series_number": SERIES_NUMBERS[kind],
            "sop_instance_uid": OBJECT_UID,
            "instance_number": 1,
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": MANUFACTURER,
            "software_versions": self.version,
            "device_serial_number": self.version,
            **self.times(),
        }

    def times(self) -> dict[str, Any]:
        """Content and series date and time: those of the scan, since no clock is read."""
        day, time = self.source.acquired.date(), self.source.acquired.time()
        return {"content_date": day, "content_time": time, "series_date": day, "series_time": time}


@dataclass(frozen=True, eq=False)
class Made:
    """A finished object.

    Attributes:
        dataset: The object.
        content: Its file.
    """

    dataset: Dataset
    content: bytes


def tracking_uid(study: str, candidates_sha256: str, region: int) -> UID:
    """UID by which a region is known in all objects and records of a study.

    Args:
        study: Hash of the study's UID.
        candidates_sha256: Hash of the candidate map that numbers the regions.
        region: Number of the region there.
    """
    return uid("tracking", study, candidates_sha256, region)


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Let values through that the source has and the standard would not allow, such as a UID with leading zeros.

    They identify the patient or the images, and are right only as they were written. What pydicom and highdicom say
    about them quotes them, and is dropped. Both have one setting a process, so threads build one after the other.
    """
    with _one_at_a_time, _lenient():
        yield


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    before, logger = config.settings.writing_validation_mode, logging.getLogger("highdicom")
    level = logger.level
    config.settings.writing_validation_mode = config.IGNORE
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            for category in (UserWarning, DeprecationWarning):
                warnings.filterwarnings(
                    "ignore", category=category, module=r"pydicom|highdicom|lymphoscope\.io\.objects"
                )
            yield
    finally:
        config.settings.writing_validation_mode = before
        logger.setLevel(level)


def finished(made: Dataset, making: Making, kind: str) -> Made:
    """Give an object its final times and UIDs.

    All UIDs that were not in the input become hashes of the PET series, the software's version, the settings and the
    object's bytes: a second run gives the same UIDs if, and only if, it gives the same bytes.
    """
    moment = making.source.acquired.strftime("%Y%m%d%H%M%S")
    for keyword in _CLOCK:
        if keyword in made:
            delattr(made, keyword)
    for item in made.get("ContributingEquipmentSequence", ()):
        if "ContributionDateTime" in item:
            item.ContributionDateTime = moment
    known = {str(s[k].value) for s in making.source.slices for k in ("FrameOfReferenceUID", "SOPInstanceUID")}
    known |= {making.source.series_uid, str(making.source.slices[0].StudyInstanceUID)}
    fresh = {OBJECT_UID: OBJECT_UID, SERIES_UID: SERIES_UID}
    _rename(made, lambda old: _placeholder(old, known, fresh))
    content = _written(made)
    digest = hashlib.sha256(content).hexdigest()
    key = (kind, making.source.series_uid, making.version, making.settings_sha256, digest)
    final = {placeholder: _of_one_length("object", placeholder, *key) for placeholder in fresh.values()}
    _rename(made, lambda old: final.get(old, old))
    for placeholder, name in final.items():  # of one length: writing a second time would take as long as building
        content = content.replace(placeholder.encode(), name.encode())
    return Made(made, content)


def _placeholder(old: str, known: set[str], fresh: dict[str, str]) -> str:
    """What stands for a UID while the content is hashed: the same in each run for a random one, itself for another."""
    if old in fresh:
        return fresh[old]
    if old in known or not old.startswith(_HIGHDICOM):
        return old
    return fresh.setdefault(old, _of_one_length("placeholder", len(fresh)))


def _rename(dataset: Dataset, name: Any) -> None:
    def visit(_: Dataset, element: Any) -> None:
        if element.VR == "UI" and isinstance(element.value, str):
            renamed = name(str(element.value))
            if renamed != element.value:
                element.value = UID(renamed, validation_mode=config.IGNORE)

    dataset.walk(visit)
    meta = dataset.file_meta
    meta.MediaStorageSOPInstanceUID = UID(name(str(meta.MediaStorageSOPInstanceUID)))


def _written(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()
