"""How far an image lies above what would be normal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def excess(maps: NDArray[np.float32], *, full: float = 10.0) -> NDArray[np.float32]:
    """Excess of the first of two images over the second: ReLU of the difference as a share, 0 … 1.

    Args:
        maps: The image and the normal one, (2, z, y, x).
        full: Difference that is 1, and so is what is larger; in the unit of the images.

    Returns:
        (z, y, x).
    """
    image, normal = maps
    return np.asarray(np.clip((image - normal) / np.float32(full), 0.0, 1.0), np.float32)
