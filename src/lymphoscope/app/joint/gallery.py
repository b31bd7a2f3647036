"""Typical cases as pictures: surfaces of what runs drew, and features of every level of a network."""

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
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array
from lymphoscope.image.projections import Layout, layout
from lymphoscope.image.relief import relief
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.pictures import Picture
from lymphoscope.render.words import safe

_MOST_RUNS = 5

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
        canvas = Canvas(1.9 * (1 + len(drawing)), 2.3 * len(cases), 1 + len(drawing), heights=(1.0,) * len(cases))
        for number, case in enumerate(cases):
            axes = canvas.axes[number * (1 + len(drawing)) :]
            labels = data.read(data[case], ()).labels
            assert labels is not None
            whole = relief(labels.array > 0, labels.geometry)
            _surface(axes[0], whole, None, f"{safe(case)}: reference")
            for place, one in zip(axes[1:], drawing, strict=False):
                mask = read_nifti(one.run.validation / f"{case}.nii.gz", Unit.LABEL)
                dice = facts[case][f"dice: {one.name}"]
                _surface(place, relief(mask.array > 0, mask.geometry), whole, f"{one.name}: {dice:.3f}")
        png = canvas.png()
    caption = (
        "Surfaces of drawn lesions of unseen patients, seen from the front, with Dice; the green box holds the largest "
        f"difference from the reference. A case with the outcome and one without, of median Dice by {drawing[0].name}."
    )
    return [Picture("surfaces.png", png, caption, caption)]


def _surface(axes: Axes, seen: Floats, wanted: Floats | None, title: str) -> None:
    axes.imshow(np.where(np.isnan(seen), 1.0, 0.15 + 0.75 * np.nan_to_num(seen)), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=7)
    axes.set(xticks=[], yticks=[])
    if wanted is None or wanted.shape != seen.shape:
        return
    parts, count = ndi.label(np.isnan(seen) != np.isnan(wanted))
    if count:
        largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        down, across = ndi.find_objects(parts)[largest - 1]
        size = (across.stop - across.start, down.stop - down.start)
        axes.add_patch(Rectangle((across.start - 0.5, down.start - 0.5), *size, fill=False, edgecolor=GREEN, lw=1.2))


def features(one: Competitor, data: DataSet, rows: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """What every level of a network makes of typical cases that it has not seen.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without torch.
    """
    facts = {row["case"]: row for row in rows}
    return [_features(one, data, facts[case]) for case in typical(rows, one.name)]


def _features(one: Competitor, data: DataSet, facts: Mapping[str, Any]) -> Picture:
    case = facts["case"]
    shown, geometry = _seen(one, data, case)
    laid = layout(geometry)
    with house_style():
        canvas = Canvas(1.25 * len(shown), 4.6, len(shown), heights=(1.0, 1.0))
        places = _cuts(laid, shown["reference"])
        for column, (name, image) in enumerate(shown.items()):
            top, bottom = canvas.axes[column], canvas.axes[len(shown) + column]
            _plane(top, laid, image, 1, places[1])
            _plane(bottom, laid, image, 2, places[2])
            top.set_title(name, fontsize=7)
        png = canvas.png()
    risk, outcome = facts.get(f"risk: {one.name}"), facts["outcome"]
    said = f"{safe(case)}, outcome {outcome}" + ("" if risk is None else f", foretold {risk:.3f}")
    said += f", Dice {facts[f'dice: {one.name}']:.3f}"
    caption = (
        f"What {one.name} makes of an unseen case ({said}): PET, the mean over the channels of each level from the "
        "finest to the bottom, probability of a lesion, reference. Coronal above, sagittal below, in the middle of "
        "the largest part of the reference."
    )
    return Picture(f"features-{'event' if outcome else 'other'}.png", png, caption, caption)


def _seen(one: Competitor, data: DataSet, case: str) -> tuple[dict[str, Array], Geometry]:
    """Images of a case on the network's grid, by name: what it reads, its levels, what it says, the reference."""
    try:
        import torch  # noqa: PLC0415 - an extra
    except ImportError:
        fix = "Install it with: pip install 'lymphoscope[train]'."
        raise LymphoscopeError("USE-E-EXTRA", "torch is not installed", fix=fix) from None
    from lymphoscope.learn.fold import trained, volumes_of  # noqa: PLC0415 - needs torch
    from lymphoscope.learn.prepare import inputs, truth  # noqa: PLC0415

    stage = one.plan.recipe.learnt[-1]
    (fold,) = (n for n in one.folds if case in one.plan.folds[n].val)
    net = trained(one.plan, one.run, stage, fold)
    volumes, (labels, *_) = volumes_of(one.plan, data, one.run, data[case], stage)
    images, grid = inputs(stage, volumes)
    with torch.inference_mode():
        given = torch.from_numpy(images)[None]
        levels = [level[0].mean(dim=0).numpy() for level in net.backbone(given)]
        lesion = 1 - net.predict(given)[0, 0].numpy()
    assert labels is not None
    found = {"PET": images[0], **{f"level {n}": _enlarged(level, grid.shape) for n, level in enumerate(levels[:4])}}
    return {**found, "probability": lesion, "reference": truth(labels, grid) > 0}, grid


def _enlarged(image: Array, shape: tuple[int, ...]) -> Array:
    for axis, (have, wanted) in enumerate(zip(image.shape, shape, strict=True)):
        image = image.repeat(-(-wanted // have), axis=axis)
    return image[tuple(slice(0, n) for n in shape)]


def _cuts(laid: Layout, mask: Array) -> tuple[int, int, int]:
    """The middle of the largest part of a mask, in display order."""
    parts, count = ndi.label(laid.lay(mask))
    if not count:
        down, back, across = (n // 2 for n in parts.shape)
        return down, back, across
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    down, back, across = (round(float(place)) for place in ndi.center_of_mass(parts == largest))
    return down, back, across


def _plane(axes: Axes, laid: Layout, image: Array, across: int, place: int) -> None:
    """A coronal (1) or sagittal (2) plane, white where least and black where most in the whole image."""
    plane = np.take(laid.lay(np.asarray(image, np.float32)), place, axis=across)
    low, high = float(np.min(image)), float(np.max(image))
    aspect = laid.spacing[0] / laid.spacing[3 - across]
    axes.imshow(plane, cmap="gray_r", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
