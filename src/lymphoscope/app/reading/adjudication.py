"""What an adjudicator begins from: what two readers agree on, and each place where they differ as a doubt.

Settling the doubts is all that is left to do, by the acts of every reading. The readers are not named.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lymphoscope.core.reading import Reading, Region, Voxels, voxel_set
from lymphoscope.image.components import components
from lymphoscope.image.crop import Crop

_RULE = "the two readers differ"


def disputed(first: Reading, second: Reading, connectivity: int) -> Reading:
    """Lay one reading over the other.

    Args:
        first: A signed reading; what is agreed on keeps its regions and numbers.
        second: Another of the same case.
        connectivity: 6, 18 or 26, for parts of regions on which they differ.

    Returns:
        The first reading with each difference a region of its own and in doubt: counted where the first counts it.
    """
    last = max(first.last, second.last)
    laid = replace(first, last=last)
    theirs, known = _counted(second), set(first.regions)
    for number in known:
        region = laid[number]
        inside = np.isin(region.voxels, theirs, assume_unique=True)
        laid = _apart(laid, region, voxel_set(region.voxels[~inside if region.counted else inside]), connectivity)
    beyond = voxel_set(np.setdiff1d(theirs, first.owned(), assume_unique=True))
    for part in _parts(beyond, laid, connectivity):
        laid = laid.with_regions(_doubt(Region(laid.last + 1, part, "remove", stage=4)))
    return laid


def _apart(laid: Reading, region: Region, part: Voxels, connectivity: int) -> Reading:
    """Take the disputed part off a region, or doubt the whole of it."""
    if not part.size:
        return laid
    if part.size == region.voxels.size:
        return laid.with_regions(_doubt(region))
    kept = voxel_set(np.setdiff1d(region.voxels, part, assume_unique=True))
    laid = laid.with_regions(replace(region, voxels=kept))
    for piece in _parts(part, laid, connectivity):
        laid = laid.with_regions(_doubt(replace(region, number=laid.last + 1, voxels=piece, shed_from=0)))
    return laid


def _doubt(region: Region) -> Region:
    action, said = ("doubt-in", "one reader counts it") if region.counted else ("doubt-out", "another reader counts it")
    return replace(region, action=action, rule=_RULE, why=said, actor="readers", read=False)


def _parts(voxels: Voxels, laid: Reading, connectivity: int) -> list[Voxels]:
    """Connected parts, the largest first."""
    if not voxels.size:
        return []
    crop = Crop.around(voxels, laid.shape, 1)
    labels = components(crop.mask(voxels), connectivity)
    return [voxel_set(crop.flat(labels == n)) for n in range(1, int(labels.max()) + 1)]


def _counted(reading: Reading) -> Voxels:
    parts = [r.voxels for r in reading if r.counted]
    return voxel_set(np.concatenate(parts) if parts else [])
