"""What data set is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.parts import require_share


@dataclass(frozen=True)
class Wish:
    """What is made.

    Attributes:
        making: How cases are made.
        table: CSV that says of patients their diagnosis, the data set they go to, and whether they are for a last test.
        test_share: Share of patients of whom the table says nothing that is kept for a last test, 0 to less than 1.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another share.
    """

    making: Making = field(default_factory=Making)
    table: Path | None = None
    test_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_share(self.test_share)
