"""What of a case is free of lesions, for networks that learn what is normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.prepare import Prepared

MARGIN_MM = 8.0
"""How far a lesion's uptake may spill beyond its mask: about the width of a point on PET."""


def outside(case: Prepared) -> Prepared:
    """The case with its lesions, and what is near them, unknown; nothing is centred on a lesion.

    What no loss looks at is seen all the same: a recipe whose input shows lesions' uptake would learn it.
    """
    if case.labels is None or not (case.labels > 0).any():
        return case
    lesion = np.asarray(case.labels > 0)
    # of several scans each by itself
    far = [ndimage.distance_transform_edt(~one, case.grid.spacing) for one in lesion.reshape(-1, *case.shape)]
    near = np.stack(far).reshape(lesion.shape) <= MARGIN_MM
    return replace(case, labels=np.where(near, UNMARKED, case.labels).astype(np.int8), lesions=())
