"""How two readers agree on a case, and whether it goes to an adjudicator."""

from __future__ import annotations

from typing import Any

import numpy as np

from lymphoscope.app.reading.case import Version
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading, Voxels

WITHIN_PERCENT, WITHIN_ML = 10.0, 10.0
"""Limits of agreement of the benchmark: 10 % or 10 mL."""


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
        "adjudicate": abs(percent) >= WITHIN_PERCENT and abs(difference) >= WITHIN_ML,
    }


def _counted(reading: Reading) -> Voxels:
    parts = [r.voxels for r in reading if r.counted]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
