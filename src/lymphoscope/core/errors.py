"""What Lymphoscope says when something is wrong: a code, a fact, a place and a remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from lymphoscope.core.codes import CODES


class Severity(StrEnum):
    """How a message acts: an error stops, a warning is printed on the report, an info goes to the log."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_LETTER = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}


@dataclass(frozen=True)
class Message:
    """One finding about the input, in the words of the message catalogue.

    Attributes:
        code: Entry of `lymphoscope.core.codes.CODES`, such as ``SUV-W-UPTAKE``.
        what: The fact, with the value found and the normal range. Never a patient name.
        where: Series, tag or file the fact was found in (hashed or neutral names only).
        fix: What the user can do about it.
        tags: DICOM tags concerned, such as ``(0010,1030)``.
    """

    code: str
    what: str
    where: str = ""
    fix: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a code that the catalogue does not know."""
        if self.code not in CODES:
            raise KeyError(f"message code {self.code} is not in lymphoscope.core.codes.CODES")

    @property
    def severity(self) -> Severity:
        """Severity, read from the code's middle letter."""
        return _LETTER[self.code.split("-")[1]]

    @property
    def text(self) -> str:
        """The message as one line, code first."""
        where = f" in {self.where}" if self.where else ""
        fix = self.fix or CODES[self.code].fix
        return f"{self.code}: {self.what}{where}.{' ' + fix if fix else ''}"


class LymphoscopeError(Exception):
    """An error of ours: it stops one study, and is shown to the user as it stands.

    Args:
        code: Catalogue code; ``USE-E-*`` is wrong usage, ``RUN-E-*`` a failure of ours, all others refused input.
        what: The fact.
        where: The place.
        fix: The remedy; the catalogue's when empty.
        tags: DICOM tags concerned.
    """

    def __init__(self, code: str, what: str, where: str = "", fix: str = "", tags: Iterable[str] = ()) -> None:
        self.message = Message(code, what, where, fix, tuple(tags))
        super().__init__(self.message.text)

    @property
    def code(self) -> str:
        """Catalogue code."""
        return self.message.code

    @property
    def exit_status(self) -> int:
        """Exit status of the command line: 1 failed, 2 usage, 3 input refused."""
        return {"RUN": 1, "NODE": 1, "MODEL": 1, "USE": 2}.get(self.code.split("-")[0], 3)


@dataclass
class Notes:
    """Messages gathered on the way; what goes on although something is odd is noted here, once."""

    items: list[Message] = field(default_factory=list)

    def add(self, code: str, what: str, where: str = "", fix: str = "", tags: Iterable[str] = ()) -> None:
        """Note a message; the same one twice counts once."""
        message = Message(code, what, where, fix, tuple(tags))
        if message not in self.items:
            self.items.append(message)

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over the messages in the order they were noted."""
        return iter(self.items)
