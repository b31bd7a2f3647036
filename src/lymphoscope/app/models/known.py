"""Public models that are known by name. Nothing of them is part of Lymphoscope, and nothing is fetched unasked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Known:
    """A public model.

    Attributes:
        title: What it is.
        url: Where its archive lies.
        page: Where it is described.
        licence: Of the weights.
        training_data: What it was trained on.
        citation: What to cite.
        channels: What it reads, in order.
        note: What to know before using it.
        md5: Of the archive, where it is known.
    """

    title: str
    url: str
    page: str
    licence: str
    training_data: str
    citation: str
    channels: str
    note: str
    md5: str = ""


@cache
def known() -> Mapping[str, Known]:
    """Public models by name."""
    text = (files("lymphoscope.app.models") / "known.json").read_text(encoding="utf-8")
    return {name: Known(**facts) for name, facts in json.loads(text).items()}
