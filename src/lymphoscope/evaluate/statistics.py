"""Uncertainty over patients: bootstrap intervals, paired tests, and Holm's correction for testing many times."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Statistic = Callable[[Rows], float | None]
"""A number of some rows (cases, lesions), given by their indices, which may repeat; None where it is not defined."""

REPLICATES = 2000
SEED = 20261
_EXACT_UP_TO = 12
_PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Interval:
    """A number with its bootstrap interval and how that was made.

    Attributes:
        value: Of all rows; None where it is not defined.
        low: Lower end; None where the bootstrap could not be made.
        high: Upper end.
        method: ``percentile`` or ``bca``.
        level: Such as 0.95.
        replicates: Replicates in which the number was defined.
        seed: Of the random generator.
        patients: Units that were resampled.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str
    level: float
    replicates: int
    seed: int
    patients: int


@dataclass(frozen=True)
class Resampling:
    """How a bootstrap is made.

    Attributes:
        replicates: Number of replicates.
        seed: Of the random generator, stored with each interval.
        level: Of the interval.
        method: ``bca`` (bias corrected and accelerated, by leaving patients out) or ``percentile``.
    """

    replicates: int = REPLICATES
    seed: int = SEED
    level: float = 0.95
    method: str = "bca"


def bootstrap(statistic: Statistic, groups: Sequence[Hashable], how: Resampling | None = None) -> Interval:
    """Interval of a number by resampling patients with everything that belongs to each.

    Args:
        statistic: The number, of row indices.
        groups: The patient of each row; rows of one patient stay together.
        how: Replicates, seed and method.

    Returns:
        The interval; without ends where fewer than 2 patients, or fewer than half of the replicates, give a number.
        Where BCa is not defined (no spread among the replicates or the leave-one-outs) the percentiles stand.

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 14; specification E4.
    """
    how = how or Resampling()
    members = _members(groups)
    value = statistic(np.arange(len(groups)))
    if value is None or len(members) < 2:
        return Interval(value, None, None, how.method, how.level, 0, how.seed, len(members))
    rng = np.random.default_rng(how.seed)
    drawn = rng.integers(0, len(members), size=(how.replicates, len(members)))
    found = [statistic(np.concatenate([members[m] for m in row])) for row in drawn]
    made = np.array([f for f in found if f is not None], dtype=np.float64)
    if made.size < max(2, how.replicates / 2):
        return Interval(value, None, None, how.method, how.level, made.size, how.seed, len(members))
    tails, method = np.array([(1 - how.level) / 2, (1 + how.level) / 2]), how.method
    if method == "bca":
        corrected = _bca_tails(tails, value, made, _left_out(statistic, members))
        tails, method = (tails, "percentile") if corrected is None else (corrected, method)
    low, high = np.quantile(made, tails)
    return Interval(value, float(low), float(high), method, how.level, made.size, how.seed, len(members))


def _members(groups: Sequence[Hashable]) -> list[Rows]:
    """Rows of each patient, patients in the order they come."""
    found: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        found.setdefault(group, []).append(row)
    return [np.array(rows, dtype=np.intp) for rows in found.values()]


def _left_out(statistic: Statistic, members: Sequence[Rows]) -> Floats:
    """The number without each patient in turn."""
    everyone = np.concatenate(list(members))
    found = [statistic(everyone[~np.isin(everyone, rows)]) for rows in members]
    return np.array([f for f in found if f is not None], dtype=np.float64)


def _bca_tails(tails: Floats, value: float, made: Floats, left_out: Floats) -> Floats | None:
    """The percentiles that BCa takes instead; None where they are not defined."""
    below = (np.count_nonzero(made < value) + 0.5 * np.count_nonzero(made == value)) / made.size
    off = left_out.mean() - left_out if left_out.size else np.zeros(1)
    spread = float(np.square(off).sum())
    if not 0 < below < 1 or spread <= 0:
        return None
    acceleration = float((off**3).sum()) / (6 * spread**1.5)
    bias = float(stats.norm.ppf(below))
    z = bias + stats.norm.ppf(tails)
    return np.asarray(stats.norm.cdf(bias + z / (1 - acceleration * z)), dtype=np.float64)


def by_group(values: Sequence[float | None], groups: Sequence[Hashable]) -> dict[Hashable, float]:
    """Mean of the defined values of each patient; a patient without any is left out."""
    rows = {group: [values[r] for r in range(len(values)) if groups[r] == group] for group in dict.fromkeys(groups)}
    defined = {group: [v for v in mine if v is not None] for group, mine in rows.items()}
    return {group: float(np.mean(mine)) for group, mine in defined.items() if mine}


@dataclass(frozen=True)
class PairedTest:
    """Two systems on the same patients.

    Attributes:
        n: Patients.
        difference: Mean of first minus second.
        wilcoxon_p: Two-sided signed-rank p; 1 where no patient differs.
        permutation_p: Two-sided p of the mean difference under exchange of signs.
        exact: Whether all exchanges were taken (up to 12 patients), or 10 000 at random.
    """

    n: int
    difference: float
    wilcoxon_p: float
    permutation_p: float
    exact: bool


def paired_test(first: ArrayLike, second: ArrayLike, seed: int = SEED) -> PairedTest | None:
    """Test whether two systems differ on the same patients.

    Args:
        first: One number a patient.
        second: Of the same patients in the same order.
        seed: For random exchanges.

    Returns:
        Both tests, or None without patients.
    """
    d = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if not d.size:
        return None
    wilcoxon = float(stats.wilcoxon(d).pvalue) if d.any() else 1.0
    exact = d.size <= _EXACT_UP_TO
    if exact:
        signs = 1 - 2 * ((np.arange(2**d.size)[:, None] >> np.arange(d.size)) & 1)
    else:
        signs = 1 - 2 * np.random.default_rng(seed).integers(0, 2, size=(_PERMUTATIONS, d.size))
    as_far = np.count_nonzero(np.abs(signs @ d) >= abs(d.sum()) * (1 - 1e-12))
    p = as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)
    return PairedTest(d.size, float(d.mean()), wilcoxon, min(1.0, p), exact)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number by Holm's step-down method, in their order.

    Reference:
        Holm, Scand J Stat 1979;6:65.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(a) for a in adjusted]
