"""Finding heart, kidneys and bladder: the hills of uptake that stand where the organ is expected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage as ndi

from lymphoscope.image.coarse import Bool, Coarse, Float
from lymphoscope.image.crop import bounding_box
from lymphoscope.image.frame import Frame
from lymphoscope.image.priors import expectation
from lymphoscope.image.split import split


@dataclass(frozen=True)
class _Hot:
    """How an organ's uptake is recognised at its usual place.

    Attributes:
        place: Key of `lymphoscope.image.priors.PLACES`.
        over_liver: Uptake as a multiple of the liver's that counts as hot.
        at_least: Lowest SUV that counts as hot.
        reach: Expectation (0–1) down to which hot voxels belong to the organ.
        hill: Height in SUV by which uptake must rise above the saddle to its neighbour to be a hill of its own.
        at_home: Mean expectation from which a hill is the organ's.
        single: True where the organ is one vessel of one fluid: the heaviest piece alone is taken.
    """

    place: str
    over_liver: float
    at_least: float
    reach: float
    hill: float
    at_home: float
    single: bool = False


_HEART = _Hot("left_ventricle", 1.3, 2.5, 0.10, 2.0, 0.35)
_KIDNEYS = (_Hot("kidney_left", 1.3, 2.5, 0.08, 1.0, 0.25), _Hot("kidney_right", 1.3, 2.5, 0.08, 1.0, 0.25))
_BLADDER = _Hot("bladder", 1.5, 3.0, 0.03, 1.5, 0.12, single=True)

_TRUNKS = {1.0: 1.0, 0.85: 0.3, 1.15: 0.3, 0.72: 0.05}
"""Trunk lengths over the usual one at which a bladder is looked for, and how likely they are."""
_URINE_OVER_LIVER, _URINE_SUV = 3.5, 6.0
"""Away from the usual height only what is as hot as urine is taken for the bladder."""
_USUAL_BLADDER_MM = 371.0
_USUAL_TRUNK = (0.8, 1.22)


def find_hot_organs(work: Coarse, frame: Frame) -> tuple[dict[str, Bool], frozenset[str]]:
    """Find heart, kidneys and bladder.

    The bladder comes first: how far it lies below the liver tells the length of the trunk, and with it where the
    kidneys are.

    Args:
        work: The PET on the working grid.
        frame: The body's axes.

    Returns:
        Regions on the working grid, and the names of those that were found away from their usual place.
    """
    found: dict[str, Bool] = {}
    bladder, length = find_bladder(work, frame)
    if bladder.any():
        found["bladder"] = bladder
    trunk = 1.0 + 0.5 * (length - 1.0)  # over the maps, kidneys follow the bladder half way
    kidneys = [_hot_region(work, _expected(work, frame, k, trunk), k) for k in _KIDNEYS]
    found["kidneys"] = kidneys[0] | kidneys[1]
    found["heart"] = _hot_region(work, _expected(work, frame, _HEART), _HEART)
    unusual = frozenset() if _USUAL_TRUNK[0] <= length <= _USUAL_TRUNK[1] else frozenset({"bladder"})
    return {name: region for name, region in found.items() if region.any()}, unusual


def find_bladder(work: Coarse, frame: Frame) -> tuple[Bool, float]:
    """Find the bladder, whose height below the liver tells the length of the trunk.

    Args:
        work: The PET on the working grid.
        frame: The body's axes.

    Returns:
        Its region on the working grid, empty where there is none, and the trunk's length over the usual one.
    """
    best, score = np.zeros_like(work.body), 0.0
    for trunk, likely in _TRUNKS.items():
        part = _BLADDER if trunk == 1.0 else replace(_BLADDER, over_liver=_URINE_OVER_LIVER, at_least=_URINE_SUV)
        expected = _expected(work, frame, part, trunk)
        region = _hot_region(work, expected, part)
        weight = likely * float((expected[region] * work.suv[region]).sum())
        if weight > score:
            best, score = region, weight
    length = -float(_places(work, frame, best)[:, 2].mean()) / _USUAL_BLADDER_MM if best.any() else 1.0
    return best, length


def _places(work: Coarse, frame: Frame, where: Bool) -> Float:
    """Positions of voxels relative to the frame, (n, 3)."""
    return frame.place(work.geometry.to_lps(np.argwhere(where)))


def _expected(work: Coarse, frame: Frame, part: _Hot, trunk: float = 1.0) -> Float:
    """How much an organ is expected in each voxel that is hot enough for it, 0 in others: most of a body is not."""
    hot = work.suv >= max(part.at_least, part.over_liver * frame.liver_mean)
    expected = np.zeros(work.suv.shape)
    expected[hot] = expectation(part.place, _places(work, frame, hot), trunk)
    return expected


def _hot_region(work: Coarse, expected: Float, part: _Hot) -> Bool:
    """The hills of uptake that stand at the organ's place; a neighbour that runs together with them is another hill."""
    hot = expected >= part.reach
    region = np.zeros_like(hot)
    box = bounding_box(hot)
    if box is None:
        return region
    suv, likely = work.suv[box], expected[box]
    hills = split(hot[box], suv, part.hill, 26)
    index = np.arange(1, int(hills.max()) + 1)
    weight = ndi.sum_labels(likely * suv, hills, index)
    middle = ndi.mean(likely, hills, index)
    chosen = middle > part.at_home
    heaviest = int(weight.argmax())
    chosen[heaviest] |= middle[heaviest] > _NEAR_HOME
    found = np.isin(hills, index[chosen])
    if part.single and chosen.any():
        tops = ndi.maximum(suv, hills, index)
        found = np.isin(hills, index[chosen & (tops >= _ONE_FLUID * tops[np.where(chosen, weight, 0).argmax()])])
        labels, _ = ndi.label(found, np.ones((3, 3, 3)))
        found = labels == np.bincount(labels.ravel(), (likely * suv * found).ravel())[1:].argmax() + 1
    region[box] = found
    return region


_ONE_FLUID = 0.4
"""Urine is one fluid: a hill less hot than this share of the bladder's is something beside it."""
_NEAR_HOME = 0.2
"""Mean expectation from which the heaviest hill is the organ's when none stands nearer."""
