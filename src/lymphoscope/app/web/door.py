"""Where and how the page is served: what the verb was told."""

from __future__ import annotations

from dataclasses import dataclass

from lymphoscope.app.reading.suggestion import FIRST, MODES
from lymphoscope.core.registry import unknown_name


@dataclass(frozen=True)
class Door:
    """Where and how the page is served.

    Attributes:
        host: Address; anything but loopback needs users.
        port: Port, 0 for a free one.
        names: Names that the server is called by, besides its address.
        database: Database URL, or empty.
        suggestions: When readers see what rules or network suggest, one of
            `lymphoscope.app.reading.suggestion.MODES`. Unless first, they begin from all that was preselected.
    """

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    database: str = ""
    suggestions: str = FIRST

    def __post_init__(self) -> None:
        """Refuse another mode.

        Raises:
            LymphoscopeError: ``USE-E-NAME``.
        """
        if self.suggestions not in MODES:
            raise unknown_name("mode of suggestions", self.suggestions, dict.fromkeys(MODES))
