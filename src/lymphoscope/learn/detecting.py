"""A network that finds boxes, asked about a whole image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.progress import Progress, silent
from lymphoscope.learn.clustering import Votes, clustered, surest
from lymphoscope.learn.infer import Predict, Together, Windows, flips
from lymphoscope.learn.view import View

_CENTRE = 0.8
"""Width of the Gaussian by which a box counts the less the further it is from the middle of a window, half-sides."""


class BoxWindows:
    """Windows over a volume; what they say of one lesion becomes one box, and again what several networks say.

    Args:
        overlap: Of neighbouring windows, share of their side.
        mirror: Axes to mirror, as in ``zyx``; each combination is a window of its own. Empty for none.
        least: Score below which a box is dropped.
        most: Boxes looked at in a window, the surest.
        within: Overlap (IoU) from which boxes of one network are of one lesion: of those of one window the surest
            speaks, and what the windows say is clustered.
        across: The same for boxes of several networks.
    """

    def __init__(
        self,
        overlap: float = 0.5,
        mirror: str = "",
        least: float = 0.02,
        most: int = 100,
        within: float = 0.1,
        across: float = 0.5,
    ) -> None:
        self._overlap, self._flips = overlap, flips(mirror)
        self._least, self._most = least, most
        self._within, self._across = within, across

    def __call__(
        self,
        predict: Predict,
        images: NDArray[np.float32],
        view: View,
        context: int = 0,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """Boxes that one network finds.

        Args:
            predict: The network: images of a window to (batch, anchors, 7), corners and score.
            images: Channels, scaled: (channels, z, y, x).
            view: What a window shows.
            context: Voxels that the network needs round a window.
            progress: Hears of every window.

        Returns:
            (n, 7): score and corners, as in `Together`; corners inside the image.
        """
        windows = Windows.over(images, view.size, self._overlap, context)
        said: list[NDArray[np.float64]] = []
        for start, part in windows.parts(progress):
            offset = np.subtract(start, windows.before)
            for axes in self._flips:
                shown = np.ascontiguousarray(np.flip(part, axes))[None]
                boxes, scores, middle = self._of_window(predict(shown)[0], view.size, axes)
                said.append(np.column_stack([scores, (boxes + offset).reshape(-1, 6), middle]))
        found = np.concatenate(said)
        voter = np.repeat(np.arange(len(said)), [len(one) for one in said])
        # beyond the image nobody has told the network what is there
        boxes = np.clip(found[:, 1:7].reshape(-1, 2, 3), 0, images.shape[1:])
        there = (boxes[:, 1] > boxes[:, 0]).all(axis=1)
        boxes, found, voter = boxes[there], found[there], voter[there]
        votes = Votes(voter, self._expected(boxes.mean(axis=1), windows), found[:, 7])
        return _rows(*clustered(boxes, found[:, 0], votes, self._within)).astype(np.float32)

    def together(self, found: Sequence[NDArray[np.float32]], images: NDArray[np.float32], view: View) -> Together:
        """Boxes of all networks, clustered: one that some have not found is less sure."""
        if len(found) == 1:
            return Together(None, found[0].astype(np.float64))
        rows = np.concatenate(found).astype(np.float64)
        voter = np.repeat(np.arange(len(found)), [len(one) for one in found])
        votes = Votes(voter, np.full(len(rows), float(len(found))), np.ones(len(rows)))
        return Together(None, _rows(*clustered(rows[:, 1:].reshape(-1, 2, 3), rows[:, 0], votes, self._across)))

    def _of_window(
        self, found: NDArray[np.float32], side: Sequence[int], axes: tuple[int, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The surest boxes of a window with their scores, and how near to its middle each is, 0 … 1."""
        order = np.argsort(-found[:, 6], kind="stable")[: self._most]
        rows = found[order][found[order, 6] >= self._least].astype(np.float64)
        # the part of a lesion that a window shows is all that its box can be of
        boxes = np.clip(rows[:, :6].reshape(-1, 2, 3), 0, side)
        rows, boxes = (kept[(boxes[:, 1] > boxes[:, 0]).all(axis=1)] for kept in (rows, boxes))
        alone = surest(boxes, self._within)
        rows, boxes = rows[alone], boxes[alone]
        for axis in axes:
            boxes[..., axis] = side[axis] - boxes[:, ::-1, axis]
        away = (boxes.mean(axis=1) / side - 0.5) * 2
        return boxes, rows[:, 6], np.exp(-0.5 * (away**2).sum(axis=1) / _CENTRE**2)

    def _expected(self, centres: NDArray[np.float64], windows: Windows) -> NDArray[np.float64]:
        """How many windows, mirrored ones too, show each place."""
        first = np.subtract(windows.starts, windows.before)[None]
        inside = (centres[:, None] >= first) & (centres[:, None] < first + windows.side)
        return np.asarray(inside.all(axis=2).sum(axis=1) * float(len(self._flips)))


def _rows(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([scores, boxes.reshape(-1, 6)])
