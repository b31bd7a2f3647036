"""One mask of several readers': by majority, or by STAPLE, which weighs readers by how well they agree with all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.crop import bounding_box, widened

sitk: Any = SimpleITK
"""The library as type checkers may see it: it has no types of its own."""

Bool = NDArray[np.bool_]

_MARGIN_VOXELS = 2
_LIKELY = 0.5


def majority(masks: Sequence[Bool]) -> Bool:
    """Voxels that more than half of the readers drew, (z, y, x); of two readers what both drew."""
    return np.asarray(2 * np.sum(masks, axis=0, dtype=np.int16) > len(masks), dtype=np.bool_)


def staple(masks: Sequence[Bool]) -> Bool:
    """Voxels that are more likely inside than not, given how far each reader can be trusted, (z, y, x).

    Only the box that holds all masks, two voxels wider, is looked at: in a whole body the background, on which all
    agree, would outweigh the lesions.

    Reference: Warfield et al., IEEE Trans Med Imaging 2004;23:903.
    """
    drawn = np.any(masks, axis=0)
    tight = bounding_box(drawn)
    if tight is None:
        return np.asarray(drawn)
    box = widened(tight, _MARGIN_VOXELS, drawn.shape)
    images = [sitk.GetImageFromArray(np.ascontiguousarray(mask[box], dtype=np.uint8)) for mask in masks]
    found = np.zeros_like(drawn)
    found[box] = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0)) > _LIKELY
    return np.asarray(found, dtype=np.bool_)


CONSENSUS: Mapping[str, Callable[[Sequence[Bool]], Bool]] = MappingProxyType({"majority": majority, "staple": staple})
"""Ways to make one mask of several, by name."""


def agreed(masks: Sequence[Bool], how: str) -> Bool:
    """One mask of several, (z, y, x).

    Args:
        masks: One a reader, all on one grid.
        how: A name of `CONSENSUS`.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for another name, ``GEO-E-MASKGRID`` for masks of different shapes.
    """
    if how not in CONSENSUS:
        raise LymphoscopeError("USE-E-NAME", f"{how!r} is no way to make one mask of several: {', '.join(CONSENSUS)}")
    if len({mask.shape for mask in masks}) != 1:
        raise LymphoscopeError("GEO-E-MASKGRID", "the readers' masks are not on one grid")
    return CONSENSUS[how](masks)
