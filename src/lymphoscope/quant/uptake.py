"""How much tracer a lesion takes up: volume, SUV statistics, heterogeneity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def uptake(values: Values, voxel_ml: float) -> Mapping[str, float | int | None]:
    """Volume, glycolysis and SUV statistics of one lesion.

    Args:
        values: SUV of its voxels, (n,) g/mL.
        voxel_ml: Volume of a voxel, mL.

    Returns:
        Values by catalogue name; None where undefined. Without voxels volume and glycolysis are 0.
    """
    n = len(values)
    volume = n * voxel_ml
    if n == 0:
        nothing = dict.fromkeys(("suvmax", "suvmean", "suvmin", "suvsd", "cov", "auc_csh"))
        return {"mtv_ml": 0.0, "tlg_g": 0.0, "n_voxels": 0, **nothing}
    mean = float(values.mean())
    sd = float(values.std(ddof=1)) if n > 1 else 0.0
    return {
        "mtv_ml": volume,
        "tlg_g": mean * volume,
        "n_voxels": n,
        "suvmax": float(values.max()),
        "suvmean": mean,
        "suvmin": float(values.min()),
        "suvsd": sd,
        "cov": sd / mean if n > 1 and mean > 0 else None,
        "auc_csh": auc_csh(values),
    }


def auc_csh(values: Values) -> float | None:
    """Area under the cumulative SUV-volume histogram.

    The fraction of voxels with SUV ≥ x·SUVmax is a falling step function of x; its steps lie at the voxel values, so
    its area from 0 to 1 is summed without binning. For SUV ≥ 0 it equals SUVmean / SUVmax.

    Args:
        values: SUV of the voxels, (n,) g/mL.

    Returns:
        Area, 0–1; None without a positive value.

    Reference: van Velden 2011, EJNMMI 38:1636.
    """
    top = float(values.max(initial=0.0))
    if top <= 0:
        return None
    steps = np.clip(np.sort(values) / top, 0.0, None)
    widths = np.diff(steps, prepend=0.0)
    fraction = np.arange(len(steps), 0, -1) / len(steps)
    return float(np.sum(widths * fraction))


def first_order(values: Values) -> Mapping[str, float | None]:
    """The IBSI intensity statistics, with the n (population) moments that IBSI prescribes.

    Args:
        values: SUV of the voxels, (n,) g/mL, n ≥ 1.

    Returns:
        Values by short IBSI name; None where undefined (all values equal, or a zero denominator).

    Reference: IBSI reference manual, section 3.3 (UHIW).
    """
    mean, median = float(values.mean()), float(np.median(values))
    away = values - mean
    var = float(np.mean(away**2))
    p10, p25, p75, p90 = (float(p) for p in np.percentile(values, (10, 25, 75, 90)))
    core = values[(values >= p10) & (values <= p90)]
    energy = float(np.sum(values**2))
    low, high = float(values.min()), float(values.max())
    spread = high > low
    return {
        "stat_mean": mean,
        "stat_var": var,
        "stat_skew": float(np.mean(away**3)) / var**1.5 if spread else None,
        "stat_kurt": float(np.mean(away**4)) / var**2 - 3.0 if spread else None,
        "stat_median": median,
        "stat_min": low,
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_max": high,
        "stat_iqr": p75 - p25,
        "stat_range": high - low,
        "stat_mad": float(np.mean(np.abs(away))),
        "stat_rmad": float(np.mean(np.abs(core - core.mean()))) if len(core) else None,
        "stat_medad": float(np.mean(np.abs(values - median))),
        "stat_cov": float(np.sqrt(var)) / mean if mean > 0 else None,
        "stat_qcod": (p75 - p25) / (p75 + p25) if p75 + p25 > 0 else None,
        "stat_energy": energy,
        "stat_rms": float(np.sqrt(energy / len(values))),
    }
