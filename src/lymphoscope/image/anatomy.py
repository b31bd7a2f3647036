"""Finding the body's frame and its hot organs in a PET without organ masks.

The liver is the anchor (`lymphoscope.image.frame`). From its dome and the body's midline the places of the other
organs follow (`lymphoscope.image.priors`); what is hot there is taken for the organ (`lymphoscope.image.hot_organs`,
`lymphoscope.image.brain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lymphoscope.core.volume import Volume
from lymphoscope.image.brain import find_brain
from lymphoscope.image.coarse import Bool, Coarse, nearest_part
from lymphoscope.image.frame import Frame, find_liver, known_liver
from lymphoscope.image.hot_organs import find_hot_organs


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What was found.

    Attributes:
        frame: The body's axes, or None where no liver was found.
        trunk: The body without arms, (z, y, x) on the PET grid.
        regions: Organ name → voxels on the PET grid; only organs that were found.
        source: ``rules`` or ``organ-map``.
        unusual: Organs found away from their usual place: what they explain stays doubtful.
    """

    frame: Frame | None
    trunk: Bool
    regions: Mapping[str, Bool]
    source: str = "rules"
    unusual: frozenset[str] = frozenset()


def find_anatomy(pet: Volume, known: Mapping[str, Bool] | None = None) -> Anatomy:
    """Find the body's frame and the organs that FDG makes hot.

    Args:
        pet: SUVbw on its native grid.
        known: Organ regions the user has, on the PET grid. They replace what would be found, and a known liver
            gives the frame.

    Returns:
        Regions for ``brain``, ``heart``, ``liver``, ``kidneys`` and ``bladder``, as far as they were found, and all
        those known.
    """
    known = {name: region for name, region in (known or {}).items() if region.any()}
    work = Coarse.of(pet)
    liver, frame = known_liver(work, pet, known["liver"]) if "liver" in known else find_liver(work)
    regions: dict[str, Bool] = {}
    unusual: frozenset[str] = frozenset()
    if frame is not None and liver is not None:
        regions["liver"] = liver
        hot, unusual = find_hot_organs(work, frame)
        regions.update(hot)
    brain = find_brain(work, frame)
    if brain is not None:
        regions["brain"] = brain
    on_pet = {name: work.on(region, pet.geometry) for name, region in regions.items() if name not in known}
    source = "organ-map" if known else "rules"
    trunk = work.on(_trunk(work, frame), pet.geometry)
    return Anatomy(frame, trunk, on_pet | known, source, unusual - known.keys())


def _trunk(work: Coarse, frame: Frame | None) -> Bool:
    """The body without arms: in each axial slice the part nearest to the midline, small parts left out."""
    trunk = np.zeros_like(work.body)
    middle = work.column(frame.midline_x) if frame is not None else work.body.shape[2] / 2
    for k in range(work.body.shape[0]):
        trunk[k] = nearest_part(work.body[k], middle, 0.2)
    return trunk
