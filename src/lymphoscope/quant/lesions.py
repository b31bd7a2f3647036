"""All numbers of a lesion, and all numbers of a patient from those of the lesions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lymphoscope.core.body import DEFAULT_LEAN_MASS, body_surface_m2
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import require_same
from lymphoscope.core.measure import Measure, Measures
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Patient
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.catalogue import measured
from lymphoscope.quant.dissemination import dmax_voxel_cm, farthest_from_cm, spread
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.peak import PeakRule, qpet_peak, suv_peak
from lymphoscope.quant.radiomics_catalogue import NAME_OF
from lymphoscope.quant.region import Region, region, regions
from lymphoscope.quant.shape import axial_diameter_mm, form
from lymphoscope.quant.texture import texture
from lymphoscope.quant.uptake import first_order, uptake

_SUL_CODES = {"LBMJANMA": "DCM:126405", "LBM": "DCM:126402", "LBMJAMES128": "DCM:126406"}
_CENTRE = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")
_NO_LESION = "no lesion"


@dataclass(frozen=True)
class LesionOptions:
    """What is measured in a lesion, and how.

    Attributes:
        peak: How SUVpeak is taken.
        lean: What SUVbw is multiplied by to give SUL; None leaves SULpeak out.
        lean_name: Name of that normalisation, as in `lymphoscope.core.study.SuvAudit.multipliers`.
        liver_mean: SUVmean of the liver reference, g/mL; None without one.
        texture: Settings of texture; None leaves texture and first-order radiomics out.
        on_ct: The same lesions, under the same numbers, on the CT grid: the axial diameter is then taken there.
    """

    peak: PeakRule = field(default_factory=PeakRule)
    lean: float | None = None
    lean_name: str = DEFAULT_LEAN_MASS
    liver_mean: float | None = None
    texture: TextureSettings | None = field(default_factory=TextureSettings)
    on_ct: LesionMask | None = None


def lesion_measures(suv: Volume, mask: LesionMask, lesion: int, options: LesionOptions | None = None) -> Measures:
    """All numbers of one lesion.

    Args:
        suv: PET in SUVbw on its native grid.
        mask: Lesions on the same grid.
        lesion: Number of the lesion. A number that no voxel has gives volumes of 0 and no SUV.
        options: What is measured, and how.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` for an image that is not SUVbw, ``GEO-E-MASKGRID`` for another grid,
            ``SUV-E-NONFINITE`` for a lesion with values that are not finite.
    """
    suv.values(Unit.SUV_BW)
    return _measures(region(suv, mask, lesion), mask.source, options or LesionOptions())


Known = MutableMapping[str, Measures]
"""Numbers of lesions measured before in the same image, by what they depend on."""


def measure_lesions(
    suv: Volume,
    mask: LesionMask,
    options: LesionOptions | None = None,
    progress: Progress = silent,
    known: Known | None = None,
) -> tuple[Measures, ...]:
    """All numbers of all lesions, number 1 to the highest; as `lesion_measures`, with one pass over the mask.

    Args:
        suv: PET in SUVbw on its native grid.
        mask: Lesions on the same grid.
        options: What is measured, and how.
        progress: Told of each lesion.
        known: What was measured before in this image: a lesion of the same voxels is not measured again. Grows.
    """
    suv.values(Unit.SUV_BW)
    found, how = regions(suv, mask), options or LesionOptions()
    done = []
    for number, one in enumerate(found):
        progress("measure lesions", number, len(found))
        if known is None or how.on_ct is not None:
            done.append(_measures(one, mask.source, how))
            continue
        key = _identity(one, mask.source, how)
        if key not in known:
            known[key] = _measures(one, mask.source, how)
        done.append(known[key])
    progress("measure lesions", len(found), len(found))
    return tuple(done)


def _identity(one: Region, source: str, options: LesionOptions) -> str:
    """Hash of everything that the numbers of a lesion depend on besides the image."""
    said = hashlib.sha256(repr((one.corner, one.inside.shape, source, options)).encode())
    said.update(np.packbits(one.inside).data)
    return said.hexdigest()


def lesion_messages(lesions: Sequence[Measures]) -> tuple[Message, ...]:
    """What is to be said about the numbers of the lesions as a whole.

    Args:
        lesions: Numbers of the lesions, in the order of their numbers.
    """
    small = sum(any(m.why.startswith("RAD-W-SMALL") for m in lesion) for lesion in lesions)
    if not small:
        return ()
    return (Message("RAD-W-SMALL", f"too small for texture: {small} of {len(lesions)} lesions"),)


def _measures(one: Region, source: str, options: LesionOptions) -> Measures:
    why = {0: "no voxels", 1: "one voxel"}.get(len(one.index), "not defined for these values")
    form_method = "0.5 mesh and voxel centres, PET grid"
    items = [measured(k, v, source, why) for k, v in uptake(one.values, one.image.geometry.voxel_ml).items()]
    items += _peaks(one, options, why)
    items += [measured(k, v, form_method, why) for k, v in form(one).items()]
    items.append(_axial(one, options.on_ct))
    items += _to_liver({m.name: m.value for m in items}, options.liver_mean, "no liver reference", why)
    if options.texture is not None:
        items += _radiomics(one, options.texture, why)
    return Measures(tuple(items))


def _peaks(one: Region, options: LesionOptions, why: str) -> list[Measure]:
    peak = suv_peak(one, options.peak)
    found = [
        measured("suvpeak", peak, options.peak.label, why),
        measured("qpet_peak", qpet_peak(one), "hottest voxel and 3 of its 18 neighbours", why),
    ]
    if options.lean is not None:
        method = f"{options.peak.label}, SUVbw × {options.lean:.6g} ({options.lean_name})"
        lean = measured("suvpeak_sul", None if peak is None else peak * options.lean, method, why)
        kind = _SUL_CODES.get(options.lean_name)
        found.append(replace(lean, code=f"{kind}+DCM:126031" if kind else ""))
    return found


def _axial(one: Region, on_ct: LesionMask | None) -> Measure:
    if on_ct is None:
        return measured("axial_diameter_mm", axial_diameter_mm(one.inside, one.geometry), "PET grid")
    there = region(Volume(on_ct.labels, on_ct.geometry, Unit.LABEL), on_ct, one.number)
    return measured("axial_diameter_mm", axial_diameter_mm(there.inside, there.geometry), "CT grid")


def _to_liver(
    values: Mapping[str, float | int | str | None], liver: float | None, none: str, why: str
) -> list[Measure]:
    found = []
    for name, of in (("tumour_to_liver_peak", "suvpeak"), ("tumour_to_liver_mean", "suvmean")):
        value = values[of]
        ratio = value / liver if isinstance(value, float) and liver else None
        found.append(measured(name, ratio, f"{of} / liver mean", why if liver else none))
    return found


def _radiomics(one: Region, settings: TextureSettings, why: str) -> list[Measure]:
    if not len(one.index):
        return [measured(name, None, why=why) for name in NAME_OF.values()]
    plain = [measured(NAME_OF[k], v, "PET grid", why) for k, v in first_order(one.values).items()]
    values, count = texture(one, settings)
    if count < settings.min_voxels:
        where = "voxels" if settings.spacing_mm is None else f"voxels at {settings.spacing_mm:g} mm"
        why = f"RAD-W-SMALL: {count} {where}, {settings.min_voxels} needed"
    return plain + [measured(NAME_OF[k], v, settings.label, why) for k, v in values.items()]


def patient_measures(
    suv: Volume,
    mask: LesionMask,
    lesions: Sequence[Measures],
    patient: Patient | None = None,
    references: Mapping[str, Measures] | None = None,
) -> Measures:
    """All numbers of a patient.

    Without lesions counts, volumes, glycolysis and distances are 0 and SUV has no value.

    Args:
        suv: PET in SUVbw on its native grid.
        mask: Lesions on the same grid.
        lesions: Numbers of the lesions, number 1 first, as `measure_lesions` gives them.
        patient: Weight and height, for SDmax.
        references: Reference organs by name (``liver``, ``blood_pool``, ``spleen``, ``marrow``), as far as found.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` or ``GEO-E-MASKGRID`` as for `lesion_measures`; ``GEO-E-MASKLABELS`` when
            the numbers given are not those of the lesions in the mask.
    """
    suv.values(Unit.SUV_BW)
    require_same(suv.geometry, mask.geometry, "lesion mask and image")
    volume = sum(m.value("n_voxels") for m in lesions) * mask.geometry.voxel_ml
    if len(lesions) != mask.count or volume != mask.volume_ml:
        raise LymphoscopeError("GEO-E-MASKLABELS", f"numbers of {len(lesions)} lesions do not belong to the mask given")
    real = [(number, m) for number, m in enumerate(lesions, start=1) if m.value("n_voxels")]
    references = references or {}
    found = _burden(real, mask)
    found += _hottest([m for _, m in real])
    found += _distances(real, mask, patient or Patient(), references)
    found += _extents([m for _, m in real])
    liver = references["liver"].value("mean") if "liver" in references else None
    values = {m.name: m.value for m in found}
    found += _to_liver(values, liver, "no liver reference", _NO_LESION)
    found += [_organ_ratio(name, organ, references, liver) for name, organ in _ORGAN_RATIOS]
    return Measures(tuple(found))


Numbered = Sequence[tuple[int, Measures]]

_ORGAN_RATIOS = (
    ("spleen_to_liver", "spleen"),
    ("marrow_to_liver", "marrow"),
    ("blood_pool_to_liver", "blood_pool"),
)


def _burden(real: Numbered, mask: LesionMask) -> list[Measure]:
    volume = mask.volume_ml
    tlg = float(sum(m.value("tlg_g") for _, m in real))
    number, bulk = max(real, key=lambda item: item[1].value("mtv_ml"), default=(None, None))
    return [
        measured("n_lesions", len(real), mask.source),
        measured("tmtv_ml", volume, mask.source),
        measured("tlg_g", tlg, mask.source),
        measured("suvmean", tlg / volume if real else None, "weighted by volume", _NO_LESION),
        measured("bulk_ml", bulk.value("mtv_ml") if bulk is not None else 0.0, mask.source),
        measured("bulk_lesion", number, mask.source, _NO_LESION),
    ]


def _hottest(real: Sequence[Measures]) -> list[Measure]:
    """The highest value of each kind, with the method it has in the lesions."""
    found = []
    for name in ("suvmax", "suvpeak", "qpet_peak", "suvpeak_sul"):
        given = [m[name] for m in real if name in m.as_dict()]
        if given:
            found.append(max(given, key=lambda measure: float(measure.value or 0.0)))
        elif name != "suvpeak_sul":
            found.append(measured(name, None, why=_NO_LESION))
    return found


def _distances(real: Numbered, mask: LesionMask, patient: Patient, references: Mapping[str, Measures]) -> list[Measure]:
    centres = np.array([[m.value(name) for name in _CENTRE] for _, m in real], dtype=np.float64).reshape(-1, 3)
    apart = spread(centres, np.array([m.value("mtv_ml") for _, m in real]))
    found = [measured(name, value, "lesion centres") for name, value in apart.items()]
    found.append(measured("dmax_voxel_cm", dmax_voxel_cm(mask), "voxel centres"))
    found.append(_to_spleen(centres, references.get("spleen")))
    return [*found, _standardised(apart["dmax_cm"], patient)]


def _to_spleen(centres: np.ndarray[tuple[int, int], np.dtype[np.float64]], spleen: Measures | None) -> Measure:
    method = "lesion centres to the spleen's"
    if not len(centres):
        return measured("dmax_spleen_cm", 0.0, method)
    where = [spleen.value(f"organ_{axis}_mm") for axis in "lps"] if spleen is not None else [None]
    if None in where:
        return measured("dmax_spleen_cm", None, method, "no spleen")
    return measured("dmax_spleen_cm", farthest_from_cm(centres, np.array(where, dtype=np.float64)), method)


def _standardised(dmax_cm: float, patient: Patient) -> Measure:
    if not patient.weight_kg or not patient.height_m:
        lacking = " and ".join(
            word for word, value in (("weight", patient.weight_kg), ("height", patient.height_m)) if not value
        )
        return measured("sdmax_per_m", None, "", f"not computable: missing {lacking}")
    surface = body_surface_m2(patient.weight_kg, patient.height_m)
    return measured("sdmax_per_m", dmax_cm / 100.0 / surface, f"Dmax / {surface:.4f} m² (DuBois)")


def _extents(real: Sequence[Measures]) -> list[Measure]:
    area = float(sum(m.value("surface_cm2") for m in real))
    volume = float(sum(m.value("volume_mesh_ml") for m in real))
    longest = max((m["axial_diameter_mm"] for m in real), key=lambda m: float(m.value or 0.0), default=None)
    return [
        measured("surface_cm2", area, "sum of the lesions"),
        measured("tvsr_cm", volume / area if area else None, "mesh volume / mesh area", _NO_LESION),
        longest or measured("axial_diameter_mm", 0.0, "no lesion"),
    ]


def _organ_ratio(name: str, organ: str, references: Mapping[str, Measures], liver: float | None) -> Measure:
    own = references[organ].value("mean") if organ in references else None
    lacking = organ.replace("_", " ") if own is None else "liver"
    ratio = own / liver if own is not None and liver else None
    return measured(name, ratio, f"{organ.replace('_', ' ')} mean / liver mean", f"no {lacking} reference")
