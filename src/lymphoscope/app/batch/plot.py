"""A small plot of one quantity over a cohort: a histogram over a row of marks, one a study, as shapes for an SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lymphoscope.app.batch.spread import Spread
from lymphoscope.core import shown

WIDTH, HEIGHT = 380, 150
_LEFT, _RIGHT, _TOP, _FLOOR, _MARKS, _LABELS = 14.0, 366.0, 10.0, 96.0, 110.0, 138.0
_MOST_BARS, _MOST_TICKS = 20, 6
_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Mark:
    """One study: its place, its case, and what is said of it."""

    x: str
    case: str
    words: str
    far: bool


@dataclass(frozen=True)
class Plot:
    """Shapes in pixels from the top left, numbers as strings.

    Attributes:
        bars: (x, y, width, height) of the histogram's bars.
        marks: One a study.
        ticks: (x, label) of the axis.
        limits: x of the limits, where they lie in the range.
        median: x of the median.
        levels: y of the histogram's floor, the marks and the labels.
    """

    bars: tuple[tuple[str, str, str, str], ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    median: str
    levels: tuple[str, str, str] = (f"{_FLOOR:g}", f"{_MARKS:g}", f"{_LABELS:g}")


def plot(found: Spread) -> Plot | None:
    """Lay out the plot of a quantity; None when no study has it."""
    if not found.points:
        return None
    quantity, values = found.quantity, [point.value for point in found.points]
    low, high = _range(values, quantity.log)
    scale: Callable[[float], float] = math.log10 if quantity.log else float

    def across(value: float) -> float:
        part = (scale(value) - scale(low)) / (scale(high) - scale(low))
        return _LEFT + part * (_RIGHT - _LEFT)

    marks = tuple(
        Mark(_px(across(p.value)), p.case, shown.with_unit(p.value, quantity.unit, detail=True), p.far)
        for p in found.points
    )
    limits = tuple(_px(across(limit)) for limit in quantity.limits or () if low <= limit <= high)
    ticks = tuple((_px(across(t)), f"{t:g}") for t in _ticks(low, high, quantity.log))
    return Plot(_bars([across(v) for v in values]), marks, ticks, limits, _px(across(found.quartiles[1])))


def _bars(places: list[float]) -> tuple[tuple[str, str, str, str], ...]:
    count = min(_MOST_BARS, max(5, math.ceil(2 * math.sqrt(len(places)))))
    numbers, edges = np.histogram(places, bins=count, range=(_LEFT, _RIGHT))
    step = (_FLOOR - _TOP) / max(1, int(numbers.max()))
    return tuple(
        (_px(edge + 0.5), _px(_FLOOR - number * step), _px(edges[1] - edges[0] - 1), _px(number * step))
        for number, edge in zip(numbers, edges, strict=False)
        if number
    )


def _range(values: list[float], log: bool) -> tuple[float, float]:
    """Ends of the axis, a little beyond the values."""
    low, high = min(values), max(values)
    if log:
        return low / 1.15, high * 1.15
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Round numbers within a range, few enough to be read."""
    if log and high / low > 4:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for steps in (_STEPS, (1.0, 3.0), (1.0,)):
            found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
            if len(found) <= _MOST_TICKS:
                break
        return found[:: math.ceil(len(found) / _MOST_TICKS)] if found else []
    rough = (high - low) / (_MOST_TICKS - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in (*_STEPS, 10.0) if s * size >= rough)
    first = math.ceil(low / step)
    return [round(n * step, 9) for n in range(first, math.floor(high / step) + 1)]


def _px(value: float) -> str:
    return f"{value:.1f}"
