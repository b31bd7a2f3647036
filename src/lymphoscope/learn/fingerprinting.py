"""Measures a data set: what a plan is made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.image.components import components
from lymphoscope.image.resample import resample
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.learn.prepare import truth
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint, Intensities

_QUANTILES = 10_000
"""Values that stand for the lesions of a case, evenly spaced among its sorted values."""

_DIGITS = 4


def fingerprint(
    data: DataSet, reads: Sequence[str], progress: Progress = silent, notes: Notes | None = None
) -> Fingerprint:
    """Read every case with a mask and measure it.

    Intensities are those inside lesions, every case with a lesion counting the same. nnU-Net draws so many voxels of
    each case at random instead; the figures agree to within its chance.

    Args:
        data: The cases.
        reads: Roles, such as ``pet:suv``; the grid of the first is the one worked on.
        progress: Hears of every case.
        notes: Takes warnings of reading.

    Raises:
        LymphoscopeError: ``DATA-E-EMPTY`` without a mask or without any role, and those of `DataSet.read`.
    """
    if not reads:
        raise LymphoscopeError("DATA-E-EMPTY", "nothing is read of the data set")
    marked = [entry for entry in data.cases if entry.mask is not None]
    facts, inside = [], []
    for number, entry in enumerate(marked):
        progress("measuring the data set", number, len(marked))
        case, values = _measured(data, entry, reads, notes)
        facts.append(case)
        if values.size:
            inside.append(values)
    progress("measuring the data set", len(marked), len(marked))
    found = np.concatenate(inside, axis=1) if inside else np.empty((0, 0))
    intensities = {role: _intensities(values) for role, values in zip(reads, found, strict=False)}
    return Fingerprint(tuple(facts), intensities, dict(data.labels))


def _measured(
    data: DataSet, entry: Entry, reads: Sequence[str], notes: Notes | None
) -> tuple[CaseFacts, NDArray[np.float64]]:
    """Facts of a case, and quantiles of each image inside its lesions (roles, quantiles); none without a lesion."""
    sample = data.read(entry, reads, notes)
    grid = sample.volumes[reads[0]].geometry
    assert sample.labels is not None
    lesion = truth(sample.labels, grid) > 0
    sizes = np.bincount(components(lesion).ravel())[1:] * grid.voxel_ml
    volumes = tuple(round(float(ml), _DIGITS) for ml in sorted(sizes, reverse=True))
    case = CaseFacts(entry.id, grid.shape, _rounded(grid.spacing), volumes)
    if not lesion.any():
        return case, np.empty((len(reads), 0))
    inside = (np.sort(resample(sample.volumes[role], grid).array[lesion]) for role in reads)
    return case, np.stack([values[_places(len(values))] for values in inside]).astype(np.float64)


def _places(count: int) -> NDArray[np.int64]:
    """Indices of evenly spaced quantiles among so many sorted values."""
    return np.ceil((np.arange(_QUANTILES) + 0.5) / _QUANTILES * count).astype(np.int64) - 1


def _intensities(values: NDArray[np.float64]) -> Intensities:
    low, middle, high = np.percentile(values, (0.5, 50, 99.5))
    figures = (values.mean(), values.std(), middle, low, high, values.min(), values.max())
    return Intensities(*(round(float(figure), _DIGITS) for figure in figures))


def _rounded(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    z, y, x = (round(mm, 6) for mm in spacing)
    return z, y, x
