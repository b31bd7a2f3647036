"""What clinical scores are computed from: names, units, and what a value can be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lymphoscope.core.errors import LymphoscopeError

Facts = Mapping[str, float | str | None]
"""Facts of one patient by name; what is not known is absent, None or NaN."""


@dataclass(frozen=True)
class Input:
    """One fact.

    Attributes:
        title: In words.
        unit: Of the value; empty for a number without one.
        low: Smallest possible value.
        high: Largest possible value.
        hint: What may have been meant by a value outside.
        whole: Whether it is a whole number.
    """

    title: str
    unit: str
    low: float
    high: float
    hint: str = ""
    whole: bool = False

    def checked(self, name: str, value: float) -> float:
        """The value if it is possible.

        Raises:
            LymphoscopeError: ``PROG-E-SCORE``, with what may have been meant.
        """
        if self.low <= value <= self.high and not (self.whole and value % 1):
            return value
        kind = "a whole number" if self.whole else "a number"
        what = f"{name} is {value:g}, not {kind} from {self.low:g} to {self.high:g} {self.unit}".rstrip()
        raise LymphoscopeError("PROG-E-SCORE", what, fix=self.hint)


def _sign(title: str) -> Input:
    return Input(title, "", 0, 1, "Write 1 for yes, 0 for no.", whole=True)


INPUTS: Mapping[str, Input] = MappingProxyType(
    {
        "age_years": Input("age", "years", 0, 120),
        "male": _sign("male sex"),
        "ecog": Input("ECOG performance status", "", 0, 4, whole=True),
        "stage": Input("Ann Arbor stage", "", 1, 4, "Write I, II, III, IV as 1, 2, 3, 4.", whole=True),
        "ldh_ratio": Input(
            "LDH over the laboratory's upper limit of normal", "", 0.05, 50, "Divide LDH in U/L by its upper limit."
        ),
        "extranodal_sites": Input("number of extranodal sites", "", 0, 30, whole=True),
        "extranodal_major": _sign("marrow, CNS, liver, gastrointestinal tract or lung involved"),
        "nodal_areas": Input("number of nodal areas on the FLIPI map", "", 0, 9, whole=True),
        "hb_g_dl": Input("haemoglobin", "g/dL", 2, 25, "Haemoglobin in g/L is divided by 10, in mmol/L times 1.611."),
        "b2m_ratio": Input(
            "β2-microglobulin over its upper limit of normal", "", 0.05, 100, "Divide it by its upper limit."
        ),
        "marrow_involved": _sign("marrow involved"),
        "largest_node_cm": Input(
            "longest diameter of the largest node", "cm", 0, 60, "Diameter in mm is divided by 10."
        ),
        "wbc_1e9_l": Input("white cells", "10⁹/L", 0.05, 600, "White cells per µL are divided by 1000."),
        "ki67_percent": Input("Ki-67", "%", 0, 100),
        "albumin_g_l": Input("albumin", "g/L", 6, 80, "Albumin in g/dL is taken times 10."),
        "lymphocytes_1e9_l": Input("lymphocytes", "10⁹/L", 0, 600, "Lymphocytes per µL are divided by 1000."),
        "lymphocytes_percent": Input("lymphocytes", "% of white cells", 0, 100),
        "mtv_ml": Input("metabolic tumour volume", "mL", 0, 30000),
    }
)
"""Numbers that scores take. ``mtv_method``, the method the volume was measured by, is a word."""

METHOD = "mtv_method"


def known(facts: Facts, name: str) -> bool:
    """Whether a fact is there."""
    value = facts.get(name)
    return not (value is None or value == "" or (isinstance(value, float) and math.isnan(value)))


def checked(facts: Facts) -> Facts:
    """The facts that scores know, each possible.

    Raises:
        LymphoscopeError: ``PROG-E-SCORE`` for a value that cannot be.
    """
    numbers = {
        name: entry.checked(name, float(facts[name] or 0.0)) for name, entry in INPUTS.items() if known(facts, name)
    }
    return {**numbers, METHOD: facts.get(METHOD) or None}
