"""An evaluation's settings from the words of the command line, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.evaluation.run import Request
from lymphoscope.app.settings import CONNECTIVITIES
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.case import COMPONENT, SEGMENT, EvaluationSettings
from lymphoscope.evaluate.size import BY_VOLUME, Strata
from lymphoscope.evaluate.statistics import Resampling


def request_of(words: Mapping[str, Any]) -> Request:
    """What an evaluation is told (absent words are defaults).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a word that cannot be.
    """
    if words.get("lesion", COMPONENT) not in (COMPONENT, SEGMENT):
        raise LymphoscopeError("USE-E-VALUE", "a lesion is a component or a segment", "--lesion")
    if words.get("connectivity", 18) not in CONNECTIVITIES:
        raise LymphoscopeError("USE-E-VALUE", "connectivity is 6, 18 or 26", "--connectivity")
    given = {name: words[name] for name in ("lesion", "connectivity", "label", "tolerance_mm") if name in words}
    settings = EvaluationSettings(**given, strata=strata_of(words.get("strata")))
    resampling = Resampling(**{name: words[name] for name in ("replicates", "seed") if name in words})
    return Request(settings, resampling, words.get("group"), bool(words.get("force")))


def strata_of(text: str | None) -> Strata:
    """Classes of volume from their limits in mL, such as ``1,3,10,30``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when they are not rising numbers above 0.
    """
    if text is None:
        return BY_VOLUME
    try:
        limits = tuple(float(part) for part in text.split(","))
    except ValueError:
        limits = ()
    if not limits or any(not low < high for low, high in zip((0.0, *limits), limits, strict=False)):
        raise LymphoscopeError("USE-E-VALUE", "limits are rising numbers above 0", "--strata", "Write --strata 1,3,10.")
    return Strata(BY_VOLUME.name, BY_VOLUME.unit, limits)
