"""What the page shows: volumes with their window, and regions as slots."""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Sequence

import numpy as np

from lymphoscope.app.again import Kept
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.reading import Reading
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.gzipped import gzipped
from lymphoscope.io.nifti import nifti_header, to_nifti_bytes

TOPS = (5, 7, 10, 15)
"""SUV that a projection may be drawn black at."""

VIEW_MM = 2.0
MOST_SLOTS = 254


def pet_file(kept: Kept) -> bytes:
    """The PET as compressed NIfTI with its window: the case's own file, unless an older version wrote it."""
    content, pet = kept.pet_file(), kept.study.pet
    with contextlib.suppress(zlib.error):
        ours = nifti_header(pet.geometry, pet.array.dtype, pet.unit)
        if content and zlib.decompressobj(31).decompress(content, len(ours)) == ours:
            return content
    return volume_file(pet)


def volume_file(volume: Volume) -> bytes:
    """A volume as compressed NIfTI with its window: SUV 0–10, HU of soft tissue."""
    return gzipped(to_nifti_bytes(volume))


def slots(reading: Reading) -> dict[int, int]:
    """Slot of each region in the page's label image, 1–254, by region number; of too many the smallest go without."""
    chosen = sorted(reading, key=lambda r: (-r.counted, -r.voxels.size, r.number))[:MOST_SLOTS]
    return {region.number: slot for slot, region in enumerate(sorted(chosen, key=lambda r: r.number), start=1)}


def thinning(spacing: Sequence[float]) -> int:
    """How many pixels of a CT's slice the page takes one of, by its voxel size: as many as come to 2 mm."""
    return max(1, math.floor(VIEW_MM / max(spacing[1:]) + 1e-3))


def thinned(ct: Volume) -> Volume:
    """A CT of fewer pixels in its slices for display: each a pixel that was scanned, where it was scanned."""
    step, grid = thinning(ct.geometry.spacing), ct.geometry
    array = np.ascontiguousarray(ct.array[:, ::step, ::step])
    affine = np.array(grid.affine)
    affine[:3, 1:3] *= step
    return Volume(array, Geometry((array.shape[0], array.shape[1], array.shape[2]), affine, grid.frame), ct.unit)


def labels_key(reading: Reading) -> str:
    """What the label image depends on: equal while acts change decisions only, so that it is fetched once."""
    return reading.places if len(reading.regions) <= MOST_SLOTS else reading.head


def labels_file(reading: Reading, grid: Geometry) -> bytes:
    """The regions as compressed NIfTI, a slot each."""
    found = np.zeros(reading.shape, np.uint8)
    for number, slot in slots(reading).items():
        found.reshape(-1)[reading[number].voxels] = slot
    return gzipped(to_nifti_bytes(Volume(found, grid, Unit.LABEL)))
