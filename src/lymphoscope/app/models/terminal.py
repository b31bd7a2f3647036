"""What the terminal shows of models."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import typer

from lymphoscope.app import show
from lymphoscope.app.models.source import Agree
from lymphoscope.app.models.store import Store
from lymphoscope.app.show import Manner
from lymphoscope.core.errors import LymphoscopeError

_SHOWN = (
    "title",
    "licence",
    "training_data",
    "citation",
    "page",
    "note",
    "configuration",
    "previous",
    "trainer",
    "source",
)


def listing(record: Mapping[str, Any], manner: Manner) -> None:
    """Models that are there, and public ones that could be added."""
    if manner.as_json:
        show.as_json(record)
        return
    rows = [
        (m["name"], "in the store", f"{len(m['folds'])} × {m['configuration']}", m["licence"], m["training_data"])
        for m in record["models"]
    ]
    rows += [(m["name"], "in the program", "1", m["licence"], m["training_data"]) for m in record["bundled"]]
    rows += [(m["name"], "public", "", m["licence"], m["training_data"]) for m in record["public"]]
    show.out().print(show.table(("model", "where", "networks", "licence", "trained on"), rows))


def one(name: str, card: Mapping[str, Any], manner: Manner) -> None:
    """All that is known of a model."""
    if manner.as_json:
        show.as_json({"name": name, **card})
        return
    rows = [("name", name)]
    rows += [(word.replace("_", " "), str(card[word])) for word in _SHOWN if card.get(word)]
    if "folds" in card:
        rows += [
            ("networks", ", ".join(map(str, card["folds"]))), ("reads", ", ".join(card["roles"])),
            ("draws", ", ".join(card["lesion"])), ("files", str(len(card["files"]))),
        ]  # fmt: skip
    if "int8" in card:
        same = f"Dice {card['int8']['dice_with_32_bits']:.3f} with 32 bits on {card['int8']['compared_on']} other cases"
        rows.append(("8-bit integers", f"calibrated on {card['int8']['cases']} cases; {same}"))
    show.out().print(show.table(("", ""), rows))


def verified(name: str, changed: list[str], manner: Manner) -> None:
    """Whether the files of a model are those that were stored."""
    if manner.as_json:
        show.as_json({"name": name, "changed": changed, "sound": not changed})
        return
    for file in changed:
        show.err().print(f"[bold red]MODEL-E-STORED[/]: {name}: {file} is missing or changed")
    if not changed:
        show.out().print(f"{name}: every file is as it was stored")


def asking(yes: bool, manner: Manner) -> Agree:
    """Ask a person before something is fetched; where nobody can be asked, ``--yes`` says it."""
    return lambda address: _agreed(f"Fetch {address}? It can be several GB.", yes, manner)


def remove(store: Store, name: str, yes: bool, manner: Manner) -> None:
    """Take a model away when it is agreed to.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when it is not.
    """
    if not _agreed(f"Remove {name}?", yes, manner):
        raise LymphoscopeError("USE-E-VALUE", f"{name} was not removed: nobody agreed to it", fix="Add --yes.")
    store.remove(name)
    if manner.as_json:
        show.as_json({"removed": name})
    else:
        show.out().print(f"{name} is removed")


def _agreed(question: str, yes: bool, manner: Manner) -> bool:
    if yes or manner.as_json or not sys.stdin.isatty():
        return yes
    return bool(typer.confirm(question, err=True))
