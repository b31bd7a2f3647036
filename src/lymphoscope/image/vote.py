"""One probability map of several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def soft_vote(maps: Floats) -> Floats:
    """Mean of the probabilities of a lesion.

    Args:
        maps: (maps, z, y, x).

    Returns:
        (z, y, x).
    """
    return np.asarray(maps.mean(axis=0, dtype=np.float32))


def hard_vote(maps: Floats) -> Floats:
    """Share of the maps that say lesion, each where its probability is above one half; arguments as `soft_vote`.

    A lesion is where more than half of them say so: a tie is background.
    """
    return np.asarray((maps > 0.5).mean(axis=0, dtype=np.float32))
