"""How much FDG each tissue of a whole-body phantom takes up, and the true activity that follows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lymphoscope.image.wholebody.organs import left_ventricle
from lymphoscope.image.wholebody.paint import smooth_field
from lymphoscope.image.wholebody.tissue import Body, Tissue, column

HEART_PATTERNS = (("none", 0.36), ("diffuse", 0.26), ("focal_on_diffuse", 0.30), ("focal", 0.08))
"""Frequencies of myocardial uptake. Reference: PMC7408629."""


@dataclass(frozen=True)
class Condition:
    """What makes this patient's normal uptake what it is.

    Attributes:
        uptake_min: From injection to scan, minutes.
        heart: Name of `HEART_PATTERNS`.
        metformin: Hot bowel.
        diuretic: Furosemide was given: dilute urine.
        brown_fat: Active brown fat.
        thyroid: Diffuse thyroid uptake.
        marrow: Factor on marrow (reactive, or after growth factors).
        spleen: Factor on the spleen.
        muscle: Factor on muscle (exercise, insulin).
        extravasation: Part of the dose that stayed at the injection site.
        urine: SUV in the bladder, in place of a drawn one.
    """

    uptake_min: float = 60.0
    heart: str = "none"
    metformin: bool = False
    diuretic: bool = False
    brown_fat: bool = False
    thyroid: bool = False
    marrow: float = 1.0
    spleen: float = 1.0
    muscle: float = 1.0
    extravasation: float = 0.0
    urine: float | None = None


@dataclass(eq=False)
class Levels:
    """Drawn SUV by tissue.

    Attributes:
        suv: Tissue → SUV, true concentration before imaging.
        facts: Draws worth recording.
    """

    suv: dict[Tissue, float]
    facts: dict[str, float | str] = field(default_factory=dict)

    def table(self) -> NDArray[np.float32]:
        """SUV indexed by tissue number."""
        return np.array([self.suv.get(t, 0.0) for t in Tissue], np.float32)


def draw_condition(body: Body, draw: np.random.Generator, reactive_marrow: float) -> Condition:
    """Draw a condition at the published rates; `reactive_marrow` is the rate of diffuse marrow uptake."""
    names, weights = zip(*HEART_PATTERNS, strict=True)
    cold = (0.07 if body.sex == "F" else 0.036) * (1.5 if body.age < 40 else 0.7)
    marrow = float(draw.lognormal(np.log(1.9), 0.2)) if draw.random() < reactive_marrow else 1.0
    return Condition(
        uptake_min=float(np.clip(draw.normal(100, 10) if draw.random() < 0.08 else draw.normal(63, 8), 45, 138)),
        heart=str(names[int(draw.choice(len(names), p=np.array(weights)))]),
        metformin=bool(draw.random() < 0.11 * np.clip((body.age - 30) / 40, 0, 1.3)),
        diuretic=bool(draw.random() < 0.15),
        brown_fat=bool(draw.random() < cold),
        thyroid=bool(draw.random() < (0.11 if body.sex == "F" else 0.022)),
        marrow=marrow,
        spleen=float(draw.uniform(1.0, 1.7)) if marrow > 1.0 else 1.0,
        muscle=float(draw.uniform(1.4, 1.9)) if draw.random() < 0.03 else 1.0,
        extravasation=float(draw.uniform(0.01, 0.15)) if draw.random() < 0.06 else 0.0,
    )


def _ln(draw: np.random.Generator, median: float, sigma: float) -> float:
    return float(median * np.exp(sigma * np.clip(draw.standard_normal(), -2.5, 2.5)))


def _n(draw: np.random.Generator, mean: float, spread: float) -> float:
    return float(mean + spread * np.clip(draw.standard_normal(), -2.5, 2.5))


def draw_levels(body: Body, condition: Condition, draw: np.random.Generator) -> Levels:
    """Draw the SUV of every tissue (table T1 of the phantom specification)."""
    late = condition.uptake_min / 60.0
    stout = (body.bmi / 25.0) ** 0.6
    liver = _ln(draw, 1.88, 0.21) * stout * late**-0.15
    blood = liver * late**-0.30 / _ln(draw, 1.35, 0.15)
    marrow = _ln(draw, 1.6, 0.21) * condition.marrow
    grey = _n(draw, 9.2, 1.8) * late**0.1
    T = Tissue
    suv = {
        T.LIVER: liver, T.ARTERY: blood, T.VEIN: blood, T.HEART_BLOOD: blood, T.MYOCARDIUM: blood * 1.1,
        T.SPLEEN: liver * _ln(draw, 0.85, 0.15) * condition.spleen,
        T.MARROW: marrow, T.FAR_MARROW: marrow * 0.55, T.COMPACT: 0.45, T.DISC: 0.6, T.CORD: _n(draw, 2.1, 0.3),
        T.LUNG: _n(draw, 0.50, 0.10), T.MUSCLE: _ln(draw, 0.72, 0.2) * condition.muscle, T.FAT: _n(draw, 0.25, 0.05),
        T.GREY: grey, T.WHITE: grey * 0.45, T.CEREBELLUM: grey * _n(draw, 0.8, 0.08), T.CSF: 0.4,
        T.RENAL_CORTEX: _n(draw, 4.0, 0.6), T.MEDULLA: _n(draw, 5.0, 0.9),
        T.TONGUE: _n(draw, 1.4, 0.3), T.VOCAL: _n(draw, 2.0, 0.5) * (2.0 if draw.random() < 0.19 else 1.0),
        T.PANCREAS: 1.3, T.GALLBLADDER: 0.6, T.OESOPHAGUS: _n(draw, 1.5, 0.3), T.AIRWAY: 0.1, T.PROSTATE: 1.6,
        T.PAROTID: 1.9 * _ln(draw, 1.0, 0.3), T.SALIVARY: 2.1 * _ln(draw, 1.0, 0.3),
        T.TONSIL: _ln(draw, 4.6 * np.interp(body.age, (18, 45, 75), (1.25, 1.0, 0.75)), 0.4) * 1.15,
        T.LINGUAL: _n(draw, 3.3, 0.9), T.PALATE: _n(draw, 3.2, 0.8),
        T.TESTIS: _n(draw, 2.8, 0.6), T.UTERUS: 1.4, T.BREAST: _n(draw, 0.75, 0.2),
        T.THYMUS: _n(draw, 2.6, 0.7) if body.age < 25 else _n(draw, 1.3, 0.3),
        T.BROWN_FAT: _ln(draw, 6.0, 0.5), T.INJECTION: 0.0,
    }  # fmt: skip
    suv[T.THYROID] = _n(draw, 3.2, 1.0) if condition.thyroid else _n(draw, 1.3, 0.25)
    suv.update(_urine(condition, draw) | _gut(condition, draw) | _cycle(body, draw))
    levels = Levels({t: max(0.05, v) for t, v in suv.items()})
    levels.facts.update(liver=liver, blood=blood, marrow=marrow, grey=grey, urine=levels.suv[T.URINE])
    levels.facts.update(heart=condition.heart, tonsil=levels.suv[T.TONSIL])
    return levels


def _urine(condition: Condition, draw: np.random.Generator) -> dict[Tissue, float]:
    thin = 0.2 if condition.diuretic else 1.0
    pelvis = _ln(draw, 15.0, 0.7) * thin
    bladder = _n(draw, 2.2, 0.7) if condition.diuretic else _ln(draw, 13.0, 0.7)
    return {
        Tissue.RENAL_PELVIS: max(pelvis, 2.0),
        Tissue.URETER: max(_ln(draw, 15.0, 0.6) * thin, 1.5),
        Tissue.URINE: condition.urine or max(bladder, 0.8),
    }


def _gut(condition: Condition, draw: np.random.Generator) -> dict[Tissue, float]:
    """Wall levels from the published maxima: the highest of a spread of ± 0.33 along the tube is about 1.7 levels."""
    small = _ln(draw, 2.2, 0.35) / 1.6 * (1.5 if condition.metformin else 1.0)
    large = _ln(draw, 8.0, 0.4) / 1.6 if condition.metformin else _ln(draw, 2.6, 0.5) / 1.7
    stomach = _n(draw, 2.5, 0.8)
    return {
        Tissue.SMALL_BOWEL: small,
        Tissue.COLON: large,
        Tissue.STOOL: large * (0.9 if condition.metformin else 0.6),
        Tissue.STOMACH_WALL: max(stomach, 1.0),
        Tissue.STOMACH_LUMEN: 0.9,
    }


def _cycle(body: Body, draw: np.random.Generator) -> dict[Tissue, float]:
    if body.sex != "F":
        return {}
    if body.age > 51:
        return {Tissue.ENDOMETRIUM: _n(draw, 1.7, 0.4), Tissue.OVARY: 1.3}
    phase = draw.choice(3, p=(0.17, 0.10, 0.73))
    centre, spread = ((5.0, 2.0), (3.7, 0.9), (2.6, 0.9))[phase]
    ovary = _n(draw, 6.3, 1.5) if draw.random() < 0.19 else _n(draw, 2.2, 0.6)
    return {Tissue.ENDOMETRIUM: _n(draw, centre, spread), Tissue.OVARY: ovary}


def paint_heart(body: Body, levels: Levels, condition: Condition, draw: np.random.Generator) -> None:
    """Lay the wall of the left ventricle with one of the published patterns."""
    wall, angle, inside = left_ventricle(body, draw)
    blood = levels.suv[Tissue.ARTERY]
    rest = blood * draw.uniform(0.9, 1.2)
    value = np.full(wall.cover.shape, rest, np.float32)
    lateral = draw.random() < 0.54
    centre = 1.4 if lateral else float(draw.uniform(-np.pi, np.pi))
    width = float(draw.uniform(0.5, 0.9))
    turn = np.angle(np.exp(1j * (angle - centre)))
    height = 0.25 if lateral else float(draw.uniform(0.15, 0.9))
    spot = np.exp(-0.5 * (turn / width) ** 2 - 0.5 * ((wall.along - height) / 0.28) ** 2).astype(np.float32)
    if condition.heart == "focal":
        value += (_ln(draw, 5.0, 0.4) - rest) * spot
    elif condition.heart in ("diffuse", "focal_on_diffuse"):
        top = _ln(draw, 9.0, 0.4) / 0.85
        flat = 1.0 if condition.heart == "diffuse" else draw.uniform(0.35, 0.6)
        value = np.float32(top) * (np.float32(flat) + np.float32(1.0 - flat) * spot)
        value = value * (1.0 + 0.10 * smooth_field(wall.cover.shape, 10.0 / body.frame.step, draw))
    keep = (Tissue.AIR, Tissue.LIVER, Tissue.STOMACH_WALL, Tissue.STOMACH_LUMEN)
    cavity = body.tissue[wall.box]
    cavity[(inside > 0) & np.isin(cavity, [int(Tissue.FAT), int(Tissue.LUNG)])] = int(Tissue.HEART_BLOOD)
    levels.suv[Tissue.MYOCARDIUM] = 1.0
    body.lay(wall, Tissue.MYOCARDIUM, value.astype(np.float32), keep=keep)
    levels.facts["myocardium"] = float(np.max(value * (wall.cover > 0.5)))


def activity(body: Body, levels: Levels, draw: np.random.Generator) -> NDArray[np.float32]:
    """True SUV in every voxel of the working grid, without lesions, (z, y, x) float32."""
    table = levels.table()
    grain = column("grain")[body.tissue]
    noise = smooth_field(body.frame.shape, 8.0 / body.frame.step, draw)
    truth = table[body.tissue] * body.gain * np.exp(grain * noise - grain**2 / 2)
    lung = body.tissue == Tissue.LUNG
    behind = np.clip((30.0 - np.broadcast_to(body.frame.front, body.frame.shape)[lung]) / 120.0 + 0.5, 0.0, 1.0)
    truth[lung] *= (0.85 + 0.3 * behind).astype(np.float32)
    for overlay in body.overlays:
        view = truth[overlay.stroke.box]
        cover = overlay.stroke.cover
        view *= 1.0 - cover
        view += cover * table[overlay.tissue] * overlay.gain
    return np.asarray(truth, dtype=np.float32)


def settle(truth: NDArray[np.float32], body: Body, tlg: float, weight_kg: float) -> float:
    """Factor on normal uptake for the tumour's sink effect and for activity closure in the scanned slab.

    Args:
        truth: True SUV without lesions.
        body: The body.
        tlg: Total lesion glycolysis, SUV·mL.
        weight_kg: Body weight.

    Returns:
        The factor; 1 when nothing has to change.
    """
    frame = body.frame
    seen = (frame.z >= frame.fov[0]) & (frame.z <= frame.fov[1])
    litres = frame.step**3 / 1e6
    whole = float(truth[seen].sum()) * litres
    sink = max(0.6, 1.0 - tlg / (850.0 * weight_kg))
    closed = (whole * sink + tlg / 1000.0) / weight_kg
    wanted = float(np.clip(closed, 0.63, 0.80))
    factor = (wanted * weight_kg - tlg / 1000.0) / max(whole * sink, 1e-6)
    return sink * float(np.clip(factor, 0.85, 1.15))
