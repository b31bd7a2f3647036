"""Smoothing of class probabilities along the image: a conditional random field in its mean-field approximation."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-6
"""Probability that a class is never below, so that it has a logarithm."""


def mean_field(
    probabilities: NDArray[np.float32],
    suv: NDArray[np.float32],
    *,
    weight: float = 3.0,
    iterations: int = 5,
    sigma: tuple[float, float] = (3.0, 0.5),
    window: int = 5,
) -> NDArray[np.float32]:
    """Let voxels that lie near each other and take up alike agree on their class.

    Q ← softmax(log p + w Σ k(i, j) Q_j / Σ k₀(i, j)) over the neighbours j in a window, k the product of a Gaussian k₀
    of the distance and one of the difference in SUV. Divided by Σ k₀, `weight` is what a neighbourhood of one class and
    one SUV adds to the logit of that class; how much it is is ours.

    Args:
        probabilities: (classes, z, y, x) or (classes, y, x).
        suv: Image, (z, y, x) or (y, x), SUV.
        weight: Of agreement, in units of a logit.
        iterations: How often all voxels are updated.
        sigma: Widths of the Gaussians, voxels and SUV.
        window: Side of the neighbourhood, voxels, odd.

    Returns:
        Probabilities, (classes, …) as given, float32.

    Reference: Krähenbühl and Koltun, NeurIPS 2011; Chen et al., IEEE TPAMI 2018;40:834.
    """
    log_p = np.log(np.clip(probabilities, _LEAST, None))
    found = _softmax(log_p)
    pairs = _pairs(suv.ndim, window)
    near = {offset: float(np.exp(-sum(n * n for n in offset) / (2 * sigma[0] ** 2))) for offset in pairs}
    scale = weight / (2 * sum(near.values()))
    for _ in range(iterations):
        logits = log_p.copy()
        for offset, closeness in near.items():
            here, there = _shifted(offset)
            alike = scale * closeness * np.exp(-((suv[here] - suv[there]) ** 2) / (2 * sigma[1] ** 2))
            logits[(slice(None), *here)] += alike * found[(slice(None), *there)]
            logits[(slice(None), *there)] += alike * found[(slice(None), *here)]
        found = _softmax(logits)
    return found


def _pairs(dims: int, window: int) -> list[tuple[int, ...]]:
    """Half of the offsets within the window: each stands for itself and its opposite."""
    reach = range(-(window // 2), window // 2 + 1)
    return [offset for offset in product(reach, repeat=dims) if offset > (0,) * dims]


def _shifted(offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two views of an array whose voxels lie an offset apart."""
    here = tuple(slice(max(0, -n), -n if n > 0 else None) for n in offset)
    there = tuple(slice(max(0, n), n if n < 0 else None) for n in offset)
    return here, there


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shares = np.exp(logits - logits.max(axis=0))
    found: NDArray[np.float32] = (shares / shares.sum(axis=0)).astype(np.float32)
    return found
