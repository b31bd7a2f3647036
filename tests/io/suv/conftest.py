"""What the tests of SUV may ask for: headers of a PET series, sound or broken, without pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

_SERIES = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128",
    "Modality": "PT",
    "Manufacturer": "SYNTHETIC",
    "StudyDate": "20240301",
    "SeriesDate": "20240301",
    "SeriesTime": "100000",
    "AcquisitionDate": "20240301",
    "AcquisitionTime": "100000",
    "PatientSex": "M",
    "PatientSize": "1.75",
    "PatientWeight": "70",
    "PatientAge": "050Y",
    "ActualFrameDuration": "300000",
    "FrameReferenceTime": "149605.4",
    "CorrectedImage": "NORM\\DTIM\\ATTN\\SCAT\\DECY\\RAN",
    "RescaleIntercept": "0",
    "RescaleSlope": "1",
    "Units": "BQML",
    "DecayCorrection": "START",
}
_INJECTION = {
    "Radiopharmaceutical": "Fluorodeoxyglucose",
    "RadiopharmaceuticalStartDateTime": "20240301090000",
    "RadionuclideTotalDose": "350000000",
    "RadionuclideHalfLife": "6586.2",
}
_INJECTION_KEYWORDS = {
    *_INJECTION,
    "RadiopharmaceuticalStartTime",
    "RadionuclideCodeSequence",
    "RadiopharmaceuticalCodeSequence",
}


def put(dataset: Dataset, tag: int, vr: str, value: Any) -> None:
    """Put text as a reader leaves it, undecoded, so that it may break the standard; None takes the element out."""
    if value is None:
        dataset.pop(Tag(tag), None)
    elif vr == "SQ":
        dataset[tag] = DataElement(tag, "SQ", Sequence(value))
    else:
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        dataset[tag] = RawDataElement(Tag(tag), vr, len(raw), raw, 0, False, True)


def code_item(value: str, meaning: str = "", scheme: str = "SCT") -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    for tag, vr, text in ((0x00080100, "SH", value), (0x00080102, "SH", scheme), (0x00080104, "LO", meaning)):
        put(item, tag, vr, text)
    return item


def _header(k: int, n_items: int, changes: dict[str, Any]) -> Dataset:
    dataset, items = Dataset(), [Dataset() for _ in range(n_items)]
    for keyword, value in {**_SERIES, **_INJECTION, **changes}.items():
        given = value(k) if callable(value) else value
        tag = tag_for_keyword(keyword)
        for home in items if keyword in _INJECTION_KEYWORDS else [dataset]:
            put(home, tag, dictionary_VR(tag), given)
    dataset[0x00540016] = DataElement(0x00540016, "SQ", Sequence(items))
    return dataset


@pytest.fixture
def pet_headers() -> Callable[..., list[Dataset]]:
    """Headers of a PET series: worked example 1 of the specification unless changed.

    Call it with the number of slices, ``items`` (of the injection sequence), ``private`` (tag → VR and text) and any
    keyword = text, None to leave it out, or a function of the slice number.
    """

    def make(n: int = 3, items: int = 1, private: dict[int, tuple[str, str]] | None = None, **changes: Any) -> list:
        headers = [_header(k, items, changes) for k in range(n)]
        for header in headers:
            for tag, (vr, text) in (private or {}).items():
                put(header, tag, vr, text)
        return headers

    return make


@pytest.fixture
def code() -> Callable[..., Dataset]:
    """Makes items of code sequences."""
    return code_item
