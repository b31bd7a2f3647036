"""Pictures of a case: whether PET, CT and mask belong together, and for a data card what its cases look like.

Three planes through the mask where it is largest.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume

SUV_WINDOW = 10.0
HU_WINDOW = (-160.0, 240.0)
_PLANES = ("axial", "coronal", "sagittal")
_LEAST_SUV = 1.5
_BODY_SUV = 0.2
_RED, _GREEN = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.7, 0.2])
PANEL, TITLE, SQUARE = 240, 20, 30
"""Side of a panel, height of its title and side of a checkerboard's square, pixels."""
_LETTERS = 10


@dataclass(frozen=True)
class Row:
    """What a row of pictures shows.

    Attributes:
        title: Said above each.
        ct: CT in grey.
        pet: PET: in grey, or in colours over the CT.
        label: The mask in red: ``edge``, ``filled`` or nothing.
        board: PET and CT in squares by turns, with the outline of the PET's body: what does not fit is seen.
    """

    title: str
    ct: bool = False
    pet: bool = False
    label: str = ""
    board: bool = False


CHECK = (
    Row("CT and PET", ct=True, pet=True, label="edge"),
    Row("PET", pet=True, label="edge"),
    Row("CT and PET in squares", board=True),
)
"""Rows that show at once whether things belong together."""

CARD = (
    Row("PET", pet=True),
    Row("CT", ct=True),
    Row("PET on CT, label red", ct=True, pet=True, label="filled"),
    Row("CT, label red", ct=True, label="filled"),
    Row("PET, label red", pet=True, label="filled"),
)
"""Rows of a data card, as LymphAtlas shows its cases."""


def check_picture(pet: Volume, ct: Volume, inside: NDArray[np.bool_], rows: Sequence[Row] = CHECK) -> bytes:
    """Draw a case.

    Args:
        pet: PET in SUV, (z, y, x).
        ct: CT in HU on the same grid.
        inside: Voxels of the mask on that grid.
        rows: What is shown.

    Returns:
        PNG, the same bytes for the same case.
    """
    suv, hu = pet.values(Unit.SUV_BW), ct.values(Unit.HU)
    voxel = _through(inside, suv)
    head_last = bool(pet.geometry.affine[2, 0] > 0)
    picture = Image.new("RGB", (3 * PANEL, len(rows) * (PANEL + TITLE)), "white")
    pen = ImageDraw.Draw(picture)
    for column, plane in enumerate(_PLANES):
        upright = column > 0 and head_last
        parts = [_fitted(_cut(i, column, voxel[column]), upright, pet.geometry, column) for i in (suv, hu, inside)]
        for number, row in enumerate(rows):
            painted = np.rint(255 * _painted(parts[0], parts[1], parts[2] > 0, row)).astype(np.uint8)
            top = number * (PANEL + TITLE) + TITLE + (PANEL - painted.shape[0]) // 2
            picture.paste(Image.fromarray(painted), (column * PANEL + (PANEL - painted.shape[1]) // 2, top))
            at = ((column + 0.5) * PANEL, number * (PANEL + TITLE) + TITLE / 2)
            pen.text(at, f"{plane}, {row.title}", "black", _font(), anchor="mm")
    buffer = io.BytesIO()
    picture.save(buffer, format="png")
    return buffer.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont:
    """The letters that matplotlib brings along."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", _LETTERS)


def _through(inside: NDArray[np.bool_], suv: NDArray[np.generic]) -> tuple[int, int, int]:
    """The voxel that the planes go through: the mask's largest slice along each axis, else the hottest voxel."""
    if not inside.any():
        z, y, x = np.unravel_index(int(np.argmax(suv)), suv.shape)
        return int(z), int(y), int(x)
    sums = [inside.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    return int(sums[0].argmax()), int(sums[1].argmax()), int(sums[2].argmax())


def _cut(image: NDArray[np.generic], axis: int, place: int) -> NDArray[np.generic]:
    return np.asarray(np.take(image, place, axis=axis))


def _fitted(cut: NDArray[Any], upright: bool, geometry: Geometry, axis: int) -> NDArray[Any]:
    """A slice in pixels as large as its panel, not distorted, the head up; each pixel the nearest voxel's."""
    size = [n * s for n, s in zip(cut.shape, (s for a, s in enumerate(geometry.spacing) if a != axis), strict=True)]
    rows, columns = (max(1, round(PANEL * length / max(size))) for length in size)
    down = (np.arange(rows) + 0.5) * cut.shape[0] / rows
    across = (np.arange(columns) + 0.5) * cut.shape[1] / columns
    found = np.asarray(cut[np.ix_(down.astype(int), across.astype(int))])
    return found[::-1] if upright else found


def _painted(suv: NDArray[Any], hu: NDArray[Any], inside: NDArray[np.bool_], row: Row) -> NDArray[np.float64]:
    """A panel in red, green and blue, 0 to 1."""
    uptake = np.clip(suv / SUV_WINDOW, 0, 1)
    density = np.clip((hu - HU_WINDOW[0]) / (HU_WINDOW[1] - HU_WINDOW[0]), 0, 1)
    if row.board:
        across, down = (np.arange(n) // SQUARE for n in suv.shape[::-1])
        odd = (down[:, None] + across[None, :]) % 2 == 1
        colours = np.repeat(np.where(odd, np.sqrt(uptake), density)[..., None], 3, axis=2)
        colours[_edge(suv > _BODY_SUV)] = _GREEN
        return colours
    grey = density if row.ct else 1 - uptake
    colours = np.repeat(np.asarray(grey, dtype=np.float64)[..., None], 3, axis=2)
    if row.ct and row.pet:
        hot = suv >= _LEAST_SUV
        colours[hot] = 0.5 * colours[hot] + 0.5 * colormaps["hot"](uptake[hot])[:, :3]
    if row.label == "filled":
        colours[inside] = 0.3 * colours[inside] + 0.7 * _RED
    elif row.label:
        colours[_edge(inside)] = _RED
    return colours


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
