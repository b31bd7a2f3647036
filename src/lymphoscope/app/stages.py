"""Of which stage the errors are, in a run whose last stage judges what an earlier one found."""

from __future__ import annotations

from collections import Counter

import numpy as np

from lymphoscope.core.units import Unit
from lymphoscope.evaluate.stages import errors_of_stages
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.run import Run
from lymphoscope.recipes.planning import Plan


def errors(plan: Plan, data: DataSet, run: Run) -> dict[str, int] | None:
    """Errors of either stage in the cases that are predicted and marked; None where no stage judges candidates.

    Args:
        plan: What was trained.
        data: The cases.
        run: Where maps and masks are.
    """
    last = plan.recipe.stages[-1]
    if last.makes != "scores":
        return None
    at = float(last.trained.sampler.params["at"])
    total: Counter[str] = Counter()
    for entry in data.cases:
        drawn, told = run.validation / f"{entry.id}.nii.gz", run.maps(last.reads[-1]) / f"{entry.id}.nii.gz"
        labels = data.read(entry, ()).labels if drawn.exists() else None
        if labels is None:
            continue
        found = read_nifti(told, Unit.PROBABILITY).array >= at
        total.update(errors_of_stages(found, read_nifti(drawn, Unit.LABEL).array > 0, np.asarray(labels.array > 0)))
    return dict(total)
