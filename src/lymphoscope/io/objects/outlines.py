"""Outlines of pixels: closed polygons along pixel edges, holes joined to their rim by a keyhole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]
"""A corner of pixels: (row, column) of the pixel below and right of it."""
Loop = list[Corner]
Edge = tuple[Corner, Corner]

_RIGHT, _DOWN, _LEFT, _UP = (0, 1), (1, 0), (0, -1), (-1, 0)
_TURNS = {_RIGHT: (_DOWN, _RIGHT, _UP), _DOWN: (_LEFT, _DOWN, _RIGHT), _LEFT: (_UP, _LEFT, _DOWN)} | {
    _UP: (_RIGHT, _UP, _LEFT)
}
"""Where a walk goes on, the pixel it walks round on its right hand: pixels that touch in a corner stay apart."""


def outlines(plane: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Trace the pixels of a plane.

    Args:
        plane: True inside, (y, x).

    Returns:
        Closed polygons, each (n, 2) of fractional (y, x) indices without the first point again at the end; a pixel's
        edges lie half a pixel from its centre. Their even–odd filling is the plane, pixel for pixel. Each island is
        one polygon; its holes hang on it by a cut of no width. Points on straight edges are left out.
    """
    loops = _loops(plane)
    rims = [loop for loop in loops if _turns_right(loop)]
    holes = sorted((_from_first(loop) for loop in loops if not _turns_right(loop)), key=lambda loop: loop[0])
    owner = {corner: rim for rim in rims for corner in rim}
    for hole in holes:
        row, column = hole[0]
        while (row, column) not in owner:  # all pixels passed on the way are inside
            column -= 1
        rim = owner[row, column]
        at = rim.index((row, column)) + 1
        rim[at:at] = [*hole, hole[0], (row, column)]
        owner.update(dict.fromkeys(hole, rim))
    return tuple(np.array(_straightened(rim), dtype=np.float64) - 0.5 for rim in rims)


def _loops(plane: NDArray[np.bool_]) -> list[Loop]:
    """All closed walks along pixel edges with the inside on the right hand, in the order of their first corner."""
    left = _edges(plane)
    edges = frozenset(left)
    loops = []
    for start in sorted(left):
        if start in left:
            walk = list(_walk(edges, start))
            left.difference_update(walk)
            loops.append([corner for corner, _ in walk])
    return loops


def _edges(plane: NDArray[np.bool_]) -> set[Edge]:
    """Edges between inside and outside: the corner each begins at, and where it leads."""
    padded = np.pad(plane, 1)
    inside = padded[1:-1, 1:-1]
    sides = (
        (inside & ~padded[:-2, 1:-1], (0, 0), _RIGHT),  # along the top of a pixel
        (inside & ~padded[1:-1, 2:], (0, 1), _DOWN),
        (inside & ~padded[2:, 1:-1], (1, 1), _LEFT),
        (inside & ~padded[1:-1, :-2], (1, 0), _UP),
    )
    return {
        ((row + down, column + right), step)
        for where, (down, right), step in sides
        for row, column in np.argwhere(where).tolist()
    }


def _walk(edges: frozenset[Edge], start: Edge) -> Iterator[Edge]:
    edge = start
    while True:
        yield edge
        (row, column), step = edge
        corner = (row + step[0], column + step[1])
        edge = next((corner, turn) for turn in _TURNS[step] if (corner, turn) in edges)
        if edge == start:
            return


def _turns_right(loop: Loop) -> bool:
    """Whether a loop runs clockwise on the screen, as rims do; holes run the other way."""
    y, x = np.array(loop).T
    return bool(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0)


def _from_first(loop: Loop) -> Loop:
    """The same loop, begun at its first corner in reading order."""
    at = loop.index(min(loop))
    return loop[at:] + loop[:at]


def _straightened(loop: Sequence[Corner]) -> Loop:
    """The loop without corners that it passes straight on."""
    return list(_bends(loop))


def _bends(loop: Sequence[Corner]) -> Iterator[Corner]:
    for before, here, after in zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True):
        came = np.sign(here[0] - before[0]), np.sign(here[1] - before[1])
        goes = np.sign(after[0] - here[0]), np.sign(after[1] - here[1])
        if came != goes:
            yield here
