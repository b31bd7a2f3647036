"""Candidates that an earlier stage has found, one by one: what an example of them shows, and how each is judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.infer import Predict, Together, Voxelwise, flips
from lymphoscope.learn.prepare import Prepared, regions
from lymphoscope.learn.sampling import Cut, box
from lymphoscope.learn.view import View

Voxels = NDArray[np.int32]
"""Voxels of one candidate, (n, 3) of (z, y, x)."""


class Candidates:
    """Boxes round candidates: connected parts of the last image, a map of an earlier stage, and of the true mask.

    An example has one channel more than the images: the candidate itself, apart from others in its box. True lesions
    are candidates too, so that the network sees those the earlier stage missed; false ones are what it found elsewhere.

    Args:
        size: Side of a box in voxels, one number or (z, y, x).
        at: Probability from which a voxel of the map belongs to a candidate.
        positive: Share of examples that are lesions.
        margin: Voxels shown round the box of a candidate, the rest being blank; None for all that the box holds.
    """

    def __init__(
        self,
        size: int | Sequence[int] = 32,
        at: float = 0.3,
        positive: float = 0.25,
        margin: int | None = None,
    ) -> None:
        sides = (size,) * 3 if isinstance(size, int) else tuple(size)
        self.view = View(sides, candidates=at, margin=margin)
        self._at, self._positive = at, positive
        self._known: dict[str, tuple[list[Voxels], list[Voxels]]] = {}

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """The box of a candidate of a case; one without any is empty, in the middle.

        Args:
            case: Where it is cut from.
            rng: Chance.
            context: Voxels more on each side.

        Returns:
            Images (channels + 1, z, y, x) and labels (z, y, x); outside the case as for `Patches`.
        """
        true, false = self._of(case)
        first, other = (true, false) if rng.random() < self._positive else (false, true)
        there = first or other
        voxels = there[int(rng.integers(len(there)))] if there else np.zeros((0, 3), np.int32)
        images, where = around(case.images, voxels, self.view, context)
        return images, None if case.labels is None else box(case.labels, where, UNMARKED)

    def _of(self, case: Prepared) -> tuple[list[Voxels], list[Voxels]]:
        """Lesions, drawn or true, and what is none."""
        if case.id not in self._known:
            lesion = np.zeros(case.shape, bool) if case.labels is None else case.labels > 0
            parts: dict[bool, list[Voxels]] = {True: regions(lesion), False: []}
            for one in candidates(case.images[-1], self._at):
                parts[bool(lesion[tuple(one.T)].any())].append(one)
            self._known[case.id] = parts[True], parts[False]
        return self._known[case.id]


class EachCandidate(Voxelwise):
    """A score for every candidate, written into its voxels; everything else is background.

    Args:
        mirror: Axes to mirror, as in ``zyx``; the mean over all combinations is taken. Empty for none.
    """

    def __init__(self, mirror: str = "") -> None:
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
            predict: The network: boxes to (batch, classes).
            images: Channels, scaled, the last the map of the earlier stage: (channels, z, y, x).
            view: What a box shows.
            context: Voxels that the network needs round a box.
            progress: Hears of every candidate.

        Returns:
            Probabilities (classes, z, y, x), float32, even in each candidate.
        """
        assert view.candidates is not None
        found = candidates(images[-1], view.candidates)
        # without a candidate there is nothing but background, of however many classes
        told = [np.array([1.0, 0.0], np.float32)]
        for number, voxels in enumerate(found):
            progress("judging candidates", number, len(found))
            part, _ = around(images, voxels, view, context)
            seen = [
                predict(np.ascontiguousarray(np.flip(part, axes) if axes else part)[None])[0] for axes in self._flips
            ]
            told.append(np.asarray(np.mean(seen, axis=0, dtype=np.float32)))
        progress("judging candidates", len(found), len(found))
        out = np.zeros((len(told[-1]), *images.shape[1:]), np.float32)
        out[0] = 1.0
        for voxels, one in zip(found, told[1:], strict=True):
            out[(slice(None), *voxels.T)] = one[:, None]
        return out

    def together(self, found: Sequence[NDArray[np.float32]], images: NDArray[np.float32], view: View) -> Together:
        """The mean of all, and of each candidate the box with its score, whether it is accepted or not."""
        assert view.candidates is not None
        mean = super().together(found, images, view).maps
        assert mean is not None
        rows = [
            [1.0 - mean[(0, *voxels[0])], *voxels.min(axis=0), *(voxels.max(axis=0) + 1)]
            for voxels in candidates(images[-1], view.candidates)
        ]
        return Together(mean, np.array(rows, np.float64).reshape(-1, 7))


def candidates(chance: NDArray[np.float32], at: float) -> list[Voxels]:
    """Connected parts of a map from a probability on."""
    return regions(chance >= at)


def around(
    images: NDArray[np.float32], voxels: Voxels, view: View, context: int
) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """The box round a candidate with the candidate as last channel, and where it lies; blank beyond the margin."""
    shape = images.shape[1:]
    middle = voxels.mean(axis=0) if len(voxels) else np.asarray(shape) / 2
    starts = [round(float(c)) - side // 2 - context for c, side in zip(middle, view.size, strict=True)]
    where = [(a, a + side + 2 * context) for a, side in zip(starts, view.size, strict=True)]
    itself = np.zeros([b - a for a, b in where], np.float32)
    inside = voxels - starts
    inside = inside[((inside >= 0) & (inside < itself.shape)).all(axis=1)]
    itself[tuple(inside.T)] = 1.0
    seen = box(images, where, 0.0)
    if view.margin is not None and len(voxels):
        near = np.zeros(itself.shape, bool)
        low = np.maximum(voxels.min(axis=0) - view.margin - starts, 0)
        high = np.maximum(voxels.max(axis=0) + 1 + view.margin - starts, 0)
        near[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
        seen *= near
    return np.concatenate([seen, itself[None]]), where
