"""Single header values that may be missing, padded, multi-valued or broken; reading one never raises.

pydicom gives a multi-valued element with one value as a plain string, and raises on a number or date that breaks
the standard. SUV must not depend on either, so the values it needs are read here, from the bytes where possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TEXT_VRS = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UN", "UR", "UT")
)
_PADDING = " \0\t\r\n"
_MAKERS = {
    # "ge" occurs in many names: only a first word GE, GEHC, GEMS or General Electric is General Electric
    "GE": re.compile(r"GE(?![A-Z])|GEHC|GEMS|GENERAL ELECTRIC"),
    "PHILIPS": re.compile(r"PHILIPS"),
    "SIEMENS": re.compile(r"SIEMENS"),
}


@dataclass(frozen=True)
class PrivateElement:
    """Where a maker keeps a private fact.

    Attributes:
        group: Group number.
        creator: Private creator that reserves the block.
        offset: Element number within the block.
        maker: Key of the manufacturer whose files may lack the creator.
    """

    group: int
    creator: str
    offset: int
    maker: str

    @property
    def tag(self) -> str:
        """The tag as it is written in documents, block left open."""
        return f"({self.group:04X},xx{self.offset:02X})"


PHILIPS_SUV = PrivateElement(0x7053, "Philips PET Private Group", 0x00, "PHILIPS")
PHILIPS_BQML = PrivateElement(0x7053, "Philips PET Private Group", 0x09, "PHILIPS")
SIEMENS_REFERENCE = PrivateElement(0x0071, "SIEMENS MED PT", 0x22, "SIEMENS")
GE_REFERENCE = PrivateElement(0x0009, "GEMS_PETD_01", 0x0D, "GE")


def texts(dataset: Dataset, tag: int) -> tuple[str, ...]:
    """All values of an element as stripped text; empty when it is absent, empty or unreadable."""
    value = _value(dataset, tag)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if value is None or isinstance(value, (Dataset, DicomSequence)):
        return ()
    if isinstance(value, str):
        parts = value.split("\\")
    elif isinstance(value, Iterable):
        parts = [str(part) for part in value]
    else:
        parts = [str(value)]
    parts = [part.strip(_PADDING) for part in parts]
    return tuple(parts) if any(parts) else ()


def text(dataset: Dataset, tag: int) -> str:
    """The first value of an element as stripped text, or an empty string."""
    return next(iter(texts(dataset, tag)), "")


def number(dataset: Dataset, tag: int) -> float | None:
    """A single number: None when absent or empty, NaN when what is there is not one finite number."""
    return as_number(texts(dataset, tag))


def as_number(parts: tuple[str, ...]) -> float | None:
    """One decimal string as a number; None for none, NaN for anything that is not one finite number."""
    if not parts:
        return None
    if len(parts) > 1 or not _NUMBER.fullmatch(parts[0]):
        return math.nan
    value = float(parts[0])
    return value if math.isfinite(value) else math.nan


def items(dataset: Dataset, tag: int) -> tuple[Dataset, ...]:
    """Items of a sequence; empty when absent or unreadable."""
    value = _decoded(dataset, tag)
    return tuple(value) if isinstance(value, DicomSequence) else ()


def private_texts(dataset: Dataset, element: PrivateElement) -> tuple[str, ...]:
    """Values of a private element, found by its creator's block.

    The bare address (block 10) counts only where the group names no creator at all and the manufacturer is the
    maker: some exporters drop creators, and in another creator's block the number means another thing.
    """
    creators = [tag for tag in dataset.keys() if tag >> 16 == element.group and 0x10 <= tag & 0xFFFF <= 0xFF]  # noqa: SIM118
    for creator in sorted(creators):
        if text(dataset, creator).upper() == element.creator.upper():
            found = texts(dataset, element.group << 16 | (creator & 0xFF) << 8 | element.offset)
            if found:
                return found
    if not creators and made_by(dataset, element.maker):
        return texts(dataset, element.group << 16 | 0x1000 | element.offset)
    return ()


def made_by(dataset: Dataset, maker: str) -> bool:
    """Whether Manufacturer (0008,0070) begins as the maker's name does."""
    return _MAKERS[maker].match(text(dataset, 0x00080070).upper()) is not None


def _value(dataset: Dataset, tag: int) -> Any:
    """Value of a text element, as bytes where it was not decoded yet; None when it cannot be had."""
    try:
        element = dataset.get_item(tag)
        if element is None:
            return None
        as_written = element.is_raw and (element.VR is None or element.VR in _TEXT_VRS)
        return element.value if as_written else dataset[tag].value
    except Exception:
        # the decoder meets any damage here (struct, codec, value, recursion errors); it all means "not readable"
        return None


def _decoded(dataset: Dataset, tag: int) -> Any:
    """Value of any element as pydicom decodes it; None when it cannot be had."""
    try:
        return dataset[tag].value if tag in dataset else None
    except Exception:
        # as above
        return None
