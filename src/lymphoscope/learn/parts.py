"""From the words of a recipe to things that run."""

from __future__ import annotations

from functools import partial
from typing import Any

from lymphoscope.recipes.parts import PARTS
from lymphoscope.recipes.spec import Use


def made(word: str, use: Use) -> Any:
    """What a use names, made with its settings; inner uses are made first. Of a network the builder.

    Args:
        word: The word of `Learn` that says which shelf it stands on.
        use: Name and settings.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for a name that is not there.
    """
    builder = PARTS[word][use.name].load()
    # what a network is made of depends on where it stands: channels and dimensions are given there
    return partial(builder, **settings(word, use)) if word == "net" else builder(**settings(word, use))


def settings(word: str, use: Use) -> dict[str, Any]:
    """The settings of a use, with inner uses made."""
    inner = PARTS[word][use.name].facts.get("inner", {})
    return {name: _value(inner.get(name, word), value) for name, value in use.params.items()}


def _value(word: str, value: Any) -> Any:
    if isinstance(value, Use):
        return made(word, value)
    if isinstance(value, tuple):
        return tuple(_value(word, part) for part in value)
    return value
