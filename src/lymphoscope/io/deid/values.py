"""One value of a kept element: what may stay of it by its value type. What does not keep to its type goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lymphoscope.io.clock import parse_age, parse_date, parse_datetime, parse_time
from lymphoscope.io.deid import words
from lymphoscope.io.deid.identifiers import Identifiers
from lymphoscope.io.deid.secret import Secret, shifted

TEXT_TYPES = frozenset(("LO", "SH", "LT", "ST", "UT", "UC"))
OFFSET = "UTC offset"
"""Stands for the value type of Timezone Offset From UTC (0008,0201), which is a text by the standard."""
OLDEST_YEARS = 89
"""Ages above are told as 90 (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C))."""

_LONGEST = {"SH": 16, "LO": 64, "CS": 16}
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d{1,10}")
_OFFSET = re.compile(r"[+-]\d{4}")
_UID = re.compile(r"[0-9.]{1,64}")
_TERM = re.compile(r"[A-Z0-9 _]{0,16}")
_BETWEEN = re.compile(r"[\s,;()\[\]/+_^:=]+|--+")


@dataclass(frozen=True)
class Values:
    """Cleans single values of one patient.

    Attributes:
        secret: Key of the project.
        days: What dates are moved by.
        known: Identifiers that no text may hold.
        extra: Words that texts may keep beside the list, upper case.
    """

    secret: Secret
    days: int
    known: Identifiers = field(default_factory=Identifiers)
    extra: frozenset[str] = frozenset()

    def clean(self, vr: str, value: str, technical: bool = False) -> str:
        """What may stay of one stripped, non-empty value; empty when nothing may.

        Args:
            vr: Value type by the standard, whatever the file says.
            value: The value.
            technical: Keep words of makers and tracers, and numbers, in a text.
        """
        if vr in TEXT_TYPES:
            return self._text(value, technical)[: _LONGEST.get(vr)].strip()
        rule = _RULES.get(vr)
        return rule(self, value) if rule else ""

    def _text(self, value: str, technical: bool) -> str:
        """The known words of a text, unless the text holds an identifier: then no word of that identifier."""
        kept = [word for word in plain(value).split() if self._is_word(word.upper(), technical)]
        text = " ".join(kept)
        if self.known.in_text(text):
            text = " ".join(word for word in kept if not self.known.in_text(word))
        return "" if self.known.in_text(text) else text

    def _is_word(self, word: str, technical: bool) -> bool:
        allowed = (words.TECHNICAL if technical else words.DESCRIPTIONS) | self.extra
        return (
            word in allowed
            or words.QUANTITY.fullmatch(word) is not None
            or (technical and words.TECHNICAL_NUMBER.fullmatch(word) is not None)
            or ("-" in word and all(part in allowed for part in word.split("-")))
        )

    def _term(self, value: str) -> str:
        """A coded string of terms of the standard."""
        parts = re.split(r"[ _]+", value.upper())
        known = _TERM.fullmatch(value) is not None and all(p in words.TERMS | self.extra or len(p) <= 1 for p in parts)
        return value if known else ""

    def _uid(self, value: str) -> str:
        return self.secret.uid(value) if _UID.fullmatch(value) else ""

    def _date(self, value: str) -> str:
        day = parse_date(value)
        return shifted(day, self.days) if day else ""

    def _moment(self, value: str) -> str:
        """A date-time with its date moved; what is after the date stays digit for digit."""
        if parse_datetime(value) is None:
            return ""
        written = 10 if not value[4].isdigit() else 8
        day = parse_date(value[:written])
        return shifted(day, self.days) + value[written:] if day else ""

    def _time(self, value: str) -> str:
        return value if parse_time(value) is not None else ""

    def _age(self, value: str) -> str:
        years = parse_age(value)
        if years is None:
            return ""
        return "090Y" if years > OLDEST_YEARS else value.upper()

    def _decimal(self, value: str) -> str:
        return value if _DECIMAL.fullmatch(value) else ""

    def _offset(self, value: str) -> str:
        return value if _OFFSET.fullmatch(value) else ""

    def _integer(self, value: str) -> str:
        return value if _INTEGER.fullmatch(value) else ""


_RULES: dict[str, Callable[[Values, str], str]] = {
    "CS": Values._term,
    "UI": Values._uid,
    "DA": Values._date,
    "DT": Values._moment,
    "TM": Values._time,
    "AS": Values._age,
    "DS": Values._decimal,
    "IS": Values._integer,
    OFFSET: Values._offset,
}


def plain(text: str) -> str:
    """A text with single blanks between its words."""
    return " ".join(_BETWEEN.sub(" ", text).split())
