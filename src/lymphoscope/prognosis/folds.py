"""Folds over patients, each with its share of events."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.core.errors import LymphoscopeError

COUNT, SEED = 5, 12345
"""As the folds that networks are trained in."""

Folds = NDArray[np.intp]


def stratified(values: Sequence[Hashable], count: int = COUNT, seed: int = SEED) -> Folds:
    """Deal patients to folds so that each value is as frequent in one fold as in another, but for 1.

    The rule is that of the folds of `lymphoscope train --stratify`: shuffled, then dealt value by value. Patients in
    the same order with the same seed come to the same folds.

    Args:
        values: The outcome (or any class) of each patient.
        count: Folds.
        seed: Of the shuffling.

    Returns:
        (n,), fold of each patient, from 0.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for fewer patients than folds.
    """
    if not 2 <= count <= len(values):
        raise LymphoscopeError("USE-E-VALUE", f"{len(values)} patients cannot be divided into {count} folds")
    order = np.arange(len(values))
    np.random.RandomState(seed).shuffle(order)
    kinds = sorted(set(values), key=str)
    dealt = sorted(order.tolist(), key=lambda row: kinds.index(values[row]))
    fold = np.empty(len(values), np.intp)
    for place, row in enumerate(dealt):
        fold[row] = place % count
    return fold


def fold_table(event: ArrayLike, fold: ArrayLike) -> list[tuple[int, int]]:
    """Patients with and without event in each fold."""
    y, of = np.asarray(event, bool), np.asarray(fold)
    return [(int((y & (of == f)).sum()), int((~y & (of == f)).sum())) for f in np.unique(of)]
