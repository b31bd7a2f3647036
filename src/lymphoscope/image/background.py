"""What surrounds a lesion: its core and the mean uptake of the shell about it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from lymphoscope.image.crop import Crop, Voxels
from lymphoscope.image.delineation import Context
from lymphoscope.image.growth import grow_tops

CORE = 0.7
SHELL_VOXELS = (2.0, 3.0)
HOT_NEIGHBOUR = 0.5


def cores(context: Context, fraction: float = CORE) -> Mapping[int, Voxels]:
    """Voxels of each seed's core: at or above a fraction of its SUVmax and connected to its SUVmax voxel.

    Args:
        context: With seeds.
        fraction: Of the seed's SUVmax.
    """

    def make() -> Mapping[int, Voxels]:
        voxels, numbers = grow_tops(context, {s.number: fraction * s.suvmax for s in context.starts})
        return {s.number: voxels[numbers == s.number] for s in context.starts}

    return context.once(("cores", fraction), make)


def backgrounds(context: Context) -> Mapping[int, float]:
    """Mean SUV of the shell 2 to 3 voxels outside each seed's 70 % contour.

    Distances are Euclidean in voxels. Left out of the shell are hot neighbours (SUV above half of the seed's SUVpeak),
    other seeds and physiological uptake. Where nothing is left the background is 0, so that rules which add it fall
    back on the uncorrected threshold.

    Reference:
        Specification B1, ``a50peak``: the shell and the neighbour rule are this project's own.
    """
    return context.once("backgrounds", lambda: {s.number: _background(context, s.number) for s in context.starts})


def _background(context: Context, number: int) -> float:
    core = cores(context)[number]
    near, far = SHELL_VOXELS
    crop = Crop.around(core, context.shape, int(np.ceil(far)) + 1)
    distance = ndimage.distance_transform_edt(~crop.mask(core))
    suv = context.values[crop.box]
    owner = context.owner.reshape(context.shape)[crop.box]
    hot = suv > suv.dtype.type(HOT_NEIGHBOUR * context.peaks[number])
    shell = (distance >= near) & (distance <= far) & ~hot & ((owner == 0) | (owner == number))
    return float(suv[shell].mean(dtype=np.float64)) if shell.any() else 0.0
