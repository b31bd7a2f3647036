"""What stands for a patient, a date and a UID: keyed hashes, the same each time, and nothing to who has not the key."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom.uid import UID

KEY_BYTES = 32
MOST_DAYS = 365


@dataclass(frozen=True)
class Secret:
    """The key of a project.

    Attributes:
        key: Random bytes. Who has them can tell from an identifier what it became; never the other way.
    """

    key: bytes = field(repr=False)

    def pseudonym(self, patient: str) -> str:
        """What a patient is called."""
        return f"LYM-{base64.b32encode(self._mac('patient', patient)).decode()[:10]}"

    def day_shift(self, patient: str) -> int:
        """Whole days that every date of a patient is moved by, −365 to −1; the time of day stays."""
        return -1 - int.from_bytes(self._mac("days", patient)[:8], "big") % MOST_DAYS

    def uid(self, uid: str) -> str:
        """What a UID becomes, wherever it is referred to; UIDs of the standard itself stay."""
        if UID(uid).name != uid:  # it has a name in the standard
            return uid
        return f"2.25.{int.from_bytes(self._mac('uid', uid)[:16], 'big')}"

    def name(self, kind: str, text: str) -> str:
        """Twelve hexadecimal digits for something that must be told apart."""
        return self._mac(kind, text).hex()[:12]

    def _mac(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\x1f{text}".encode("utf-8", "surrogateescape"), "sha256")


def shifted(day: date, days: int) -> str:
    """A date moved by whole days, as DA."""
    return f"{day + timedelta(days=days):%Y%m%d}".rjust(8, "0")
