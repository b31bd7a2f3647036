"""Systems that look for candidates and then judge each: which stage an error is of."""

from __future__ import annotations

import numpy as np

from lymphoscope.evaluate.overlap import Mask, require_shape
from lymphoscope.image.components import components


def errors_of_stages(found: Mask, accepted: Mask, reference: Mask) -> dict[str, int]:
    """Count what the first stage missed or found too much, and what the second refused or let pass.

    Args:
        found: Candidates, (z, y, x); each connected part is one.
        accepted: What the second stage left of them.
        reference: Lesions.

    Returns:
        Of connected ``lesions`` how many are ``without_candidate`` (no voxel found) and ``refused`` (found, and no
        voxel accepted); of candidates without a lesion voxel the ``false_candidates`` and those ``false_accepted``.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the shapes differ.

    Reference:
        Catalogue of node systems, PD02.
    """
    require_shape(found, reference)
    require_shape(accepted, reference)
    lesions, parts = components(reference), components(found)
    seen, kept = _touched(lesions, found), _touched(lesions, found & accepted)
    true, passed = _touched(parts, reference), _touched(parts, accepted)
    return {
        "lesions": seen.size,
        "without_candidate": int((~seen).sum()),
        "refused": int((seen & ~kept).sum()),
        "false_candidates": int((~true).sum()),
        "false_accepted": int((~true & passed).sum()),
    }


def _touched(labels: np.ndarray, mask: Mask) -> Mask:
    """Of each part 1…n whether a voxel of it is in a mask."""
    touched = np.zeros(int(labels.max(initial=0)) + 1, bool)
    touched[labels[mask]] = True
    return touched[1:]
