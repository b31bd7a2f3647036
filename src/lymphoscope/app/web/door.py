"""Where and how the page is served: what the verb was told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Door:
    """Where and how the page is served.

    Attributes:
        host: Address; anything but loopback needs users.
        port: Port, 0 for a free one.
        names: Names that the server is called by, besides its address.
        database: Database URL, or empty.
        unaided: Readers begin from all that was preselected, with nothing removed or named by rules or network.
    """

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    database: str = ""
    unaided: bool = False
