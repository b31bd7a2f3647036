"""From a whole image to probabilities of the classes, in windows that a network can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.learn.view import View

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A network by any engine: images (batch, channels, *space) to probabilities (batch, classes, *space − 2 context)."""

_SIGMA = 1 / 8
"""Width of the Gaussian of a window, as a share of its side: nnU-Net's."""


@dataclass(frozen=True, eq=False)
class Together:
    """What all networks of a stage say of an image.

    Attributes:
        maps: Probabilities and what else is told of every voxel, (channels, z, y, x); None where only boxes are.
        boxes: (n, 7): score, then lower and upper corner along (z, y, x), voxels, voxel i from i to i + 1; None where
            there are none.
    """

    maps: NDArray[np.float32] | None
    boxes: NDArray[np.float64] | None = None


class Inference(Protocol):
    """How a network is asked about a whole image, and how the answers of several are put together."""

    def __call__(
        self,
        predict: Predict,
        images: NDArray[np.float32],
        view: View,
        context: int = 0,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """What one network says."""

    def together(self, found: Sequence[NDArray[np.float32]], images: NDArray[np.float32], view: View) -> Together:
        """What several say of the same image."""


class Voxelwise:
    """Networks that speak of voxels: together they say the mean."""

    def together(self, found: Sequence[NDArray[np.float32]], images: NDArray[np.float32], view: View) -> Together:
        """The mean of all."""
        return Together(found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0, dtype=np.float32)))


@dataclass(frozen=True, eq=False)
class Windows:
    """An image laid out in windows; along an axis where it is shorter than one it lies in the middle.

    Attributes:
        padded: The image with what was put round it, context included.
        before: Voxels put before it along each axis, context not counted.
        inner: Its size with them.
        side: Of a window.
        context: Voxels more on each side of it.
        starts: First voxel of each window.
    """

    padded: NDArray[np.float32]
    before: tuple[int, ...]
    inner: tuple[int, ...]
    side: tuple[int, ...]
    context: int
    starts: list[tuple[int, ...]]

    @classmethod
    def over(cls, images: NDArray[np.float32], side: tuple[int, ...], overlap: float, context: int) -> Windows:
        """Lay out.

        Args:
            images: (channels, *space).
            side: Of a window.
            overlap: Of neighbours, share of their side.
            context: Voxels that the network needs round a window.
        """
        space = images.shape[1:]
        margin = [max(0, wanted - have) for wanted, have in zip(side, space, strict=True)]
        pads = [(gap // 2 + context, gap - gap // 2 + context) for gap in margin]
        inner = tuple(have + gap for have, gap in zip(space, margin, strict=True))
        starts = list(product(*(steps(n, m, overlap) for n, m in zip(inner, side, strict=True))))
        return cls(np.pad(images, [(0, 0), *pads]), tuple(gap // 2 for gap in margin), inner, side, context, starts)

    def parts(self, progress: Progress) -> Iterator[tuple[tuple[int, ...], NDArray[np.float32]]]:
        """First voxel and image of each window."""
        for number, start in enumerate(self.starts):
            progress("predicting", number, len(self.starts))
            ends = (a + m + 2 * self.context for a, m in zip(start, self.side, strict=True))
            yield start, self.padded[(slice(None), *map(slice, start, ends))]
        progress("predicting", len(self.starts), len(self.starts))


class Sliding(Voxelwise):
    """Windows over a volume, blended where they overlap.

    Args:
        overlap: Of neighbouring windows, share of their side.
        mirror: Axes to mirror, as in ``zyx``; the mean over all combinations is taken. Empty for none.
        blend: ``gaussian``, or ``constant``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for words that mean nothing.
    """

    def __init__(self, overlap: float = 0.5, mirror: str = "", blend: str = "gaussian") -> None:
        if not 0.0 <= overlap < 1.0 or blend not in ("gaussian", "constant"):
            raise LymphoscopeError("USE-E-VALUE", f"sliding windows cannot have overlap {overlap} and blend {blend!r}")
        self._overlap, self._blend = overlap, blend
        self._flips = flips(mirror)

    def __call__(
        self,
        predict: Predict,
        images: NDArray[np.float32],
        view: View,
        context: int = 0,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """Probabilities of a whole volume.

        Args:
            predict: The network.
            images: Channels, scaled: (channels, z, y, x); or a slice, (channels, rows, columns).
            view: What a window shows.
            context: Voxels that the network needs round a window.
            progress: Hears of every window.

        Returns:
            Probabilities (classes, z, y, x), float32.
        """
        windows = Windows.over(images, view.size, self._overlap, context)
        weight = window(view.size, self._blend)
        total: NDArray[np.float32] | None = None
        weights = np.zeros(windows.inner, np.float32)
        for start, part in windows.parts(progress):
            found = self._mirrored(predict, part)
            where = tuple(slice(a, a + m) for a, m in zip(start, view.size, strict=True))
            if total is None:
                total = np.zeros((len(found), *windows.inner), np.float32)
            total[(slice(None), *where)] += found * weight
            weights[where] += weight
        assert total is not None
        total /= weights
        kept = tuple(slice(gap, gap + n) for gap, n in zip(windows.before, images.shape[1:], strict=True))
        return np.asarray(total[(slice(None), *kept)])

    def _mirrored(self, predict: Predict, part: NDArray[np.float32]) -> NDArray[np.float32]:
        found = [
            np.flip(predict(np.ascontiguousarray(np.flip(part, axes))[None])[0], axes)
            if axes
            else predict(part[None])[0]
            for axes in self._flips
        ]
        return np.asarray(found[0] if len(found) == 1 else np.mean(found, axis=0, dtype=np.float32))


class Slicewise(Voxelwise):
    """Every slice of a volume by itself, in windows where it is larger than what the network sees.

    Args:
        overlap: Of neighbouring windows, share of their side.
        mirror: Axes of the slice to mirror, as in ``yx``: the last but one and the last; empty for none.
        blend: ``gaussian``, or ``constant``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for words that mean nothing.
    """

    def __init__(self, overlap: float = 0.25, mirror: str = "", blend: str = "gaussian") -> None:
        self._plane = Sliding(overlap, mirror, blend)

    def __call__(
        self,
        predict: Predict,
        images: NDArray[np.float32],
        view: View,
        context: int = 0,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """Probabilities of a whole volume, slice by slice; arguments and result as for `Sliding`."""
        along = np.moveaxis(images, 1 + view.across, 0)
        half = view.thick // 2
        filled = np.pad(along, [(half, half), (0, 0), (0, 0), (0, 0)])
        out: list[NDArray[np.float32]] = []
        for number in range(len(along)):
            progress("predicting", number, len(along))
            stack = np.moveaxis(filled[number : number + view.thick], 1, 0)
            out.append(self._plane(predict, stack.reshape(-1, *stack.shape[2:]), view, context))
        progress("predicting", len(along), len(along))
        return np.ascontiguousarray(np.moveaxis(np.stack(out, 1), 1, 1 + view.across))


def steps(length: int, side: int, overlap: float) -> list[int]:
    """First indices of windows along an axis: evenly spread, the last ending where the axis ends.

    Args:
        length: Of the axis, at least `side`.
        side: Of a window.
        overlap: Least share that neighbours have in common.
    """
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / max(1.0, side * (1.0 - overlap)))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def window(side: Sequence[int], blend: str) -> NDArray[np.float32]:
    """Weights of a window, highest in its centre, nowhere zero."""
    if blend == "constant":
        return np.ones(tuple(side), np.float32)
    weight = np.ones((), np.float64)
    for n in side:
        place = (np.arange(n) - (n - 1) / 2) / (n * _SIGMA)
        weight = weight[..., None] * np.exp(-0.5 * place**2)
    return np.asarray(np.maximum(weight / weight.max(), 1e-4), np.float32)


def flips(mirror: str) -> list[tuple[int, ...]]:
    """All combinations of axes, counted from the last, so that they hold for slices and volumes."""
    axes = [-("xyz".index(axis) + 1) for axis in mirror]
    return [flip for count in range(len(axes) + 1) for flip in combinations(axes, count)]
