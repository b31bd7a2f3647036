"""How far a network's lesions may be trusted: its own spread, and whether the study is like what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.measure import Likeness
from lymphoscope.core.shown import number, with_unit
from lymphoscope.core.study import Study
from lymphoscope.core.volume import Volume
from lymphoscope.io.suv_times import USUAL_UPTAKE_MIN
from lymphoscope.quant.reference import LIVER_RANGE

if TYPE_CHECKING:
    from lymphoscope.learn.foreign.domain import Domain, Values

SPREAD = (0.3, 0.7)
"""Probabilities between which the volume is told."""
_COARSER, _LONGER = 2.0, 1.5
"""Ratios to the training's median from which voxels and fields of view are unlike it."""
_BEYOND = 0.10
"""Share of drawn voxels beyond what 99 % of the training's had, ten times what is expected, from which it is told."""

_IMAGES = {"pet:suv": ("SUV in what it draws", "g/mL"), "ct:hu": ("CT in what it draws", "HU")}


def spread_ml(probability: NDArray[np.float32], voxel_ml: float) -> dict[str, float]:
    """TMTV by a lower and a higher probability, mL.

    Args:
        probability: Of a lesion, (z, y, x).
        voxel_ml: Volume of a voxel.
    """
    return {f"probability ≥ {p}": float(np.count_nonzero(probability >= p)) * voxel_ml for p in SPREAD}


def beside_training(
    model: str, domain: Domain, volumes: Mapping[str, Volume], drawn: NDArray[np.bool_]
) -> tuple[Likeness, ...]:
    """A study beside what a model was trained on.

    Args:
        model: Its name.
        domain: What it was trained on.
        volumes: Images by role, on the grid of the PET.
        drawn: What the model draws there, (z, y, x).
    """
    grid = volumes["pet:suv"].geometry
    rows = []
    if domain.voxel_mm:
        ratios = [have / want for have, want in zip(grid.spacing, domain.voxel_mm, strict=True)]
        strange = max(ratios) > _COARSER or min(ratios) < 1 / _COARSER
        rows.append(Likeness("PET voxels", _size(grid.spacing), f"{_size(domain.voxel_mm)} (median)", strange, model))
    if domain.field_mm:
        here, there = grid.spacing[0] * grid.shape[0], domain.field_mm[0]
        strange = not 1 / _LONGER <= here / there <= _LONGER
        rows.append(Likeness("Field of view", f"{here:.0f} mm long", f"{there:.0f} mm (median)", strange, model))
    known = {role: values for role, values in domain.values.items() if role in volumes}
    return (*rows, *(_drawn(role, values, volumes[role].array[drawn], model) for role, values in known.items()))


def _drawn(role: str, known: Values, values: NDArray[np.generic], model: str) -> Likeness:
    """Values of one image in what a model draws, beside those in what was annotated for it."""
    name, unit = _IMAGES[role]
    beyond, words = known.beyond(values), "nothing drawn"
    if values.size:
        mean = with_unit(float(values.mean(dtype=float)), unit)
        words = f"mean {mean}, {100 * beyond:.0f} % of voxels beyond the training's"
    low, mean, high = (number(v, unit) for v in (known.low, known.mean, known.high))
    return Likeness(name, words, f"mean {mean}, 99 % of voxels {low} to {high}", beyond > _BEYOND, model)


def beside_practice(study: Study, liver_suv: float | None) -> tuple[Likeness, ...]:
    """A study beside what is usual for FDG: models do not say what of this they were trained on.

    Args:
        study: The study.
        liver_suv: Mean of the liver, SUVbw g/mL; None where it was not found.
    """
    fdg, tracer = study.suv.fdg, study.suv.tracer or study.suv.nuclide
    return (
        Likeness("Tracer", tracer or ("FDG" if fdg else "not known"), "FDG", fdg is False),
        _usual("Uptake time", study.suv.uptake_min, USUAL_UPTAKE_MIN, "min"),
        _usual("Liver SUVmean", liver_suv, LIVER_RANGE, "g/mL"),
    )


def unlike(rows: Sequence[Likeness]) -> str:
    """In a sentence, in what the study is unlike; empty where it is in nothing."""
    found = [f"{_small(r.fact)} {r.here} ({r.model or 'usual'}: {r.trained})" for r in rows if r.unlike]
    return "; ".join(found)


def _usual(name: str, value: float | None, limits: tuple[float, float], unit: str) -> Likeness:
    here = "not known" if value is None else with_unit(value, unit)
    low, high = limits
    return Likeness(name, here, f"{low:g}–{high:g} {unit}", value is not None and not low <= value <= high)


def _size(mm: Sequence[float]) -> str:
    return f"{' × '.join(f'{v:.1f}' for v in reversed(mm))} mm"


def _small(name: str) -> str:
    return name if name[:2].isupper() else name[:1].lower() + name[1:]
