"""A picture to see at once whether PET, CT and mask of a case belong together.

Three planes through the mask where it is largest: CT with the PET over it and the mask's edge, and PET alone.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume

SUV_WINDOW = 10.0
HU_WINDOW = (-160.0, 240.0)
_PLANES = ("axial", "coronal", "sagittal")
_LEAST_SUV = 1.5


def check_picture(pet: Volume, ct: Volume, inside: NDArray[np.bool_]) -> bytes:
    """Draw a case.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU on the same grid.
        inside: Voxels of the mask on that grid.

    Returns:
        PNG, the same bytes for the same case.
    """
    suv, hu = pet.values(Unit.SUV_BW), ct.values(Unit.HU)
    voxel = _through(inside, suv)
    head_last = bool(pet.geometry.affine[2, 0] > 0)
    figure = Figure(figsize=(9, 6.5), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    for column, plane in enumerate(_PLANES):
        parts = [_cut(image, column, voxel[column]) for image in (suv, hu, inside)]
        for row in range(2):
            axes = figure.add_subplot(2, 3, 3 * row + column + 1)
            axes.set_axis_off()
            _paint(axes, parts, row == 0, _ratio(pet.geometry, column), column > 0 and head_last)
            axes.set_title(f"{plane}, {'CT and PET' if row == 0 else 'PET'}", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _through(inside: NDArray[np.bool_], suv: NDArray[np.generic]) -> tuple[int, int, int]:
    """The voxel that the planes go through: the mask's largest slice along each axis, else the hottest voxel."""
    if not inside.any():
        z, y, x = np.unravel_index(int(np.argmax(suv)), suv.shape)
        return int(z), int(y), int(x)
    sums = [inside.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    return int(sums[0].argmax()), int(sums[1].argmax()), int(sums[2].argmax())


def _cut(image: NDArray[np.generic], axis: int, place: int) -> NDArray[np.generic]:
    return np.asarray(np.take(image, place, axis=axis))


def _ratio(geometry: Geometry, axis: int) -> float:
    """Height of a pixel by its width."""
    down, across = (s for a, s in enumerate(geometry.spacing) if a != axis)
    return down / across


def _paint(axes, parts, fused: bool, ratio: float, upright: bool) -> None:  # type: ignore[no-untyped-def]
    suv, hu, inside = (part[::-1] if upright else part for part in parts)
    if fused:
        axes.imshow(hu, cmap="gray", vmin=HU_WINDOW[0], vmax=HU_WINDOW[1], aspect=ratio)
        hot = np.ma.masked_less(suv, _LEAST_SUV)
        axes.imshow(hot, cmap="hot", vmin=0, vmax=SUV_WINDOW, alpha=0.5, aspect=ratio)
    else:
        axes.imshow(suv, cmap="gray_r", vmin=0, vmax=SUV_WINDOW, aspect=ratio)
    if inside.any():
        axes.contour(inside, levels=[0.5], colors="red", linewidths=0.8)
