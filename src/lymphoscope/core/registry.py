"""Shelves: names that resolve to code, lazily, with facts beside them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any

from lymphoscope.core.errors import LymphoscopeError


@dataclass(frozen=True)
class Entry:
    """One thing on a shelf.

    Attributes:
        name: The public name.
        target: ``"package.module:function"``; imported when first used.
        facts: What is known about it without importing it.
    """

    name: str
    target: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Callable[..., Any]:
        """Import and return the function."""
        module, _, attribute = self.target.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), attribute)
        return function


class Shelf:
    """Entries of one kind by name. A name taken twice raises; a near miss is answered with suggestions."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def put(self, name: str, target: str, **facts: Any) -> None:
        """Add an entry.

        Raises:
            KeyError: The name is taken.
        """
        if name in self._entries:
            raise KeyError(f"{self.kind} {name!r} is on the shelf already ({self._entries[name].target})")
        self._entries[name] = Entry(name, target, MappingProxyType(dict(facts)))

    def __getitem__(self, name: str) -> Entry:
        """Find an entry by name.

        Raises:
            LymphoscopeError: ``USE-E-NAME``, with the nearest names.
        """
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order they were put."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)


def unknown_name(kind: str, name: str, known: Mapping[str, Any]) -> LymphoscopeError:
    """The error for a name nobody knows, with what the user may have meant."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    fix = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
    return LymphoscopeError("USE-E-NAME", f"there is no {kind} named {name!r}", fix=fix)
