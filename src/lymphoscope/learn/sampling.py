"""What a training example is: where it is cut from a case, and how. The draw is the only random part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.prepare import Prepared
from lymphoscope.learn.view import View

Cut = tuple[NDArray[np.float32], NDArray[np.int8] | None]
"""Images (channels, *space) and labels of an example: (*space), or (scans, *space) where earlier scans are read."""


class Sampler(Protocol):
    """Cuts examples from cases.

    Attributes:
        view: What of a case an example shows.
    """

    view: View

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """Draw an example from a case, `context` voxels larger on each side."""


class Patches:
    """Boxes of a volume.

    Args:
        size: Side in voxels, one number or (z, y, x).
        positive: Share of boxes centred on a lesion voxel. First a lesion is drawn, then a voxel of it, so that a small
            lesion is seen as often as a large one.
    """

    def __init__(self, size: int | Sequence[int] = 96, positive: float = 0.5) -> None:
        self.view = View(_sides(size, 3))
        self._positive = positive

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """A box of a case. Where the case is smaller, it is drawn where the case lies in the box.

        Args:
            case: Where it is cut from.
            rng: Chance.
            context: Voxels more on each side.

        Returns:
            Images (channels, z, y, x) and labels (z, y, x); outside the case 0, and `UNMARKED` in the labels.
        """
        centre = _lesion_voxel(case, rng) if rng.random() < self._positive else None
        start = [
            _start(length, side, None if centre is None else int(centre[axis]), rng)
            for axis, (length, side) in enumerate(zip(case.shape, self.view.size, strict=True))
        ]
        where = [(begin - context, begin + side + context) for begin, side in zip(start, self.view.size, strict=True)]
        return box(case.images, where, 0.0), None if case.labels is None else box(case.labels, where, UNMARKED)


class ClassRatio:
    """Boxes of two scans of a patient, centred as often as is wanted on what became of a lesion.

    Args:
        size: Side in voxels, one number or (z, y, x).
        ratios: How often, each relative to the others, a box is centred on no lesion, on one of the latest scan only,
            on one of the earlier scan only, and on one of both. What a case has not is left out.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for ratios that are none.

    Reference: Tie et al., Radiol Artif Intell 2025: 1 : 2 : 2 : 4.
    """

    def __init__(self, size: int | Sequence[int] = 112, ratios: Sequence[float] = (1.0, 2.0, 2.0, 4.0)) -> None:
        if len(ratios) != len(FATES) or min(ratios) < 0 or ratios[0] <= 0:
            raise LymphoscopeError("USE-E-VALUE", f"{tuple(ratios)} are no four ratios, of which the first is above 0")
        self.view, self._ratios = View(_sides(size, 3)), tuple(ratios)
        self._known: dict[str, list[NDArray[np.int64]]] = {}

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """A box of a case; arguments and result as for `Patches`, labels (scans, z, y, x)."""
        voxel = self._voxel(case, rng)
        starts = [
            _start(length, side, None if voxel is None else int(voxel[axis]), rng)
            for axis, (length, side) in enumerate(zip(case.shape, self.view.size, strict=True))
        ]
        where = [(a - context, a + side + context) for a, side in zip(starts, self.view.size, strict=True)]
        return box(case.images, where, 0.0), None if case.labels is None else box(case.labels, where, UNMARKED)

    def _voxel(self, case: Prepared, rng: np.random.Generator) -> NDArray[np.int64] | None:
        """Where a box is centred; None for anywhere, most of which is no lesion."""
        if case.id not in self._known:
            self._known[case.id] = [np.argwhere(fates_of(case.labels) == fate) for fate in (1, 2, 3)]
        there = self._known[case.id]
        shares = np.array([self._ratios[0], *(r * bool(len(v)) for r, v in zip(self._ratios[1:], there, strict=True))])
        fate = int(rng.choice(len(FATES), p=shares / shares.sum()))
        return there[fate - 1][int(rng.integers(len(there[fate - 1])))] if fate else None


FATES = ("none", "new", "gone", "kept")
"""What a voxel of two scans is: 0 no lesion, 1 one of the latest scan only, 2 of the earlier only, 3 of both."""


def fates_of(labels: NDArray[np.int8] | None) -> NDArray[np.int8]:
    """Which of `FATES` every voxel is; of a single scan no lesion is an earlier one.

    Args:
        labels: (z, y, x), or (scans, z, y, x) with the latest first; nothing where None.
    """
    if labels is None:
        return np.zeros((0, 0, 0), np.int8)
    scans = labels.reshape(-1, *labels.shape[-3:])[:2] > 0
    return np.asarray(sum((scan.astype(np.int8) << back for back, scan in enumerate(scans))), np.int8)


class Slices:
    """Slices of a volume along one axis.

    Args:
        axis: 0 axial, 1 coronal, 2 sagittal.
        size: Side in pixels, one number or two.
        positive: Share of slices through a lesion voxel.
        thick: Neighbouring slices given as channels, an odd number; 1 for none.
    """

    def __init__(self, axis: int = 0, size: int | Sequence[int] = 192, positive: float = 0.5, thick: int = 1) -> None:
        self.view = View(_sides(size, 2), tuple(other for other in range(3) if other != axis), thick)
        self._positive = positive

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """A slice of a case.

        Args:
            case: Where it is cut from.
            rng: Chance.
            context: Pixels more on each side.

        Returns:
            Images (channels · thick, rows, columns) and labels (rows, columns); outside the case as for `Patches`.
        """
        voxel = _lesion_voxel(case, rng) if rng.random() < self._positive else None
        where: list[tuple[int, int]] = []
        sides, across, half = iter(self.view.size), self.view.across, self.view.thick // 2
        for axis, length in enumerate(case.shape):
            if axis == across:
                slice_ = int(rng.integers(length)) if voxel is None else int(voxel[axis])
                where.append((slice_ - half, slice_ + half + 1))
            else:
                side = next(sides)
                begin = _start(length, side, None if voxel is None else int(voxel[axis]), rng)
                where.append((begin - context, begin + side + context))
        images = np.moveaxis(box(case.images, where, 0.0), 1 + across, 1)
        images = images.reshape(-1, *images.shape[2:])
        if case.labels is None:
            return np.ascontiguousarray(images), None
        labels = np.take(box(case.labels, where, UNMARKED), half, axis=across - 3)
        return np.ascontiguousarray(images), np.ascontiguousarray(labels)


class Whole:
    """The whole of a case, for networks that speak of the patient.

    Args:
        size: Side in voxels, (z, y, x): that of the box a stage works in. A case of another size lies in the middle.
    """

    def __init__(self, size: int | Sequence[int] = 64) -> None:
        self.view = View(_sides(size, 3))

    def cut(self, case: Prepared, rng: np.random.Generator, context: int) -> Cut:
        """All of a case; nothing in it is drawn.

        Args:
            case: Which.
            rng: Not asked.
            context: Voxels more on each side.

        Returns:
            Images and labels as for `Patches`.
        """
        starts = [(length - side) // 2 for length, side in zip(case.shape, self.view.size, strict=True)]
        where = [(a - context, a + side + context) for a, side in zip(starts, self.view.size, strict=True)]
        return box(case.images, where, 0.0), None if case.labels is None else box(case.labels, where, UNMARKED)


def order(cases: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order in which the cases of an epoch are drawn from; the same for the same seed and epoch."""
    return np.random.default_rng([seed, 1, epoch]).permutation(cases)


def box(array: NDArray[Any], where: Sequence[tuple[int, int]], outside: float) -> NDArray[Any]:
    """A box of the last axes of an array; what lies outside the array is filled.

    Args:
        array: (…, *space).
        where: First and one past the last index along each axis of space; may lie outside.
        outside: Value there.
    """
    space = array.shape[-len(where) :]
    inner = tuple(slice(max(0, a), max(0, min(n, b))) for (a, b), n in zip(where, space, strict=True))
    out = np.full((*array.shape[: -len(where)], *(b - a for a, b in where)), outside, array.dtype)
    target = tuple(slice(part.start - a, part.stop - a) for part, (a, _) in zip(inner, where, strict=True))
    every = (slice(None),) * (array.ndim - len(where))
    if all(part.stop > part.start for part in inner):
        out[every + target] = array[every + inner]
    return out


def _sides(size: int | Sequence[int], dims: int) -> tuple[int, ...]:
    return (size,) * dims if isinstance(size, int) else tuple(int(side) for side in size)


def _lesion_voxel(case: Prepared, rng: np.random.Generator) -> NDArray[np.int32] | None:
    if not case.lesions:
        return None
    lesion = case.lesions[int(rng.integers(len(case.lesions)))]
    voxel: NDArray[np.int32] = lesion[int(rng.integers(len(lesion)))]
    return voxel


def _start(length: int, side: int, centre: int | None, rng: np.random.Generator) -> int:
    """First index of a side: inside the case as far as it goes, round the centre where there is one."""
    low, high = min(0, length - side), max(0, length - side)
    if length > side and centre is not None:
        return int(np.clip(centre - side // 2, low, high))
    return int(rng.integers(low, high + 1))
