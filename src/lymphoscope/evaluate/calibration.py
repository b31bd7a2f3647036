"""Whether a probability means what it says: reliability, Brier score, slope and intercept, net benefit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BINS = 10
_EDGE = 1e-6
_MOST_STEPS = 50


@dataclass(frozen=True, eq=False)
class Reliability:
    """Sums over equal bins of probability, so that cases can be added up.

    Attributes:
        n: Cases (or voxels) of each bin.
        probability: Sum of their probabilities.
        events: How many of them were events.
        squares: Sum of (p − y)² over all bins.
    """

    n: NDArray[np.int64]
    probability: Floats
    events: NDArray[np.int64]
    squares: float

    @classmethod
    def of(cls, probability: ArrayLike, event: ArrayLike, bins: int = BINS) -> Reliability:
        """Sort probabilities into bins of equal width; 1 belongs to the last.

        Args:
            probability: 0–1, any shape.
            event: What happened, of the same shape.
            bins: Number of bins.
        """
        p, y = np.asarray(probability, np.float64).ravel(), np.asarray(event, bool).ravel()
        at = np.clip((p * bins).astype(np.intp), 0, bins - 1)
        return cls(
            np.bincount(at, minlength=bins),
            np.asarray(np.bincount(at, p, bins), dtype=np.float64),
            np.bincount(at[y], minlength=bins),
            float(np.square(p - y).sum()),
        )

    def __add__(self, other: Reliability) -> Reliability:
        """Join two sets of cases."""
        return Reliability(
            self.n + other.n, self.probability + other.probability, self.events + other.events,
            self.squares + other.squares,
        )  # fmt: skip

    @property
    def curve(self) -> tuple[tuple[float, float, int], ...]:
        """Mean probability, share of events and number, of each bin that has any."""
        full = np.flatnonzero(self.n)
        return tuple(
            (float(self.probability[b] / self.n[b]), float(self.events[b] / self.n[b]), int(self.n[b])) for b in full
        )

    @property
    def expected_calibration_error(self) -> float | None:
        """Mean |share of events − mean probability| over the bins, weighted by their number; None without any."""
        total = int(self.n.sum())
        return float(np.abs(self.events - self.probability).sum()) / total if total else None

    @property
    def brier(self) -> float | None:
        """Mean (p − y)²; None without any."""
        total = int(self.n.sum())
        return self.squares / total if total else None


@dataclass(frozen=True)
class Recalibration:
    """Logistic recalibration: logit P(event) = intercept + slope · logit p. Ideal: 0 and 1."""

    slope: float
    intercept: float


def recalibration(probability: ArrayLike, event: ArrayLike) -> Recalibration | None:
    """Fit calibration slope and intercept by maximum likelihood (Newton's method).

    Args:
        probability: (n,), 0–1; 0 and 1 are drawn in by 1e-6.
        event: (n,).

    Returns:
        The fit, or None where there is none: one class only, one probability only, or classes that the
        probability separates fully.

    Reference:
        Cox, Biometrika 1958;45:562.
    """
    p, y = np.clip(np.asarray(probability, np.float64), _EDGE, 1 - _EDGE), np.asarray(event, bool)
    x = np.log(p) - np.log1p(-p)
    if not p.size or y.all() or not y.any() or not np.ptp(x) or _separated(x, y):
        return None
    design, beta = np.stack([np.ones_like(x), x], axis=1), np.zeros(2)
    for _ in range(_MOST_STEPS):
        fitted = 1 / (1 + np.exp(-design @ beta))
        weight = fitted * (1 - fitted)
        step = np.linalg.lstsq((design * weight[:, None]).T @ design, design.T @ (y - fitted), rcond=None)[0]
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            return Recalibration(float(beta[1]), float(beta[0]))
    return None


def _separated(x: Floats, y: NDArray[np.bool_]) -> bool:
    return bool(x[y].min() >= x[~y].max() or x[y].max() <= x[~y].min())


def net_benefit(probability: ArrayLike, event: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Decision curve: TP/n − FP/n · t/(1 − t) of acting where p ≥ t, at each threshold t in (0, 1).

    Reference:
        Vickers and Elkin, Med Decis Making 2006;26:565.
    """
    p, y, t = np.asarray(probability, np.float64), np.asarray(event, bool), np.asarray(thresholds, np.float64)
    act = p[None, :] >= t[:, None]
    true, false = (act & y).sum(axis=1), (act & ~y).sum(axis=1)
    return np.asarray((true - false * t / (1 - t)) / max(1, p.size))
