"""Cases are read ahead: the next one while one is drawn, none twice, and a bad one fails in its turn."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from lymphoscope.app.prediction import _read_ahead
from lymphoscope.core.errors import LymphoscopeError


class Shelf:
    """A data set that remembers what was read; `bad` cannot be."""

    def __init__(self, names: str, bad: str = "") -> None:
        self.read_so_far, self.bad, self.done = "", bad, {name: Event() for name in names}

    def read(self, entry: str, reads: tuple[str, ...]) -> Any:
        self.read_so_far += entry
        self.done[entry].set()
        if entry == self.bad:
            raise LymphoscopeError("DATA-E-MISSING", "there is no such image", entry)
        volumes: Mapping[str, str] = {"of": entry, "reads": reads[0]}
        return SimpleNamespace(volumes=volumes)


def test_the_next_case_is_read_while_one_is_drawn() -> None:
    shelf, drawn = Shelf("abc"), ""
    for entry, volumes in _read_ahead(shelf, "abc", ("pet:suv",)):  # type: ignore[arg-type]
        drawn += str(entry)
        assert volumes == {"of": entry, "reads": "pet:suv"}
        following = {"a": "b", "b": "c"}.get(str(entry))
        assert following is None or shelf.done[following].wait(30), "it is read before this one is given back"
        assert shelf.read_so_far == "abc"[: len(drawn) + 1], "and no further one"
    assert drawn == "abc" and list(_read_ahead(shelf, "", ())) == []  # type: ignore[arg-type]


def test_a_case_that_cannot_be_read_fails_in_its_turn() -> None:
    ahead = _read_ahead(Shelf("abc", bad="b"), "abc", ("pet:suv",))  # type: ignore[arg-type]
    assert next(ahead)[0] == "a"
    with pytest.raises(LymphoscopeError) as failed:
        next(ahead)
    assert failed.value.code == "DATA-E-MISSING"
