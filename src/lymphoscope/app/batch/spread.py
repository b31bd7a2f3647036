"""How a quantity is spread over a cohort, and which studies lie far out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lymphoscope.app.batch.table import Row
from lymphoscope.app.batch.work import MEASURED

FAR = 3.5
"""A robust z beyond this is an outlier.

Reference: Iglewicz and Hoaglin, How to detect and handle outliers, ASQC 1993.
"""
_SIGMA_PER_MAD = 0.6744897501960817
"""Upper quartile of the standard normal distribution."""
_EQUAL = 1e-3
FEWEST = 8
"""With fewer studies nobody is called an outlier."""


@dataclass(frozen=True)
class Quantity:
    """A quantity that is shown for the cohort.

    Attributes:
        column: Its column in the table.
        name: In words.
        unit: Its unit.
        log: Judged and drawn by its logarithm; volumes and uptake are skewed to the right.
        limits: The range within which the main job does not warn, or None.
    """

    column: str
    name: str
    unit: str
    log: bool = False
    limits: tuple[float, float] | None = None


QUANTITIES = (
    Quantity("tmtv_ml", "TMTV", "mL", log=True),
    Quantity("tlg_g", "TLG", "g", log=True),
    Quantity("suvmax", "SUVmax", "g/mL", log=True),
    Quantity("dmax_cm", "Dmax (centroid)", "cm"),
    Quantity("liver_mean", "Liver SUVmean", "g/mL", limits=(1.3, 3.0)),
    Quantity("uptake_min", "Uptake time", "min", limits=(45.0, 110.0)),
)


@dataclass(frozen=True)
class Point:
    """One study's value; `z` is its robust z, None where there is no saying."""

    case: str
    value: float
    z: float | None

    @property
    def far(self) -> bool:
        """Whether it is an outlier."""
        return self.z is not None and abs(self.z) > FAR


@dataclass(frozen=True)
class Spread:
    """The values of one quantity.

    Attributes:
        quantity: Which.
        points: Studies with a value that can be drawn, by value.
        zeros: Number of studies with 0 that a logarithm has no place for.
        missing: Number of measured studies without a value.
        quartiles: Lower quartile, median and upper quartile of the points; NaN without any.
    """

    quantity: Quantity
    points: tuple[Point, ...]
    zeros: int
    missing: int
    quartiles: tuple[float, float, float]


def spread(quantity: Quantity, made: Iterable[Row]) -> Spread:
    """Gather one quantity over the measured studies."""
    measured = [row for row in made if row.status == MEASURED]
    values = [(value, row.case) for row in measured if (value := row.number(quantity.column)) is not None]
    drawn = sorted(pair for pair in values if pair[0] > 0 or not quantity.log)
    z = robust_z([value for value, _ in drawn], quantity.log)
    points = tuple(Point(case, value, one) for (value, case), one in zip(drawn, z, strict=True))
    quartiles = np.quantile([p.value for p in points], (0.25, 0.5, 0.75)) if points else np.full(3, np.nan)
    return Spread(
        quantity, points, len(values) - len(drawn), len(measured) - len(values),
        (float(quartiles[0]), float(quartiles[1]), float(quartiles[2])),
    )  # fmt: skip


def robust_z(values: Sequence[float], log: bool) -> list[float | None]:
    """Distance from the median in robust standard deviations, 0.6745 (x − median) / MAD.

    Args:
        values: The values; positive ones with `log`.
        log: Take logarithms first.

    Returns:
        One number a value; None for all of fewer than `FEWEST`, or where half of them are equal to a thousandth.
    """
    known = np.array([math.log(v) if log else v for v in values])
    if len(known) < FEWEST:
        return [None] * len(known)
    median = float(np.median(known))
    away = known - median
    mad = float(np.median(np.abs(away)))
    differ = mad > _EQUAL * (1.0 if log else abs(median))
    return [float(_SIGMA_PER_MAD * a / mad) for a in away] if differ else [None] * len(known)
