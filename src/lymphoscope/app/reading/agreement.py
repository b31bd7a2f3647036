"""How two readers agree on a case, and whether it goes to an adjudicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphoscope.app.reading.case import Version
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading, Voxels
from lymphoscope.evaluate.agreement import BlandAltman, Difference, Icc, bland_altman, concordance, correlation, icc

WITHIN_PERCENT, WITHIN_ML = 10.0, 10.0
"""Limits of agreement of the benchmark: 10 % or 10 mL."""


@dataclass(frozen=True)
class Agreement:
    """How two readers agree over many cases; None where there are too few.

    Attributes:
        n: Cases.
        within: Share that differs by at most 10 % or 10 mL.
        bias_ml: Mean difference, first minus second, mL, with limits of agreement.
        ratio: The same of logarithms, as a ratio.
        icc: Intraclass correlation (2,1) with its 95 % interval.
        ccc: Lin's concordance.
        spearman: Rank correlation.
    """

    n: int
    within: float | None
    bias_ml: BlandAltman | None
    ratio: BlandAltman | None
    icc: Icc | None
    ccc: float | None
    spearman: float | None


def agreement_figures(pairs: Sequence[tuple[str, float, float]]) -> Agreement:
    """Agreement over cases.

    Args:
        pairs: Case, first reader's TMTV and second reader's, mL.
    """
    a, b = [p[1] for p in pairs], [p[2] for p in pairs]
    return Agreement(
        n=len(pairs),
        within=1.0 - sum(needs_adjudicator(*two) for two in zip(a, b, strict=True)) / len(pairs) if pairs else None,
        bias_ml=bland_altman(a, b),
        ratio=bland_altman(a, b, Difference.LOG),
        icc=icc(np.column_stack((a, b))) if len(pairs) > 1 else None,
        ccc=concordance(a, b),
        spearman=correlation(a, b, rank=True),
    )


def compare(one: Version, two: Version) -> dict[str, Any]:
    """Compare two signed versions.

    Args:
        one: A reader's version.
        two: Another's.

    Returns:
        Volumes, their difference in mL and in percent of their mean, Dice, the volume that only one counts, and
        whether the case needs an adjudicator: where they differ by 10 % and by 10 mL.

    Raises:
        LymphoscopeError: ``READ-E-SIGN`` while one of them is a draft.

    Reference:
        Boellaard 2024, JNM 65:1343 (limits).
    """
    if one.signature is None or two.signature is None:
        raise LymphoscopeError("READ-E-SIGN", "versions are compared when both are signed")
    voxel_ml = one.case.kept.study.pet.geometry.voxel_ml
    a, b = _counted(one.now), _counted(two.now)
    both = np.intersect1d(a, b, assume_unique=True).size
    difference = (a.size - b.size) * voxel_ml
    mean = (a.size + b.size) / 2 * voxel_ml
    percent = 100.0 * difference / mean if mean else 0.0
    return {
        "a_ml": a.size * voxel_ml,
        "b_ml": b.size * voxel_ml,
        "difference_ml": difference,
        "difference_percent": percent,
        "dice": 2.0 * both / (a.size + b.size) if a.size + b.size else 1.0,
        "only_a_ml": (a.size - both) * voxel_ml,
        "only_b_ml": (b.size - both) * voxel_ml,
        "adjudicate": needs_adjudicator(a.size * voxel_ml, b.size * voxel_ml),
    }


def needs_adjudicator(a_ml: float, b_ml: float) -> bool:
    """True where two volumes differ by 10 % of their mean and by 10 mL."""
    difference = abs(a_ml - b_ml)
    return difference >= WITHIN_ML and difference >= WITHIN_PERCENT / 100 * (a_ml + b_ml) / 2


def _counted(reading: Reading) -> Voxels:
    parts = [r.voxels for r in reading if r.counted]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
