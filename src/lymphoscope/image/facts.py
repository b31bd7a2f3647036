"""Facts about hot regions that decide what they are: place, size, shape, neighbours, density."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import Anatomy
from lymphoscope.image.priors import expectation

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionFacts:
    """What a rule may ask about a region.

    Attributes:
        number: Number of the region.
        volume_ml: Volume, mL.
        suvmax: Highest SUV, g/mL.
        suvmean: Mean SUV, g/mL.
        cv: SD over mean of the SUV.
        placed: True where the body's frame is known; only then x, y, z mean anything.
        x: Centre left of the midline, mm.
        y: Centre behind the liver's centre, mm.
        z: Centre above the liver dome, mm.
        box_mm: Extent along the body's (z, y, x), mm.
        thickness_mm: Twice the largest distance to the region's edge, mm.
        elongation: Longest over middle principal axis.
        mirrored: True where a like region lies on the other side.
        outside_trunk: True in an arm or beside the body.
        below_bladder_mm: How far below the bladder's centre, or None without one.
        liver_mean: SUV of the liver, or None.
        hu_mean: Mean HU, or None without CT.
        gas_near: Share of gas among the voxels within 6 mm.
        share: Share of the region in each organ region.
        expected: Expectation (0–1) that its centre lies in an organ, from place alone.
        doubted: Organs that were found away from their usual place.
        other_side_ml: Volume of kidney uptake on the other side, mL.
        actor: Where the organ regions come from.
    """

    number: int
    volume_ml: float
    suvmax: float
    suvmean: float
    cv: float
    placed: bool = False
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    box_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    thickness_mm: float = 0.0
    elongation: float = 1.0
    mirrored: bool = False
    outside_trunk: bool = False
    below_bladder_mm: float | None = None
    liver_mean: float | None = None
    hu_mean: float | None = None
    gas_near: float = 0.0
    share: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()
    other_side_ml: float = 0.0
    actor: str = "rules"

    @property
    def side(self) -> int:
        """−1 right of the midline, 1 left of it."""
        return 1 if self.x >= 0 else -1

    def unusual(self, organ: str) -> bool:
        """True where the organ was found away from its usual place."""
        return organ in self.doubted


def region_facts(pet: Volume, regions: LesionMask, anatomy: Anatomy, ct_on_pet: Volume | None) -> list[RegionFacts]:
    """Facts of every region, in the order of their numbers.

    Args:
        pet: SUVbw on its native grid.
        regions: Numbered regions on the same grid.
        anatomy: Frame and organ regions.
        ct_on_pet: CT in HU on the PET grid, or None.
    """
    bladder = anatomy.regions.get("bladder")
    bladder_z = (
        float(pet.geometry.to_lps(np.argwhere(bladder)).mean(axis=0)[2])
        if bladder is not None and bladder.any() and anatomy.frame is not None
        else None
    )
    facts = [
        _with_neighbours(_facts_of(number, box, pet, regions, anatomy), box, regions, anatomy.trunk, ct_on_pet)
        for number, box in enumerate(ndi.find_objects(regions.labels), start=1)
        if box is not None
    ]
    if anatomy.frame is not None:
        facts = [
            replace(
                f,
                mirrored=_has_mirror(f, facts),
                below_bladder_mm=None if bladder_z is None else bladder_z - (f.z + anatomy.frame.dome_z),
            )
            for f in facts
        ]
    return facts


def _facts_of(number: int, box: tuple[slice, ...], pet: Volume, regions: LesionMask, anatomy: Anatomy) -> RegionFacts:
    region = regions.labels[box] == number
    values = pet.values(Unit.SUV_BW)[box][region].astype(np.float64)
    index = np.argwhere(region) + [s.start for s in box]
    lps = pet.geometry.to_lps(index)
    centre = lps.mean(axis=0)
    frame = anatomy.frame
    x, y, z = frame.place(centre) if frame is not None else centre
    axes = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(lps.T)) if len(lps) > 3 else np.ones(3), 1e-6))
    depth = ndi.distance_transform_edt(np.pad(region, 1), pet.geometry.spacing).max()
    extent = np.ptp(lps, axis=0) + np.abs(pet.geometry.affine[:3, :3]).sum(axis=1)
    return RegionFacts(
        number=number,
        volume_ml=float(len(index) * pet.geometry.voxel_ml),
        suvmax=float(values.max()),
        suvmean=float(values.mean()),
        cv=float(values.std(ddof=1) / values.mean()) if len(values) > 1 else 0.0,
        placed=frame is not None,
        x=float(x),
        y=float(y),
        z=float(z),
        box_mm=(float(extent[2]), float(extent[1]), float(extent[0])),
        thickness_mm=float(2 * depth),
        elongation=float(axes[2] / axes[1]),
        liver_mean=frame.liver_mean if frame is not None else None,
        share={
            name: float(mask[box][region].mean()) for name, mask in anatomy.regions.items() if mask[box][region].any()
        },
        expected={} if frame is None else {n: float(expectation(n, np.array([x, y, z]))) for n in ("heart", "stomach")},
        doubted=anatomy.unusual,
        actor=anatomy.source,
    )


def _with_neighbours(
    facts: RegionFacts, box: tuple[slice, ...], regions: LesionMask, trunk: Bool, ct_on_pet: Volume | None
) -> RegionFacts:
    region = regions.labels[box] == facts.number
    facts = replace(facts, outside_trunk=bool(trunk[box][region].mean() < 0.2))
    if ct_on_pet is None:
        return facts
    reach = [int(np.ceil(6.0 / s)) for s in regions.geometry.spacing]
    wide = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(box, reach, strict=True))
    near = ndi.distance_transform_edt(regions.labels[wide] != facts.number, regions.geometry.spacing) <= 6.0
    hu = ct_on_pet.values(Unit.HU)
    inside, around = hu[box][region], hu[wide][near]
    if not np.isfinite(inside).all():
        return facts  # the CT does not reach here
    return replace(facts, hu_mean=float(inside.mean()), gas_near=float((around < -300).mean()))


def _has_mirror(facts: RegionFacts, others: list[RegionFacts]) -> bool:
    """A like region on the other side: within 25 mm of the mirrored centre, volume and maximum within a factor 2.5."""
    if abs(facts.x) < 8:
        return False
    for other in others:
        if other.number == facts.number or other.x * facts.x > 0:
            continue
        distance = np.linalg.norm([other.x + facts.x, other.y - facts.y, other.z - facts.z])
        alike = 0.4 < other.volume_ml / facts.volume_ml < 2.5 and 0.4 < other.suvmax / facts.suvmax < 2.5
        if distance < 25 and alike:
            return True
    return False
