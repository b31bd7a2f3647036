"""How much of an image a network sees at once, and along which of its axes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """What an example of training and a window of prediction have in common; samplers say it.

    Attributes:
        size: Side along each axis that is seen, without context, voxels.
        axes: Axes of the image that are seen: all of (z, y, x) for boxes, two for slices.
        thick: Neighbouring slices seen as channels; 1 for none.
        candidates: Probability from which the last image makes candidates, each of which is seen by itself, with one
            channel more that shows where it is; None where whole images are seen.
        margin: Voxels that are seen round a candidate, the rest being blank; None for all that fit.
    """

    size: tuple[int, ...]
    axes: tuple[int, ...] = (0, 1, 2)
    thick: int = 1
    candidates: float | None = None
    margin: int | None = None

    def channels(self, images: int) -> int:
        """Channels that a network sees of so many images."""
        return images * self.thick + (self.candidates is not None)

    @property
    def dims(self) -> int:
        """2 for slices, 3 for boxes."""
        return len(self.axes)

    @property
    def across(self) -> int:
        """The axis along which slices follow each other."""
        (axis,) = {0, 1, 2} - set(self.axes)
        return axis
