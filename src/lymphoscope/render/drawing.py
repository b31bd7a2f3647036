"""The drawing board: pixel-exact panels, cased outlines and text, the same bytes for the same input.

Pictures are made without pyplot and without a user's matplotlib settings; fonts are matplotlib's own DejaVu.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lymphoscope.core.volume import Array

INCLUDED, DOUBTFUL, REMOVED = "#E69F00", "#F0E442", "#56B4E9"
"""Colours mean status (Okabe–Ito), never identity."""

COLOUR = {"ai-only": INCLUDED, "confirmed": INCLUDED, "doubtful": DOUBTFUL, "removed": REMOVED}

FONT_DIRECTORY = Path(mpl.get_data_path()) / "fonts" / "ttf"
_PLAIN = FontProperties(fname=str(FONT_DIRECTORY / "DejaVuSans.ttf"))
_BOLD = FontProperties(fname=str(FONT_DIRECTORY / "DejaVuSans-Bold.ttf"))
_DPI = 72.0
"""One point is one pixel, so that font sizes are pixels."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the board, pixels from the top left."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Ink:
    """How text looks: size in pixels, colour, weight, and the box behind it."""

    size: float = 16.0
    colour: str = "black"
    bold: bool = False
    across: str = "left"
    up: str = "center"
    fill: str | None = None
    edge: str = "black"


class Board:
    """A white picture of exact size to draw on.

    Args:
        width: Pixels.
        height: Pixels.
        paper: Background colour.
    """

    def __init__(self, width: int, height: int, paper: str = "white") -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=paper)
        self._figure.set_layout_engine("none")  # whatever the user's settings ask for
        self._canvas: Any = FigureCanvasAgg(self._figure)
        self._over = self._axes(Box(0, 0, width, height))
        self._over.set_zorder(10)
        self._over.set(xlim=(0, width), ylim=(height, 0))

    def _axes(self, box: Box) -> Axes:
        place = (
            box.left / self.width,
            1.0 - (box.top + box.height) / self.height,
            box.width / self.width,
            box.height / self.height,
        )
        axes = self._figure.add_axes(place, frameon=False)
        axes.set_axis_off()
        return axes

    def picture(self, box: Box, image: Array, window: tuple[float, float], colours: str, opacity: float = 1.0) -> None:
        """Show an image's own pixels, unsmoothed, filling a box.

        Args:
            box: Where.
            image: (rows, columns).
            window: Values at the two ends of the colours.
            colours: Name of a matplotlib colour map.
            opacity: 0–1.
        """
        axes = self._axes(box)
        axes.imshow(
            image, cmap=mpl.colormaps[colours], vmin=window[0], vmax=window[1], alpha=opacity, aspect="auto",
            interpolation="nearest", origin="upper", extent=(0.0, image.shape[1], image.shape[0], 0.0), resample=False,
        )  # fmt: skip

    def regions(self, box: Box, mask: NDArray[np.bool_], colour: str, fill: float = 0.0, width: int = 3) -> None:
        """Outline a mask just outside its pixels, cased in black so that it shows on any grey; fill it if asked.

        Args:
            box: Where the mask's picture lies.
            mask: (rows, columns), as large as the picture.
            colour: Of line and filling.
            fill: Opacity of the filling, 0–1.
            width: Of the coloured line, pixels.
        """
        if not mask.any():
            return
        inside = enlarged(mask, box.height, box.width)
        whole = ndimage.binary_fill_holes(inside)  # what lies in a hole stays visible
        line = ndimage.binary_dilation(whole, _disk(width))
        case = ndimage.binary_dilation(line, _disk(1)) & ~whole
        line &= ~whole
        tint = np.zeros((box.height, box.width, 4))
        tint[case] = (0.0, 0.0, 0.0, 1.0)
        tint[line] = (*mpl.colors.to_rgb(colour), 1.0)
        tint[inside] = (*mpl.colors.to_rgb(colour), fill)
        self._axes(box).imshow(
            tint, aspect="auto", interpolation="nearest", origin="upper", resample=False,
            extent=(0.0, box.width, box.height, 0.0),
        )  # fmt: skip

    def line(self, xs: Any, ys: Any, colour: str = "black", width: float = 1.0) -> None:
        """Draw a line through points in pixels."""
        self._over.plot(xs, ys, color=colour, linewidth=width, solid_capstyle="butt", linestyle="-", marker="")

    def frame(self, box: Box, fill: str | None = None, edge: str = "#888888", width: float = 1.0) -> None:
        """Draw a rectangle."""
        face = fill if fill is not None else "none"
        self._over.add_patch(
            Rectangle(
                (box.left + 0.5, box.top + 0.5),
                box.width - 1,
                box.height - 1,
                facecolor=face,
                edgecolor=edge,
                linewidth=width,
            )
        )

    def text(self, x: float, y: float, words: str, ink: Ink | None = None) -> None:
        """Write words; nothing in them is markup."""
        ink = ink or Ink()
        font = (_BOLD if ink.bold else _PLAIN).copy()
        font.set_size(ink.size)
        behind = None
        if ink.fill is not None:
            behind = {"boxstyle": "square,pad=0.15", "facecolor": ink.fill, "edgecolor": ink.edge, "linewidth": 1.5}
        self._over.text(
            x, y, words, fontproperties=font, color=ink.colour, ha=ink.across, va=ink.up, bbox=behind,
            parse_math=False, usetex=False, zorder=6,
        )  # fmt: skip

    def png(self) -> bytes:
        """The picture as PNG without metadata."""
        self._canvas.draw()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=6)
        return stream.getvalue()


def enlarged(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """The mask in as many pixels as asked for, each that of the mask pixel it lies in."""
    rows = (np.arange(height) + 0.5) * mask.shape[0] / height
    columns = (np.arange(width) + 0.5) * mask.shape[1] / width
    return np.asarray(mask[np.ix_(rows.astype(int), columns.astype(int))])


def _disk(radius: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y**2 + x**2 <= radius**2 + radius * 0.5)
