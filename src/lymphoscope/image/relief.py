"""A mask seen as a lit surface, in the patient's frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array
from lymphoscope.image.projections import View, layout

_MM = 2.0
"""Side of a pixel."""

_SMOOTH_MM = 3.0
"""Width of the Gaussian that takes the steps of the voxels away."""

_LIGHT = np.array([-0.4, -0.8, -0.45])
"""Where light comes from: from above, from the viewer, and from his left; (down, towards the back, across)."""

_AMBIENT = 0.25


def relief(mask: Array, geometry: Geometry, view: View = View.ANTERIOR) -> NDArray[np.float64]:
    """The surface of a mask, lit; rows from head to feet.

    Args:
        mask: True inside, (z, y, x).
        geometry: Its grid.
        view: From where it is looked at.

    Returns:
        Brightness 0 … 1 in pixels of 2 mm; NaN where nothing is seen.
    """
    laid = layout(geometry)
    whole = laid.lay(np.asarray(mask, np.float32))
    if view is View.LEFT_LATERAL:
        whole = whole.transpose(0, 2, 1)[:, ::-1]
    spacing = np.array(laid.spacing if view is View.ANTERIOR else [laid.spacing[i] for i in (0, 2, 1)])
    smooth = ndi.gaussian_filter(whole, _SMOOTH_MM / spacing)
    fine = ndi.zoom(smooth, spacing / _MM, order=3, grid_mode=True, mode="nearest")
    inside = fine > 0.5 * min(1.0, float(smooth.max(initial=0.0)))
    seen = inside.any(axis=1)
    first = inside.argmax(axis=1)
    rows, columns = np.indices(seen.shape)
    slope = np.stack([part[rows, first, columns] for part in np.gradient(fine)], axis=-1)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)
    lit = np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    return np.where(seen, _AMBIENT + (1 - _AMBIENT) * lit, np.nan)
