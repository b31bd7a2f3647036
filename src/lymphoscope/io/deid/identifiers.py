"""What tells who a patient is, gathered from the headers of a study, so that it can be searched for elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from lymphoscope.io.deid.table import IDENTIFYING, IDENTIFYING_GROUPS, KEPT
from lymphoscope.io.tags import items, texts

_TEXT = frozenset(("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "UN", "DA"))
_SHORTEST_INSIDE = 4
"""Shorter identifiers count only where they stand alone: ``LI`` is in many words."""
_SHORTEST = 2
_NOBODY = frozenset(("none", "unknown", "anonymous", "anonymized"))
_ANSWERS = frozenset(("yes", "no", "na"))
"""They tell nothing, but for a person of that name."""


@dataclass(frozen=True, repr=False)
class Identifiers:
    """Texts that must not be found, folded to one spelling. It tells nothing about itself in a log.

    Attributes:
        inside: Found wherever they stand, also as part of a word.
        alone: Found only as whole words.
    """

    inside: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()

    @classmethod
    def of(cls, datasets: Iterable[Dataset]) -> Identifiers:
        """Gather them from headers: names of persons anywhere, and what is about patient, visit, order and place."""
        found = {_folded(part) for dataset in datasets for part in _identifying(dataset)} - _NOBODY
        long = {part for part in found if len(part) >= _SHORTEST_INSIDE}
        return cls(frozenset(long), frozenset(p for p in found if _SHORTEST <= len(p) < _SHORTEST_INSIDE))

    def in_text(self, text: str) -> bool:
        """Whether a text holds one of them."""
        folded = _folded(text)
        return bool(self.alone & set(_split(folded))) or any(part in folded for part in self.inside)


def patient_key(dataset: Dataset) -> str:
    """What a patient is known by from study to study: the ID, else name and birth date, else nothing."""
    number = "".join(texts(dataset, 0x00100020))
    if number:
        return f"id {number}"
    name = " ".join(_names(dataset, 0x00100010)) if 0x00100010 in dataset else ""
    birth = " ".join(texts(dataset, 0x00100030))
    return f"name {_folded(name)} {birth}" if name and birth else ""


def _identifying(dataset: Dataset) -> Iterator[str]:
    for tag in dataset.keys():  # noqa: SIM118 - a data set yields elements, which would decode them
        vr = _vr(dataset, tag)
        if vr == "SQ":
            for item in items(dataset, tag):
                yield from _identifying(item)
        elif vr == "PN":
            for text in _names(dataset, tag):
                yield text
                yield from _split(_folded(text))
        elif vr in _TEXT and tag not in KEPT and (tag in IDENTIFYING or tag >> 16 in IDENTIFYING_GROUPS):
            yield from (text for text in texts(dataset, tag) if _folded(text) not in _ANSWERS)


def _names(dataset: Dataset, tag: int) -> list[str]:
    """Names of persons in an element, in its character set; a damaged one as its bytes."""
    try:
        value = dataset[tag].value
    except Exception:  # a character set may be unknown or broken in any way
        return list(texts(dataset, tag))
    return [str(name) for name in (value if isinstance(value, MultiValue) else [value]) if name]


def _vr(dataset: Dataset, tag: int) -> str:
    """Value type of an element, as written or as the standard has it; empty where neither says."""
    try:
        element = dataset.get_item(tag)
    except Exception:  # within a sequence elements are decoded, and may be damaged in any way
        return ""
    written = None if element is None else element.VR
    if written not in (None, "UN"):
        return str(written)
    return dictionary_VR(tag) if dictionary_has_tag(tag) else ""


def _folded(text: str) -> str:
    return " ".join(text.replace("^", " ").replace("=", " ").casefold().split())


def _split(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text) if word]
