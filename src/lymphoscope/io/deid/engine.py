"""One data set in, one without a patient out: built anew from what the table lets stay, never by deleting."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VM, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.deid.identifiers import Identifiers
from lymphoscope.io.deid.secret import Secret
from lymphoscope.io.deid.table import (
    CODE_VALUES,
    EMPTIED,
    FACE_OPTION,
    KEPT,
    NAMED,
    OPTIONS,
    PRIVATE,
    TAKEN,
    TECHNICAL,
)
from lymphoscope.io.deid.values import OFFSET, TEXT_TYPES, Values, plain
from lymphoscope.io.tags import items, private_texts, text, texts

SOP_CLASS, MODALITY, PATIENT_NAME, PATIENT_ID = 0x00080016, 0x00080060, 0x00100010, 0x00100020
_SCHEME, _CODE_VALUE, _UTC_OFFSET = 0x00080102, 0x00080100, 0x00080201
_UNLISTED = "UNLISTED"
_NUMERIC = frozenset(("US", "SS", "UL", "SL", "FL", "FD", "AT", "US or SS"))
_SEARCHED = TEXT_TYPES | {"PN", "AE", "UN", "UR"}
_DEEPEST = 12
_PRIVATE_BLOCK = 0x10
_TYPE_OF = {_UTC_OFFSET: OFFSET}


@dataclass(frozen=True)
class Cleaner:
    """Makes data sets of one patient free of the patient.

    Attributes:
        pseudonym: What the patient is called.
        values: Cleans single values.
        cut: Counts, by keyword, texts that lost something.
    """

    pseudonym: str
    values: Values
    cut: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, secret: Secret, patient: str, known: Identifiers, extra: Iterable[str] = ()) -> Cleaner:
        """The cleaner of a patient, known as `identifiers.patient_key` has it."""
        values = Values(secret, secret.day_shift(patient), known, frozenset(word.upper() for word in extra))
        return cls(secret.pseudonym(patient), values)

    def clean(self, source: Dataset) -> Dataset:
        """A new data set without pixels and file meta information: what may stay, and what is said instead.

        Args:
            source: The original; it is not changed.

        Raises:
            LymphoscopeError: ``DEID-E-LEAK`` if an identifier were still in it.
        """
        made = self._kept(source, 0)
        for tag in EMPTIED:
            made[tag] = _element(tag, dictionary_VR(tag), [])
        for tag, vr in ((PATIENT_NAME, "PN"), (PATIENT_ID, "LO")):
            made[tag] = _element(tag, vr, [self.pseudonym])
        # an object's class says its modality; what the header says may be anything
        made[MODALITY] = _element(MODALITY, "CS", [TAKEN.get(text(source, SOP_CLASS), "OT")])
        _add_private(source, made, self.values)
        _declare(made)
        require_clean(made, self.values.known)
        return made

    def _kept(self, source: Dataset, depth: int) -> Dataset:
        made = Dataset()
        for tag in sorted(KEPT & set(source.keys())):
            vr = dictionary_VR(tag)
            if vr == "SQ":
                if depth < _DEEPEST:
                    inner = [self._kept(item, depth + 1) for item in items(source, tag)]
                    made[tag] = DataElement(tag, "SQ", DicomSequence(item for item in inner if len(item)))
            elif vr in _NUMERIC:
                _copy_numbers(source, tag, vr, made)
            else:
                self._copy_words(source, tag, vr, made)
        _judge_code(made, self.values.known)
        return made

    def _copy_words(self, source: Dataset, tag: int, vr: str, made: Dataset) -> None:
        before = texts(source, tag)
        single = dictionary_VM(tag) == "1"
        if single and len(before) > 1:  # a backslash in what is one value is damage, or part of a text
            before = (" ".join(before) if vr in TEXT_TYPES else "",)
        if tag in (_CODE_VALUE, _SCHEME):
            after = list(before)  # judged together
        else:
            kind = _TYPE_OF.get(tag, vr)
            after = [self.values.clean(kind, part, tag in TECHNICAL) if part else "" for part in before]
        if [plain(a) for a in after] != [plain(b) for b in before]:
            self.cut.update([dictionary_keyword(tag)] if vr in TEXT_TYPES | {"CS"} else [])
        if vr == "CS" and len(after) > 1:  # the place of a value says what it means
            after = [b and (a or _UNLISTED) for a, b in zip(after, before, strict=True)]
        if tag in NAMED and before and not any(after):
            number = text(source, 0x00620004) or text(source, 0x30060022)
            after = [f"{NAMED[tag]} {number}".strip() if number.isdigit() else NAMED[tag]]
        if any(after) or not before:
            made[tag] = _element(tag, vr, after)


def require_clean(made: Dataset, known: Identifiers) -> None:
    """Search every text of a data set that is about to be written.

    Raises:
        LymphoscopeError: ``DEID-E-LEAK``.
    """
    for tag in made.keys():  # noqa: SIM118 - a data set yields elements, which would decode them
        element = made.get_item(tag)
        if element is None or tag in (PATIENT_NAME, PATIENT_ID):
            continue
        if element.VR == "SQ":
            for item in items(made, tag):
                require_clean(item, known)
        elif element.VR in _SEARCHED and known.in_text(" ".join(texts(made, tag))):
            raise LymphoscopeError("DEID-E-LEAK", "a text still holds an identifier", f"element {BaseTag(tag)}")


def _element(tag: int, vr: str, values: Iterable[str]) -> RawDataElement:
    """An element of text as its bytes, so that not a digit of a number changes."""
    content = "\\".join(values).encode("ascii", "ignore")
    if len(content) % 2:
        content += b"\0" if vr == "UI" else b" "
    return RawDataElement(BaseTag(tag), vr, len(content), content, 0, False, True)


def _copy_numbers(source: Dataset, tag: int, vr: str, made: Dataset) -> None:
    """Copy numbers of fixed size; what is no number goes."""
    try:
        value = source[tag].value
    except Exception:  # whatever is wrong with it, it is no number
        return
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    if not values or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return
    if vr == "US or SS":
        signed = source.get("PixelRepresentation") == 1
        vr = "SS" if signed else "US"
    try:
        made[tag] = DataElement(tag, vr, values if len(values) > 1 else values[0])
    except Exception:  # out of range
        return


def _judge_code(made: Dataset, known: Identifiers) -> None:
    """Keep a code only where its scheme is known and its value looks like one of the scheme."""
    value, scheme = text(made, _CODE_VALUE), text(made, _SCHEME)
    pattern = CODE_VALUES.get(scheme)
    if value and (pattern is None or re.fullmatch(pattern, value) is None or known.in_text(value)):
        del made[_CODE_VALUE]
    if _SCHEME in made and (pattern is None or _CODE_VALUE not in made):
        del made[_SCHEME]


def _add_private(source: Dataset, made: Dataset, values: Values) -> None:
    """Private facts that SUV depends on, each under its creator in the first block."""
    for element, vr in PRIVATE:
        found = private_texts(source, element)
        after = [values.clean(vr, part) for part in found]
        if not found or not all(after):
            continue
        creator = element.group << 16 | _PRIVATE_BLOCK
        made[creator] = _element(creator, "LO", [element.creator])
        place = element.group << 16 | _PRIVATE_BLOCK << 8 | element.offset
        made[place] = _element(place, vr, after)


def _declare(made: Dataset) -> None:
    """Say what was done, as the standard asks."""
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "Lymphoscope: PS3.15 E, default deny"
    made.LongitudinalTemporalInformationModified = "MODIFIED"
    made.DeidentificationMethodCodeSequence = DicomSequence(_option(value, meaning) for value, meaning in OPTIONS)


def declare_faceless(made: Dataset) -> None:
    """Say of an image that its face was blanked."""
    made.RecognizableVisualFeatures = "NO"
    made.DeidentificationMethodCodeSequence.append(_option(*FACE_OPTION))


def _option(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code
