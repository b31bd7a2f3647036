"""Finding the body's frame and its hot organs in a PET without organ masks.

The liver is the anchor: large, even, on the right, and hot in every FDG scan. From its dome and the body's midline
the places of the other organs follow (`lymphoscope.image.priors`); what is hot there is taken for the organ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.priors import expectation

GRID_MM = 5.0
"""Spacing of the working grid: organs are found on it, never measured."""

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


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
        return lps - np.array([self.midline_x, self.liver_y, self.dome_z])


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What was found.

    Attributes:
        frame: The body's axes, or None where no liver was found.
        body: Voxels of the body, (z, y, x) on the PET grid.
        regions: Organ name → voxels on the PET grid; only organs that were found.
        source: ``rules`` or ``organ-map``.
    """

    frame: Frame | None
    body: Bool
    regions: Mapping[str, Bool]
    source: str = "rules"


@dataclass(frozen=True, eq=False)
class _Working:
    """The PET, smoothed, on an axis-aligned working grid (z to the head, y to the back, x to the left)."""

    suv: Float
    body: Bool
    geometry: Geometry

    @classmethod
    def of(cls, pet: Volume) -> _Working:
        suv = pet.values(Unit.SUV_BW)
        smooth = ndi.gaussian_filter(suv, [3.0 / s for s in pet.geometry.spacing], output=np.float32)
        corners = pet.geometry.to_lps(
            [[(n - 1) * bit for n, bit in zip(pet.geometry.shape, bits, strict=True)] for bits in np.ndindex(2, 2, 2)]
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        shape = tuple(int(n) for n in np.floor((high - low)[::-1] / GRID_MM) + 1)
        grid = Geometry.axial(shape, (GRID_MM,) * 3, tuple(low))  # type: ignore[arg-type]
        to_native = np.linalg.inv(pet.geometry.affine) @ grid.affine
        coarse = ndi.affine_transform(smooth, to_native[:3, :3], to_native[:3, 3], shape, order=1).astype(np.float64)
        return cls(coarse, _largest(_closed(coarse > 0.2, 2)), grid)

    def on(self, region: Bool, geometry: Geometry) -> Bool:
        """Bring a region to another grid: linear, threshold 0.5."""
        to_here = np.linalg.inv(self.geometry.affine) @ geometry.affine
        soft = ndi.affine_transform(
            region.astype(np.float32), to_here[:3, :3], to_here[:3, 3], geometry.shape, order=1, mode="nearest"
        )
        return np.asarray(soft >= 0.5)

    def lps(self) -> Float:
        """Positions of all voxels, (z, y, x, 3), mm."""
        return self.geometry.to_lps(np.moveaxis(np.indices(self.suv.shape), 0, -1))


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
    work = _Working.of(pet)
    liver, frame = _known_liver(work, pet, known["liver"]) if "liver" in known else _find_liver(work)
    regions: dict[str, Bool] = {}
    if frame is not None and liver is not None:
        places = frame.place(work.lps())
        regions["liver"] = liver
        regions.update(_hot_organs(work, frame, places))
    brain = _find_brain(work, frame)
    if brain is not None:
        regions["brain"] = brain
    on_pet = {name: work.on(region, pet.geometry) for name, region in regions.items() if name not in known}
    source = "organ-map" if known else "rules"
    return Anatomy(frame, work.on(work.body, pet.geometry), on_pet | known, source)


def _known_liver(work: _Working, pet: Volume, region: Bool) -> tuple[Bool | None, Frame | None]:
    index = np.round(pet.geometry.to_index(work.lps().reshape(-1, 3))).astype(int).T
    inside = np.all((index >= 0) & (index < np.array(region.shape)[:, None]), axis=0)
    liver = np.zeros(work.suv.size, dtype=bool)
    liver[inside] = region[tuple(index[:, inside])]
    liver = liver.reshape(work.suv.shape)
    core = ndi.binary_erosion(liver, iterations=2)
    if not core.any():
        return None, None
    return liver, _frame_of(work, liver, float(np.median(work.suv[core])))


# --- hot organs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hot:
    """How an organ's uptake is recognised at its usual place.

    Attributes:
        place: Key of `PLACES`.
        over_liver: Uptake as a multiple of the liver's that counts as hot.
        at_least: Lowest SUV that counts as hot.
        reach: Expectation (0–1) down to which hot voxels belong to the organ.
        most_ml: A region larger than this is not the organ alone, and is trimmed to the expectation `0.5`.
        single: True where the organ is one piece: the heaviest alone is taken.
    """

    place: str
    over_liver: float
    at_least: float
    reach: float
    most_ml: float
    single: bool = False


_HOT = {
    "heart": ((_Hot("heart", 1.3, 2.5, 0.10, 600.0),),),
    "kidneys": ((_Hot("kidney_left", 1.3, 2.5, 0.08, 450.0), _Hot("kidney_right", 1.3, 2.5, 0.08, 450.0)),),
    "bladder": (
        (_Hot("bladder", 1.5, 3.0, 0.03, 1200.0, single=True),),
        (_Hot("bladder_short_trunk", 5.0, 8.0, 0.30, 800.0, single=True),),
    ),
}
"""Organ → attempts, each a set of parts; the first attempt that finds anything stands. A bladder away from its usual
height must be as hot as only urine is."""


def _hot_organs(work: _Working, frame: Frame, places: Float) -> dict[str, Bool]:
    found: dict[str, Bool] = {}
    for organ, attempts in _HOT.items():
        for parts in attempts:
            region = np.logical_or.reduce(
                [_hot_region(work, frame, expectation(part.place, places), part) for part in parts]
            )
            if region.any():
                found[organ] = region
                break
    return found


def _hot_region(work: _Working, frame: Frame, expected: Float, part: _Hot) -> Bool:
    """Hot voxels at the organ's place, taken from those components whose core lies where the organ is expected."""
    hot = (work.suv >= max(part.at_least, part.over_liver * frame.liver_mean)) & (expected >= part.reach)
    labels, count = ndi.label(hot, np.ones((3, 3, 3)))
    if not count:
        return hot
    index = np.arange(1, count + 1)
    weight = ndi.sum_labels(expected * work.suv, labels, index)
    middle = ndi.mean(expected, labels, index)
    heaviest = (weight == weight.max()) & (middle > 0.15)
    keep = index[heaviest if part.single else heaviest | (middle > 0.35)]
    region = np.isin(labels, keep)
    if np.count_nonzero(region) * GRID_MM**3 / 1000 > part.most_ml:
        region &= expected >= 0.5
    return region


# --- brain ----------------------------------------------------------------------------------------------------------

_BRAIN_SHARE = 0.25
"""Share of a head slice that is hot where the slice holds brain; glands and tonsils stay far below it."""
_BASE_SHARE = 0.10
"""The same where the slice lies at the brain's usual height: a scan that starts at the eyes shows only its base."""


def _find_brain(work: _Working, frame: Frame | None) -> Bool | None:
    """Slices at the cranial end whose head is mostly hot; the hot part, closed over the cold ventricles."""
    level = max(3.0, 1.5 * frame.liver_mean) if frame else 3.5
    top = work.geometry.shape[0]
    lowest = work.geometry.to_index([[0, 0, frame.dome_z + 210.0]])[0, 0] if frame else 0.6 * top
    usual = work.geometry.to_index([[0, 0, frame.dome_z + 275.0]])[0, 0] if frame else top
    region = np.zeros(work.suv.shape, dtype=bool)
    for k in range(max(0, int(lowest)), top):
        head = _head(work, frame, k)
        hot = (work.suv[k] >= level) & head
        share = _BASE_SHARE if k >= usual else _BRAIN_SHARE
        if np.count_nonzero(hot) > share * max(1, np.count_nonzero(head)) and hot.sum() * GRID_MM**2 > 1000:
            region[k] = hot
    if not region.any():
        return None
    return _with_base(work, _closed(region, int(20 / GRID_MM)), level)


def _with_base(work: _Working, brain: Bool, level: float) -> Bool:
    """Add the hot base (temporal lobes, cerebellum): joined to the brain and at most 25 mm below its lowest slice."""
    lowest = int(np.nonzero(brain.any(axis=(1, 2)))[0].min())
    hot = (work.suv >= level) | brain
    hot[: max(0, lowest - int(25 / GRID_MM))] = False
    hot[lowest + 1 :] &= ndi.binary_dilation(brain, iterations=2)[lowest + 1 :]
    labels, _ = ndi.label(hot)
    return np.asarray(np.isin(labels, np.unique(labels[brain & hot])) & (labels > 0) | brain)


def _head(work: _Working, frame: Frame | None, k: int) -> Bool:
    """The head in one slice: the body part nearest to the midline, so that raised arms do not count."""
    labels, count = ndi.label(work.body[k])
    if not count:
        return np.asarray(work.body[k])
    middle = work.geometry.to_index([[frame.midline_x, 0, 0]])[0, 2] if frame else work.body.shape[2] / 2
    columns = np.array([c for _, c in ndi.center_of_mass(work.body[k], labels, range(1, count + 1))])
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    distance = np.abs(columns - middle) + np.where(areas * GRID_MM**2 < 2000, 1e6, 0)
    return np.asarray(labels == int(distance.argmin()) + 1)


# --- liver ----------------------------------------------------------------------------------------------------------

_LIVER_LEVELS = np.geomspace(1.0, 4.0, 15)
_LIVER_ML = (400.0, 3800.0)
_LIVER_CORE_MM = 25.0
"""Half the thickness that the liver's right lobe has and spleen, spine and gut have not."""


def _find_liver(work: _Working) -> tuple[Bool | None, Frame | None]:
    """The largest even, thick, right-sided region of one level; the level that explains most volume wins."""
    if not work.body.any():
        return None, None
    midline = float(np.median(np.nonzero(work.body)[2]))
    smooth = ndi.gaussian_filter(work.suv, 1.2)
    rough = smooth[::2, ::2, ::2], work.body[::2, ::2, ::2]
    volumes = [_thickest(*rough, level, 2 * GRID_MM, midline / 2)[0] for level in _LIVER_LEVELS]
    if max(volumes) <= 0:
        return None, None
    level = float(_LIVER_LEVELS[int(np.argmax(volumes))])
    _, core = _thickest(smooth, work.body, level, GRID_MM, midline)
    grown = ndi.distance_transform_edt(~core, GRID_MM) <= _LIVER_CORE_MM + GRID_MM
    best = grown & _band(smooth, work.body, level)
    if not core.any() or np.count_nonzero(best) * GRID_MM**3 / 1000 < _LIVER_ML[0]:
        return None, None
    return _liver_frame(work, best)


def _band(smooth: Float, body: Bool, level: float) -> Bool:
    return np.asarray((smooth > 0.75 * level) & (smooth < 1.3 * level) & body)


def _thickest(smooth: Float, body: Bool, level: float, spacing: float, midline: float) -> tuple[float, Bool]:
    """Volume in mL and voxels of the largest core, right of the midline and under a lung, among regions of one level."""
    core = ndi.distance_transform_edt(_band(smooth, body, level), spacing) > _LIVER_CORE_MM
    labels, count = ndi.label(core)
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


def _liver_frame(work: _Working, core: Bool) -> tuple[Bool | None, Frame | None]:
    """Grow the core to the liver's edge (half its level) and read the frame from it."""
    level = float(np.median(work.suv[core]))
    edge = (work.suv > 0.5 * level) & (work.suv < 1.8 * level) & work.body
    liver = _largest(ndi.binary_dilation(core, iterations=1) & edge)
    return liver, _frame_of(work, liver, level)


def _frame_of(work: _Working, liver: Bool, level: float) -> Frame:
    """The body's axes from its liver.

    The midline is that of the trunk's outline at the liver's height. The dome is read under the right lung, from the
    thick part of the right lobe: heart and chest wall may join the liver, and lie to the left and outside.
    """
    z, y, _ = np.nonzero(liver)
    rows = work.body[int(z.min()) : int(z.max()) + 1].sum(axis=(0, 1))
    columns = np.nonzero(rows > 0.1 * rows.max())[0]
    middle = (columns.min() + columns.max()) / 2
    right = liver.copy()
    right[:, :, int(middle - _LOBE_MM[0] / GRID_MM) :] = False
    right[:, :, : max(0, int(middle - _LOBE_MM[1] / GRID_MM))] = False
    thick = right & (right.sum(axis=(1, 2), keepdims=True) * GRID_MM**2 > _LOBE_AREA_MM2)
    top = np.nonzero((thick if thick.any() else liver).any(axis=(1, 2)))[0].max()
    x_lps, y_lps, z_lps = work.geometry.to_lps([top, y.mean(), middle])
    return Frame(float(x_lps), float(y_lps), float(z_lps), level)


_LOBE_MM = (35.0, 120.0)
"""Columns of the right lobe, mm right of the midline."""
_LOBE_AREA_MM2 = 1000.0
"""A slice of the right lobe holds more than this; the last rim under the dome does not count."""


def _closed(mask: Bool, reach: int) -> Bool:
    """Closing that does not eat the border of the field of view."""
    padded = np.pad(mask, reach, mode="edge")
    return np.asarray(ndi.binary_closing(padded, iterations=reach)[reach:-reach, reach:-reach, reach:-reach])


def _largest(mask: Bool) -> Bool:
    labels, count = ndi.label(mask)
    if count < 2:
        return np.asarray(mask)
    return np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1)
