"""All augmentations of a recipe together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from lymphoscope.learn.augment.augment import Augment, Drawn, Spatial, Valued
from lymphoscope.learn.augment.warp import Warp, resample
from lymphoscope.recipes.parts.augments import AUGMENTS
from lymphoscope.recipes.spec import Use


class Augmentation:
    """What may happen to an example.

    Movements come first, in their order, and share one resampling; changes of values follow in theirs.

    Args:
        uses: Augmentations by name.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for one that is on no shelf.
    """

    def __init__(self, uses: Sequence[Use]) -> None:
        self._names = tuple(use.name for use in uses)
        self._parts: tuple[Augment, ...] = tuple(AUGMENTS[use.name].load()(**use.params) for use in uses)

    def draw(self, rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float]) -> list[Drawn]:
        """Say what happens to an example. All chance is here.

        Args:
            rng: Source of chance.
            shape: Of the example: (channels, *space).
            spacing: Voxel size in array order, mm.

        Returns:
            For each that happens its place in the recipe, its name and its numbers; JSON can hold it.
        """
        drawn = []
        for place, (name, part) in enumerate(zip(self._names, self._parts, strict=True)):
            what = part.draw(rng, shape[0], len(spacing))
            if what is not None:
                drawn.append({"place": place, "name": name, "spacing": [float(mm) for mm in spacing], **what})
        return drawn

    def apply(self, images: Tensor, labels: Tensor, drawn: Sequence[Drawn], wanted: int = 0) -> tuple[Tensor, Tensor]:
        """Do what was drawn, the same whenever it is told the same.

        Args:
            images: (channels, *space) fp32; stay as they are.
            labels: (scans, *space) int64; stay as they are.
            drawn: From `draw`.
            wanted: How many of the last channels are to be made from the others: they move with them, and keep their
                values.

        Returns:
            New images and labels of the same sizes.
        """
        moves = [part.warp(what) for what in drawn if isinstance(part := self._parts[what["place"]], Spatial)]
        if moves:
            images, labels = resample(images, labels, reduce(Warp.then, moves), drawn[0]["spacing"])
        seen = len(images) - wanted
        shown, made = images[:seen], images[seen:]
        for what in drawn:
            part = self._parts[what["place"]]
            if isinstance(part, Valued):
                shown = part.apply(shown, what)
        return torch.cat([shown, made]) if wanted else shown, labels
