"""The metabolic index IMPI as a hazard ratio; a probability only from parameters that someone typed from the paper."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.score_inputs import Facts
from lymphoscope.prognosis.scores import IMPI_KNOT_ML, IMPI_METHOD, Scored, compute

REFERENCE: Facts = {"mtv_ml": IMPI_KNOT_ML, "age_years": 62.0, "stage": 3.0, "mtv_method": IMPI_METHOD}
"""The patient that hazard ratios are relative to: MTV 307.9 mL, 62 years, stage III."""


def hazard_ratio(scored: Scored) -> float | None:
    """Hazard relative to the `REFERENCE` patient; None where IMPI is not computable."""
    middle = compute("impi", REFERENCE).value
    return None if scored.value is None or middle is None else math.exp(scored.value - middle)


@dataclass(frozen=True)
class Parameters:
    """Baseline survival of IMPI, as typed from a paper.

    Attributes:
        version: Of the file.
        typed_by: Who typed it.
        source: The paper, with table or page.
        endpoint: Such as ``PFS``.
        centre: Linear predictor at which the baseline stands.
        survival: Baseline survival by years.
    """

    version: str
    typed_by: str
    source: str
    endpoint: str
    centre: float
    survival: Mapping[float, float]

    def at(self, scored: Scored) -> dict[float, float]:
        """Survival of a patient by years: S0(t)^exp(LP − centre); empty where IMPI is not computable."""
        if scored.value is None:
            return {}
        power = math.exp(scored.value - self.centre)
        return {years: s**power for years, s in self.survival.items()}


def read_parameters(text: str) -> Parameters:
    """Read a parameter file: JSON with the names of `Parameters`.

    Raises:
        LymphoscopeError: ``PROG-E-PARAMETERS`` when it is not one, lacks version, person or source, or holds what
            cannot be a baseline survival.
    """
    try:
        found = json.loads(text)
        words = {name: str(found[name]).strip() for name in ("version", "typed_by", "source", "endpoint")}
        centre = float(found["centre"])
        survival = dict(sorted((float(years), float(s)) for years, s in found["survival"].items()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LymphoscopeError("PROG-E-PARAMETERS", "it does not hold what a parameter file holds") from None
    empty = [name for name, word in words.items() if not word]
    if empty:
        raise LymphoscopeError("PROG-E-PARAMETERS", f"{empty[0]} is empty")
    steps = list(survival.values())
    falls = all(first >= second for first, second in pairwise(steps))
    if not steps or not falls or not all(0 < s <= 1 for s in steps) or not math.isfinite(centre):
        raise LymphoscopeError("PROG-E-PARAMETERS", "its survival does not fall from 1 towards 0")
    return Parameters(**words, centre=centre, survival=survival)
