"""The plan rule of networks that see a case as a whole: one box for all, no larger than the cases are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from lymphoscope.recipes.fingerprint import Fingerprint
from lymphoscope.recipes.planning import AS_GIVEN, NetFacts, measured
from lymphoscope.recipes.spec import Learn, Use


def whole_image(learn: Learn, fingerprint: Fingerprint, facts: NetFacts, voxel: Sequence[float] | None = None) -> Learn:
    """Fit the box of a stage to the data.

    A box that the recipe states stays as it is where the largest case fills it; along an axis where no case does, it
    ends where the largest case ends, its voxels keeping their size. Where none is stated it is that of the largest
    case. A side is a multiple of what the network takes.

    Args:
        learn: As the recipe says, with a grid ``boxed``.
        fingerprint: Of the data.
        facts: Of the network.
        voxel: Size of a voxel along (z, y, x), mm, where the recipe states no box; the median of the data when None.
    """
    fields = np.array([np.multiply(case.shape, case.spacing) for case in fingerprint.cases])
    largest = fields.max(axis=0)
    given = learn.grid.params
    if "mm" in given:
        wanted, step = np.minimum(largest, given["mm"]), np.divide(given["mm"], given["shape"])
    else:
        wanted, step = largest, np.asarray(voxel or fingerprint.median_spacing)
    shape = tuple(_sided(side / mm, n) for side, mm, n in zip(wanted, step, facts.multiple, strict=True))
    box = {"mm": tuple(round(n * float(mm), 3) for n, mm in zip(shape, step, strict=True)), "shape": shape}
    return replace(
        learn,
        grid=Use("boxed", {**given, **box}),
        sampler=Use("whole", {"size": shape}),
        scale=measured(learn.scale, fingerprint),
        plan=AS_GIVEN,
    )


def _sided(voxels: float, multiple: int) -> int:
    """The next multiple from so many voxels on, a hair's breadth aside."""
    return ceil(voxels / multiple - 1e-6) * multiple
