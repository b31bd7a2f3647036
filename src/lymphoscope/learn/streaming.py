"""A sliding window that holds one slab of windows at a time and hands on what is finished.

The memory that blending takes is that of one window's height, whatever the length of the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.progress import Progress, silent
from lymphoscope.learn.infer import Predict, steps

Floats = NDArray[np.float32]
Place = tuple[int, ...]
"""Where a window begins, voxels."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Where windows lie.

    Attributes:
        side: Of a window along each axis, voxels.
        overlap: Least share of its side that it has in common with its neighbour.
        needed: Where an answer is wanted; windows that hold none of it are left out. None for everywhere.
        least: A window is left out too where nowhere that an answer is wanted its share of the blend is larger. Below
            1/27, which at least one window has everywhere, as no more than three overlap along an axis up to an
            `overlap` of 0.5.
    """

    side: tuple[int, ...]
    overlap: float = 0.5
    needed: NDArray[np.bool_] | None = None
    least: float = 0.0


def slabs(
    predict: Predict, images: Floats, windows: Windows, empty: Sequence[float], progress: Progress = silent
) -> Iterator[tuple[int, Floats]]:
    """Blend windows over a volume and give what is finished, from the first plane to the last.

    Args:
        predict: Images of one window to outputs that are blended: (1, channels, *side) to (1, outputs, *side).
        images: (channels, z, y, x).
        windows: Where they lie.
        empty: The outputs where no window was.
        progress: Hears of every window.

    Yields:
        The first plane and the outputs (outputs, planes, y, x) of consecutive slabs; a new array each.
    """
    space = images.shape[1:]
    gaps = [max(0, side - n) for side, n in zip(windows.side, space, strict=True)]
    pads = [(gap // 2, gap - gap // 2) for gap in gaps]
    padded = np.pad(images, [(0, 0), *pads]) if any(gaps) else images
    needed = windows.needed
    if needed is not None and any(gaps):
        needed = np.pad(needed, pads)
    starts = [steps(n, side, windows.overlap) for n, side in zip(padded.shape[1:], windows.side, strict=True)]
    weight = gaussian(windows.side)
    places = [list(product((z,), *starts[1:])) for z in starts[0]]
    if needed is not None:
        places = _heard(places, weight, needed, windows.least)
    total, done = sum(map(len, places)), 0
    nothing = np.asarray(empty, np.float32).reshape(-1, 1, 1, 1)
    inner = tuple(slice(low, low + n) for (low, _), n in zip(pads, space, strict=True))
    blend = _Blend((len(nothing), windows.side[0], *padded.shape[2:]), weight)
    for number, row in enumerate(places):
        for place in row:
            progress("predicting", done, total)
            where = _window(place, windows.side)
            blend.add(predict(np.ascontiguousarray(padded[(slice(None), *where)])[None])[0], where[1:])
            done += 1
        last = number == len(places) - 1
        finished = windows.side[0] if last else starts[0][number + 1] - starts[0][number]
        first = starts[0][number]
        kept = slice(max(inner[0].start - first, 0), max(min(inner[0].stop - first, finished), 0))
        found = blend.take(finished, nothing)[:, kept, inner[1], inner[2]]
        yield first + kept.start - inner[0].start, np.ascontiguousarray(found)
    progress("predicting", total, total)


class _Blend:
    """Weighted sums of one slab."""

    def __init__(self, shape: tuple[int, ...], weight: Floats) -> None:
        self._sums, self._weights = np.zeros(shape, np.float32), np.zeros(shape[1:], np.float32)
        self._weight = weight

    def add(self, found: Floats, where: tuple[slice, ...]) -> None:
        """Add a window of the slab's full height."""
        self._sums[(slice(None), slice(None), *where)] += found * self._weight
        self._weights[(slice(None), *where)] += self._weight

    def take(self, planes: int, nothing: Floats) -> Floats:
        """Means of the first planes; the rest moves up."""
        weights = self._weights[:planes]
        seen = weights > 0
        means = np.where(seen, self._sums[:, :planes] / np.where(seen, weights, 1), nothing)
        for held in (self._sums, self._weights[None]):
            rest = held.shape[1] - planes
            held[:, :rest] = held[:, planes:].copy()
            held[:, rest:] = 0
        return np.asarray(means, np.float32)


def voting(members: Sequence[Predict], mirror: Sequence[int] = ()) -> Predict:
    """Several networks on one window, each the mean over all mirrorings, their outputs one behind the other.

    Args:
        members: Networks.
        mirror: Axes of space that are mirrored, 0 the first. With any, the mean of all networks without mirroring
            comes last: what mirroring changes costs nothing to know.
    """
    flips = [flip for count in range(len(mirror) + 1) for flip in combinations([axis + 2 for axis in mirror], count)]

    def predict(images: Floats) -> Floats:
        found, plain = [], []
        for member in members:
            parts = [
                np.flip(member(np.ascontiguousarray(np.flip(images, flip))), flip) if flip else member(images)
                for flip in flips
            ]
            found.append(parts[0] if len(parts) == 1 else np.mean(parts, axis=0, dtype=np.float32))
            plain.append(parts[0])
        if mirror:
            found.append(np.mean(plain, axis=0, dtype=np.float32))
        return np.concatenate(found, axis=1)

    return predict


def gaussian(side: Sequence[int]) -> Floats:
    """Weights of a window as nnU-Net has them: a Gaussian of an eighth of the side, its ends as large as float16 holds.

    Reference: nnunetv2 2.5.2, inference/sliding_window_prediction.py.
    """
    weight = np.ones((), np.float64)
    for n in side:
        one = np.zeros(n)
        one[n // 2] = 1
        weight = weight[..., None] * ndimage.gaussian_filter1d(one, n / 8, mode="constant")
    halved = (10 * weight / weight.max()).astype(np.float16)
    halved[halved == 0] = halved[halved > 0].min()
    return np.asarray(halved, np.float32)


def _window(place: Place, side: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for a, n in zip(place, side, strict=True))


def _heard(
    places: Sequence[Sequence[Place]], weight: Floats, needed: NDArray[np.bool_], least: float
) -> list[list[Place]]:
    """The windows of each row whose share of the blend is larger than that somewhere where an answer is needed.

    Shares are those in space: weights are rounded up in a window's corners, and do not multiply there.
    """
    height, one_row = len(weight), np.zeros((len(weight), *needed.shape[1:]), np.float32)
    for place in places[0]:
        one_row[(slice(None), *_window(place, weight.shape)[1:])] += weight

    def heard(row: Sequence[Place]) -> Iterator[Place]:
        total = np.zeros_like(one_row)
        for other in places:
            up = other[0][0] - row[0][0]
            if abs(up) < height:
                total[max(up, 0) : height + min(up, 0)] += one_row[max(-up, 0) : height - max(up, 0)]
        for place in row:
            where = _window(place, weight.shape)
            asked = needed[where]
            if asked.any() and (asked & (weight > least * total[(slice(None), *where[1:])])).any():
                yield place

    return [list(heard(row)) for row in places]
