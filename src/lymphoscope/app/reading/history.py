"""A log of acts as the reading it leads to: do, undo, redo, without limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.reading.acts import apply
from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Act, Reading

UNDO, REDO = "undo", "redo"


class History:
    """The readings that a log led to. They share what did not change, so that keeping them costs little.

    Args:
        scene: The unchanging part of the case.
        start: The reading before the first act.
    """

    def __init__(self, scene: Scene, start: Reading) -> None:
        self.scene, self.start = scene, start
        self._done: list[Reading] = [start]
        self._undone: list[Reading] = []

    @property
    def now(self) -> Reading:
        """The reading as it stands."""
        return self._done[-1]

    @property
    def can_undo(self) -> bool:
        """True where something can be undone."""
        return len(self._done) > 1

    @property
    def can_redo(self) -> bool:
        """True where something can be done again."""
        return bool(self._undone)

    def after(self, op: str, act: Mapping[str, Any], by: str) -> Reading:
        """The reading that an act, an undo or a redo would lead to; nothing is changed.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` where it cannot be done.
        """
        if op == UNDO:
            if not self.can_undo:
                raise LymphoscopeError("READ-E-ACT", "there is nothing to undo")
            return self._done[-2].numbered_from(self.now)
        if op == REDO:
            if not self.can_redo:
                raise LymphoscopeError("READ-E-ACT", "there is nothing to do again")
            return self._undone[-1].numbered_from(self.now)
        return apply(self.scene, self.now, Act.of_record(act), by)

    def take(self, op: str, reading: Reading) -> None:
        """Take over what `after` gave."""
        if op == UNDO:
            self._undone.append(self._done.pop())
            self._done[-1] = reading
        elif op == REDO:
            self._undone.pop()
            self._done.append(reading)
        else:
            self._undone.clear()
            self._done.append(reading)
