"""Faint foci: uptake above the liver that no region holds. A reader visits them; nothing counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.reading import Reading
from lymphoscope.image.components import component_boxes, components

FAINT_SUV = 2.5
MOST = 40


@dataclass(frozen=True)
class Focus:
    """A place to look at.

    Attributes:
        top: Its hottest voxel, (z, y, x).
        suvmax: SUV there, g/mL.
        volume_ml: Its volume at SUV ≥ 2.5, mL.
    """

    top: tuple[int, int, int]
    suvmax: float
    volume_ml: float


def faint_foci(scene: Scene, reading: Reading) -> list[Focus]:
    """Connected parts of SUV ≥ 2.5 that touch no region and whose maximum is above the liver's, the hottest first.

    Args:
        scene: The unchanging part of the case.
        reading: The regions. Without a liver reference SUV 4.0 stands for it.
    """
    liver = scene.references.get("liver")
    above = liver.max if liver is not None else 4.0
    labels = components(scene.suv >= FAINT_SUV, scene.connectivity)
    held = np.unique(labels.reshape(-1)[reading.owned()])
    found = []
    for number, box in component_boxes(labels).items():
        if number in held:
            continue
        inside = np.where(labels[box] == number, scene.suv[box], -np.inf)
        top = np.unravel_index(int(inside.argmax()), inside.shape)
        if inside[top] > above:
            z, y, x = (int(i) + s.start for i, s in zip(top, box, strict=True))
            volume = np.count_nonzero(inside > -np.inf) * scene.pet.geometry.voxel_ml
            found.append(Focus((z, y, x), float(inside[top]), float(volume)))
    return sorted(found, key=lambda f: (-f.suvmax, f.top))[:MOST]
