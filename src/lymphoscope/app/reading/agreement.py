"""How two readers agree on a case, and whether it goes to an adjudicator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lymphoscope.app.reading.answers import disputes
from lymphoscope.app.reading.case import Version
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading, Voxels
from lymphoscope.evaluate.agreement import (
    BlandAltman,
    Difference,
    Icc,
    bland_altman,
    concordance,
    correlation,
    icc,
    mean_absolute_percentage_error,
)
from lymphoscope.evaluate.readers import Finding, compare_readers
from lymphoscope.image.crop import Crop

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
        icc_fixed: The same for these very readers, (3,1).
        ccc: Lin's concordance.
        spearman: Rank correlation.
        mape: Mean absolute difference in percent of the second reader's.
    """

    n: int
    within: float | None
    bias_ml: BlandAltman | None
    ratio: BlandAltman | None
    icc: Icc | None
    icc_fixed: Icc | None
    ccc: float | None
    spearman: float | None
    mape: float | None


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
        icc_fixed=icc(np.column_stack((a, b)), "3,1") if len(pairs) > 1 else None,
        ccc=concordance(a, b),
        spearman=correlation(a, b, rank=True),
        mape=mean_absolute_percentage_error(a, b),
    )


def compare(one: Version, two: Version) -> dict[str, Any]:
    """Compare two signed versions.

    Args:
        one: A reader's version.
        two: Another's.

    Returns:
        Volumes, their difference in mL and in percent of their mean, Dice, the volume that only one counts, and
        whether the case needs an adjudicator and why. Lesion by lesion: see `lesion_wise`.

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
    reasons = disputed_by((a.size * voxel_ml, one.signature), (b.size * voxel_ml, two.signature))
    return {
        "a_ml": a.size * voxel_ml,
        "b_ml": b.size * voxel_ml,
        "difference_ml": difference,
        "difference_percent": percent,
        "dice": 2.0 * both / (a.size + b.size) if a.size + b.size else 1.0,
        "only_a_ml": (a.size - both) * voxel_ml,
        "only_b_ml": (b.size - both) * voxel_ml,
        "adjudicate": bool(reasons),
        "reasons": reasons,
        **lesion_wise(one, two),
    }


def lesion_wise(one: Version, two: Version) -> dict[str, Any]:
    """Compare two versions lesion by lesion; a lesion is a connected part of what either counts.

    Args:
        one: A reader's version.
        two: Another's.

    Returns:
        ``lesions``, the largest first: volumes, Dice, whether the readers disagree on it, and its middle in LPS mm;
        ``found``: how many both, only the first and only the second counts, and F1; ``lesion_agreement``: the figures
        of `agreement_figures` over the volumes of the lesions that both count.
    """
    grid, connectivity = one.case.kept.study.pet.geometry, one.case.scene.connectivity
    a, b = _counted(one.now), _counted(two.now)
    found: tuple[Finding, ...] = ()
    corner = np.zeros(3)
    if a.size or b.size:
        crop = Crop.around(np.union1d(a, b), grid.shape, 1)
        corner = np.array([part.start for part in crop.box])
        found = compare_readers((crop.mask(a), crop.mask(b)), connectivity)
    volumes = [(f.voxels[0] * grid.voxel_ml, f.voxels[1] * grid.voxel_ml) for f in found]
    rows = [
        {
            "a_ml": v[0], "b_ml": v[1], "dice": f.dice, "disputed": f.disputed,
            "lps": grid.to_lps(np.array(f.centre) + corner).tolist(),
        }
        for f, v in zip(found, volumes, strict=True)
    ]  # fmt: skip
    both = [(str(k), v[0], v[1]) for k, v in enumerate(volumes) if min(v) > 0]
    alone = [sum(v[k] == 0 for v in volumes) for k in (1, 0)]
    tally = {"both": len(both), "only_a": alone[0], "only_b": alone[1]}
    f1 = 2 * len(both) / (2 * len(both) + sum(alone)) if found else None
    return {
        "lesions": sorted(rows, key=lambda row: -(row["a_ml"] + row["b_ml"])),
        "found": tally | {"f1": f1},
        "lesion_agreement": asdict(agreement_figures(both)),
    }


def disputed_by(one: tuple[float, Mapping[str, Any]], two: tuple[float, Mapping[str, Any]]) -> list[str]:
    """What sends two reads to an adjudicator: the volume, or an answer; empty where nothing does.

    Args:
        one: TMTV, mL, and signing event of a read.
        two: The same of the other.
    """
    volume = ["TMTV"] if needs_adjudicator(one[0], two[0]) else []
    return volume + disputes(one[1].get("answers", {}), two[1].get("answers", {}))


def needs_adjudicator(a_ml: float, b_ml: float) -> bool:
    """True where two volumes differ by 10 % of their mean and by 10 mL."""
    difference = abs(a_ml - b_ml)
    return difference >= WITHIN_ML and difference >= WITHIN_PERCENT / 100 * (a_ml + b_ml) / 2


def _counted(reading: Reading) -> Voxels:
    parts = [r.voxels for r in reading if r.counted]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
