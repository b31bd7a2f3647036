"""What the channels and labels of a foreign model mean to us."""

from __future__ import annotations

import re

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.foreign.plans import ForeignPlan

_ROLES = {"ct": "ct:hu", "hu": "ct:hu", "pet": "pet:suv", "pt": "pet:suv", "suv": "pet:suv", "fdg": "pet:suv"}
_LESION = re.compile(r"lesions?|tumou?rs?|lymphomas?|foreground|malignan\w*|disease|mtv", re.I)


def roles_of(plan: ForeignPlan, said: str = "") -> tuple[str, ...]:
    """What each channel of a model reads.

    Args:
        plan: Of the model.
        said: ``ct,pet`` or the like, in place of the model's own names.

    Raises:
        LymphoscopeError: ``MODEL-E-MEANING`` when it cannot be told.
    """
    words = [word.strip().lower() for word in said.split(",")] if said else [name.lower() for name in plan.names]
    if len(words) != len(plan.channels):
        what = f"the model has {len(plan.channels)} channels, not {len(words)}"
        raise LymphoscopeError("MODEL-E-MEANING", what, "--channels")
    strange = [word for word in words if word not in _ROLES]
    if strange:
        raise LymphoscopeError("MODEL-E-MEANING", f"a channel is named {strange[0][:40]!r}", "--channels")
    return tuple(_ROLES[word] for word in words)


def lesions_of(plan: ForeignPlan, said: str = "") -> tuple[int, ...]:
    """Which outputs of a model are lesions, by number.

    Args:
        plan: Of the model.
        said: Names of its labels, separated by commas, in place of a guess by name.

    Raises:
        LymphoscopeError: ``MODEL-E-MEANING`` when it cannot be told.
    """
    names = plan.labels.names
    first = 0 if plan.labels.regions else 1  # what is not a region begins with background
    if said:
        wanted = [word.strip() for word in said.split(",")]
        missing = [word for word in wanted if word not in names[first:]]
        if missing:
            what = f"the model has no label {missing[0]!r}: it has {', '.join(names[first:])}"
            raise LymphoscopeError("MODEL-E-MEANING", what, "--lesion")
        return tuple(names.index(word) for word in wanted)
    if len(names) - first == 1:
        return (first,)
    found = tuple(number for number in range(first, len(names)) if _LESION.fullmatch(names[number]))
    if not found:
        what = f"none of the labels {', '.join(names[first:])[:120]} is called a lesion"
        raise LymphoscopeError("MODEL-E-MEANING", what, "--lesion")
    return found
