"""Numbers as people read them: one rule per unit, so that page, paper and record show the same string.

Decisions are taken on unrounded values; where rounding would make a number contradict a decision, more digits are
shown. What has no value is shown as a dash with its reason, never as 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lymphoscope.core.measure import Measure

NONE = "–"
"""What stands for a number that is not there."""

MINUS = "\u2212"
THIN_SPACE = "\u202f"
"""The thin space that does not break, so that no number is torn apart at the end of a line."""

_MORE_DIGITS = 6
NEAR = 0.05
"""A value within this fraction of a printed cut-off says so."""


@dataclass(frozen=True)
class CutOff:
    """A limit that something is decided by.

    Attributes:
        at: The limit, in the unit of the value.
        inclusive: True where the limit itself is on the upper side (``≥``), False for ``>``.
        name: The limit in words.
    """

    at: float
    inclusive: bool = True
    name: str = ""

    def met(self, value: float) -> bool:
        """True where the value is on the upper side."""
        return value >= self.at if self.inclusive else value > self.at

    def near(self, value: float) -> bool:
        """True where the value is within 5 % of the limit, either side."""
        return abs(value - self.at) <= (NEAR + 1e-9) * abs(self.at)


@dataclass(frozen=True)
class _Digits:
    """How many digits: decimals, or significant figures; finer below a limit."""

    decimals: int = 0
    significant: int = 0
    finer_below: float = 0.0

    def write(self, value: float, more: int) -> str:
        """Round and write, with `more` digits than the rule says."""
        if self.significant and value:
            magnitude = math.floor(math.log10(abs(float(f"{value:.{self.significant + more - 1}e}"))))
            places = min(self.significant + more - 1 - magnitude, _MORE_DIGITS)
            return f"{round(value, places):.{max(0, places)}f}"
        return f"{value:.{self.decimals + (abs(value) < self.finer_below) + more}f}"


@dataclass(frozen=True)
class _Style:
    front: _Digits
    detail: _Digits
    written: str


def _style(written: str, front: _Digits, detail: _Digits | None = None) -> _Style:
    return _Style(front, detail or front, written)


_STYLES = MappingProxyType(
    {
        "mL": _style("mL", _Digits(0, finer_below=10.0), _Digits(1)),
        "g": _style("g", _Digits(significant=3), _Digits(0, finer_below=100.0)),
        "g/mL": _style("g/mL", _Digits(1), _Digits(2)),
        "cm": _style("cm", _Digits(1)),
        "mm": _style("mm", _Digits(1)),
        "m-1": _style("m⁻¹", _Digits(2)),
        "cm2": _style("cm²", _Digits(1)),
        "cm-1": _style("cm⁻¹", _Digits(2)),
        "1": _style("", _Digits(2)),
        "%": _style("%", _Digits(0)),
        "min": _style("min", _Digits(0)),
        "mmol/L": _style("mmol/L", _Digits(1)),
        "MBq": _style("MBq", _Digits(0)),
        "MBq/kg": _style("MBq/kg", _Digits(1)),
        "kg": _style("kg", _Digits(1)),
        "m": _style("m", _Digits(2)),
        "s": _style("s", _Digits(1)),
        "HU": _style("HU", _Digits(0)),
    }
)
_OTHER = _style("", _Digits(2))


def number(value: float | int | None, unit: str = "1", *, detail: bool = False, cutoffs: Sequence[CutOff] = ()) -> str:
    """Write a number without its unit.

    Args:
        value: The unrounded number; None and not finite are shown as a dash.
        unit: Its UCUM-like unit, which chooses the digits.
        detail: True for the details' finer digits, False for page 1.
        cutoffs: Limits the number was compared with; digits are added until the number shown lies on the same
            side of each.

    Returns:
        The string, with a real minus sign and thin spaces between thousands.
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0 or (isinstance(value, int) and _counts(unit)):
        return grouped(f"{int(value)}")
    style = _STYLES.get(unit, _OTHER)
    digits = style.detail if detail else style.front
    text = digits.write(value, 0)
    for more in range(1, _MORE_DIGITS + 1):
        if all(cutoff.met(float(text)) == cutoff.met(value) for cutoff in cutoffs):
            break
        text = digits.write(value, more)
    return grouped(text)


def _counts(unit: str) -> bool:
    """True for no unit, or an annotation such as ``{lesions}``, which UCUM reads as 1."""
    return unit == "1" or unit.startswith("{")


def grouped(text: str) -> str:
    """A plain decimal string with thin spaces between thousands and a real minus sign; no minus before zero."""
    whole, point, fraction = text.removeprefix("-").partition(".")
    negative = text.startswith("-") and any(c not in "0." for c in text[1:])
    return (MINUS if negative else "") + f"{int(whole):,}".replace(",", THIN_SPACE) + point + fraction


def unit_written(unit: str) -> str:
    """The unit as printed: ``m⁻¹`` for ``m-1``, nothing for ``1``."""
    return "" if _counts(unit) else _STYLES[unit].written if unit in _STYLES else unit


def with_unit(
    value: float | int | None, unit: str = "1", *, detail: bool = False, cutoffs: Sequence[CutOff] = ()
) -> str:
    """Write a number with its unit, such as ``312 mL``; a dash stands without a unit."""
    text = number(value, unit, detail=detail, cutoffs=cutoffs)
    written = unit_written(unit)
    return text if text == NONE or not written else f"{text} {written}"


def measure(item: Measure, *, detail: bool = False, cutoffs: Sequence[CutOff] = (), unit: bool = True) -> str:
    """Write a measure's value; text values stand as they are, missing ones as a dash (the reason is `Measure.why`)."""
    if isinstance(item.value, str):
        return item.value
    write = with_unit if unit else number
    return write(item.value, item.unit, detail=detail, cutoffs=cutoffs)


def with_reason(text: str, why: str) -> str:
    """A shown string, and behind a dash the reason for it."""
    return f"{NONE} ({why})" if text == NONE and why else text


def interval(low: float, high: float, unit: str, *, detail: bool = False) -> str:
    """Write a range such as ``285–341 mL``."""
    ends = "–".join(number(end, unit, detail=detail) for end in (low, high))
    return f"{ends} {unit_written(unit)}".rstrip()


def percent(part: float | None, whole: float | None) -> str:
    """Write a part of a whole, such as ``94 %``; a dash where the whole is 0 or either is unknown."""
    if part is None or not whole:
        return NONE
    return f"{number(100.0 * part / whole, '%')} %"


def change(value: float | None, unit: str = "%") -> str:
    """Write a difference with its sign, such as ``+12 %`` or ``−25 %``."""
    text = with_unit(value, unit)
    return text if text == NONE or text.startswith(MINUS) or value == 0 else f"+{text}"
