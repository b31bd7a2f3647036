"""SUVpeak: the mean in a small sphere, where it is highest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array
from lymphoscope.quant.region import Region

SUBSAMPLES = 10
PLACES = ("highest", "centred")
WEIGHTS = ("partial", "centre")


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
        return float((750.0 * self.volume_ml / np.pi) ** (1 / 3))

    @property
    def label(self) -> str:
        """The rule as it is printed beside the number."""
        return f"{self.place}/{self.weights}/{self.volume_ml:g} mL"


def sphere(geometry: Geometry, rule: PeakRule) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The sphere centred on a voxel, on any grid, oblique ones too.

    Args:
        geometry: The grid.
        rule: Radius and weights.

    Returns:
        Index offsets (k, 3) of the voxels in it and their weights (k,), 0 < weight ≤ 1.
    """
    return _sphere(geometry.affine[:3, :3].tobytes(), rule.radius_mm, rule.weights == "partial")


@lru_cache(maxsize=16)
def _sphere(matrix_bytes: bytes, radius: float, partial: bool) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    matrix = np.frombuffer(matrix_bytes, dtype=np.float64).reshape(3, 3)
    # a ball of radius r spans r·|row of the inverse| indices along each axis; half a voxel more for partial voxels
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(matrix), axis=1) + 0.5).astype(int)
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    weights = _fractions(offsets, matrix, radius) if partial else _centres(offsets, matrix, radius)
    kept = weights > 0
    offsets, weights = offsets[kept], weights[kept]
    offsets.flags.writeable = weights.flags.writeable = False
    return offsets, weights


def _centres(offsets: NDArray[np.intp], matrix: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    far = np.linalg.norm(offsets @ matrix.T, axis=1)
    return np.asarray(far <= radius * (1 + 1e-12), dtype=np.float64)


def _fractions(offsets: NDArray[np.intp], matrix: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    far = np.linalg.norm(offsets @ matrix.T, axis=1)
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    half_diagonal = float(np.linalg.norm(corners @ matrix.T, axis=1).max())
    weights = np.asarray(far + half_diagonal <= radius, dtype=np.float64)
    steps = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    inner = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) @ matrix.T
    for i in np.flatnonzero((weights == 0) & (far - half_diagonal <= radius)):
        points = offsets[i] @ matrix.T + inner
        weights[i] = np.count_nonzero(np.einsum("ij,ij->i", points, points) <= radius**2) / len(inner)
    return weights


def sphere_means(
    array: Array, index: NDArray[np.intp], offsets: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted mean around each voxel. What lies outside the image does not count; the weights are renormalised.

    Args:
        array: The image, (z, y, x).
        index: Voxels (n, 3) to centre on.
        offsets: Index offsets (k, 3).
        weights: Weights (k,).

    Returns:
        Means, (n,) float64.
    """
    low = np.minimum(index.min(axis=0) + offsets.min(axis=0), 0)
    high = np.maximum(index.max(axis=0) + offsets.max(axis=0) - np.array(array.shape) + 1, 0)
    if not (low.any() or high.any()):
        return _gather(array, None, index, offsets, weights)
    start = np.maximum(index.min(axis=0) + offsets.min(axis=0), 0)
    stop = np.minimum(index.max(axis=0) + offsets.max(axis=0) + 1, array.shape)
    crop = array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    around = [(int(-a), int(b)) for a, b in zip(low, high, strict=True)]
    covered = np.pad(np.ones(crop.shape, dtype=np.float32), around)
    return _gather(np.pad(crop, around), covered, index - start - low, offsets, weights)


def _gather(
    array: Array,
    covered: Array | None,
    index: NDArray[np.intp],
    offsets: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    flat = array.ravel()
    strides = np.array([array.shape[1] * array.shape[2], array.shape[2], 1], dtype=np.intp)
    at, steps = index @ strides, offsets @ strides
    total = np.zeros(len(index))
    if covered is None:
        for step, weight in zip(steps, weights, strict=True):
            total += weight * flat[at + step]
        return np.asarray(total / weights.sum())
    inside, share = covered.ravel(), np.zeros(len(index))
    for step, weight in zip(steps, weights, strict=True):
        total += weight * flat[at + step]
        share += weight * inside[at + step]
    return np.asarray(total / share)


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
    means = sphere_means(region.image.array, at, *sphere(region.image.geometry, rule))
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
