"""What a foreign model was trained on, as far as its plans say: size of voxels, length of scans, values in lesions.

nnU-Net keeps medians of its training set and, for every channel, figures of the voxels inside of what was annotated.

Reference: nnunetv2 2.5.2, experiment_planning/experiment_planners/default_experiment_planner.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEYS = ("foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality")


@dataclass(frozen=True)
class Values:
    """Values of one image inside of what was annotated in training.

    Attributes:
        mean: Of all voxels.
        low: 0.5 % of voxels are below.
        high: 0.5 % of voxels are above.
    """

    mean: float
    low: float
    high: float

    def beyond(self, values: NDArray[Any]) -> float:
        """Share of values that all but one voxel in a hundred of the training stayed clear of."""
        return float(np.mean((values < self.low) | (values > self.high))) if values.size else 0.0


@dataclass(frozen=True)
class Domain:
    """What a model was trained on; what the plans do not say is empty.

    Attributes:
        voxel_mm: Median size of voxels, (z, y, x).
        field_mm: Median extent of images, (z, y, x).
        values: By role of the image.
    """

    voxel_mm: tuple[float, ...] = ()
    field_mm: tuple[float, ...] = ()
    values: Mapping[str, Values] = field(default_factory=dict)


def domain_of(plans: Mapping[str, Any], transpose: Sequence[int], roles: Sequence[str]) -> Domain:
    """What a model was trained on.

    Args:
        plans: plans.json.
        transpose: Axis of the image (z, y, x) that each axis of the network is.
        roles: What each channel is: ``ct:hu`` or ``pet:suv``.
    """
    voxel = _turned(plans.get("original_median_spacing_after_transp"), transpose)
    shape = _turned(plans.get("original_median_shape_after_transp"), transpose)
    extent = tuple(mm * n for mm, n in zip(voxel, shape, strict=False))
    given: Mapping[str, Any] = next((plans[key] for key in _KEYS if isinstance(plans.get(key), dict)), {})
    found = {role: _values(given.get(str(number))) for number, role in enumerate(roles)}
    return Domain(voxel, extent, {role: values for role, values in found.items() if values is not None})


def _turned(given: Any, transpose: Sequence[int]) -> tuple[float, ...]:
    """Numbers along the network's axes as the image has its axes; nothing where they are not three sizes."""
    try:
        along = [float(v) for v in given]
    except (TypeError, ValueError):
        return ()
    if len(along) != len(transpose) or not all(math.isfinite(v) and v > 0 for v in along):
        return ()
    return tuple(value for _, value in sorted(zip(transpose, along, strict=True)))


def _values(given: Any) -> Values | None:
    try:
        found = Values(*(float(given[key]) for key in ("mean", "percentile_00_5", "percentile_99_5")))
    except (TypeError, ValueError, KeyError):
        return None
    sound = all(math.isfinite(v) for v in (found.mean, found.low, found.high)) and found.low <= found.high
    return found if sound else None
