"""Facts the user replaces: where they can act, and how they are said."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.pet_series import WHERE
from lymphoscope.io.suv_facts import SuvFacts, SuvOverrides
from lymphoscope.io.suv_times import CONFLICT_S
from lymphoscope.io.suv_uptake import Timing

SCAN_FACTS = frozenset({"weight_kg", "dose_mbq", "injection_time", "reference_time"})
"""What SUV by body weight is made of, by name in `SuvOverrides`."""


def replaced(facts: SuvFacts, timing: Timing, overrides: SuvOverrides) -> frozenset[str]:
    """Names of the overrides that contradict a usable value of the header."""
    rows = _rows(facts, timing, overrides)
    return frozenset(name for name, header, given in rows if header is not None and _differ(header, given))


def refuse_baked(baked: Collection[str], facts: SuvFacts, timing: Timing, overrides: SuvOverrides) -> None:
    """Refuse an override that contradicts a fact which the values were already divided by.

    Raises:
        LymphoscopeError: ``SUV-E-OVERRIDE``.
    """
    for name in sorted(replaced(facts, timing, overrides) & frozenset(baked)):
        what = f"the values are SUV already, computed from another {_SPOKEN[name]}"
        raise LymphoscopeError("SUV-E-OVERRIDE", what, WHERE)


def say_overrides(
    baked: Collection[str], facts: SuvFacts, timing: Timing, overrides: SuvOverrides, notes: Notes
) -> tuple[str, ...]:
    """Note each override, and give them as the audit has them."""
    said = []
    for name, header, given in _rows(facts, timing, overrides):
        found = "nothing usable" if header is None else _shown(header)
        line = f"{name}: {found} in the header, {_shown(given)} given"
        said.append(line)
        effect = " (SUV does not use it, the values being SUV already)" if name in baked else ""
        notes.add("SUV-W-OVERRIDE", line + effect)
    return tuple(said)


_SPOKEN = {
    "weight_kg": "weight",
    "height_m": "height",
    "sex": "sex",
    "dose_mbq": "activity",
    "injection_time": "injection time",
    "reference_time": "decay reference",
}


def _rows(facts: SuvFacts, timing: Timing, overrides: SuvOverrides) -> list[tuple[str, Any, Any]]:
    """Overrides that were given: name, value of the header or None, value given."""
    dose_bq = facts.dose_bq.header
    rows: list[tuple[str, Any, Any]] = [
        ("weight_kg", facts.weight_kg.header, overrides.weight_kg),
        ("height_m", facts.height_m.header, overrides.height_m),
        ("sex", facts.sex_header, overrides.sex),
        ("dose_mbq", None if dose_bq is None else dose_bq / 1e6, overrides.dose_mbq),
        ("injection_time", timing.injection.header, timing.clocks.local(overrides.injection_time)),
        ("reference_time", timing.reference.header, timing.clocks.local(overrides.reference_time)),
    ]
    return [(name, header, given) for name, header, given in rows if given is not None]


def _differ(header: Any, given: Any) -> bool:
    """Whether two values of one fact are not the same but for rounding."""
    if isinstance(given, datetime):
        return bool(abs((header - given).total_seconds()) > CONFLICT_S)
    if isinstance(given, str):
        return bool(header != given)
    return bool(abs(header - given) > 1e-3 * abs(given))


def _shown(value: Any) -> str:
    """A value as text."""
    return (
        value.isoformat(sep=" ")
        if isinstance(value, datetime)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
