"""Reference organs: the liver, the blood pool and others that lesions are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.core.geometry import Geometry, require_same
from lymphoscope.core.measure import Measures
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.catalogue import measured
from lymphoscope.quant.region import finite

Bool = NDArray[np.bool_]
Index = NDArray[np.intp]

LIVER_RANGE = (1.3, 3.0)
"""SUVmean of a liver that can be compared with, g/mL."""

NOISY_CV = 0.3
SMALLEST_ML = 1.0
LIVER_SPHERE_MM, LIVER_EDGE_MM = 30.0, 10.0
SPLEEN_SPHERE_MM = 20.0
LESION_MARGIN_MM = 10.0
AORTA_EDGE_MM, AORTA_LENGTH_MM, AORTA_CYLINDER_MM = 4.0, 20.0, 10.0
_TIE_MM = 1e-6


@dataclass(frozen=True, eq=False)
class ReferenceOrgan:
    """A reference organ that was measured, or why it was not.

    Attributes:
        name: ``liver``, ``blood_pool``, ``spleen`` or another organ.
        measures: ``mean``, ``sd``, ``max``, ``n``, ``cv``, ``volume_ml`` and positions.
        voxels: Voxels measured, (n, 3) index (z, y, x).
        messages: What is to be said about it.
    """

    name: str
    measures: Measures
    voxels: Index
    messages: tuple[Message, ...]

    @property
    def found(self) -> bool:
        """True where there is a mean."""
        return self.measures.value("mean") is not None


def liver_reference(suv: Volume, liver: Bool, lesions: LesionMask | None = None) -> ReferenceOrgan:
    """The liver: a sphere of 30 mm in the right lobe, away from the edge and from lesions.

    The sphere's centre is where the distance to the edge of what may be used is largest: the liver eroded by 10 mm,
    without lesions widened by 10 mm. Right lobe: not to the left of the liver's own centre. What of the sphere lies
    outside the usable part is not measured.

    Args:
        suv: PET in SUVbw on its native grid.
        liver: The liver, (z, y, x) on that grid.
        lesions: Lesions on that grid.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` or ``GEO-E-MASKGRID``.

    Reference: Wahl 2009, JNM 50:122S; Boellaard 2015, EJNMMI 42:328.
    """

    def choose(part: _Part) -> tuple[Index, str]:
        inner = part.eroded(LIVER_EDGE_MM) & ~part.near_lesions(LESION_MARGIN_MM)
        right = part.lps[..., 0] <= part.lps[part.organ, 0].mean()
        return part.sphere(inner, LIVER_SPHERE_MM, right), "30 mm sphere, right lobe, liver eroded 10 mm"

    found = _measure("liver", suv, liver, lesions, choose)
    mean, notes = found.measures.value("mean"), Notes(list(found.messages))
    if mean is not None and not LIVER_RANGE[0] <= mean <= LIVER_RANGE[1]:
        low, high = LIVER_RANGE
        notes.add("SUV-W-LIVER", f"liver SUVmean is {mean:.2f}, outside {low}–{high}", "the liver reference")
    return ReferenceOrgan(found.name, found.measures, found.voxels, tuple(notes))


def blood_pool_reference(suv: Volume, aorta: Bool, lesions: LesionMask | None = None) -> ReferenceOrgan:
    """The blood pool: the middle 20 mm of the descending thoracic aorta, eroded by 4 mm.

    Where axial slices show the aorta twice, the part further back is the descending aorta, and only these levels are
    used; otherwise the mask is taken to be the descending thoracic aorta. Where less than 1 mL is left, a cylinder of
    10 mm diameter round the vessel's centre line is used instead. Lesion voxels are left out.

    Args:
        suv: PET in SUVbw on its native grid.
        aorta: The aorta, (z, y, x) on that grid.
        lesions: Lesions on that grid.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` or ``GEO-E-MASKGRID``.

    Reference: Wahl 2009, JNM 50:122S.
    """

    def choose(part: _Part) -> tuple[Index, str]:
        vessel = _descending(part)
        free = ~part.near_lesions(0.0)
        inner = _middle(part, _distance(vessel, part.geometry) > AORTA_EDGE_MM) & free
        if np.count_nonzero(inner) * part.geometry.voxel_ml >= SMALLEST_ML:
            return np.argwhere(inner), "descending aorta eroded 4 mm, middle 20 mm"
        return np.argwhere(_cylinder(part, _middle(part, vessel)) & free), "descending aorta, 10 mm cylinder, 20 mm"

    return _measure("blood_pool", suv, aorta, lesions, choose)


def spleen_reference(suv: Volume, spleen: Bool, lesions: LesionMask | None = None) -> ReferenceOrgan:
    """The spleen: a sphere of 20 mm where it is thickest, away from lesions.

    Args:
        suv: PET in SUVbw on its native grid.
        spleen: The spleen, (z, y, x) on that grid.
        lesions: Lesions on that grid.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` or ``GEO-E-MASKGRID``.
    """

    def choose(part: _Part) -> tuple[Index, str]:
        return part.sphere(part.organ & ~part.near_lesions(LESION_MARGIN_MM), SPLEEN_SPHERE_MM), "20 mm sphere"

    return _measure("spleen", suv, spleen, lesions, choose)


def organ_reference(name: str, suv: Volume, organ: Bool, lesions: LesionMask | None = None) -> ReferenceOrgan:
    """A whole organ, such as the marrow, away from lesions.

    Args:
        name: The organ.
        suv: PET in SUVbw on its native grid.
        organ: The organ, (z, y, x) on that grid.
        lesions: Lesions on that grid.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` or ``GEO-E-MASKGRID``.
    """

    def choose(part: _Part) -> tuple[Index, str]:
        return np.argwhere(part.organ & ~part.near_lesions(LESION_MARGIN_MM)), "whole organ"

    return _measure(name, suv, organ, lesions, choose)


@dataclass(frozen=True, eq=False)
class _Part:
    """An organ within its bounding box, with the lesions near it."""

    organ: Bool
    lesions: Bool
    geometry: Geometry

    @property
    def lps(self) -> NDArray[np.float64]:
        """Positions of all voxels, (z, y, x, 3) mm."""
        return self.geometry.to_lps(np.moveaxis(np.indices(self.organ.shape), 0, -1))

    def eroded(self, by_mm: float) -> Bool:
        """Organ voxels farther than that from the nearest voxel outside."""
        return _distance(self.organ, self.geometry) > by_mm

    def near_lesions(self, within_mm: float) -> Bool:
        """Lesion voxels and voxels as near to one as that."""
        if not self.lesions.any():
            return np.zeros_like(self.lesions)
        away = ndimage.distance_transform_edt(~self.lesions, sampling=self.geometry.spacing)
        return np.asarray(away <= within_mm)

    def sphere(self, usable: Bool, diameter_mm: float, centre_in: Bool | None = None) -> Index:
        """Usable voxels in a sphere where the distance to what is not usable is largest."""
        allowed = usable if centre_in is None or not (usable & centre_in).any() else usable & centre_in
        if not allowed.any():
            return np.zeros((0, 3), dtype=np.intp)
        depth = np.where(allowed, _distance(usable, self.geometry), 0.0)
        best = np.argwhere(depth >= depth.max() - _TIE_MM)
        # of equal depths the same place in the patient, however the grid runs
        places = np.round(self.geometry.to_lps(best), 3)
        centre = places[np.lexsort(places.T[::-1])[0]]
        index = np.argwhere(usable)
        far = np.linalg.norm(self.geometry.to_lps(index) - centre, axis=1)
        return np.asarray(index[far <= diameter_mm / 2 + _TIE_MM])


def _measure(
    name: str,
    suv: Volume,
    organ: Bool,
    lesions: LesionMask | None,
    choose: Callable[[_Part], tuple[Index, str]],
) -> ReferenceOrgan:
    array = suv.values(Unit.SUV_BW)
    if organ.shape != suv.geometry.shape:
        raise LymphoscopeError("GEO-E-MASKGRID", f"the {name} has {organ.shape} voxels, the PET {suv.geometry.shape}")
    if lesions is not None:
        require_same(suv.geometry, lesions.geometry, "lesion mask and PET")
    box = reach(organ, suv.geometry)
    if box is None:
        return _missing(name, f"no {name.replace('_', ' ')} was found")
    start = np.array([s.start for s in box])
    part = _Part(organ[box], _lesions_in(lesions, box, organ.shape), suv.geometry.part(box))
    index, method = choose(part)
    if len(index) * suv.geometry.voxel_ml < SMALLEST_ML:
        return _missing(name, f"less than {SMALLEST_ML:g} mL of the {name.replace('_', ' ')} can be used")
    index = index + start
    return _described(name, suv.geometry, index, finite(array[tuple(index.T)], name), (method, part))


def _described(
    name: str, geometry: Geometry, index: Index, values: NDArray[np.float64], how: tuple[str, _Part]
) -> ReferenceOrgan:
    method, part = how
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    centre = geometry.to_lps(index).mean(axis=0)
    whole = part.geometry.to_lps(np.argwhere(part.organ)).mean(axis=0)
    numbers = {
        "mean": mean,
        "sd": sd,
        "max": float(values.max()),
        "n": len(values),
        "cv": sd / mean if mean > 0 else None,
        "volume_ml": len(values) * geometry.voxel_ml,
        **{f"centre_{axis}_mm": float(c) for axis, c in zip("lps", centre, strict=True)},
        **{f"organ_{axis}_mm": float(c) for axis, c in zip("lps", whole, strict=True)},
    }
    notes = Notes()
    if mean <= 0 or sd / mean > NOISY_CV:
        spread = f"coefficient of variation {sd / mean:.2f}" if mean > 0 else "its mean is not positive"
        notes.add("REF-W-NOISY", f"the {name.replace('_', ' ')} reference is uneven: {spread} (limit {NOISY_CV})")
    measures = Measures(tuple(measured(k, v, method, "mean is not positive") for k, v in numbers.items()))
    return ReferenceOrgan(name, measures, index, tuple(notes))


_NAMES = ("mean", "sd", "max", "n", "cv", "volume_ml")
_PLACES = tuple(f"{what}_{axis}_mm" for what in ("centre", "organ") for axis in "lps")


def _missing(name: str, why: str) -> ReferenceOrgan:
    measures = Measures(tuple(measured(key, None, why=why) for key in (*_NAMES, *_PLACES)))
    nothing = np.zeros((0, 3), dtype=np.intp)
    return ReferenceOrgan(name, measures, nothing, (Message("REF-W-NONE", why),))


def reach(organ: Bool, geometry: Geometry) -> tuple[slice, ...] | None:
    """Bounding box of an organ with room for the lesions' margin: lesions beyond it do not bear on the reference."""
    found = ndimage.find_objects(organ.astype(np.uint8))
    if not found:
        return None
    room = [int(np.ceil(LESION_MARGIN_MM / s)) + 1 for s in geometry.spacing]
    return tuple(
        slice(max(s.start - r, 0), min(s.stop + r, n)) for s, r, n in zip(found[0], room, organ.shape, strict=True)
    )


def _lesions_in(lesions: LesionMask | None, box: tuple[slice, ...], shape: tuple[int, ...]) -> Bool:
    if lesions is None:
        return np.zeros([len(range(*s.indices(n))) for s, n in zip(box, shape, strict=True)], dtype=bool)
    return np.asarray(lesions.labels[box] > 0)


def _distance(inside: Bool, geometry: Geometry) -> NDArray[np.float64]:
    """Distance of each voxel to the nearest one outside, mm; what lies beyond the array is outside."""
    padded = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=geometry.spacing)
    return np.asarray(padded[1:-1, 1:-1, 1:-1])


def _descending(part: _Part) -> Bool:
    """The descending aorta: the rear part in the axial slices that show two parts, or all where none does."""
    axis = int(np.abs(part.geometry.direction[2]).argmax())
    behind = np.moveaxis(part.lps[..., 1], axis, 0)
    slices = np.moveaxis(part.organ, axis, 0)
    found = np.zeros_like(slices)
    for k, cut in enumerate(slices):
        numbers, count = ndimage.label(cut, np.ones((3, 3)))
        if count >= 2:
            back = ndimage.mean(behind[k], numbers, np.arange(1, count + 1))
            found[k] = numbers == 1 + int(np.argmax(back))
    return np.moveaxis(found, 0, axis) if found.any() else part.organ


def _middle(part: _Part, vessel: Bool) -> Bool:
    """The middle 20 mm of a vessel along the patient's long axis."""
    if not vessel.any():
        return vessel
    height = part.lps[..., 2]
    low, high = height[vessel].min(), height[vessel].max()
    return np.asarray(vessel & (np.abs(height - (low + high) / 2) <= AORTA_LENGTH_MM / 2 + _TIE_MM))


def _cylinder(part: _Part, vessel: Bool) -> Bool:
    """Voxels within 5 mm of the vessel's centre in each axial slice."""
    axis = int(np.abs(part.geometry.direction[2]).argmax())
    places = np.moveaxis(part.lps, axis, 0)
    found = np.zeros(places.shape[:3], dtype=bool)
    for k, cut in enumerate(np.moveaxis(vessel, axis, 0)):
        if cut.any():
            far = np.linalg.norm(places[k] - places[k][cut].mean(axis=0), axis=-1)
            found[k] = far <= AORTA_CYLINDER_MM / 2 + _TIE_MM
    return np.moveaxis(found, 0, axis)
