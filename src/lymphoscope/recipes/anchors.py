"""The plan rule of networks that find boxes: anchors of the sizes that lesions have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lymphoscope.recipes.fingerprint import Fingerprint
from lymphoscope.recipes.planning import NetFacts, fit_data
from lymphoscope.recipes.spec import Learn, Use

_HEAD = "retina"
_ROUNDS = 100


def fit_anchors(learn: Learn, fingerprint: Fingerprint, facts: NetFacts, sizes: int = 2) -> Learn:
    """Fit examples to the data, and anchors to their lesions; anchors that the recipe states stay.

    Anchors are cubes in mm whose sides are the centres of clusters of the lesions' diameters (of balls of their
    volumes), the smallest at the finest level. Clusters are those of the logarithms: of two cubes round one point the
    IoU depends on the ratio of their sides alone.

    Args:
        learn: As the recipe says.
        fingerprint: Of the data.
        facts: Of the network.
        sizes: Of anchors at each level.
    """
    learn = fit_data(learn, fingerprint, facts)
    voxel = learn.grid.params.get("mm", fingerprint.median_spacing)
    diameters = np.cbrt([6 * ml * 1000 / np.pi for case in fingerprint.cases for ml in case.lesions_ml])

    def fitted(head: Use) -> Use:
        if head.name != _HEAD or "anchors" in head.params or not diameters.size:
            return head
        levels = len(head.params["levels"])
        sides = centres(diameters, levels * sizes).reshape(levels, sizes)
        anchors = tuple(tuple(tuple(round(float(side / mm), 2) for mm in voxel) for side in level) for level in sides)
        return Use(head.name, {**head.params, "anchors": anchors})

    return replace(learn, heads=tuple(map(fitted, learn.heads)))


def centres(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Centres of clusters of the logarithms of values, rising, by k-means from quantiles on.

    Args:
        values: Above 0.
        count: Of clusters; where values are few, some share a centre.
    """
    logs = np.sort(np.log(values))
    found = np.quantile(logs, (np.arange(count) + 0.5) / count)
    for _ in range(_ROUNDS):
        nearest = np.abs(logs[:, None] - found[None]).argmin(axis=1)
        moved = np.array([logs[nearest == k].mean() if (nearest == k).any() else found[k] for k in range(count)])
        if np.array_equal(moved, found):
            break
        found = moved
    return np.asarray(np.exp(np.sort(found)))
