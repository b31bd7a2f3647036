"""Whether scaled values look like SUV: what headers cannot tell, the values may."""

from __future__ import annotations

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.volume import Array
from lymphoscope.io.pet_series import WHERE

HIGHEST_SUV = 200.0
BODY_MEDIAN = (0.1, 3.0)
LOWEST_SUV = -1.0
NEGATIVE_SHARE = 0.01
BODY_SHARE = 0.05
"""Body is above this share of the 99th percentile: a share, so that a wrong unit does not hide itself."""


def check_suv(suv: Array, body: Array | None = None) -> tuple[Message, ...]:
    """Check scaled values.

    Args:
        suv: SUVbw, (z, y, x).
        body: Mask of the body on the same grid; found from the values when None.

    Returns:
        ``SUV-W-PLAUSIBLE`` when the highest or the body's median SUV points to a wrong unit, ``IO-W-NEGATIVE`` for
        negative values beyond noise.

    Raises:
        LymphoscopeError: ``SUV-E-NONFINITE``.
    """
    if suv.size == 0:
        return ()
    if not np.isfinite(suv).all():
        raise LymphoscopeError("SUV-E-NONFINITE", "some values are not finite after scaling to SUV", WHERE)
    return (*_negative(suv), *_implausible(float(suv.max()), body_median(suv, body)))


def body_median(suv: Array, body: Array | None = None) -> float | None:
    """Median SUV of the body; None for an image without one.

    Args:
        suv: SUVbw, (z, y, x).
        body: Mask of the body; when None, all voxels above 5 % of the 99th percentile.
    """
    if body is None:
        high = float(np.percentile(suv, 99))
        body = suv > BODY_SHARE * (high if high > 0 else float(suv.max()))
    inside = suv[body.astype(bool)]
    return float(np.median(inside)) if inside.size else None


def _implausible(highest: float, median: float | None) -> tuple[Message, ...]:
    """Warnings of values that SUV seldom has."""
    found = []
    if highest > HIGHEST_SUV:
        found.append(f"the highest SUV is {highest:.4g}, above {HIGHEST_SUV:g}")
    low, high = BODY_MEDIAN
    if median is None:
        found.append("no value is above zero")
    elif not low <= median <= high:
        found.append(f"the median SUV of the body is {median:.3g}, outside {low:g}–{high:g}")
    return tuple(Message("SUV-W-PLAUSIBLE", what, WHERE) for what in found)


def _negative(suv: Array) -> tuple[Message, ...]:
    """A warning of negative values beyond noise."""
    lowest = float(suv.min())
    if lowest >= 0:
        return ()
    share = float(np.count_nonzero(suv < 0)) / suv.size
    if lowest >= LOWEST_SUV and share <= NEGATIVE_SHARE:
        return ()
    what = f"{100 * share:.2g} % of the voxels are negative, the lowest SUV being {lowest:.3g}"
    return (Message("IO-W-NEGATIVE", what, WHERE),)
