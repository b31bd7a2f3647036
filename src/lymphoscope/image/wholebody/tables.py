"""Figures about lymphoma for whole-body phantoms: burden, stations, their places, look-alikes.

Reference: the tables T3, T4, T5 and T8 of the phantom specification, which names the publications; figures that it
marks as recalled or designed are so here too.
"""

from __future__ import annotations

from typing import NamedTuple


class Burden(NamedTuple):
    """How much disease a subtype brings.

    Attributes:
        tmtv: Median (mL) and σ of the log of TMTV at SUV ≥ 4.
        lesions: Mean and shape k of the negative binomial number of lesions.
        largest: Median share of the largest lesion.
        suvmax: Median and σ of the log of the patient's SUVmax.
        necrosis: Rate in lesions above 50 mL.
        confluent: Rate of chains that run together.
        frailty: How strongly the number of lesions and the spread over stations go together.
        side: How strongly stations on the same side of the diaphragm go together.
        reactive_marrow: Rate of diffuse reactive marrow uptake.
        age: Median and spread, years.
        female: Share of women.
    """

    tmtv: tuple[float, float]
    lesions: tuple[float, float]
    largest: float
    suvmax: tuple[float, float]
    necrosis: float
    confluent: float
    frailty: float
    side: float
    reactive_marrow: float
    age: tuple[float, float]
    female: float


BURDEN: dict[str, Burden] = {
    "DLBCL": Burden((308, 1.35), (14, 0.8), 0.55, (19, 0.45), 0.25, 0.4, 1.1, 0.6, 0.034, (64, 14), 0.45),
    "HL": Burden((110, 1.2), (11, 1.0), 0.55, (12, 0.40), 0.15, 0.6, 1.0, 1.0, 0.093, (33, 13), 0.5),
    "FL": Burden((120, 1.4), (22, 0.8), 0.30, (10, 0.45), 0.03, 0.6, 1.8, 0.8, 0.033, (60, 12), 0.5),
    "PMBCL": Burden((400, 0.7), (3, 1.5), 0.90, (19, 0.30), 0.40, 0.9, 0.8, 0.8, 0.034, (34, 10), 0.57),
    "MCL": Burden((110, 1.3), (20, 0.7), 0.30, (8.5, 0.50), 0.03, 0.4, 1.8, 0.8, 0.071, (66, 9), 0.25),
}


class Station(NamedTuple):
    """Where lesions of a station lie and how often they do.

    Attributes:
        name: Name of the station.
        above: Whether it lies above the diaphragm.
        paired: Whether each side is drawn by itself.
        box: Lowest and highest u, x (of the left side where paired), y in body coordinates; None for organs.
        rates: Involvement in % for DLBCL, HL, FL, PMBCL, MCL; per side where paired.
        bulk: Relative chance to hold the largest lesion.
        organ: For extranodal sites the tissue lesions grow in, by name of `Tissue`; empty for nodes.
    """

    name: str
    above: bool
    paired: bool
    box: tuple[tuple[float, float], tuple[float, float], tuple[float, float]] | None
    rates: tuple[float, float, float, float, float]
    bulk: float = 1.0
    organ: str = ""


SUBTYPES = ("DLBCL", "HL", "FL", "PMBCL", "MCL")

STATIONS: tuple[Station, ...] = (
    Station("waldeyer", True, False, ((1.155, 1.21), (-20, 20), (34, 50)), (10, 2, 8, 0, 35), 0.3),
    Station("cervical", True, True, ((1.07, 1.18), (28, 48), (10, 40)), (35, 60, 55, 10, 60), 0.5),
    Station("supraclavicular", True, True, ((1.01, 1.07), (30, 65), (20, 50)), (25, 45, 35, 25, 40), 0.5),
    Station("axillary", True, True, ((0.86, 1.00), (118, 165), (-15, 35)), (22, 25, 45, 8, 50), 0.5),
    Station("prevascular", True, False, ((0.86, 0.97), (-25, 30), (62, 105)), (20, 50, 15, 95, 20), 4.0),
    Station("paratracheal", True, False, ((0.87, 0.98), (-22, 15), (35, 60)), (22, 45, 22, 25, 30), 1.5),
    Station("subcarinal", True, False, ((0.83, 0.87), (-15, 15), (28, 48)), (14, 20, 16, 10, 22), 0.7),
    Station("hilar", True, True, ((0.77, 0.87), (32, 62), (20, 50)), (15, 20, 15, 15, 20), 0.3),
    Station("retrocrural", False, False, ((0.52, 0.62), (-12, 20), (20, 32)), (12, 10, 22, 3, 20), 0.4),
    Station("coeliac", False, False, ((0.50, 0.58), (-35, 15), (42, 70)), (22, 16, 30, 3, 30), 0.8),
    Station("splenic_hilum", False, False, ((0.50, 0.60), (55, 95), (0, 45)), (8, 10, 12, 1, 14), 0.3),
    Station("para_aortic", False, False, ((0.27, 0.50), (-28, 32), (22, 45)), (40, 28, 60, 8, 55), 3.0),
    Station("mesenteric", False, False, ((0.26, 0.44), (-45, 45), (55, 95)), (30, 5, 55, 2, 40), 4.0),
    Station("common_iliac", False, True, ((0.17, 0.26), (18, 45), (8, 32)), (20, 10, 38, 1, 38), 0.6),
    Station("external_iliac", False, True, ((0.02, 0.16), (45, 70), (35, 85)), (20, 10, 40, 1, 40), 0.8),
    Station("inguinal", False, True, ((-0.12, -0.02), (58, 85), (85, 125)), (20, 8, 45, 1, 45), 0.4),
    Station("spleen", False, False, None, (18, 20, 25, 3, 66), 0.8, "SPLEEN"),
    Station("marrow", False, False, None, (18, 18, 15, 2, 22), 0.3, "MARROW"),
    Station("liver", False, False, None, (8, 5, 4, 4, 5), 0.5, "LIVER"),
    Station("lung", True, False, None, (8, 10, 3, 15, 8), 0.4, "LUNG"),
    Station("stomach", False, False, None, (10, 0, 3, 1, 15), 1.5, "STOMACH_WALL"),
    Station("bowel", False, False, None, (10, 0, 8, 1, 30), 1.5, "SMALL_BOWEL"),
    Station("bone", False, False, None, (10, 6, 4, 3, 3), 0.6, "FAR_MARROW"),
    Station("kidney", False, False, None, (7, 1, 2, 8, 4), 0.5, "RENAL_CORTEX"),
    Station("skin", False, False, None, (6, 1, 3, 1, 4), 0.3, "FAT"),
    Station("muscle", False, False, None, (4, 0.5, 1, 1, 1), 0.5, "MUSCLE"),
)


class Lookalike(NamedTuple):
    """Uptake that is neither normal nor lymphoma.

    Attributes:
        name: Name.
        rate: Chance in a patient.
        box: As in `Station`; None when it follows a tissue.
        tissue: Tissue it lies in (``FAT`` for nodes).
        number: Lowest and highest number.
        size: Lowest and highest diameter, mm.
        suv: Median and σ of the log of the maximum.
        paired: Whether it is symmetric.
    """

    name: str
    rate: float
    box: tuple[tuple[float, float], tuple[float, float], tuple[float, float]] | None
    tissue: str
    number: tuple[int, int]
    size: tuple[float, float]
    suv: tuple[float, float]
    paired: bool = False


LOOKALIKES: tuple[Lookalike, ...] = (
    Lookalike("vaccine_nodes", 0.04, ((0.87, 0.99), (118, 160), (-10, 30)), "FAT", (1, 6), (6, 15), (4.0, 0.5)),
    Lookalike("reactive_neck", 0.10, ((1.06, 1.17), (30, 46), (12, 38)), "FAT", (1, 4), (6, 12), (2.4, 0.3), True),
    Lookalike("reactive_groin", 0.06, ((-0.11, -0.03), (60, 82), (88, 118)), "FAT", (1, 3), (6, 12), (2.4, 0.3), True),
    Lookalike("sarcoid_like", 0.02, ((0.79, 0.87), (34, 58), (22, 48)), "FAT", (2, 4), (10, 20), (6.0, 0.4), True),
    Lookalike("rib_fracture", 0.025, None, "FAR_MARROW", (1, 4), (8, 14), (2.8, 0.35)),
    Lookalike("vertebral_fracture", 0.02, ((0.3, 0.7), (-8, 8), (-8, 8)), "MARROW", (1, 1), (18, 30), (2.2, 0.35)),
    Lookalike("surgery", 0.08, ((0.15, 0.95), (60, 120), (60, 130)), "FAT", (1, 2), (8, 25), (3.0, 0.3)),
    Lookalike("pneumonia", 0.05, None, "LUNG", (1, 2), (30, 60), (4.0, 0.4)),
    Lookalike("facet", 0.20, ((0.2, 0.6), (14, 22), (-32, -20)), "MARROW", (1, 3), (8, 13), (2.8, 0.25)),
    Lookalike("shoulder", 0.14, ((0.935, 0.975), (140, 160), (-10, 10)), "MUSCLE", (1, 3), (10, 20), (2.6, 0.25), True),
    Lookalike("hip", 0.08, ((-0.05, 0.0), (80, 100), (30, 60)), "MUSCLE", (1, 3), (10, 20), (2.5, 0.25), True),
    Lookalike("dental", 0.10, ((1.125, 1.16), (22, 40), (70, 92)), "MUSCLE", (1, 2), (6, 10), (4.2, 0.3)),
    Lookalike("thyroid_node", 0.02, ((1.02, 1.05), (14, 20), (38, 46)), "THYROID", (1, 1), (8, 18), (4.6, 0.45)),
    Lookalike("polyp", 0.02, None, "COLON", (1, 1), (8, 18), (7.0, 0.4)),
    Lookalike("oesophagitis", 0.03, ((0.58, 0.68), (6, 18), (28, 42)), "OESOPHAGUS", (1, 1), (14, 22), (3.6, 0.25)),
)
