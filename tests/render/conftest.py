"""A report built by hand on a small body: one of every status, so that each can be looked for in every rendering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.errors import Message
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Finding, Measure, Measures, Report, Segmentation
from lymphoscope.core.study import Identity, Patient, SeriesFact, Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume

SHAPE, SPACING = (150, 48, 80), (6.0, 6.0, 6.0)
CT_SHAPE, CT_SPACING = (225, 96, 160), (4.0, 3.0, 3.0)

# name, (z up from the feet, y from the front, x from the patient's right) mm, radius mm, SUV, action, organ, site
BALLS = (
    ("brain", (840, 140, 240), 62, 11.0, "remove", "brain", ""),
    ("mediastinum", (560, 110, 262), 34, 9.4, "include", "", "mediastinum"),
    ("bladder", (150, 110, 240), 36, 24.0, "remove", "bladder", ""),
    ("heart", (505, 105, 310), 30, 6.0, "remove", "heart", ""),
    ("right neck", (710, 130, 185), 16, 21.3, "include", "", "cervical, right"),
    ("groin", (120, 90, 330), 13, 5.5, "doubt-in", "", "inguinal, left"),
    ("gut", (300, 90, 190), 20, 5.0, "doubt-out", "bowel", ""),
)
VOXEL_ML = 0.216


def ball(shape: Sequence[int], spacing: Sequence[float], centre: Sequence[float], radius: float) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * s - c for n, s, c in zip(shape, spacing, centre, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return z**2 + y**2 + x**2 <= radius**2


def body(shape: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    z, y, x = (((np.arange(n) + 0.5) * s) for n, s in zip(shape, spacing, strict=True))
    y, x = y[None, :, None] - 144, x[None, None, :] - 240
    trunk = (y / 105) ** 2 + (x / 175) ** 2 <= 1
    head = (y / 90) ** 2 + (x / 80) ** 2 <= 1
    return np.where((z < 680)[:, None, None], trunk, head)


def grid(shape: Sequence[int], spacing: Sequence[float]) -> Geometry:
    centre = tuple(s / 2 for s in spacing)
    return Geometry.axial(tuple(shape), tuple(spacing), (centre[2], centre[1], centre[0]))


def images() -> tuple[Volume, Volume, np.ndarray]:
    """PET, CT and the balls numbered from 1."""
    inside = body(SHAPE, SPACING)
    rng = np.random.default_rng(4)
    pet = np.where(inside, 0.7, 0.02) * rng.uniform(0.8, 1.2, SHAPE)
    pet[ball(SHAPE, SPACING, (420, 130, 160), 75) & inside] = 2.3
    labels = np.zeros(SHAPE, np.int32)
    for number, (_, centre, radius, suv, *_rest) in enumerate(BALLS, start=1):
        where = ball(SHAPE, SPACING, centre, radius)
        labels[where] = number
        pet[where] = suv * rng.uniform(0.9, 1.0, int(where.sum()))
    ct = np.where(body(CT_SHAPE, CT_SPACING), 35.0, -1000.0).astype(np.float32)
    for lung in ((540, 130, 150), (540, 130, 345)):
        ct[ball(CT_SHAPE, CT_SPACING, lung, 60)] = -850.0
    return (
        Volume(pet.astype(np.float32), grid(SHAPE, SPACING), Unit.SUV_BW),
        Volume(ct, grid(CT_SHAPE, CT_SPACING), Unit.HU),
        labels,
    )


def lesion_measures(suv: np.ndarray, voxels: np.ndarray) -> Measures:
    volume, mean, top = suv.size * VOXEL_ML, float(suv.mean()), float(suv.max())
    left, back, up = (float(c) for c in (voxels.mean(axis=0) * 6 + 3)[::-1])
    return Measures(
        (
            Measure("mtv_ml", volume, "mL", "suv4.0/18/3mL", "DCM:126032"),
            Measure("tlg_g", mean * volume, "g", "suv4.0/18/3mL", "DCM:126033"),
            Measure("suvmax", top, "g/mL"),
            Measure("suvmean", mean, "g/mL"),
            Measure("suvpeak", 0.97 * top, "g/mL", "highest/partial"),
            Measure("tumour_to_liver_peak", 0.97 * top / 2.3, "1"),
            Measure.missing("axial_diameter_mm", "the CT does not cover it", "mm"),
            Measure("centroid_l_mm", left, "mm"),
            Measure("centroid_p_mm", back, "mm"),
            Measure("centroid_s_mm", up, "mm"),
            Measure("sphericity", 0.91, "1", code="IBSI:QCFX"),
        )
    )


def patient_measures(findings: Sequence[Finding]) -> Measures:
    total = float(sum(f.measures.value("mtv_ml") for f in findings))
    glycolysis = float(sum(f.measures.value("tlg_g") for f in findings))
    some = bool(findings)
    top = max((f.measures.value("suvmax") for f in findings), default=None)
    return Measures(
        (
            Measure("n_lesions", len(findings)),
            Measure("tmtv_ml", total, "mL", "suv4.0/18/3mL"),
            Measure("tlg_g", glycolysis, "g", "suv4.0/18/3mL"),
            Measure("suvmax", top, "g/mL") if some else Measure.missing("suvmax", "no lesion", "g/mL"),
            Measure("suvpeak", 0.97 * top, "g/mL") if some else Measure.missing("suvpeak", "no lesion", "g/mL"),
            Measure("suvmean", glycolysis / total, "g/mL") if some else Measure.missing("suvmean", "no lesion", "g/mL"),
            Measure("dmax_cm", 60.13 if some else 0.0, "cm", "centroids"),
            Measure.missing("sdmax_per_m", "height is not known", "m-1"),
        )
    )


def segmentation(pet: Volume, labels: np.ndarray, balls: Sequence[Any]) -> tuple[Segmentation, tuple[Finding, ...]]:
    decisions, findings, lesions = [], [], np.zeros(SHAPE, np.int32)
    for region, (name, _, _, _, action, organ, _) in enumerate(balls, start=1):
        voxels = labels == region
        decisions.append(
            Decision(
                region, action, 1, organ, 0.8 if organ else None, float(voxels.sum()) * VOXEL_ML,
                float(pet.array[voxels].max()), f"{organ or 'no organ'} rule", f"looks like {name}",
            )
        )  # fmt: skip
    counted = sorted((d for d in decisions if d.counted), key=lambda d: -d.volume_ml)
    for number, decision in enumerate(counted, start=1):
        voxels = labels == decision.region
        lesions[voxels] = number
        status = "doubtful" if decision.doubtful else "ai-only"
        measures = lesion_measures(pet.array[voxels], np.argwhere(voxels))
        findings.append(Finding(number, decision.region, measures, status, balls[decision.region - 1][6]))
    total = float((lesions > 0).sum()) * VOXEL_ML
    made = Segmentation(
        LesionMask(lesions, pet.geometry, "suv4.0"), LesionMask(labels, pet.geometry, "suv4.0"), tuple(decisions),
        "suv4.0", "SUV ≥ 4.0", 3.0, 18, {"TMTV1": total + 20.4, "TMTV2": total, "TMTV3": total, "TMTV4": total},
    )  # fmt: skip
    return made, tuple(findings)


SERIES = (
    SeriesFact("1.2.3.4.1", "PT", "WB AC", 150, "pet", "attenuation-corrected, most slices"),
    SeriesFact("1.2.3.4.2", "CT", "CT WB", 225, "ct", "same frame of reference"),
    SeriesFact("1.2.3.4.3", "PT", "WB NAC Quixano follow up", 150, "", "no attenuation correction", "IO-W-NAC"),
)
AUDIT = SuvAudit(
    branch="BQML/START", units="BQML", decay_correction="START", factor_min=2.4290298e-4, factor_max=2.4290298e-4,
    t_ref=datetime(2026, 3, 11, 10, 58), t_ref_source="series time",
    candidates={"acquisition": (datetime(2026, 3, 11, 11, 20), 0.149)},
    t_inj=datetime(2026, 3, 11, 9, 0), t_inj_source="start time", uptake_min=118.0, dose_bq=350e6,
    half_life_s=6586.2, nuclide="F-18", tracer="FDG", weight_kg=70.0, sex="M", overrides=("weight_kg=70",),
)  # fmt: skip
WARNINGS = (
    Message("SEG-W-DOUBTFUL", "2 regions, 21 mL"),
    Message("SUV-W-UPTAKE", "Uptake time 118 min (limit 110, preferred 55–75)"),
    Message("SUV-W-OVERRIDE", "weight 70 kg"),
    Message("IO-W-NAC", "series 3"),
    Message("SEG-W-NOORGANS", "none was given"),
    Message("SUV-I-CANDIDATES", "2 times found"),
)
IDENTITY = Identity("QUIXANO^ZELDA", "PID-0042", "19610402", "ACC-7718", "REFERRER^R")


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    """Build the report; `balls` chooses the regions, `study` and `report` are replacements."""

    def make(
        balls: Sequence[Any] = BALLS, ct: bool = True, study: Any = None, report: Any = None, warnings: Any = WARNINGS
    ) -> Report:
        pet, tissue, labels = images()
        made, findings = segmentation(pet, labels, balls)
        examined = Study(
            {"pet": pet, **({"ct": tissue} if ct else {})}, Patient("M", 64.0, 70.0, None), IDENTITY, AUDIT, SERIES,
            {"manufacturer": "ACME", "model": "Ring 5", "reconstruction": "OSEM 3i24s"},
            datetime(2026, 3, 11, 10, 58), "8b1a9953c4611296",
        )  # fmt: skip
        examined = replace(examined, **(study or {}))
        tmtv = float((made.lesions.labels > 0).sum()) * VOXEL_ML
        whole = Report(
            examined, made, findings, patient_measures(findings),
            {
                "liver": Measures((
                    Measure("mean", 2.3, "g/mL", "sphere 30 mm"), Measure("sd", 0.21, "g/mL"),
                    Measure("max", 2.9, "g/mL"), Measure("n", 65), Measure("cv", 0.09),
                        Measure("volume_ml", 14.1, "mL"),
                        Measure("centre_l_mm", 160.0, "mm"),
                        Measure("centre_p_mm", 130.0, "mm"),
                        Measure("centre_s_mm", 420.0, "mm"),
                )),
                "blood_pool": Measures((Measure.missing("mean", "the aorta was not found", "g/mL"),)),
            },
            {
                "suv4.0": Measures((Measure("n_lesions", len(findings)), Measure("tmtv_ml", tmtv, "mL"))),
                "suv2.5": Measures((Measure("n_lesions", len(findings)), Measure("tmtv_ml", 1.31 * tmtv, "mL"))),
                "max41": Measures((Measure("n_lesions", len(findings)), Measure("tmtv_ml", 0.62 * tmtv, "mL"))),
                "liver140": Measures((Measure.missing("tmtv_ml", "no liver", "mL"),)),
            },
            Measures((Measure("qpet", 1.29, "1"), Measure("deauville_aid", 4), Measure("max_to_liver_max", 7.34))),
            warnings,
        )  # fmt: skip
        return replace(whole, **(report or {}))

    return make


@pytest.fixture(scope="session")
def report(make_report: Callable[..., Report]) -> Report:
    return make_report()


@pytest.fixture(scope="session")
def software() -> dict[str, Any]:
    return {"name": "lymphoscope", "version": "0.1.0", "git": "abc1234", "model_sha256": None}


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    return {"method": "suv4.0", "connectivity": 18, "min_volume_ml": 3.0}


@pytest.fixture(scope="session")
def known(report: Report, software: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The record of the report."""
    from lymphoscope.render.record import record  # noqa: PLC0415

    return record(report, software, settings)


@pytest.fixture(scope="session")
def drawn(report: Report, known: dict[str, Any]) -> Any:
    """The pictures of the report."""
    from lymphoscope.render.pictures import draw  # noqa: PLC0415

    return draw(report, known)
