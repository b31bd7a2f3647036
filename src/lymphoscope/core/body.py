"""Body size: lean mass, ideal weight and surface from weight, height and sex, and what they make of an SUV.

Several formulas share a name in practice; here each has the name DICOM gives its SUV type (0054,1006).
Lean mass by Janmahasatian (``LBMJANMA``) is the default for SUL: the older polynomials fall with weight in
the very obese.

Reference: Tahari et al., J Nucl Med 2014;55:1481 (choice of lean mass); IBSI-SUV manual (formulas, sex ``O``);
DuBois and DuBois, Arch Intern Med 1916;17:863 (surface).
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

DEFAULT_LEAN_MASS = "LBMJANMA"
"""The lean mass used for SUL when nothing else is asked for."""

Formula = Callable[[float, float, str], float]


def body_mass_index(weight_kg: float, height_m: float) -> float:
    """Body mass index in kg/m²."""
    return weight_kg / height_m**2


def body_surface_m2(weight_kg: float, height_m: float) -> float:
    """Body surface in m² by DuBois."""
    return float(0.007184 * weight_kg**0.425 * (100.0 * height_m) ** 0.725)


def _morgan(weight_kg: float, height_m: float, sex: str) -> float:
    """Lean mass, kg; DICOM ``LBM``."""
    linear, square = (1.10, 120.0) if sex == "M" else (1.07, 148.0)
    return linear * weight_kg - square * (weight_kg / (100.0 * height_m)) ** 2


def _james(weight_kg: float, height_m: float, sex: str) -> float:
    """Lean mass, kg; DICOM ``LBMJAMES128``. Falls with weight above `JAMES_PEAK_BMI`."""
    linear, square = (1.10, 128.0) if sex == "M" else (1.07, 148.0)
    return linear * weight_kg - square * (weight_kg / (100.0 * height_m)) ** 2


def _janmahasatian(weight_kg: float, height_m: float, sex: str) -> float:
    """Lean mass, kg; DICOM ``LBMJANMA``. Grows with weight everywhere."""
    constant, slope = (6680.0, 216.0) if sex == "M" else (8780.0, 244.0)
    return 9270.0 * weight_kg / (constant + slope * body_mass_index(weight_kg, height_m))


def _ideal(weight_kg: float, height_m: float, sex: str) -> float:
    """Ideal body weight, kg; DICOM ``IBW``."""
    constant, slope = (48.0, 1.06) if sex == "M" else (45.5, 0.91)
    return constant + slope * (100.0 * height_m - 152.0)


def _surface(weight_kg: float, height_m: float, sex: str) -> float:
    """Body surface, m²; DICOM ``BSA``."""
    return body_surface_m2(weight_kg, height_m)


NORMALISERS = MappingProxyType[str, Formula](
    {"LBM": _morgan, "LBMJAMES128": _james, "LBMJANMA": _janmahasatian, "IBW": _ideal, "BSA": _surface}
)
"""Formulas by DICOM SUV type: (weight in kg, height in m, ``M`` or ``F``) → kg, or m² for ``BSA``."""

JAMES_PEAK_BMI = MappingProxyType({"M": 1.10e4 / (2 * 128), "F": 1.07e4 / (2 * 148)})
"""Body mass index (kg/m²) above which lean mass by James falls with weight: 43.0 in men, 36.1 in women."""


def normaliser(kind: str, weight_kg: float, height_m: float, sex: str | None) -> float:
    """What the activity is divided by instead of body weight.

    Args:
        kind: Name in `NORMALISERS`.
        weight_kg: Body weight.
        height_m: Height.
        sex: ``M``, ``F``, or anything else for the mean of both formulas.

    Returns:
        Mass in kg, or surface in m² for ``BSA``. Not positive for bodies far outside what a formula was made for.
    """
    formula = NORMALISERS[kind]
    if sex in ("M", "F"):
        return formula(weight_kg, height_m, sex)
    return 0.5 * (formula(weight_kg, height_m, "M") + formula(weight_kg, height_m, "F"))


def suv_multiplier(kind: str, weight_kg: float, height_m: float, sex: str | None) -> float:
    """What SUVbw is multiplied by to be normalised otherwise: N/w, and for ``BSA`` (cm²/mL) BSA·10⁴/(1000·w)."""
    norm = normaliser(kind, weight_kg, height_m, sex)
    return 10.0 * norm / weight_kg if kind == "BSA" else norm / weight_kg


def suv_multipliers(weight_kg: float, height_m: float, sex: str | None) -> dict[str, float]:
    """All multipliers of SUVbw by name; a formula that gives no positive value for this body is left out."""
    found = {kind: suv_multiplier(kind, weight_kg, height_m, sex) for kind in NORMALISERS}
    return {kind: value for kind, value in found.items() if value > 0}


def beyond_james(weight_kg: float, height_m: float, sex: str | None) -> bool:
    """Whether lean mass by James falls with weight for this body; the stricter limit when the sex is not known."""
    return body_mass_index(weight_kg, height_m) > JAMES_PEAK_BMI.get(sex or "", min(JAMES_PEAK_BMI.values()))
