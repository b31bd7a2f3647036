"""What the words of an act may be. They come from a page or a log, so nothing about them is taken for granted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lymphoscope.core.errors import LymphoscopeError

Words = Mapping[str, Any]

MOST_TEXT = 200
_MOST_RUNS = 200_000


def number(words: Words, name: str, low: float, high: float) -> float:
    """A finite number within a range.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    value = words.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high:
        return float(value)
    raise LymphoscopeError("READ-E-ACT", f"{name} is a number from {low:g} to {high:g}")


def text(words: Words, name: str, longest: int = MOST_TEXT) -> str:
    """A short printable text; empty where there is none.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    value = words.get(name, "")
    if isinstance(value, str) and len(value) <= longest and (value.isprintable()):
        return value.strip()
    raise LymphoscopeError("READ-E-ACT", f"{name} is a printable text of at most {longest} letters")


def choice(words: Words, name: str, options: tuple[Any, ...]) -> Any:
    """One of some options.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    value = words.get(name)
    for option in options:
        if type(value) is type(option) and value == option:
            return value
    raise LymphoscopeError("READ-E-ACT", f"{name} is one of: {', '.join(map(str, options))}")


def region(words: Words, name: str = "region") -> int:
    """A region's number.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    value = words.get(name)
    if type(value) is int and value > 0:
        return value
    raise LymphoscopeError("READ-E-ACT", f"{name} is the number of a region")


def regions(words: Words) -> tuple[int, ...]:
    """Numbers of regions, each once, in order.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    found = words.get("regions")
    if isinstance(found, list | tuple) and found and all(type(n) is int and n > 0 for n in found):
        return tuple(sorted(set(found)))
    raise LymphoscopeError("READ-E-ACT", "regions are numbers of regions, at least one")


def vector(words: Words, name: str) -> tuple[float, ...]:
    """Three finite numbers.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    found = words.get(name) or ()
    three = isinstance(found, list | tuple) and len(found) == 3
    if three and all(type(v) in (int, float) and math.isfinite(v) and abs(v) < 1e6 for v in found):
        return tuple(float(v) for v in found)
    raise LymphoscopeError("READ-E-ACT", f"{name} is three numbers")


def runs(words: Words) -> list[list[int]]:
    """Runs of voxels, [first, count] each.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    found = words.get("runs") or ()
    some = isinstance(found, list | tuple) and 0 < len(found) <= _MOST_RUNS
    if some and all(isinstance(r, list | tuple) and len(r) == 2 and all(type(n) is int for n in r) for r in found):
        return [list(r) for r in found]
    raise LymphoscopeError("READ-E-ACT", "runs are pairs of whole numbers, at least one pair")


def only(words: Words, *names: str) -> None:
    """Refuse words that the operation does not know.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    strange = sorted(set(words) - set(names))
    if strange:
        raise LymphoscopeError("READ-E-ACT", f"the operation takes {', '.join(names) or 'no words'} and nothing else")
