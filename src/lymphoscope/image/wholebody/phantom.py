"""Whole-body FDG PET/CT phantoms of lymphoma, made from an organ map, with known lesions and known normal uptake.

Reference: the phantom specification beside the project; its tables T1–T15 give the figures and their sources. What is
measured on these phantoms tests software; it says nothing about accuracy in patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS, OrganMap
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.wholebody.ct import ct_number, ct_volume, draw_ct
from lymphoscope.image.wholebody.frame import CODE, Frame, frame_of
from lymphoscope.image.wholebody.growth import Grown, grow, lookalikes
from lymphoscope.image.wholebody.gut import brown_fat, colon, small_bowel, ureters
from lymphoscope.image.wholebody.lesions import Disease, draw_disease, retuned
from lymphoscope.image.wholebody.organs import organs as paint_organs
from lymphoscope.image.wholebody.outline import Build, inner_fat, outline
from lymphoscope.image.wholebody.physics import (
    SCANNERS,
    Acquisition,
    Imaging,
    Scanner,
    cold_band,
    draw_acquisition,
    noisy,
    onto,
    pet_grid,
)
from lymphoscope.image.wholebody.skeleton import skeleton, vessels
from lymphoscope.image.wholebody.tables import BURDEN
from lymphoscope.image.wholebody.tissue import NATURE, Body, Tissue, column
from lymphoscope.image.wholebody.uptake import (
    Condition,
    Levels,
    activity,
    draw_condition,
    draw_levels,
    paint_heart,
    settle,
)

OTHER, LOOKALIKE = len(ORGANS) + 1, len(ORGANS) + 2
PHYSIOLOGICAL_NAMES: Mapping[int, str] = {**{v: k for k, v in CODE.items()}, OTHER: "other", LOOKALIKE: "lookalike"}
"""Numbers of the physiological label map: the organs, ``other`` (uterus, gonads, breast, thymus) and ``lookalike``
(uptake that is neither normal nor lymphoma)."""

LESION_SUV = 4.0
_HALO_SUV = 2.0
_TURNS = 5
_TLG_PER_KG = 170.0
"""Most uptake that lesions may hold, SUV·mL per kg: about a sixth of the dose."""


@dataclass(frozen=True)
class WholeBodySettings:
    """What to make; None is drawn.

    Attributes:
        step_mm: Edge of the working voxel.
        subtype: Name of `BURDEN`, or ``none`` for a body without lymphoma.
        sex: ``M`` or ``F``; otherwise read from the prostate.
        age_years: Age.
        arms_up: Arms beside the head.
        whole_head: Scan to the vertex even where the organ map was cut.
        scanner: Name in `SCANNERS`.
        acquisition: The whole scan, in place of a drawn one.
        condition: What makes normal uptake what it is.
        with_ct: Make a CT.
        with_lookalikes: Add findings that are neither normal nor lymphoma.
        ct_voxel: CT voxel along (z, y, x), mm.
        bmi: Body mass index that sets the thickness of fat, kg/m².
        all_organs: Label everything `ORGANS` has a word for, not only the organs of the given map.
    """

    step_mm: float = 4.0
    subtype: str | None = None
    sex: str | None = None
    age_years: float | None = None
    arms_up: bool | None = None
    whole_head: bool | None = None
    scanner: str | None = None
    acquisition: Acquisition | None = None
    condition: Condition | None = None
    with_ct: bool = True
    with_lookalikes: bool = True
    ct_voxel: tuple[float, float, float] = (3.0, 1.953125, 1.953125)
    bmi: float | None = None
    all_organs: bool = False


@dataclass(frozen=True, eq=False)
class Phantom:
    """A whole-body phantom.

    Attributes:
        pet: SUVbw on the scanner's grid.
        noise_free: The same without noise.
        ct: HU on its own grid, or None.
        lesions: Truth on the PET grid: objects widened by 4 mm where the image shows SUV ≥ 4 and the lesion causes
            more than half of it. Numbers follow `facts`; not every lesion reaches SUV 4.
        core: Objects where the noise-free image shows SUV ≥ 4.
        objects: All objects whatever their SUV.
        physiological: Where uptake is normal or a look-alike, on the PET grid; names in `PHYSIOLOGICAL_NAMES`.
        organs: Organ labels as a CT segmentation would give them, on the working grid.
        facts: What was drawn.
    """

    pet: Volume
    noise_free: Volume
    ct: Volume | None
    lesions: LesionMask
    core: LesionMask
    objects: LesionMask
    physiological: LesionMask
    organs: OrganMap
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Patient:
    """A painted body with what was drawn about it."""

    body: Body
    condition: Condition
    levels: Levels
    subtype: str
    found: list[str]
    weight_kg: float
    height_m: float
    whole_head: bool


def whole_body(organs: OrganMap, draw: np.random.Generator | int, settings: WholeBodySettings | None = None) -> Phantom:
    """Make a phantom from an organ map.

    Args:
        organs: Labels on any grid with names of `ORGANS`; at least liver, lungs and bladder.
        draw: Random generator or seed; the same seed gives the same phantom.
        settings: What to make.

    Raises:
        LymphoscopeError: ``GEO-E-MASKLABELS`` when the organ map lacks an organ the body rests on.
    """
    settings = settings or WholeBodySettings()
    draw = np.random.default_rng(draw)
    patient = _patient(organs, settings, draw)
    body, frame = patient.body, patient.body.frame
    normal = activity(body, patient.levels, draw)
    scanner = _scanner(settings, draw)
    acquisition, dose = draw_acquisition(scanner, patient.weight_kg, patient.condition.uptake_min, draw)
    acquisition = settings.acquisition or acquisition
    ct_facts = draw_ct(settings.ct_voxel, draw)
    imaging = _imaging(body, acquisition, ct_facts.shift_mm, draw)
    disease, grown = _disease(patient, normal, imaging, draw)
    factor = settle(normal, body, grown.tlg, patient.weight_kg)
    normal = normal * np.float32(factor)
    if disease.lesions:
        grown = grow(body, normal, disease)
    else:
        grown.truth = normal
    grid = pet_grid(frame, scanner)
    clean = onto(imaging.of(grown.truth), frame.geometry, grid)
    bare = onto(imaging.of(normal), frame.geometry, grid)
    lost = np.float32(1.0 - patient.condition.extravasation)
    clean, bare = clean * lost, bare * lost
    depth = onto(body.depth, frame.geometry, grid)
    pet = noisy(clean, depth, grid, acquisition, draw)
    masks = _truth_masks(grown, pet, clean, bare, grid, frame)
    normal_map = _physiological(body, normal, bare, grid, masks["objects"].labels > 0)
    _displace(body, grown)
    ct = ct_volume(ct_number(body, ct_facts, draw), body, ct_facts, draw) if settings.with_ct else None
    facts = _facts(patient, disease, grown, acquisition, dose)
    low, high = (float(np.interp(z, frame.z, frame.u)) for z in frame.fov)
    facts.update(u_low=low, u_high=high, whole_head=patient.whole_head)
    facts.update(closure_factor=factor, ct_shift_mm=ct_facts.shift_mm, ct_enhanced=ct_facts.enhanced)
    return Phantom(
        Volume(pet, grid, Unit.SUV_BW), Volume(clean, grid, Unit.SUV_BW), ct, masks["lesions"], masks["core"],
        masks["objects"], normal_map, _organ_map(body, grown, ct_facts.shift_mm, settings.all_organs), facts,
    )  # fmt: skip


def _patient(organs: OrganMap, settings: WholeBodySettings, draw: np.random.Generator) -> _Patient:
    """Paint a body without lymphoma and draw its uptake."""
    whole = settings.whole_head if settings.whole_head is not None else bool(draw.random() < 0.3)
    frame = frame_of(organs, settings.step_mm, whole)
    subtype = settings.subtype or str(draw.choice(list(BURDEN)))
    burden = BURDEN.get(subtype, BURDEN["DLBCL"])
    sex = settings.sex or ("M" if frame.mask("prostate").any() else "F")
    age = settings.age_years or float(np.clip(draw.normal(*burden.age), 18, 90))
    bmi = settings.bmi or float(np.clip(25.0 * np.exp(0.17 * draw.standard_normal()), 17.5, 42.0))
    arms = settings.arms_up if settings.arms_up is not None else bool(draw.random() < 0.7)
    body = outline(frame, Build(sex, age, bmi, arms), draw)
    skeleton(body, draw)
    vessels(body, draw)
    paint_organs(body, draw)
    colon(body, draw)
    small_bowel(body, draw)
    ureters(body, draw)
    inner_fat(body)
    condition = settings.condition or draw_condition(body, draw, burden.reactive_marrow)
    if condition.brown_fat:
        brown_fat(body, draw)
    levels = draw_levels(body, condition, draw)
    paint_heart(body, levels, condition, draw)
    levels.suv[Tissue.LOOKALIKE] = 1.0
    found = lookalikes(body, draw) if settings.with_lookalikes else []
    if condition.extravasation:
        _extravasate(body, levels, condition, draw)
    weight, height = _size(body, sex, draw)
    return _Patient(body, condition, levels, subtype, found, weight, height, whole)


def _extravasate(body: Body, levels: Levels, condition: Condition, draw: np.random.Generator) -> None:
    """Tracer left in an arm; its SUV follows from the part of the dose and the volume, and may lie out of the scan."""
    from lymphoscope.image.wholebody.paint import tube  # noqa: PLC0415

    line = body.anchors[str(draw.choice(["arm_left", "arm_right"]))]
    at = draw.uniform(0.35, 0.9)
    points = np.array([line[0, :3] * (1 - t) + line[-1, :3] * t for t in (at, at + 0.03, at + 0.06)])
    stroke = tube(body.frame.geometry, points, draw.uniform(6.0, 14.0))
    levels.suv[Tissue.INJECTION] = float(np.clip(draw.lognormal(np.log(40), 0.8), 10, 200))
    body.lay(stroke, Tissue.INJECTION)


def _size(body: Body, sex: str, draw: np.random.Generator) -> tuple[float, float]:
    """Weight from the mass in the slab, height from the length of the trunk."""
    frame = body.frame
    seen = (frame.z >= frame.fov[0]) & (frame.z <= frame.fov[1])
    mass = float(column("density")[body.tissue[seen]].sum()) * frame.geometry.voxel_ml / 1000.0
    low, high = (float(np.interp(z, frame.z, frame.u)) for z in frame.fov)
    share = 0.74 + 0.55 * (-0.25 - low) + 0.20 * (high - 1.28)
    height = 1.70 * (frame.rise / 539.0) ** 0.8 * (1.02 if sex == "M" else 0.975) * draw.normal(1.0, 0.015)
    return mass / float(np.clip(share, 0.55, 0.95)), float(height)


def _scanner(settings: WholeBodySettings, draw: np.random.Generator) -> Scanner:
    if settings.scanner is None:
        return SCANNERS[int(draw.integers(len(SCANNERS)))]
    return next(s for s in SCANNERS if s.name == settings.scanner)


def _imaging(body: Body, acquisition: Acquisition, shift_mm: float, draw: np.random.Generator) -> Imaging:
    """Breathing of the PET, and what the CT's breathing phase does to attenuation correction."""
    moving = np.asarray(column("moves")[body.tissue], dtype=np.float32)
    solid = body.free(Tissue.LIVER, Tissue.SPLEEN, Tissue.HEART_BLOOD, Tissue.MYOCARDIUM, Tissue.STOMACH_WALL)
    loss = float(draw.uniform(0.2, 0.45))
    below = shift_mm - 0.35 * acquisition.breath_mm
    correction = cold_band(body.tissue == Tissue.LUNG, solid, loss, below, body.frame)
    return Imaging(acquisition, body.frame, moving, correction)


def _disease(
    patient: _Patient, normal: NDArray[np.float32], imaging: Imaging, draw: np.random.Generator
) -> tuple[Disease, Grown]:
    """Draw lesions, image them without noise, and twice correct volumes and uptake towards what was drawn."""
    body = patient.body
    frame = body.frame
    nothing = Grown(
        normal.copy(), np.zeros(frame.shape, np.int16), np.zeros(frame.shape, np.float32), 0.0,
        np.zeros(frame.shape, bool),
    )  # fmt: skip
    if patient.subtype not in BURDEN:
        return Disease("none", 0.0, 0.0, ()), nothing
    disease = draw_disease(body, patient.subtype, draw)
    grown = nothing
    for turn in range(_TURNS):
        grown = grow(body, normal, disease)
        if turn == _TURNS - 1:
            break
        image = imaging.of(grown.truth)
        wide = ndimage.binary_dilation(grown.number > 0)
        peaks = np.zeros(len(disease.lesions) + 1)
        inside = grown.number > 0
        np.maximum.at(peaks, grown.number[inside], image[inside])
        shown = float(np.count_nonzero(wide & (image >= LESION_SUV))) * frame.geometry.voxel_ml
        factor = float(np.clip(disease.tmtv_ml / max(shown, 0.1), 0.3, 2.5))
        heat = min(1.0, _TLG_PER_KG * patient.weight_kg / max(grown.tlg, 1e-6))
        if turn > 0 and abs(factor - 1.0) < 0.1 and heat > 0.9:
            break
        disease = retuned(disease, factor, dict(enumerate(peaks.tolist())), heat)
    return disease, grown


def _truth_masks(
    grown: Grown,
    pet: NDArray[np.float32],
    clean: NDArray[np.float32],
    bare: NDArray[np.float32],
    grid: Geometry,
    frame: Frame,
) -> dict[str, LesionMask]:
    """The three truths: objects; objects at noise-free SUV ≥ 4; widened objects at imaged SUV ≥ 4."""
    numbers = onto(grown.number, frame.geometry, grid, order=0)
    widened = numbers
    if numbers.any():
        found = ndimage.find_objects((numbers > 0).astype(np.uint8))[0]
        reach = [int(np.ceil(4.0 / s)) for s in grid.spacing]
        box = tuple(slice(max(b.start - r, 0), b.stop + r) for b, r in zip(found, reach, strict=True))
        part = numbers[box]
        away, nearest = ndimage.distance_transform_edt(part == 0, grid.spacing, return_indices=True)
        caused = (clean[box] - bare[box]) > 0.5 * clean[box]
        widened = np.zeros_like(numbers)
        widened[box] = np.where((away <= 4.0) & (caused | (part > 0)), part[tuple(nearest)], 0)
    make = {
        "objects": (numbers, "object"),
        "core": (np.where(clean >= LESION_SUV, numbers, 0), "object at noise-free SUV 4"),
        "lesions": (np.where(pet >= LESION_SUV, widened, 0), "object widened by 4 mm at SUV 4"),
    }
    return {key: LesionMask(array.astype(np.int32), grid, source) for key, (array, source) in make.items()}


def _physiological(
    body: Body, normal: NDArray[np.float32], bare: NDArray[np.float32], grid: Geometry, lesion: NDArray[np.bool_]
) -> LesionMask:
    """Organ of each voxel; where blur carries uptake of SUV ≥ 2 outside, the hot organ it comes from."""
    codes = np.zeros(len(Tissue), np.uint8)
    for tissue, nature in NATURE.items():
        codes[tissue] = CODE.get(nature.organ, OTHER if nature.organ else 0)
    codes[Tissue.LOOKALIKE] = LOOKALIKE
    own = codes[body.tissue]
    hot = (normal >= _HALO_SUV) & (own > 0)
    labels = onto(own, body.frame.geometry, grid, order=0)
    if hot.any():
        nearest = ndimage.distance_transform_edt(~hot, return_distances=False, return_indices=True)
        source = onto(own[tuple(nearest)], body.frame.geometry, grid, order=0)
        cold = onto(hot.astype(np.uint8), body.frame.geometry, grid, order=0) == 0
        labels = np.where((bare >= _HALO_SUV) & cold, source, labels)
    labels = np.where(lesion, 0, labels)
    return LesionMask(labels.astype(np.int32), grid, "phantom")


def _displace(body: Body, grown: Grown) -> None:
    """Write the lesions into the tissue map."""
    body.tissue[grown.number > 0] = int(Tissue.LESION)
    body.tissue[grown.dead] = int(Tissue.NECROSIS)


def _organ_map(body: Body, grown: Grown, shift_mm: float, everything: bool) -> OrganMap:
    """Organ labels at the CT's breathing phase; what a nodal mass displaced is no longer the organ."""
    frame = body.frame
    labels = frame.organ.copy()
    if everything:
        codes = np.array([CODE.get(NATURE[t].organ, 0) for t in Tissue], np.uint8)
        labels = np.where(labels > 0, labels, codes[body.tissue])
    labels[(grown.number > 0) & (labels == CODE["lungs"])] = 0
    result = np.zeros_like(labels)
    moving = {name: NATURE[t].moves for t, name in ((t, NATURE[t].organ) for t in Tissue) if name in CODE}
    for name, code in CODE.items():
        mask = labels == code
        if not mask.any():
            continue
        if moving.get(name):
            part = mask.astype(np.float32)
            mask = _moved(part, shift_mm, frame)
        result[mask] = code
    seen = slice(*np.searchsorted(frame.z, frame.fov))
    part_grid = Geometry.axial(
        (seen.stop - seen.start, *frame.shape[1:]), frame.geometry.spacing,
        (frame.geometry.origin[0], frame.geometry.origin[1], float(frame.z[seen.start])),
    )  # fmt: skip
    present = {int(c): PHYSIOLOGICAL_NAMES[int(c)] for c in np.unique(result) if c}
    return OrganMap(LesionMask(result[seen].astype(np.int32), part_grid, "phantom"), present)


def _moved(part: NDArray[np.float32], shift_mm: float, frame: Frame) -> NDArray[np.bool_]:
    from lymphoscope.image.wholebody.physics import breathing_profile, shifted  # noqa: PLC0415

    return np.asarray(shifted(part, breathing_profile(frame) * shift_mm / frame.step) >= 0.5)


def _facts(
    patient: _Patient, disease: Disease, grown: Grown, acquisition: Acquisition, dose: float
) -> dict[str, object]:
    body = patient.body
    return {
        "subtype": patient.subtype, "sex": body.sex, "age_years": round(body.age, 1),
        "weight_kg": round(patient.weight_kg, 1), "height_m": round(patient.height_m, 3),
        "bmi_drawn": body.bmi, "uptake_min": patient.condition.uptake_min, "dose_mbq": dose,
        "scanner": acquisition.scanner.name, "vendor": acquisition.scanner.vendor, "fwhm_mm": acquisition.fwhm,
        "liver_cov": acquisition.liver_cov, "breath_mm": acquisition.breath_mm,
        "lookalikes": tuple(patient.found), "tmtv_drawn_ml": disease.tmtv_ml, "suvmax_drawn": disease.suvmax,
        "stations": tuple(le.station for le in disease.lesions), "tlg": grown.tlg,
        "condition": replace(patient.condition).__dict__.copy(), **patient.levels.facts,
    }  # fmt: skip
