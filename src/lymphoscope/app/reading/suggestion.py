"""What rules or network suggested, beside what a reader drew without having seen it.

A reader may be shown the suggestion once the own reading is done; from then on the log keeps apart what was changed.

Reference: the project's specification of the report, 3.2 (modes off, after, first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphoscope.core import shown
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading

FIRST, AFTER, OFF = "first", "after", "off"
MODES = (FIRST, AFTER, OFF)
"""When a reader sees what rules or network suggest: from the beginning, after the own reading, or never."""

REVEAL = "reveal"
"""Kind of the event by which a reader asks to see it."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Suggested:
    """What the suggestion made of a region's voxels.

    Attributes:
        share: Share of them that it counts, 0–1.
        word: That in words, with the organ or the reason of the region that most of them were in.
        differs: True where it counts most of what the reader does not, or the other way round.
    """

    share: float
    word: str
    differs: bool


def beside(suggestion: Reading, reading: Reading) -> dict[int, Suggested]:
    """What was suggested for every region of a reading.

    Args:
        suggestion: The regions as rules or network left them.
        reading: The same case as a reader left it.
    """
    regions = list(suggestion)
    voxels = np.concatenate([r.voxels for r in regions]) if regions else np.zeros(0, np.int64)
    owner = np.repeat(np.arange(len(regions)), [r.voxels.size for r in regions])
    order = np.argsort(voxels)
    voxels, owner = voxels[order], owner[order]
    found = {}
    for region in reading:
        at = np.minimum(np.searchsorted(voxels, region.voxels), max(voxels.size - 1, 0))
        owners = owner[at[voxels[at] == region.voxels]] if voxels.size else owner
        count = np.bincount(owners, minlength=len(regions))
        counted = int(sum(n for n, r in zip(count, regions, strict=True) if r.counted))
        share = counted / region.voxels.size
        found[region.number] = Suggested(share, _word(suggestion, count, share), region.counted != (share >= 0.5))
    return found


def _word(suggestion: Reading, count: Any, share: float) -> str:
    if not count.sum():
        return "not found"
    main = list(suggestion)[int(count.argmax())]
    why = main.organ or main.why or main.rule
    word = "doubtful" if main.doubtful else "counted" if share >= 0.5 else "removed"
    part = f", {100 * share:.0f} % of it counted" if 0.005 < share < 0.995 else ""
    return word + (f" ({why})" if why and word != "counted" else "") + part


def may_reveal(begin: Event, events: list[dict[str, Any]]) -> bool:
    """Whether a reader of a version can ask for the suggestion and has not."""
    return begin.get("suggestions") == AFTER and not any(e["kind"] == REVEAL for e in events)


def hidden(begin: Event, events: list[dict[str, Any]]) -> bool:
    """Whether the reader of a version has not been shown the suggestion."""
    return bool(begin.get("unaided")) and not any(e["kind"] == REVEAL for e in events)


def require_revealable(begin: Event, events: list[dict[str, Any]]) -> None:
    """Refuse to show what is not to be shown, or was shown.

    Raises:
        LymphoscopeError: ``READ-E-ACT``.
    """
    if not may_reveal(begin, events):
        raise LymphoscopeError("READ-E-ACT", "there is no suggestion to be shown", fix="Go on with the reading.")


def told(begin: Event, events: list[dict[str, Any]], voxel_ml: float, reading: Reading) -> dict[str, Any] | None:
    """How a version came by the suggestion, for the page and the report; None where it was there from the beginning.

    Args:
        begin: The version's first event.
        events: All of them.
        voxel_ml: Volume of a voxel, mL.
        reading: The regions as they stand.

    Returns:
        ``shown``: the moment or None, ``before_ml`` and ``now_ml``, ``acts`` since, and all of it in ``words``.
    """
    if not begin.get("unaided"):
        return None
    now = reading.counted_voxels * voxel_ml
    at = next((k for k, e in enumerate(events) if e["kind"] == REVEAL), None)
    if at is None:
        return {"shown": None, "before_ml": None, "now_ml": now, "acts": 0, "words": "never shown to the reader"}
    before, acts = events[at]["is"]["tmtv_ml"], sum(e["kind"] == "act" for e in events[at:])
    own, then = (shown.with_unit(volume, "mL") for volume in (before, now))
    words = f"shown after the own reading of {own}; then {acts} acts, {then}"
    return {"shown": events[at]["when"], "before_ml": before, "now_ml": now, "acts": acts, "words": words}
