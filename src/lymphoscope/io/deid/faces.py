"""The front of a face blanked in the pixels of single files, before they are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.deid.table import TAKEN
from lymphoscope.io.header import Header
from lymphoscope.io.pixels import AIR_HU
from lymphoscope.io.slices import plane_facts

_TYPES = {(8, 0): "<u1", (8, 1): "<i1", (16, 0): "<u2", (16, 1): "<i2", (32, 0): "<u4", (32, 1): "<i4"}


@dataclass(frozen=True, eq=False)
class Blank:
    """Where the front of a face is.

    Attributes:
        frame: Frame of reference it is known in; empty for images that name none.
        inside: Tells of the voxels of a grid which are in it, (z, y, x).
    """

    frame: str
    inside: Callable[[Geometry], NDArray[np.bool_]]

    def place(self, header: Header) -> Geometry | None:
        """The grid of one slice in that frame; None where it cannot be told."""
        kind = header.integer("BitsAllocated"), header.integer("PixelRepresentation")
        if header.text("FrameOfReferenceUID") != self.frame or kind not in _TYPES or header.has("NumberOfFrames"):
            return None
        try:
            (position,), orientation, spacing = plane_facts([header])
        except LymphoscopeError:
            return None
        affine = np.eye(4)
        affine[:3, 0] = np.cross(orientation[:3], orientation[3:])
        affine[:3, 1], affine[:3, 2] = orientation[3:] * spacing[0], orientation[:3] * spacing[1]
        affine[:3, 3] = position
        return Geometry((1, header.integer("Rows") or 0, header.integer("Columns") or 0), affine)

    def blanked(self, header: Header, content: bytes) -> bytes:
        """Pixels of one slice that `place` knows, with air in the face: −1024 HU, or 0.

        Args:
            header: Its header.
            content: Its pixels as `pixels.native_bytes` gives them.
        """
        grid = self.place(header)
        if grid is None:
            raise ValueError("the slice has no place")
        inside = self.inside(grid)
        if not inside.any():
            return content
        bits, signed = header.integer("BitsAllocated") or 16, header.integer("PixelRepresentation") or 0
        count = inside.size
        values = np.frombuffer(content, _TYPES[bits, signed], count).copy()
        values[inside.ravel()] = _air(header, bits, signed)
        made = values.tobytes()
        return made + content[len(made) :]


def _air(header: Header, bits: int, signed: int) -> int:
    """Stored value of air, as near as the bits that are stored allow."""
    slope, intercept = header.number("RescaleSlope") or 1.0, header.number("RescaleIntercept") or 0.0
    air = AIR_HU if TAKEN[header.text("SOPClassUID")] == "CT" else 0
    stored = min(header.integer("BitsStored") or bits, bits)
    lowest, highest = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    return int(np.clip(round((air - intercept) / slope), lowest, highest))
