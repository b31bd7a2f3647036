"""SUVpeak: the mean in a small sphere, where it is highest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.sphere import WEIGHTS, radius_mm, sphere, sphere_means
from lymphoscope.quant.region import Region

PLACES = ("highest", "centred")


@dataclass(frozen=True)
class PeakRule:
    """How SUVpeak is taken.

    Attributes:
        place: ``highest`` (sphere at the voxel of the lesion with the highest mean) or ``centred`` (at the SUVmax
            voxel; of equal maxima the one with the highest mean).
        weights: ``partial`` (fraction of each voxel inside the sphere, by 10³ sub-sampling) or ``centre`` (voxels whose
            centre is inside, as IBSI prescribes).
        volume_ml: Volume of the sphere, mL.
    """

    place: str = "highest"
    weights: str = "partial"
    volume_ml: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is not a rule."""
        if self.place not in PLACES or self.weights not in WEIGHTS or not self.volume_ml > 0:
            raise LymphoscopeError(
                "USE-E-VALUE",
                f"SUVpeak {self.place}/{self.weights}/{self.volume_ml} mL is not known",
                fix=f"Place is one of {', '.join(PLACES)}, weights one of {', '.join(WEIGHTS)}, the volume positive.",
            )

    @property
    def radius_mm(self) -> float:
        """Radius of the sphere, mm."""
        return radius_mm(self.volume_ml)

    @property
    def label(self) -> str:
        """The rule as it is printed beside the number."""
        return f"{self.place}/{self.weights}/{self.volume_ml:g} mL"


def suv_peak(region: Region, rule: PeakRule | None = None) -> float | None:
    """SUVpeak of a lesion. The sphere may leave the lesion but not the image.

    Args:
        region: The lesion.
        rule: Place and weights; highest and partial by default.

    Returns:
        The peak in the image's unit; None without voxels.

    Reference: Wahl 2009, JNM 50:122S; IBSI 0F91 (highest, centre) and VJGA (centred, centre).
    """
    rule = rule or PeakRule()
    if not len(region.index):
        return None
    values = region.values
    at = region.index if rule.place == "highest" else region.index[values == values.max()]
    means = sphere_means(region.image.array, at, *sphere(region.image.geometry, rule.radius_mm, rule.weights))
    return _finite_peak(float(means.max()), region)


def qpet_peak(region: Region) -> float | None:
    """Mean of the hottest voxel and its three hottest face or edge neighbours in the image.

    Of equal maxima the one with the highest mean counts. At the image's border there may be fewer neighbours.

    Args:
        region: The lesion.

    Returns:
        The peak in the image's unit; None without voxels.

    Reference: Hasenclever 2014, EJNMMI 41:1301.
    """
    if not len(region.index):
        return None
    array, values = region.image.array, region.values
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.isin(np.abs(steps).sum(axis=1), (1, 2))]
    around = region.index[values == values.max()][:, None] + steps
    within = ((around >= 0) & (around < array.shape)).all(axis=-1)
    z, y, x = np.moveaxis(np.where(within[..., None], around, 0), -1, 0)
    near = np.where(within, array[z, y, x].astype(np.float64), -np.inf)
    best = np.sort(near, axis=1)[:, -3:]
    count = np.isfinite(best)
    means = (values.max() + np.where(count, best, 0.0).sum(axis=1)) / (1 + count.sum(axis=1))
    return _finite_peak(float(means.max()), region)


def _finite_peak(value: float, region: Region) -> float:
    if not np.isfinite(value):
        raise LymphoscopeError(
            "SUV-E-NONFINITE", "voxel values beside a lesion are not finite", f"lesion {region.number}"
        )
    return value
