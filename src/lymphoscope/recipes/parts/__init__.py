"""What recipes are made of, by name: one shelf for each word of `Learn`. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import Shelf, unknown_name
from lymphoscope.recipes.parts.augments import AUGMENTS
from lymphoscope.recipes.parts.heads import HEADS
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.parts.nets import NETS
from lymphoscope.recipes.parts.training import (
    GRIDS,
    INFERENCES,
    OPTIMIZERS,
    PLANS,
    RATES,
    SAMPLERS,
    SCALES,
    SUPERVISIONS,
)
from lymphoscope.recipes.spec import Learn, Use

PARTS: Mapping[str, Shelf] = MappingProxyType(
    {
        "net": NETS,
        "heads": HEADS,
        "loss": LOSSES,
        "supervision": SUPERVISIONS,
        "sampler": SAMPLERS,
        "scale": SCALES,
        "grid": GRIDS,
        "augment": AUGMENTS,
        "optimizer": OPTIMIZERS,
        "rate": RATES,
        "infer": INFERENCES,
        "plan": PLANS,
    }
)
"""The shelf of every word of `Learn` that names something. Facts of an entry: ``params`` (settings and what they mean)
and, where a setting is itself a use, ``inner`` (the setting and the word whose shelf it is taken from)."""


def uses(learn: Learn) -> Iterator[tuple[str, Use]]:
    """Everything a training takes from shelves, inner uses included: the word, and the use."""
    for word in PARTS:
        value = getattr(learn, word)
        for use in value if isinstance(value, tuple) else (value,):
            yield from _nested(word, use)


def check(learn: Learn) -> None:
    """Refuse a use of what is on no shelf, or of a setting that it does not have.

    Raises:
        LymphoscopeError: ``USE-E-NAME``, with the nearest names; ``USE-E-VALUE`` for a use where a value belongs.
    """
    for word, use in uses(learn):
        params = PARTS[word][use.name].facts["params"]
        for name in use.params:
            if name not in params:
                raise unknown_name(f"setting of the {word} {use.name}", name, params)


def _nested(word: str, use: Use) -> Iterator[tuple[str, Use]]:
    yield word, use
    inner: Mapping[str, str] = PARTS[word][use.name].facts.get("inner", {})
    for name, value in use.params.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Use):
                if name not in inner:
                    raise LymphoscopeError("USE-E-VALUE", f"setting {use.name}.{name} is a value, not a use")
                yield from _nested(inner[name], part)
