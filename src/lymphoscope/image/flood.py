"""Marker watershed whose ties do not depend on the order in which voxels are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from lymphoscope.image.components import Labels, connectivity_structure


def flood(
    relief: NDArray[Any],
    markers: NDArray[Any],
    domain: NDArray[np.bool_],
    order: Sequence[int],
    connectivity: int = 18,
) -> Labels:
    """Flood a relief from markers, lowest first; each voxel joins the marker that reaches it first.

    On level ground markers advance at equal speed, and where two arrive together the one that comes first in `order`
    wins. So the result follows the image when it is mirrored or its axes are exchanged.

    Args:
        relief: Heights, (z, y, x).
        markers: Whole numbers, (z, y, x); 0 is unmarked.
        domain: Voxels that may be flooded, (z, y, x); markers outside it are left out.
        order: Marker numbers, the winner of ties first; every number in use must be there.
        connectivity: 6, 18 or 26.

    Returns:
        (z, y, x) int32: marker number of each voxel, 0 outside the domain or where no marker reaches.
    """
    # The library misreads arrays that are not stored in C order.
    relief, markers, domain = (np.ascontiguousarray(a) for a in (relief, markers, domain))
    place = np.full(max(int(markers.max(initial=0)), *order, 0) + 1, len(order))
    place[list(order)] = np.arange(len(order))
    started = np.where(domain, markers, 0)
    numbers = started[domain]
    _, rank = np.unique(relief[domain], return_inverse=True)
    # The library resolves equal heights of markers by its own order; distinct whole numbers leave it none to resolve.
    levels = np.zeros(relief.shape)
    levels[domain] = rank * (len(order) + 1) + np.where(numbers > 0, place[numbers], len(order))
    structure = connectivity_structure(connectivity)
    flooded = watershed(levels, started, connectivity=structure, mask=domain)  # type: ignore[no-untyped-call]
    return np.asarray(flooded, dtype=np.int32)
