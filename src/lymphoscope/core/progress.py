"""How long work tells of its progress, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener: called with the step's name, what is done and what there is to do."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Hear that `done` of `total` parts of `step` are finished."""


def silent(step: str, done: int, total: int) -> None:
    """Hear nothing; the default of every function that takes a `Progress`."""
