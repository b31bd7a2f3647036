"""What every level of a network makes of typical cases: PET, features, probability, reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy import ndimage as ndi

from lymphoscope.app.evaluation.canvas import Canvas, house_style
from lymphoscope.app.joint.competitors import Competitor
from lymphoscope.app.joint.gallery import typical
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.volume import Array
from lymphoscope.image.projections import layout
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.render.pictures import Picture
from lymphoscope.render.words import safe

_LEVELS = 4
_PANEL = 1.3
"""Inches that a plane is wide."""


@dataclass(frozen=True, eq=False)
class _Planes:
    """Images of a case on a network's grid, by name, in display order."""

    images: Mapping[str, Array]
    spacing: tuple[float, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the network's levels."""
        return tuple(name for name in self.images if name.startswith("level"))

    @property
    def middle(self) -> tuple[int, ...]:
        """Of the largest part of the reference."""
        mask = self.images["reference"]
        parts, count = ndi.label(mask)
        if not count:
            return tuple(n // 2 for n in mask.shape)
        largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        return tuple(round(float(place)) for place in ndi.center_of_mass(parts == largest))

    @property
    def window(self) -> list[tuple[float, float]]:
        """Middle and half length along each axis, in mm, of what the PET holds: beyond it nothing was scanned."""
        there = np.argwhere(self.images["PET"] > 0)
        low, high = (
            (there.min(axis=0), there.max(axis=0) + 1) if len(there) else (np.zeros(3), self.images["PET"].shape)
        )
        return [((a + b) * mm / 2, (b - a) * mm / 2) for a, b, mm in zip(low, high, self.spacing, strict=True)]


def features(one: Competitor, data: DataSet, rows: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """What every level of a network makes of typical cases that it has not seen.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without torch.
    """
    facts = [row for case in typical(rows, one.name) for row in rows if row["case"] == case]
    if not facts:
        return []
    seen = [_seen(one, data, row["case"]) for row in facts]
    spans = [[half for _, half in planes.window] for planes in seen]
    tall, wide = max(span[0] for span in spans), max(max(span[1:]) for span in spans)
    columns = len(seen[0].images)
    with house_style():
        canvas = Canvas(_PANEL * columns, _PANEL * tall / wide * 2 * len(seen) + 0.3, columns, (1.0,) * (2 * len(seen)))
        for row, (planes, fact) in enumerate(zip(seen, facts, strict=True)):
            for line, across in ((2 * row, 1), (2 * row + 1, 2)):
                axes = canvas.axes[line * columns : (line + 1) * columns]
                for axis, (name, image) in zip(axes, planes.images.items(), strict=True):
                    _plane(axis, planes, name, across, (tall, wide))
                    if line == 0:
                        size = "\n" + " × ".join(map(str, image.shape)) if name in planes.levels else ""
                        axis.set_title(name + size, fontsize=7)
                axes[0].set_ylabel(_said(one, fact) if across == 1 else "sagittal", fontsize=7)
        png = canvas.png()
    caption = (
        f"What {one.name} makes of two unseen cases, one with the outcome and one without, each of its kind's median "
        "Dice: PET, the mean over the channels of each level from the finest to the bottom (dark little, bright much), "
        "probability of a lesion, reference. Coronal above, sagittal below, in the middle of the largest reference."
    )
    return [Picture("features.png", png, caption, caption)]


def _said(one: Competitor, facts: Mapping[str, Any]) -> str:
    risk = facts.get(f"risk: {one.name}")
    told = "" if risk is None else f", foretold {risk:.2f}"
    return f"{safe(facts['case'])}\noutcome {facts['outcome']}{told}\nDice {facts[f'dice: {one.name}']:.3f}\ncoronal"


def _seen(one: Competitor, data: DataSet, case: str) -> _Planes:
    """What a network reads of a case, its levels, what it says, the reference."""
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
        levels = [level[0].mean(dim=0).numpy() for level in net.backbone(given)][:_LEVELS]
        lesion = 1 - net.predict(given)[0, 0].numpy()
    assert labels is not None
    found = {"PET": images[0], **{f"level {n}": level for n, level in enumerate(levels)},
             "probability": lesion, "reference": truth(labels, grid) > 0}  # fmt: skip
    laid = layout(grid)
    return _Planes({name: laid.lay(np.asarray(image, np.float32)) for name, image in found.items()}, laid.spacing)


def _plane(axes: Axes, planes: _Planes, name: str, across: int, half: tuple[float, float]) -> None:
    """A coronal (1) or sagittal (2) plane in a window of so many mm up and down, and to the sides, of its middle."""
    image, whole = planes.images[name], planes.images["PET"].shape
    lengths = [n * mm for n, mm in zip(whole, planes.spacing, strict=True)]
    place = planes.middle[across] * image.shape[across] // whole[across]
    low, high = np.percentile(image, (1, 99.8)) if name in planes.levels else (0.0, float(image.max()))
    side = lengths[3 - across]
    axes.imshow(
        np.take(image, place, axis=across), cmap="magma" if name in planes.levels else "gray_r", vmin=low,
        vmax=max(high, low + 1e-6), extent=(0, side, lengths[0], 0), interpolation="nearest",
    )  # fmt: skip
    (down, _), (beside, _) = planes.window[0], planes.window[3 - across]
    axes.set(xticks=[], yticks=[], xlim=(beside - half[1], beside + half[1]), ylim=(down + half[0], down - half[0]))
    for edge in axes.spines.values():
        edge.set_visible(False)
