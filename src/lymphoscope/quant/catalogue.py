"""Every quantity that is reported: its name, unit, code, definition and source. The reference page is made from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from lymphoscope.core.measure import Measure
from lymphoscope.quant.radiomics_catalogue import IBSI_FEATURES


class Quantity(NamedTuple):
    """What a number means.

    Attributes:
        name: Key in records and tables; holds the unit where there is one to choose.
        unit: UCUM-like unit.
        code: ``SCHEME:VALUE`` of DICOM (``DCM``, ``SCT``), IBSI or the private scheme ``99LYMSEG``; a quantity and
            its derivation are joined by ``+``. Empty where there is none.
        means: Definition in one line.
        source: Where the definition comes from.
        of: What it describes: ``lesion``, ``patient``, ``reference``, ``response`` or several, comma between.
    """

    name: str
    unit: str
    code: str
    means: str
    source: str
    of: str


_EANM = "Boellaard 2015, EJNMMI 42:328"
_PERCIST = "Wahl 2009, JNM 50:122S"
_IBSI = "IBSI reference manual, arXiv:1612.07003"
_COTTEREAU = "Cottereau 2020, JNM 61:40"
_SUV = "DCM:126401"
_BOTH = "lesion, patient"

_ROWS = (
    # uptake
    Quantity("mtv_ml", "mL", "DCM:126032", "Number of voxels times the volume of a voxel", _EANM, "lesion"),
    Quantity("tlg_g", "g", "DCM:126033", "Sum of SUV times voxel volume: SUVmean × MTV", _EANM, _BOTH),
    Quantity("suvmax", "g/mL", f"{_SUV}+SCT:56851009", "Highest SUV of a voxel", _EANM, _BOTH),
    Quantity(
        "suvmean",
        "g/mL",
        f"{_SUV}+SCT:373098007",
        "Mean SUV over the voxels; for the patient weighted by volume (ΣTLG/ΣMTV)",
        _EANM,
        _BOTH,
    ),
    Quantity("suvmin", "g/mL", f"{_SUV}+SCT:255605001", "Lowest SUV of a voxel", _EANM, "lesion"),
    Quantity("suvsd", "g/mL", f"{_SUV}+SCT:386136009", "Standard deviation (n−1); 0 for one voxel", "", "lesion"),
    Quantity(
        "suvpeak",
        "g/mL",
        f"{_SUV}+DCM:126031",
        "Mean SUV in a sphere of 1 mL centred on a voxel of the lesion, at the place where it is highest",
        f"{_PERCIST}; {_IBSI} (0F91)",
        _BOTH,
    ),
    Quantity(
        "suvpeak_sul",
        "g/mL",
        "DCM:126405+DCM:126031",
        "SUVpeak normalised to lean body mass (PERCIST SULpeak); the multiplier stands in the method",
        _PERCIST,
        _BOTH,
    ),
    Quantity(
        "qpet_peak",
        "g/mL",
        "99LYMSEG:QPETPEAK",
        "Mean of the hottest voxel and its three hottest face or edge neighbours on the PET grid",
        "Hasenclever 2014, EJNMMI 41:1301",
        _BOTH,
    ),
    Quantity("cov", "1", "99LYMSEG:COV", "SUVsd / SUVmean, with the n−1 standard deviation", "", "lesion"),
    Quantity(
        "auc_csh",
        "1",
        "99LYMSEG:AUCCSH",
        "Area under the fraction of the volume with SUV ≥ x·SUVmax, x from 0 to 1; lower is more heterogeneous",
        "van Velden 2011, EJNMMI 38:1636",
        "lesion",
    ),
    Quantity("n_voxels", "1", "", "Number of voxels", "", "lesion"),
    # position and shape
    Quantity("centroid_l_mm", "mm", "", "Unweighted centre, to the patient's left (DICOM x)", "", "lesion"),
    Quantity("centroid_p_mm", "mm", "", "Unweighted centre, to the patient's back (DICOM y)", "", "lesion"),
    Quantity("centroid_s_mm", "mm", "", "Unweighted centre, to the patient's head (DICOM z)", "", "lesion"),
    Quantity("max3d_mm", "mm", "IBSI:L0JK", "Largest distance between vertices of the surface mesh", _IBSI, "lesion"),
    Quantity(
        "axial_diameter_mm",
        "mm",
        "99LYMSEG:AXIALDIAM",
        "Largest distance between outline points in one axial slice (outline half-way between voxels), largest slice",
        "",
        _BOTH,
    ),
    Quantity(
        "volume_mesh_ml", "mL", "IBSI:RNU0", "Volume inside the 0.5 marching-cubes surface of the mask", _IBSI, "lesion"
    ),
    Quantity("surface_cm2", "cm2", "IBSI:C0JK", "Area of that surface; for the patient the sum", _IBSI, _BOTH),
    Quantity("a_over_v_per_cm", "cm-1", "IBSI:2PR5", "Surface / mesh volume", _IBSI, "lesion"),
    Quantity("sphericity", "1", "IBSI:QCFX", "(36πV²)^⅓ / A on the mesh; 1 for a sphere", _IBSI, "lesion"),
    Quantity("major_axis_mm", "mm", "IBSI:TDIC", "4·√λ₁ of the voxel centres' covariance", _IBSI, "lesion"),
    Quantity("minor_axis_mm", "mm", "IBSI:P9VJ", "4·√λ₂ of the voxel centres' covariance", _IBSI, "lesion"),
    Quantity("least_axis_mm", "mm", "IBSI:7J51", "4·√λ₃ of the voxel centres' covariance", _IBSI, "lesion"),
    Quantity("elongation", "1", "IBSI:Q3CK", "√(λ₂/λ₁)", _IBSI, "lesion"),
    Quantity("flatness", "1", "IBSI:N17B", "√(λ₃/λ₁)", _IBSI, "lesion"),
    Quantity(
        "com_shift_mm", "mm", "IBSI:KLMA", "Distance between the centre and the SUV-weighted centre", _IBSI, "lesion"
    ),
    # patient
    Quantity("n_lesions", "1", "SCT:246206008", "Number of lesions", "", "patient"),
    Quantity("tmtv_ml", "mL", "DCM:126032", "Sum of the lesions' MTV: the volume of the mask", _EANM, "patient"),
    Quantity("bulk_ml", "mL", "DCM:126032", "MTV of the largest lesion", "", "patient"),
    Quantity("bulk_lesion", "1", "", "Number of the largest lesion in the lesion mask", "", "patient"),
    Quantity(
        "dmax_cm",
        "cm",
        "99LYMSEG:DMAX",
        "Largest distance between the centres of two lesions; 0 with fewer than two",
        _COTTEREAU,
        "patient",
    ),
    Quantity(
        "dmax_bulk_cm",
        "cm",
        "99LYMSEG:DMAXBULK",
        "Largest distance from the centre of the largest lesion to another's",
        _COTTEREAU,
        "patient",
    ),
    Quantity(
        "dmax_voxel_cm",
        "cm",
        "99LYMSEG:DMAXVOXEL",
        "Largest distance between the centres of any two lesion voxels",
        "as in microsoft/lymphoma-segmentation-dnn",
        "patient",
    ),
    Quantity(
        "spread_sum_cm",
        "cm",
        "99LYMSEG:SPREAD",
        "Sum of the distances between the centres of all pairs of lesions",
        _COTTEREAU,
        "patient",
    ),
    Quantity(
        "dmax_spleen_cm",
        "cm",
        "99LYMSEG:DMAXSPLEEN",
        "Largest distance between the centre of a lesion and that of the spleen",
        "Girum 2024, JNM 65:313",
        "patient",
    ),
    Quantity(
        "sdmax_per_m",
        "m-1",
        "99LYMSEG:SDMAX",
        "Dmax / body surface area (DuBois)",
        "Cottereau 2021, Ann Oncol 32:404",
        "patient",
    ),
    Quantity("tvsr_cm", "cm", "99LYMSEG:TVSR", "Total volume / total surface, on the meshes", "", "patient"),
    Quantity("tumour_to_liver_peak", "1", "DCM:126039", "SUVpeak / SUVmean of the liver", "", _BOTH),
    Quantity("tumour_to_liver_mean", "1", "DCM:126039", "SUVmean / SUVmean of the liver", "", _BOTH),
    Quantity("spleen_to_liver", "1", "99LYMSEG:SLR", "SUVmean of the spleen / of the liver", "", "patient"),
    Quantity("marrow_to_liver", "1", "99LYMSEG:BLR", "SUVmean of the marrow / of the liver", "", "patient"),
    Quantity("blood_pool_to_liver", "1", "99LYMSEG:MLR", "SUVmean of the blood pool / of the liver", "", "patient"),
    # reference organs
    Quantity("mean", "g/mL", f"{_SUV}+SCT:373098007", "Mean SUV in the reference region", _PERCIST, "reference"),
    Quantity("sd", "g/mL", f"{_SUV}+SCT:386136009", "Standard deviation (n−1) there", _PERCIST, "reference"),
    Quantity("max", "g/mL", f"{_SUV}+SCT:56851009", "Highest SUV there", "", "reference"),
    Quantity("n", "1", "", "Number of its voxels", "", "reference"),
    Quantity("cv", "1", "", "sd / mean there", "", "reference"),
    Quantity("volume_ml", "mL", "", "Its volume", "", "reference"),
    Quantity("centre_l_mm", "mm", "", "Its centre, to the patient's left (DICOM x)", "", "reference"),
    Quantity("centre_p_mm", "mm", "", "Its centre, to the patient's back (DICOM y)", "", "reference"),
    Quantity("centre_s_mm", "mm", "", "Its centre, to the patient's head (DICOM z)", "", "reference"),
    Quantity("organ_l_mm", "mm", "", "Centre of the whole organ, to the left (DICOM x)", "", "reference"),
    Quantity("organ_p_mm", "mm", "", "Centre of the whole organ, to the back (DICOM y)", "", "reference"),
    Quantity("organ_s_mm", "mm", "", "Centre of the whole organ, to the head (DICOM z)", "", "reference"),
    # response
    Quantity(
        "deauville_aid",
        "1",
        "99LYMSEG:DEAUVILLEAID",
        "Five-point scale by SUVmax against SUVmax of blood pool and liver: an aid, the score is the reader's",
        "Barrington 2010, EJNMMI 37:1824; Barrington 2014, JCO 32:3048",
        "response",
    ),
    Quantity("deauville_k", "1", "", "From how many times the liver's SUVmax the aid says 5", "", "response"),
    Quantity("max_to_liver_max", "1", "DCM:126039", "SUVmax / SUVmax of the liver", "", "response"),
    Quantity("max_to_liver_mean", "1", "DCM:126039", "SUVmax / SUVmean of the liver", "", "response"),
    Quantity("max_to_blood_pool_max", "1", "DCM:126039", "SUVmax / SUVmax of the blood pool", "", "response"),
    Quantity("blood_pool_max_to_liver_max", "1", "", "SUVmax of the blood pool / of the liver", "", "response"),
    Quantity(
        "qpet",
        "1",
        "99LYMSEG:QPET",
        "qPET peak / SUVmean of the liver",
        "Hasenclever 2014, EJNMMI 41:1301",
        "response",
    ),
    Quantity(
        "qpet_score",
        "1",
        "99LYMSEG:QPETSCORE",
        "qPET < 0.95 → 2 (for 1–2), < 1.3 → 3, < 2.0 → 4, else 5",
        "Hasenclever 2014, EJNMMI 41:1301",
        "response",
    ),
)

_IBSI_ROWS = tuple(
    Quantity(f.name, f.unit, f"IBSI:{f.code}", f"{f.family}: {f.means}", f"{_IBSI}, {f.code}", "lesion")
    for f in IBSI_FEATURES
)


def _index(rows: Iterable[Quantity]) -> Mapping[str, Quantity]:
    table: dict[str, Quantity] = {}
    for row in rows:
        if row.name in table:
            raise KeyError(f"quantity {row.name!r} is in the catalogue twice")
        table[row.name] = row
    return MappingProxyType(table)


CATALOGUE = _index((*_ROWS, *_IBSI_ROWS))
"""All quantities by name."""


def measured(name: str, value: float | int | str | None, method: str = "", why: str = "") -> Measure:
    """A number with the unit and code that the catalogue gives it.

    Args:
        name: Name in the catalogue.
        value: The number; None, or one that is not finite, makes a number that cannot be given.
        method: How it was obtained.
        why: Why there is no value; used only without one.

    Raises:
        KeyError: The catalogue does not know the name.
    """
    row = CATALOGUE[name]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Measure.missing(name, why or "not defined here", row.unit, method, row.code)
    if not isinstance(value, str | int):
        value = float(value)
    return Measure(name, value, row.unit, method, row.code)


def reference_page() -> str:
    """The reference page of all quantities, Markdown."""
    lines = [
        "# Quantities",
        "",
        "Every number that Lymphoscope reports. All are computed on the PET's own grid, except features marked",
        "“resampled”, which are computed on a 4 mm grid. A number that cannot be given is null with a reason, never 0.",
        "How right and how fast they are: [benchmarks](benchmarks-quantities.md).",
        "Made from `lymphoscope.quant.catalogue`; do not edit.",
    ]
    titles = {
        "lesion": "A lesion",
        "patient": "The patient",
        "reference": "A reference organ",
        "response": "Response aids",
    }
    head = ["", "| name | unit | definition | code | source |", "|---|---|---|---|---|"]
    for key, title in titles.items():
        plain = [q for q in _ROWS if key in q.of.split(", ")]
        lines += ["", f"## {title}", *head, *(_row(q) for q in plain)]
    lines += ["", "## Radiomics of a lesion (IBSI)", *head, *(_row(q) for q in _IBSI_ROWS)]
    return "\n".join(lines) + "\n"


def _row(q: Quantity) -> str:
    return f"| `{q.name}` | {q.unit} | {q.means} | {q.code} | {q.source} |"
