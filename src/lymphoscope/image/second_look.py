"""A network beside the rules: what they are sure of stays, their doubts a sure network decides, and a reader is asked.

The network names hot uptake (lesion, brain, bowel …) voxel by voxel. Rules divide the uptake into regions and decide on
each; the mean of the network over a region confirms that, or moves it by one step between counted and removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision
from lymphoscope.image.physiology import Judged

NETWORK = "network"
"""Actor of doubts of a network's."""
AGAINST = "network against rules"
"""Rule of theirs."""


@dataclass(frozen=True)
class Step:
    """What a network does to a region of one action: by the mean probability of a lesion over it.

    Attributes:
        asks: A reader is asked, of a counted region at this or less, of another at this or more.
        moves: The region has the action `to`, likewise.
        to: The next action.
    """

    asks: float
    moves: float
    to: str


STEPS: Mapping[str, Step] = {
    "include": Step(0.1, 0.1, "doubt-in"),
    "doubt-in": Step(0.3, 0.1, "doubt-out"),
    "doubt-out": Step(0.3, 0.5, "doubt-in"),
    "remove": Step(0.3, 0.3, "doubt-out"),
}
"""By the rules' action. What the rules are sure of stays counted or out; in their doubts the network decides which.
Chosen on phantoms of their own."""

LEAST_ML = 10.0
"""Volume of a region from which a network is heard: it sees 20 of its voxels there. Of smaller lesions it
was unsure on the phantoms that limits were chosen on, with means down to 0.04."""


def region_means(judged: Judged, probabilities: NDArray[np.float32], grid: Geometry) -> NDArray[np.float64]:
    """Mean probability of each class in each region.

    Args:
        judged: The regions.
        probabilities: (classes, z, y, x) on a grid of the network's.
        grid: That grid.

    Returns:
        (regions, classes), in the order of the decisions.
    """
    inside = judged.candidates.voxels
    number = judged.candidates.labels.reshape(-1)[inside]
    index = np.stack(np.unravel_index(inside, judged.candidates.labels.shape), axis=-1)
    at = grid.to_index(judged.candidates.geometry.to_lps(index)).T
    length = len(judged.decisions) + 1
    count = np.maximum(np.bincount(number, minlength=length), 1)
    sums = [
        np.bincount(number, ndimage.map_coordinates(one, at, order=1, mode="nearest"), length) for one in probabilities
    ]
    return np.asarray((np.stack(sums, axis=1) / count[:, None])[1:])


def second_look(judged: Judged, means: NDArray[np.float64], classes: Sequence[str]) -> Judged:
    """The decisions after the network was heard.

    Args:
        judged: What the rules decided.
        means: Of `region_means`.
        classes: Name of each class; ``background``, ``lesion``, and organs in the words of
            `lymphoscope.core.study.ORGANS`.
    """
    lesion = list(classes).index("lesion")
    cut = np.unique(judged.candidates.labels[[0, -1]])
    heard = tuple(
        _heard(decision, float(mean[lesion]), _organ(mean, classes), decision.region in cut)
        for decision, mean in zip(judged.decisions, means, strict=True)
    )
    return Judged(judged.candidates, heard)


def _organ(mean: NDArray[np.float64], classes: Sequence[str]) -> str:
    """The organ a region most likely is, or empty."""
    best = max((n for n, name in enumerate(classes) if name != "lesion"), key=lambda n: float(mean[n]))
    return "" if classes[best] == "background" else classes[best]


def _heard(decision: Decision, probability: float, organ: str, cut: bool) -> Decision:
    """One decision after the network was heard; of a region cut by the end of the field it sees too little."""
    heard = replace(decision, probability=round(probability, 2))
    step = STEPS.get(decision.action)
    if step is None or cut or decision.volume_ml < LEAST_ML:
        return heard
    sign = 1 if decision.counted else -1
    if sign * probability > sign * step.asks:
        return heard
    action = step.to if sign * probability <= sign * step.moves else decision.action
    seen = (organ or "normal uptake") if decision.counted else "a lesion"
    why = f"the network sees {seen} (probability of a lesion {probability:.2f}); the rules say: {decision.why}"
    moved = replace(heard, action=action, rule=AGAINST, why=why, actor=NETWORK)
    if moved.counted == decision.counted:
        return moved
    return replace(moved, why=f"{why}; {'counted' if moved.counted else 'left out'} until it is read")
