"""How voxels become numbers of order one, and back where a network makes an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError

Scaling = Callable[[str, NDArray[np.float32]], NDArray[np.float32]]
"""Role of an image (``pet:suv``, ``ct:hu``, or the id of a stage) and its values (z, y, x) to other values."""


def _one_way(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    raise LymphoscopeError("USE-E-VALUE", f"{role} cannot be made: of what it is scaled by nothing is kept")


@dataclass(frozen=True)
class Scale:
    """A scale of images by their role: called, it scales.

    Attributes:
        there: To scaled values, or to several of them as channels (channels, z, y, x).
        back: From one scaled image to the unit of its role; refuses with ``USE-E-VALUE`` where that is not known.
    """

    there: Scaling
    back: Scaling = _one_way

    def __call__(self, role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled values."""
        return self.there(role, values)


Window = tuple[float, float]
"""What becomes 0 and what becomes 1."""


def modality(role: str) -> str:
    """``pet``, ``ct`` or ``stage`` for an input of a stage."""
    kind = role.partition(":")[0]
    return kind if kind in ("pet", "ct") and ":" in role else "stage"


def windows(suv: Window | tuple[Window, ...] = (0.0, 30.0), hu: Window | tuple[Window, ...] = (-150.0, 250.0)) -> Scale:
    """Clip each image to its window and bring that to 0 … 1; maps of earlier stages stay as they are.

    Args:
        suv: SUV of 0 and of 1; several pairs make as many channels.
        hu: HU of 0 and of 1, likewise.
    """
    limits = {"pet": np.asarray(suv, np.float32), "ct": np.asarray(hu, np.float32)}

    def scale(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if modality(role) == "stage":
            return values
        # of one window two numbers, of several two columns, which the image is set against
        low, high = np.moveaxis(limits[modality(role)], -1, 0)[..., None, None, None]
        return np.asarray((np.clip(values, low, high) - low) / (high - low), np.float32)

    def back(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if limits[modality(role)].ndim > 1:
            return _one_way(role, values)
        low, high = limits[modality(role)]
        return np.asarray(values * (high - low) + low, np.float32)

    return Scale(scale, back)


def nnunet(hu_range: tuple[float, float] = (-150.0, 250.0), hu_mean: float = 50.0, hu_sd: float = 100.0) -> Scale:
    """What nnU-Net does: CT by figures of the whole training set, every other image by its own mean and SD.

    Args:
        hu_range: HU that CT is clipped to.
        hu_mean: HU that becomes 0.
        hu_sd: HU of one unit.
    """

    def scale(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        kind = modality(role)
        if kind == "stage":
            return values
        if kind == "ct":
            return np.asarray((np.clip(values, *hu_range) - hu_mean) / hu_sd, np.float32)
        return np.asarray((values - values.mean()) / max(float(values.std()), 1e-8), np.float32)

    return Scale(scale)


def compressed(suv: float = 3.0, hu: tuple[float, float] = (-150.0, 250.0)) -> Scale:
    """Uptake on a scale that is linear for faint and logarithmic for hot lesions: asinh(SUV / suv); CT by its window.

    A window wide enough for the hottest lesions leaves a faint one a twentieth of it; the logarithm keeps both apart.

    Args:
        suv: SUV where linear turns into logarithmic.
        hu: HU of 0 and of 1.
    """
    plain = windows(hu=hu)

    def scale(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if modality(role) == "pet":
            return np.asarray(np.arcsinh(values / np.float32(suv)), np.float32)
        return plain(role, values)

    def back(role: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if modality(role) == "pet":
            return np.asarray(np.float32(suv) * np.sinh(values), np.float32)
        return plain.back(role, values)

    return Scale(scale, back)
