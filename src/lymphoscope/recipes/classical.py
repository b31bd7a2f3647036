"""The delineation methods of the literature: thresholds, votes and gradients, without a network."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, Recipe, Stage, Use, use

DEFAULT = "suv4.0"
"""The method a tumour volume is made by when none is asked for."""

SHARED = (
    "Lesions start from regions kept of the preselection (SUV ≥ 4.0), not from a reader's click. Voxels that two "
    "lesions, or a lesion and physiological uptake, both reach are divided by a watershed on −SUV."
)
"""How every method here differs from its paper."""

_SHELL = (
    "Background is the mean of the shell 2–3 voxels outside the 70 % contour without voxels above half of SUVpeak: "
    "the shell and that rule are ours."
)
_LIVER = ("reference:liver",)


def _one(rule: Use) -> tuple[Stage, ...]:
    return (Stage("lesions", PET, rule),)


METHODS = Recipes(
    "method",
    Recipe(
        "suv4.0",
        "Fixed SUV 4.0",
        _one(use("fixed", at=4.0)),
        threshold="SUV ≥ 4.0; preselected regions of at least 3 mL",
        default_use="total metabolic tumour volume (the default)",
        paper="Boellaard et al., J Nucl Med 2024;65:1343",
        status="verified",
        differs="Physiological uptake is removed by rules, not by a reader's click.",
        post=(use("min_volume", ml=3.0),),
    ),
    Recipe(
        "suv2.5",
        "Fixed SUV 2.5",
        _one(use("fixed", at=2.5)),
        threshold="SUV ≥ 2.5",
        default_use="sensitivity analysis",
        paper="Ilyas et al., Eur J Nucl Med Mol Imaging 2018;45:1142",
        status="verified",
        differs=SHARED + " Lesions that stay below SUV 4.0 throughout are not found.",
    ),
    Recipe(
        "max41",
        "41 % of SUVmax",
        _one(use("of_max", fraction=0.41)),
        threshold="SUV ≥ 0.41 × SUVmax of the lesion, connected to its SUVmax voxel",
        default_use="comparison with studies after the EANM recommendation",
        paper="Meignan et al., J Clin Oncol 2016;34:3618",
        status="verified",
        differs=SHARED + " A lesion is a whole confluent region, so fainter parts of a mass may be left out.",
        needs=("seeds",),
    ),
    Recipe(
        "max40",
        "40 % of SUVmax",
        _one(use("of_max", fraction=0.40)),
        threshold="SUV ≥ 0.40 × SUVmax of the lesion, connected to its SUVmax voxel",
        default_use="comparison with older studies",
        paper="none of its own: see max41",
        status="verified",
        differs=SHARED,
        needs=("seeds",),
    ),
    Recipe(
        "max50",
        "50 % of SUVmax",
        _one(use("of_max", fraction=0.50)),
        threshold="SUV ≥ 0.50 × SUVmax of the lesion, connected to its SUVmax voxel",
        default_use="comparison with older studies",
        paper="none of its own: see max41",
        status="verified",
        differs=SHARED,
        needs=("seeds",),
    ),
    Recipe(
        "a50peak",
        "50 % of SUVpeak, adapted to the local background",
        _one(use("of_peak", fraction=0.5)),
        threshold="SUV ≥ 0.5 × (SUVpeak + local background), connected to the SUVmax voxel",
        default_use="an input of mv2 and mv3",
        paper="Burggraaff et al., Mol Imaging Biol 2020;22:1102",
        status="after",
        differs=f"{_SHELL} SUVpeak is held at SUVmax where a hotter neighbour lies within its sphere. {SHARED}",
        needs=("seeds",),
    ),
    Recipe(
        "mv2",
        "Majority vote, 2 of 4",
        _one(use("majority", votes=2)),
        threshold="voxels in at least 2 of suv4.0, suv2.5, max41 and a50peak",
        default_use="faint lesions, interim and end of treatment",
        paper="Burggraaff et al., Mol Imaging Biol 2020;22:1102",
        status="after",
        differs=f"The vote is the paper's; one of its inputs, a50peak, is partly ours. {SHARED}",
        needs=("seeds",),
    ),
    Recipe(
        "mv3",
        "Majority vote, 3 of 4",
        _one(use("majority", votes=3)),
        threshold="voxels in at least 3 of suv4.0, suv2.5, max41 and a50peak",
        default_use="interim and end of treatment",
        paper="Burggraaff et al., Mol Imaging Biol 2020;22:1102",
        status="after",
        differs=f"The vote is the paper's; one of its inputs, a50peak, is partly ours. {SHARED}",
        needs=("seeds",),
    ),
    Recipe(
        "liver_percist",
        "PERCIST, by the liver",
        _one(use("of_reference", organ="liver", times_mean=1.5, plus_sd=2.0)),
        threshold="SUL ≥ 1.5 × mean + 2 SD of the liver",
        default_use="measurable disease by PERCIST; on SUV the tumour volume of the GOYA study",
        paper="Wahl et al., J Nucl Med 2009;50 Suppl 1:122S; Kostakoglu et al., Haematologica 2022;107:1633 (GOYA)",
        status="after",
        differs=(
            "PERCIST asks it of a lesion's SULpeak; here, as in GOYA, it outlines voxels. On SUL and on SUV it is the "
            f"same rule, since both sides scale alike. GOYA's limit of 1 mL is not applied. {SHARED}"
        ),
        needs=_LIVER,
    ),
    Recipe(
        "blood_percist",
        "PERCIST, by the blood pool",
        _one(use("of_reference", organ="blood_pool", times_mean=2.0, plus_sd=2.0)),
        threshold="SUL ≥ 2.0 × mean + 2 SD of the blood pool",
        default_use="measurable disease by PERCIST where the liver is diseased",
        paper="Wahl et al., J Nucl Med 2009;50 Suppl 1:122S",
        status="after",
        differs=f"The formula is from general knowledge and was not read in the paper. {SHARED}",
        needs=("reference:blood_pool",),
    ),
    Recipe(
        "liver140",
        "140 % of the liver",
        _one(use("of_reference", organ="liver", times_mean=1.4)),
        threshold="SUV ≥ 1.4 × mean of the liver",
        default_use="replication of the literature",
        paper="van Heek et al., BMC Cancer 2022;22:672 (HD16) uses 140 % of the liver",
        status="after",
        differs=f"Whether the paper takes the liver's mean or maximum was not read; here it is the mean. {SHARED}",
        needs=_LIVER,
    ),
    Recipe(
        "liver_mean3sd",
        "Liver mean + 3 SD",
        _one(use("of_reference", organ="liver", times_mean=1.0, plus_sd=3.0)),
        threshold="SUV ≥ mean + 3 SD of the liver",
        default_use="replication of the literature",
        paper="Zhou et al., Oncotarget 2016;7:83544",
        status="after",
        differs=f"The liver's SD depends on noise and on the region it is measured in. {SHARED}",
        needs=_LIVER,
    ),
    Recipe(
        "deauville4",
        "Above the liver",
        _one(use("above_reference", organ="liver")),
        threshold="SUV > SUVmax of the liver",
        default_use="response maps",
        paper="after the five-point scale: Barrington et al., J Clin Oncol 2014;32:3048",
        status="after",
        differs=f"The scale is a reading of lesions; its use as a threshold for voxels is ours. {SHARED}",
        needs=_LIVER,
    ),
    Recipe(
        "nestle",
        "Contrast-adapted threshold",
        _one(use("nestle", beta=0.15)),
        threshold="SUV ≥ 0.15 × mean of the voxels at or above 0.7 SUVmax + local background",
        default_use="research",
        paper="Nestle et al., J Nucl Med 2005;46:1342",
        status="after",
        differs=f"15 % of mean plus background is as quoted by others; the 0.7 was not read. {_SHELL} {SHARED}",
        needs=("seeds",),
    ),
    Recipe(
        "gradient",
        "Steepest slope",
        _one(use("gradient", inner=0.7, outer=0.3, sigma=1.0)),
        threshold="watershed on the Gaussian gradient (σ 1 voxel) between 0.3 and 0.7 × SUVmax",
        default_use="research",
        paper="none: a definition of this project",
        status="after",
        differs=(
            "All of it is ours. Small lesions come out too small, as blurring moves their edge inwards, and in a "
            f"lesion of uneven uptake it stops at an inner edge. {SHARED}"
        ),
        needs=("seeds",),
    ),
    Recipe(
        "adaptive_hovon",
        "Chosen by lesion",
        _one(use("adaptive_hovon", peak=8.0, background=0.8)),
        threshold="suv4.0 if SUVpeak > 8; else mv3 if the local background > 0.8; else mv2",
        default_use="interim and end of treatment, optional",
        paper="A lesion-adaptive segmentation approach for tumor delineation on FDG PET/CT in DLBCL (HOVON-84), 2025",
        status="after",
        differs=f"The decision rule is the paper's abstract's. {_SHELL} {SHARED}",
        needs=("seeds",),
    ),
)
"""Every delineation method by id."""
