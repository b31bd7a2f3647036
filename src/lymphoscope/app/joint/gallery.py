"""Typical cases as pictures: surfaces of what runs drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.app.evaluation.canvas import GREEN, Canvas, house_style
from lymphoscope.app.joint.competitors import Competitor
from lymphoscope.core.units import Unit
from lymphoscope.image.relief import relief
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.pictures import Picture
from lymphoscope.render.words import safe

_MOST_RUNS = 6
_MARGIN = 15
"""Pixels of 2 mm that are shown about the reference."""

Floats = NDArray[np.floating[Any]]


def typical(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """A case with the outcome and one without, each of them nearest to the median Dice that a run has of its kind."""
    found = []
    for outcome in (1, 0):
        kind = [row for row in rows if row.get("outcome") == outcome and row.get(f"dice: {name}") is not None]
        if kind:
            middle = float(np.median([row[f"dice: {name}"] for row in kind]))
            found.append(min(kind, key=lambda row: (abs(row[f"dice: {name}"] - middle), row["case"]))["case"])
    return found


def surfaces(runs: Sequence[Competitor], data: DataSet, rows: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Surfaces of what was drawn of typical cases, beside the reference."""
    drawing = [one for one in runs if one.draws][:_MOST_RUNS]
    cases = typical(rows, drawing[0].name) if drawing else []
    if not cases:
        return []
    facts = {row["case"]: row for row in rows}
    with house_style():
        canvas = Canvas(1.6 * (1 + len(drawing)), 2.3 * len(cases), 1 + len(drawing), heights=(1.0,) * len(cases))
        for number, case in enumerate(cases):
            axes = canvas.axes[number * (1 + len(drawing)) :]
            shown = _shown(data, case, drawing)
            titles = [f"{safe(case)}: reference", *(f"{o.name}: {facts[case][f'dice: {o.name}']:.3f}" for o in drawing)]
            for place, title, seen in zip(axes, titles, shown, strict=False):
                _surface(place, seen, shown[0], title)
        png = canvas.png()
    caption = (
        "Surfaces of drawn lesions of unseen patients, seen from the front, with Dice; the green box holds the largest "
        f"difference from the reference. A case with the outcome and one without, of median Dice by {drawing[0].name}."
    )
    return [Picture("surfaces.png", png, caption, caption)]


def _shown(data: DataSet, case: str, drawing: Sequence[Competitor]) -> list[Floats]:
    """The reference of a case and what each run drew, as surfaces in one window about the reference."""
    labels = data.read(data[case], ()).labels
    assert labels is not None
    masks = [labels, *(read_nifti(one.run.validation / f"{case}.nii.gz", Unit.LABEL) for one in drawing)]
    seen: list[Floats] = [relief(mask.array > 0, mask.geometry) for mask in masks]
    there = np.argwhere(~np.isnan(seen[0]))
    if not len(there):
        return seen
    window = tuple(slice(max(0, low - _MARGIN), high + 1 + _MARGIN)
                   for low, high in zip(there.min(axis=0), there.max(axis=0), strict=True))  # fmt: skip
    return [one[window] for one in seen]


def _surface(axes: Axes, seen: Floats, wanted: Floats, title: str) -> None:
    axes.imshow(np.where(np.isnan(seen), 1.0, 0.15 + 0.75 * np.nan_to_num(seen)), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=7)
    axes.set_axis_off()
    parts, count = ndi.label(np.isnan(seen) != np.isnan(wanted))
    if count:
        largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        down, across = ndi.find_objects(parts)[largest - 1]
        size = (across.stop - across.start, down.stop - down.start)
        axes.add_patch(Rectangle((across.start - 0.5, down.start - 0.5), *size, fill=False, edgecolor=GREEN, lw=1.2))
