"""The store of models: one folder a model, with its networks, its plans, and a card that says where it comes from.

A model is written beside the store and takes its place whole; one that cannot be replaced is never taken away.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.io.atomic import claim, draft, writing
from lymphoscope.io.case import canonical_json

CARD = "model.json"
Filler = Callable[[Path], Mapping[str, Any]]
"""Writes networks and plans of a model into a new folder, and says what it is."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OURS = re.compile(r"model\.json|plans\.json|dataset\.json|fold_(all|\d+)|previous")
_BUSY = ".lymphoscope-"


@dataclass(frozen=True)
class Store:
    """Models by name.

    Attributes:
        path: Its folder; it need not exist yet.
    """

    path: Path

    def names(self) -> tuple[str, ...]:
        """Models that are there."""
        found = self.path.iterdir() if self.path.is_dir() else ()
        return tuple(sorted(p.name for p in found if (p / CARD).is_file() and not p.name.startswith(_BUSY)))

    def folder(self, name: str) -> Path:
        """Folder of a model.

        Raises:
            LymphoscopeError: ``USE-E-NAME`` when there is none of that name.
        """
        if name not in self.names():
            raise unknown_name("model in the store", name, dict.fromkeys(self.names()))
        return self.path / name

    def card(self, name: str) -> dict[str, Any]:
        """What is known of a model.

        Raises:
            LymphoscopeError: ``USE-E-NAME``, or ``MODEL-E-STORED`` when its card is damaged.
        """
        try:
            record = json.loads((self.folder(name) / CARD).read_text(encoding="utf-8"))
            return dict(record)
        except (OSError, ValueError, TypeError):
            raise LymphoscopeError("MODEL-E-STORED", "the card cannot be read", where=name) from None

    def verify(self, name: str) -> list[str]:
        """Files of a model that are missing or changed."""
        folder, card = self.folder(name), self.card(name)
        return [file for file, digest in card["files"].items() if _digest(folder / file) != digest]

    def remove(self, name: str) -> None:
        """Take a model away.

        Raises:
            LymphoscopeError: ``USE-E-NAME``, or ``IO-E-WRITE`` when the system refuses.
        """
        folder = self.folder(name)
        with writing():
            gone = folder.with_name(f"{_BUSY}gone-{name}")
            folder.rename(gone)
            shutil.rmtree(gone)


BUNDLED = Store(Path(__file__).parent / "bundled")
"""What comes with the program."""


def holding(store: Store, name: str) -> Store:
    """The store that holds a model: the user's, or else that of the program."""
    return BUNDLED if name in BUNDLED.names() and name not in store.names() else store


def require_name(name: str) -> str:
    """A name that a model may have.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if not _NAME.fullmatch(name):
        raise LymphoscopeError(
            "USE-E-VALUE", f"{name!r} is no name: lower-case letters, digits, dots, dashes", "--name"
        )
    return name


def keep(store: Store, name: str, fill: Filler, force: bool) -> dict[str, Any]:
    """Make a model's folder.

    Args:
        store: Where.
        name: Of the model.
        fill: Writes networks and plans into a new folder and gives the card without the hashes of its files.
        force: Replace a model of that name, once the new one is complete.

    Returns:
        The card.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT`` when there is one of that name, ``IO-E-WRITE`` when the system refuses.
    """
    with claim(store.path / require_name(name), force, _is_ours) as held, draft(held) as new:
        card = dict(fill(new))
        card["files"] = {path.relative_to(new).as_posix(): _digest(path) for path in _files(new)}
        with writing():
            (new / CARD).write_bytes(canonical_json(card))
    return card


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _is_ours(entry: Path) -> bool:
    return bool(_OURS.fullmatch(entry.name))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
