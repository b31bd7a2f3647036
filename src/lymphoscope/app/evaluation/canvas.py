"""A figure with axes that looks the same on every machine: no pyplot, no user's settings, no metadata."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
"""Okabe–Ito."""

_DPI = 110
_SETTINGS = {"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def house_style() -> AbstractContextManager[Any]:
    """Matplotlib's defaults and ours, whatever the user's settings; all drawing happens inside."""
    return matplotlib.style.context(["default", _SETTINGS])


class Canvas:
    """One or more axes side by side, in inches; rows under one another with `heights`, as parts of the whole."""

    def __init__(self, width: float, height: float, columns: int = 1, heights: Sequence[float] = (1.0,)) -> None:
        self._figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white", layout="constrained")
        self._canvas: Any = FigureCanvasAgg(self._figure)
        made = self._figure.subplots(len(heights), columns, height_ratios=heights)
        self.axes: list[Axes] = list(np.atleast_1d(np.asarray(made)).ravel())

    def png(self) -> bytes:
        """The picture as PNG without metadata."""
        self._canvas.draw()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=6)
        return stream.getvalue()
