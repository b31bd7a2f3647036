"""The picture of page 1: anterior and left lateral projections, each clean and beside it with the lesions drawn in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.image.projections import SIDES, Projection, View, mip, shadow_centres, silhouette
from lymphoscope.render.drawing import COLOUR, DOUBTFUL, INCLUDED, REMOVED, Board, Box, Ink

GREY = "gray_r"
TEXT = 23
"""Pixels; 8 point or more where the picture is printed 12 cm wide."""

_WIDTH, _HEIGHT = 1000, 1540
_MARGIN, _GAP, _HEAD, _FOOT = 92, 14, 34, 132
_MAX_SCALE, _NARROWEST = 4.0, 260
_TILT = 1.0
"""Degrees from which it is said that the grid lies oblique."""
_LABEL_STEP = 31
_REMOVED_LABELS = 12
_FILL = 0.6
UNSEEN = 0.02
"""What is darker than this part of the window everywhere may be cut off at the sides."""


@dataclass(frozen=True)
class Region:
    """A region to draw.

    Attributes:
        number: Label in the map it is drawn from.
        name: What is printed, such as ``L02``.
        status: ``ai-only``, ``confirmed``, ``doubtful`` or ``removed``.
        counted: True where its volume is in the TMTV; such a region is filled.
        size: For choosing which names to print when there is no room for all.
    """

    number: int
    name: str
    status: str
    counted: bool
    size: float


@dataclass(frozen=True, eq=False)
class Scene:
    """What the four panels show.

    Attributes:
        pet: The PET in SUV.
        labels: One map of all regions, counted or not, (z, y, x).
        regions: What each label is.
        threshold: SUV to mark on the colour bar, or None.
        window: SUV drawn black.
    """

    pet: Volume
    labels: Array
    regions: Sequence[Region]
    threshold: float | None
    window: float = 10.0


@dataclass(frozen=True)
class Panels:
    """Where the four panels lie, and how large the patient is in them.

    Attributes:
        size: Width and height of the picture, pixels.
        scale: Pixels per mm, the same in all panels and both directions.
        clean: Panel without drawings, by view.
        drawn: Panel with drawings, by view.
    """

    size: tuple[int, int]
    scale: float
    clean: Mapping[View, Box]
    drawn: Mapping[View, Box]


def panels(sizes_mm: Mapping[View, tuple[float, float]]) -> Panels:
    """Lay out the picture: one scale for all, the largest that fits.

    Args:
        sizes_mm: Height and width of each view, mm.
    """
    tall = sum(height for height, _ in sizes_mm.values())
    wide = max(width for _, width in sizes_mm.values())
    room_across, room_down = _WIDTH - 2 * _MARGIN - 3 * _GAP, _HEIGHT - _FOOT - len(sizes_mm) * (_HEAD + _GAP)
    scale = min(_MAX_SCALE, room_across / (2 * wide), room_down / tall)
    column = max(round(wide * scale), _NARROWEST)
    top, clean, drawn = 0, {}, {}
    for view, (height, width) in sizes_mm.items():
        across, down = round(width * scale), round(height * scale)
        top += _HEAD
        inset = (column - across) // 2
        clean[view] = Box(_GAP + inset, top, across, down)
        drawn[view] = Box(2 * _GAP + column + _MARGIN + inset, top, across, down)
        top += down + _GAP
    return Panels((2 * column + 2 * _MARGIN + 3 * _GAP, top + _FOOT), scale, clean, drawn)


@dataclass(frozen=True, eq=False)
class _Pane:
    projection: Projection
    shadows: Mapping[str, NDArray[np.bool_]]
    first_column: int


def mip_picture(scene: Scene) -> bytes:
    """Draw the four panels with sides, scale, colour bar and legend; PNG."""
    scene.pet.values(Unit.SUV_BW)
    panes = {view: _pane(scene, view) for view in View}
    plan = panels({view: pane.projection.size_mm for view, pane in panes.items()})
    board, named = Board(*plan.size), {}
    for view, pane in panes.items():
        for box in (plan.clean[view], plan.drawn[view]):
            board.picture(box, pane.projection.image, (0.0, scene.window), GREY)
        _draw_shadows(board, plan.drawn[view], pane.shadows)
        tilted = pane.projection.tilt_deg >= _TILT
        _head(board, plan.clean[view], view, view.value.capitalize())
        _head(board, plan.drawn[view], view, f"Tilted {pane.projection.tilt_deg:.0f}°" if tilted else "Lesions")
        named[view] = _names(board, plan.drawn[view], _marks(scene, pane, plan.drawn[view]))
    _foot(board, plan, scene, len(scene.regions) - min(named.values()))
    return board.png()


def _pane(scene: Scene, view: View) -> _Pane:
    whole, shadows = mip(scene.pet, view), _shadows(scene, view)
    cut = _sides_to_keep(whole, shadows, scene.window)
    projection = Projection(whole.image[:, cut], whole.mm, view, whole.tilt_deg)
    return _Pane(projection, {group: shadow[:, cut] for group, shadow in shadows.items()}, cut.start)


def _group(region: Region) -> str:
    if region.status == "doubtful":
        return "doubtful in" if region.counted else "doubtful out"
    return "included" if region.counted else "removed"


_LOOK = {"removed": REMOVED, "included": INCLUDED, "doubtful out": DOUBTFUL, "doubtful in": DOUBTFUL}


def _shadows(scene: Scene, view: View) -> dict[str, NDArray[np.bool_]]:
    shadows = {}
    highest = int(scene.labels.max(initial=0))
    for group in _LOOK:
        chosen = np.zeros(highest + 1, bool)
        chosen[[r.number for r in scene.regions if _group(r) == group and r.number <= highest]] = True
        shadows[group] = silhouette(chosen[scene.labels], scene.pet.geometry, view)
    return shadows


def _sides_to_keep(whole: Projection, shadows: Mapping[str, NDArray[np.bool_]], window: float) -> slice:
    """Columns from the first to the last in which anything can be seen, and a centimetre more."""
    seen = (whole.image > UNSEEN * window).any(axis=0)
    for shadow in shadows.values():
        seen |= shadow.any(axis=0)
    columns = np.flatnonzero(seen)
    if not columns.size:
        return slice(0, whole.image.shape[1])
    border = int(np.ceil(10.0 / whole.mm[1]))
    return slice(max(0, int(columns[0]) - border), min(whole.image.shape[1], int(columns[-1]) + 1 + border))


def _head(board: Board, box: Box, view: View, title: str) -> None:
    """Frame a panel; above it, where they hide no uptake, the title between the letters of the sides."""
    board.frame(box)
    left, right = SIDES[view]
    middle, y = box.left + box.width / 2, box.top - _HEAD / 2
    reach = max(box.width / 2, 0.31 * TEXT * len(title) + 28)
    board.text(middle, y, title, Ink(TEXT, across="center"))
    board.text(middle - reach + 2, y, left, Ink(TEXT, bold=True))
    board.text(middle + reach - 2, y, right, Ink(TEXT, bold=True, across="right"))


def _draw_shadows(board: Board, box: Box, shadows: Mapping[str, NDArray[np.bool_]]) -> None:
    for group, colour in _LOOK.items():
        board.regions(box, shadows[group], colour, _FILL if group in ("included", "doubtful in") else 0.0)


@dataclass(frozen=True)
class _Mark:
    x: float
    y: float
    region: Region


def _marks(scene: Scene, pane: _Pane, box: Box) -> list[_Mark]:
    """Names to print, most important first, with the middle of their shadows in pixels of the panel."""
    centres = shadow_centres(scene.labels, scene.pet.geometry, pane.projection.view)
    rows, columns = pane.projection.image.shape
    named = sorted((r for r in scene.regions if r.number in centres), key=lambda r: (-r.size, r.name))
    kept = [r for r in named if r.status != "removed"]
    removed = [r for r in named if r.status == "removed"]
    marks = []
    for region in (*kept, *removed[:_REMOVED_LABELS]):
        row, column = centres[region.number]
        x, y = (column + 0.5 - pane.first_column) / columns, (row + 0.5) / rows
        marks.append(_Mark(x * box.width, y * box.height, region))
    return marks


def _names(board: Board, box: Box, marks: Sequence[_Mark]) -> int:
    """Print the regions' names in the margins, joined to their shadows by thin lines, and tell how many."""
    room = max(1, box.height // _LABEL_STEP)
    sides = ([m for m in marks if m.x < box.width / 2], [m for m in marks if m.x >= box.width / 2])
    for side, here in enumerate(sides):
        chosen = sorted(here[:room], key=lambda m: (m.y, m.x, m.region.name))
        heights = spread([m.y for m in chosen], _LABEL_STEP, _LABEL_STEP / 2 + TEXT, box.height - _LABEL_STEP / 2)
        edge = box.left - 8 if side == 0 else box.left + box.width + 8
        for mark, y in zip(chosen, heights, strict=True):
            board.line((edge, box.left + mark.x), (box.top + y, box.top + mark.y), "#555555", 1.0)
            _name(board, edge, box.top + y, mark.region, "right" if side == 0 else "left")
    return sum(len(here[:room]) for here in sides)


def _name(board: Board, x: float, y: float, region: Region, across: str) -> None:
    colour = COLOUR.get(region.status, INCLUDED)
    words = region.name + ("?" if region.status == "doubtful" else "")
    removed = region.status == "removed"
    fill, edge = ("white", colour) if removed else (colour, "black")
    board.text(x, y, words, Ink(TEXT - 2, bold=not removed, across=across, fill=fill, edge=edge))


def spread(wanted: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Move sorted heights apart to at least `step`, staying between `low` and `high` where there is room."""
    places: list[float] = []
    for y in wanted:
        places.append(max(y, places[-1] + step if places else low))
    limit = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - step
    return places


def _foot(board: Board, plan: Panels, scene: Scene, unnamed: int) -> None:
    width, height = plan.size
    top = height - _FOOT + 8
    bar = Box(_GAP + 14, top, min(380, width // 2 - 40), 22)
    board.picture(bar, np.linspace(0.0, scene.window, 256)[None, :], (0.0, scene.window), GREY)
    board.frame(bar)
    for value in ticks(scene.window, scene.threshold):
        x = bar.left + bar.width * value / scene.window
        board.line((x, x), (bar.top, bar.top + bar.height + 7), "#D55E00" if value == scene.threshold else "black", 2.5)
        board.text(x, bar.top + bar.height + 20, f"{value:g}", Ink(TEXT - 2, across="center"))
    board.text(bar.left + bar.width + 22, bar.top + 11, "SUVbw g/mL", Ink(TEXT - 2))
    right = width - _GAP - 8
    length = 100.0 * plan.scale
    board.line((right - length, right), (top + 11, top + 11), "black", 4.0)
    board.text(right - length - 10, top + 11, "10 cm", Ink(TEXT - 2, across="right"))
    _legend(board, height - 62)
    words = "Inverse grey, linear; same scale on all four. Native PET voxels."
    if unnamed:
        words = f"Same scale on all four. {unnamed} smaller regions are drawn without a name."
    board.text(_GAP + 14, height - 22, words, Ink(TEXT - 4, "#333333"))


def ticks(window: float, threshold: float | None) -> list[float]:
    """Values to mark on the colour bar: its ends and the threshold."""
    inside = threshold is not None and 0.0 < threshold < window
    return [0.0, *([threshold] if inside and threshold is not None else []), window]


def _legend(board: Board, y: float) -> None:
    x = float(_GAP + 14)
    for words, colour, filled in (
        ("counted", INCLUDED, True),
        ("doubtful, in", DOUBTFUL, True),
        ("doubtful, out", DOUBTFUL, False),
        ("removed", REMOVED, False),
    ):
        swatch = Box(round(x), round(y) - 9, 26, 18)
        board.frame(swatch, colour if filled else "white", "black", 3.0 if not filled else 1.5)
        if not filled:
            board.frame(swatch, None, colour, 2.0)
        board.text(x + 33, y, words, Ink(TEXT - 4))
        x += 33 + 11.2 * len(words) + 22
