"""The codes that our DICOM objects speak, as data. Every code and meaning is looked up by a test.

Reference: DICOM PS3.16, context groups 4, 7150, 7151, 7162, 7464, 7466, 7469, 7474, 7600 and 7601; UCUM; IBSI.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pydicom.sr.coding import Code

PRIVATE_SCHEME = "99LYMSEG"
PRIVATE_SCHEME_UID = "2.25.164929107036311478093415871462094733285"
"""Chosen once, at random; it names the scheme of all codes that only Lymphoscope has."""

ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = Code("52988006", "SCT", "Lesion")
ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
SOFT_TISSUE = Code("87784001", "SCT", "Soft tissue")
LYMPHOMA = Code("1163043007", "SCT", "Lymphoma")
ENTIRE_BODY = Code("38266002", "SCT", "Entire body")
PROCEDURE = Code("443271005", "SCT", "PET/CT FDG imaging of whole body")
FAMILY = Code("123110", "DCM", "Artificial Intelligence")
REPORT_TITLE = Code("18748-4", "LN", "Diagnostic Imaging Report")
RIGHT = Code("24028007", "SCT", "Right")
LEFT = Code("7771000", "SCT", "Left")

MAXIMUM = Code("56851009", "SCT", "Maximum")
MEAN = Code("373098007", "SCT", "Mean")
MINIMUM = Code("255605001", "SCT", "Minimum")
DEVIATION = Code("386136009", "SCT", "Standard Deviation")
PEAK = Code("126031", "DCM", "Peak Value Within ROI")

SUV_BW = Code("126401", "DCM", "SUVbw")
METHOD_BW = Code("126410", "DCM", "SUV body weight calculation method")
METHOD_JANMA = Code("126414", "DCM", "SUV lean body mass calculation Janmahasatian method")
METHOD_VOXELS = Code("126030", "DCM", "Sum of segmented voxel method for volume")
_SUL = Code("126405", "DCM", "SUVlbm(Janma)")
_VOLUME = Code("126032", "DCM", "Metabolic Volume")
_GLYCOLYSIS = Code("126033", "DCM", "Total Lesion Glycolysis")
_RATIO = Code("126039", "DCM", "Lesion to Background SUV Ratio")

G_PER_ML_BW = Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")
_G_PER_ML_LBM = Code("g/ml{SUVlbm(Janma)}", "UCUM", "Standardized Uptake Value lean body mass (Janma)")
_MM = Code("mm", "UCUM", "mm")
_CM = Code("cm", "UCUM", "cm")
_CM2 = Code("cm2", "UCUM", "Centimeter**2")
_ONE = Code("1", "UCUM", "no units")
_ML = Code("ml", "UCUM", "milliliter")
_GRAM = Code("g", "UCUM", "gram")
_PER_M = Code("/m", "UCUM", "per meter")
_LESIONS = Code("{lesions}", "UCUM", "lesions")

UNITS_BY_HAND = (_ML, _GRAM, _PER_M, _LESIONS)
"""Units that UCUM allows and the dictionaries of PS3.16 do not list."""


class Concept(NamedTuple):
    """How a number of the record is said in a structured report.

    Attributes:
        name: Concept name of the measurement.
        unit: Its unit.
        derivation: How it was condensed from the region's voxels, or None.
        method: Measurement method, or None.
    """

    name: Code
    unit: Code
    derivation: Code | None = None
    method: Code | None = None


def _ours(value: str, meaning: str, unit: Code = _ONE) -> Concept:
    return Concept(Code(value, PRIVATE_SCHEME, meaning), unit)


def _suv(derivation: Code) -> Concept:
    return Concept(SUV_BW, G_PER_ML_BW, derivation, METHOD_BW)


CONCEPTS: Mapping[str, Concept] = MappingProxyType(
    {
        "mtv_ml": Concept(_VOLUME, _ML, None, METHOD_VOXELS),
        "tmtv_ml": Concept(_VOLUME, _ML, None, METHOD_VOXELS),
        "bulk_ml": Concept(_VOLUME, _ML, MAXIMUM, METHOD_VOXELS),
        "tlg_g": Concept(_GLYCOLYSIS, _GRAM),
        "suvmax": _suv(MAXIMUM),
        "suvmean": _suv(MEAN),
        "suvpeak": _suv(PEAK),
        "suvmin": _suv(MINIMUM),
        "suvsd": _suv(DEVIATION),
        "suvpeak_sul": Concept(_SUL, _G_PER_ML_LBM, PEAK, METHOD_JANMA),
        "tumour_to_liver_peak": Concept(_RATIO, _ONE, PEAK),
        "tumour_to_liver_mean": Concept(_RATIO, _ONE, MEAN),
        "max3d_mm": Concept(Code("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh"), _MM),
        "volume_mesh_ml": Concept(Code("RNU0", "IBSI", "Volume of Mesh"), _ML),
        "surface_cm2": Concept(Code("C0JK", "IBSI", "Surface Area of Mesh"), _CM2),
        "sphericity": Concept(Code("QCFX", "IBSI", "Sphericity"), _ONE),
        "axial_diameter_mm": _ours("AXIALDIAM", "Largest diameter in an axial slice", _MM),
        "qpet_peak": _ours("QPETPEAK", "Mean of the hottest four joined voxels", G_PER_ML_BW),
        "auc_csh": _ours("AUCCSH", "Area under the cumulative SUV-volume histogram"),
        "n": Concept(Code("246206008", "SCT", "Number of lesions"), _LESIONS),
        "dmax_cm": _ours("DMAX", "Largest distance between two lesions' centres", _CM),
        "dmax_bulk_cm": _ours("DMAXBULK", "Largest distance from the largest lesion's centre", _CM),
        "dmax_voxel_cm": _ours("DMAXVOXEL", "Largest distance between two lesion voxels", _CM),
        "spread_sum_cm": _ours("SPREAD", "Sum of the distances between lesions' centres", _CM),
        "dmax_spleen_cm": _ours("DMAXSPLEEN", "Largest distance of a lesion from the spleen", _CM),
        "sdmax_per_m": _ours("SDMAX", "Largest distance between lesions by body size", _PER_M),
        "tvsr_cm": _ours("TVSR", "Tumour volume to surface ratio", _CM),
        "spleen_to_liver": _ours("SLR", "Spleen to liver SUV ratio"),
        "marrow_to_liver": _ours("BLR", "Bone marrow to liver SUV ratio"),
        "blood_pool_to_liver": _ours("MLR", "Blood pool to liver SUV ratio"),
        "deauville_aid": _ours("DEAUVILLEAID", "Deauville score suggested by measurement"),
        "qpet": _ours("QPET", "qPET: lesion peak to liver mean"),
        "qpet_score": _ours("QPETSCORE", "Deauville score suggested by qPET"),
    }
)
"""Numbers of the record that go into the report, by their name there."""

ORGAN_CODES: Mapping[str, Code] = MappingProxyType(
    {
        "brain": Code("12738006", "SCT", "Brain"),
        "head_glands": Code("385294005", "SCT", "Salivary gland"),
        "thyroid": Code("69748006", "SCT", "Thyroid"),
        "lungs": Code("39607008", "SCT", "Lung"),
        "heart": Code("80891009", "SCT", "Heart"),
        "aorta": Code("15825003", "SCT", "Aorta"),
        "liver": Code("10200004", "SCT", "Liver"),
        "spleen": Code("78961009", "SCT", "Spleen"),
        "stomach": Code("69695003", "SCT", "Stomach"),
        "bowel": Code("113276009", "SCT", "Intestine"),
        "kidneys": Code("64033007", "SCT", "Kidney"),
        "ureters": Code("87953007", "SCT", "Ureter"),
        "bladder": Code("89837001", "SCT", "Bladder"),
        "prostate": Code("41216001", "SCT", "Prostate"),
        "marrow": Code("14016003", "SCT", "Bone Marrow"),
        "muscle": Code("127954009", "SCT", "Skeletal muscle"),
        "brown_fat": Code("55603005", "SCT", "Fat"),
        "tonsils": Code("75573002", "SCT", "palatine tonsil"),
        "injection_site": SOFT_TISSUE,
    }
)
"""Places of physiological uptake, by the words of `lymphoscope.core.study.ORGANS`."""

SITES: Mapping[str, Code] = MappingProxyType(
    {
        "cervical": Code("81105003", "SCT", "cervical lymph node"),
        "supraclavicular": Code("76838003", "SCT", "supraclavicular lymph node"),
        "infraclavicular": Code("9659009", "SCT", "infraclavicular lymph node"),
        "occipital": Code("3916005", "SCT", "occipital lymph node"),
        "axillary": Code("68171009", "SCT", "Axillary lymph node"),
        "epitrochlear": Code("28870006", "SCT", "epitrochlear lymph node"),
        "mediastinal": Code("62683002", "SCT", "mediastinal lymph node"),
        "mediastinum": Code("62683002", "SCT", "mediastinal lymph node"),
        "hilar": Code("53074004", "SCT", "hilar lymph node"),
        "para-aortic": Code("8334002", "SCT", "lumbar lymph node"),
        "celiac": Code("47985009", "SCT", "celiac lymph node"),
        "mesenteric": Code("279795009", "SCT", "lymph node of mesentery"),
        "superior mesenteric": Code("49394004", "SCT", "superior mesenteric lymph node"),
        "inferior mesenteric": Code("113336002", "SCT", "inferior mesenteric lymph node"),
        "splenic hilar": Code("280824006", "SCT", "splenic lymph node"),
        "iliac": Code("84219008", "SCT", "iliac lymph node"),
        "external iliac": Code("65349008", "SCT", "external iliac lymph node"),
        "inguinal": Code("113340006", "SCT", "superficial inguinal lymph node"),
        "deep inguinal": Code("65266007", "SCT", "deep inguinal lymph node"),
        "popliteal": Code("47471008", "SCT", "popliteal lymph node"),
        "lymph node": Code("59441001", "SCT", "Lymph Node"),
        "waldeyer": Code("17861009", "SCT", "Waldeyer's ring"),
        "thymus": Code("9875009", "SCT", "Thymus"),
        "spleen": Code("78961009", "SCT", "Spleen"),
        "bone marrow": Code("14016003", "SCT", "Bone Marrow"),
        "liver": Code("10200004", "SCT", "Liver"),
        "lung": Code("39607008", "SCT", "Lung"),
        "stomach": Code("69695003", "SCT", "Stomach"),
    }
)
"""Sites of disease, by the words of a finding's site without its side. 127939003, which reads like the para-aortic
nodes, is a group of the anterior mediastinum; 71252005, which reads like the neck's, is the uterine cervix."""


def site_of(words: str | None) -> tuple[Code, Code | None] | None:
    """Code of a finding's site and of its side, from words such as ``cervical, right``; None when not known."""
    place, *rest = [part.strip().lower() for part in (words or "").split(",")]
    side = {"right": RIGHT, "left": LEFT}.get(rest[0]) if rest else None
    return (SITES[place], side) if place in SITES else None
