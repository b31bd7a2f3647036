"""The worst and the best cases as pictures: where prediction and reference agree, and where not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from lymphoscope.app.evaluation.canvas import BLUE, GREEN, RED, Canvas, house_style
from lymphoscope.app.evaluation.pairing import CaseFiles, read_pair
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import Progress
from lymphoscope.core.shown import NONE
from lymphoscope.core.volume import Array
from lymphoscope.evaluate.case import NONE as NOTHING
from lymphoscope.evaluate.case import CaseResult, Pair
from lymphoscope.image.projections import View, axial, layout, silhouette
from lymphoscope.render.pictures import WINDOW, Picture
from lymphoscope.render.words import safe

SHOWN = 3
"""Cases of each kind."""

_COLOURS = (("both", GREEN), ("prediction only", RED), ("reference only", BLUE))


def gallery(files: Sequence[CaseFiles], results: Sequence[CaseResult], progress: Progress) -> tuple[Picture, ...]:
    """Draw the worst and the best cases by Dice, false alarms counting as 0; a case is drawn once."""
    order = sorted(
        (n for n, result in enumerate(results) if result.kind != NOTHING),
        key=lambda n: (results[n].numbers["dice"] or 0.0, results[n].case),
    )
    best = max(0, len(order) - SHOWN)
    chosen = [(n, "worst") for n in order[:SHOWN]] + [(n, "best") for n in order[max(SHOWN, best) :][::-1]]
    made = []
    for done, (n, word) in enumerate(chosen, 1):
        rank = done if word == "worst" else done - min(SHOWN, len(order))
        with house_style():
            made.append(_picture(read_pair(files[n]), results[n], f"{word}-{rank}"))
        progress("drawing", done, len(chosen))
    return tuple(made)


def _picture(pair: Pair, result: CaseResult, name: str) -> Picture:
    geometry = pair.reference.geometry
    masks = (pair.prediction.foreground, pair.reference.foreground)
    pet = None if pair.pet is None else pair.pet.array
    canvas = Canvas(7.0, 3.6, 2)
    laid = layout(geometry)
    down, back, across = laid.spacing
    shadows = [silhouette(mask, geometry, View.ANTERIOR) for mask in masks]
    behind = None if pet is None else laid.lay(pet).max(axis=1)
    _panel(canvas.axes[0], behind, (shadows[0], shadows[1]), down / across)
    canvas.axes[0].set_title("anterior projection", fontsize=8)
    voxel = _worst_slice(masks, geometry)
    slices = [axial(mask, geometry, voxel) for mask in masks]
    _panel(canvas.axes[1], None if pet is None else axial(pet, geometry, voxel), (slices[0], slices[1]), back / across)
    canvas.axes[1].set_title("axial slice with most disagreement", fontsize=8)
    dice = result.numbers["dice"]
    facts = f"Dice {NONE if dice is None else f'{dice:.3f}'}, reference {result.numbers['volume_ref_ml']:.1f} mL"
    words = f"{safe(result.case)}: {facts}, predicted {result.numbers['volume_pred_ml']:.1f} mL"
    legend = ", ".join(("green both", "orange prediction only", "blue reference only"))
    return Picture(
        f"{name}.png", canvas.png(), f"{words}.", f"{name.replace('-', ' ').capitalize()}. {words}; {legend}."
    )


def _worst_slice(masks: tuple[NDArray[np.bool_], NDArray[np.bool_]], geometry: Geometry) -> tuple[int, int, int]:
    """A voxel of the axial slice in which the masks differ most, or where they are largest when they are equal."""
    axis = layout(geometry).order[0]
    others = tuple(a for a in range(3) if a != axis)
    differ = (masks[0] ^ masks[1]).sum(axis=others)
    counts = differ if differ.any() else masks[1].sum(axis=others)
    voxel = [0, 0, 0]
    voxel[axis] = int(counts.argmax())
    return voxel[0], voxel[1], voxel[2]


def _panel(axes: Axes, behind: Array | None, masks: tuple[Array, Array], aspect: float) -> None:
    """Colours over the PET in grey, or over white; patient's right is at the left."""
    predicted, referred = masks
    grey = np.ones(predicted.shape) if behind is None else 1 - np.clip(behind / WINDOW, 0, 1)
    picture = np.repeat(grey[..., None], 3, axis=-1)
    opacity = 1.0 if behind is None else 0.6
    for mask, (_, colour) in zip(
        (predicted & referred, predicted & ~referred, ~predicted & referred), _COLOURS, strict=True
    ):
        picture[mask] = (1 - opacity) * picture[mask] + opacity * np.array(to_rgb(colour))
    axes.imshow(picture, aspect=aspect, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
