"""The body's own axes, read from its liver: large, even, on the right, and visible in every FDG scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from lymphoscope.core.volume import Volume
from lymphoscope.image.coarse import GRID_MM, Bool, Coarse, Float, largest
from lymphoscope.image.crop import bounding_box, widened


@dataclass(frozen=True, eq=False)
class Frame:
    """The body's own axes.

    Attributes:
        midline_x: LPS x of the midline, mm.
        liver_y: LPS y of the liver's centroid, mm.
        dome_z: LPS z of the liver dome, mm.
        liver_mean: Typical SUV of the liver, g/mL.
    """

    midline_x: float
    liver_y: float
    dome_z: float
    liver_mean: float

    def place(self, lps: Float) -> Float:
        """Positions (…, 3) relative to the frame, as `lymphoscope.image.priors` has them."""
        return np.asarray(lps - np.array([self.midline_x, self.liver_y, self.dome_z]))


_LIVER_LEVELS = np.geomspace(1.0, 4.0, 15)
_LIVER_ML = (400.0, 3800.0)
_LIVER_CORE_MM = 25.0
"""Half the thickness that the liver's right lobe has and spleen, spine and gut have not."""


def find_liver(work: Coarse) -> tuple[Bool | None, Frame | None]:
    """Find the liver and read the frame from it.

    It is the largest even, thick, right-sided region of one level under a lung; the level that explains most volume
    wins.

    Args:
        work: The PET on the working grid.

    Returns:
        The liver on the working grid and the frame, or None and None.
    """
    if not work.body.any():
        return None, None
    midline = float(np.median(np.nonzero(work.body)[2]))
    smooth = ndi.gaussian_filter(work.suv, 1.2)
    rough = smooth[::2, ::2, ::2], work.body[::2, ::2, ::2]
    volumes = np.array([_thickest(*rough, level, 2 * GRID_MM, midline / 2)[0] for level in _LIVER_LEVELS])
    for level in _LIVER_LEVELS[np.argsort(-volumes, kind="stable")][: np.count_nonzero(volumes)]:
        _, core = _thickest(smooth, work.body, float(level), GRID_MM, midline)
        liver = near(core, GRID_MM, _LIVER_CORE_MM + GRID_MM) & _band(smooth, work.body, float(level))
        if core.any() and np.count_nonzero(liver) * GRID_MM**3 / 1000 >= _LIVER_ML[0]:
            return _liver_frame(work, liver)
    return None, None


def _band(smooth: Float, body: Bool, level: float) -> Bool:
    return np.asarray((smooth > 0.75 * level) & (smooth < 1.3 * level) & body)


def deep(mask: Bool, spacing: float, mm: float) -> Bool:
    """Voxels of a mask farther than that from any voxel outside it; computed in the box of the mask."""
    found = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is not None:
        wide = widened(box, 1, mask.shape)
        found[wide] = ndi.distance_transform_edt(mask[wide], spacing) > mm
    return found


def near(mask: Bool, spacing: float, mm: float) -> Bool:
    """Voxels no farther than that from a mask; computed in the box that they can lie in."""
    found = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is not None:
        wide = widened(box, int(mm / spacing) + 1, mask.shape)
        found[wide] = ndi.distance_transform_edt(~mask[wide], spacing) <= mm
    return found


def _thickest(smooth: Float, body: Bool, level: float, spacing: float, midline: float) -> tuple[float, Bool]:
    """Volume in mL and voxels of the largest core of one level, right of the midline and under a lung."""
    core = deep(_band(smooth, body, level), spacing, _LIVER_CORE_MM)
    labels, _ = ndi.label(core)
    best, score = np.zeros_like(core), 0.0
    for number, box in enumerate(ndi.find_objects(labels), start=1):
        part = labels[box] == number
        volume = float(np.count_nonzero(part)) * spacing**3 / 1000
        centre = float(np.nonzero(part)[2].mean()) + box[2].start
        if score < volume < _LIVER_ML[1] and centre < midline and _under_lung(smooth, part, box, level, spacing):
            best, score = labels == number, volume
    return score, np.asarray(best)


def _under_lung(smooth: Float, part: Bool, box: tuple[slice, ...], level: float, spacing: float) -> bool:
    """True where what lies 40–90 mm above the region's top is much colder, as lung is over the liver's dome."""
    top = box[0].stop + int(_LIVER_CORE_MM / spacing)
    above = smooth[top + int(15 / spacing) : top + int(65 / spacing), box[1], box[2]]
    if not above.shape[0]:
        return False
    return bool(above[:, part.any(axis=0)].mean() < 0.6 * level)


def _liver_frame(work: Coarse, core: Bool) -> tuple[Bool | None, Frame | None]:
    """Grow the core to the liver's edge (half its level) and read the frame from it."""
    level = float(np.median(work.suv[core]))
    edge = (work.suv > 0.5 * level) & (work.suv < 1.8 * level) & work.body
    liver = largest(ndi.binary_dilation(core, iterations=1) & edge)
    return liver, _frame_of(work, liver, level)


def _frame_of(work: Coarse, liver: Bool, level: float) -> Frame:
    """The body's axes from its liver.

    The midline is that of the trunk's outline at the liver's height. The dome is read under the right lung, from the
    thick part of the right lobe: heart and chest wall may join the liver, and lie to the left and outside.
    """
    z, y, _ = np.nonzero(liver)
    middle = float(np.median([_middle(work.body[k]) for k in range(int(z.min()), int(z.max()) + 1)]))
    right = liver.copy()
    right[:, :, int(middle - _LOBE_MM[0] / GRID_MM) :] = False
    right[:, :, : max(0, int(middle - _LOBE_MM[1] / GRID_MM))] = False
    thick = right & (right.sum(axis=(1, 2), keepdims=True) * GRID_MM**2 > _LOBE_AREA_MM2)
    top = np.nonzero((thick if thick.any() else liver).any(axis=(1, 2)))[0].max()
    x_lps, y_lps, z_lps = work.geometry.to_lps([top, y.mean(), middle])
    return Frame(float(x_lps), float(y_lps), float(z_lps), level)


def _middle(body: Bool) -> float:
    """Middle column of the trunk in an axial slice: of its largest part, so that an arm beside it does not count."""
    columns = np.nonzero(largest(body).any(axis=0))[0]
    return float(columns.min() + columns.max()) / 2 if columns.size else body.shape[1] / 2


_LOBE_MM = (35.0, 120.0)
"""Columns of the right lobe, mm right of the midline."""
_LOBE_AREA_MM2 = 1000.0
"""A slice of the right lobe holds more than this; the last rim under the dome does not count."""


def known_liver(work: Coarse, pet: Volume, region: Bool) -> tuple[Bool | None, Frame | None]:
    """The frame from a liver mask that the user has.

    Args:
        work: The PET on the working grid.
        pet: The PET on its native grid.
        region: The liver on the native grid, (z, y, x).

    Returns:
        The liver on the working grid and the frame; None and None where nothing of it lies deeper than 10 mm.
    """
    index = np.round(pet.geometry.to_index(work.lps().reshape(-1, 3))).astype(int).T
    inside = np.all((index >= 0) & (index < np.array(region.shape)[:, None]), axis=0)
    flat = np.zeros(work.suv.size, dtype=bool)
    flat[inside] = region[tuple(index[:, inside])]
    liver = flat.reshape(work.suv.shape)
    core = ndi.binary_erosion(liver, iterations=2)
    if not core.any():
        return None, None
    return liver, _frame_of(work, liver, float(np.median(work.suv[core])))
