"""Systems that look for candidates and then judge each: what is made is a score a candidate."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

_WIDTHS = (16, 32, 64, 128)

JUDGE = Learn(
    use("unet_encoder", widths=_WIDTHS, norm="auto", batch=8),
    heads=(use("classify"),),
    loss=use("candidate_ce"),
    sampler=use("candidates", size=32, at=0.3, positive=0.25),
    batch=8,
    augment=(use("flip"), use("affine")),
    infer=use("each_candidate", mirror="zyx"),
)
"""The network that accepts or refuses."""

CANDIDATES = Recipes(
    "recipe",
    Recipe(
        "ch3-reducer",
        "Candidates by a residual U-Net, accepted or refused by a 3D network",
        (
            Stage("candidates", PET_CT, makes="map", learn=Learn(use("resunet", depth=34))),
            Stage("lesions", (*PET_CT, "candidates"), makes="scores", learn=JUDGE),
        ),
        paper="Manjunatha et al. 2023 (nodes on CT)",
        status="after",
        differs="Made for nodes on CT; here on PET and CT. The U-Net's decoder, the network that judges, its boxes of "
        "32 voxels and the probability from which there is a candidate are ours. A candidate is a connected part of "
        "the first network's map; it keeps its extent and gets one score, the mean over 8 mirrorings. The second "
        "network learns from candidates in cases that the first has not seen, and from true lesions.",
    ),
    Recipe(
        "ch3-reducer-planes",
        "Candidates by a residual U-Net, accepted or refused by what three planes show",
        (
            Stage("candidates", PET_CT, makes="map", learn=Learn(use("resunet", depth=34))),
            Stage(
                "lesions",
                (*PET_CT, "candidates"),
                makes="scores",
                learn=replace(JUDGE, net=use("three_planes", net=use("unet_encoder", widths=_WIDTHS, batch=8))),
            ),
        ),
        paper="Manjunatha et al. 2023 (nodes on CT)",
        status="after",
        differs="The comparison of ch3-reducer with slices: the network that judges sees the three planes through the "
        "middle of a candidate's box, one after the other with the same weights, and the mean of what it makes of "
        "them. All else is that of ch3-reducer, with its differences.",
    ),
    Recipe(
        "pd02-multistage",
        "All lesions drawn first, then the class of each",
        (
            Stage("all", PET_CT, makes="map", learn=Learn(use("unet", widths=(32, 64, 128, 256)))),
            Stage(
                "lesions",
                (*PET_CT, "all"),
                makes="scores",
                learn=replace(
                    JUDGE,
                    grid=use("spacing", mm=(2.0, 2.0, 2.0)),
                    sampler=use("candidates", size=48, at=0.5, positive=0.5, margin=4),
                    infer=use("each_candidate"),
                ),
            ),
        ),
        paper="Wu et al., Front Immunol 2025 (nodes, multi-stage pipelines)",
        status="after",
        differs="A pipeline that the review describes in general, and no one paper's. Made for nodes on CT; here on "
        "PET and CT. Where the labels of a data set tell benign from malignant, the first network draws either and "
        "the second tells them apart; where there is one class it tells lesions from what is none. The network that "
        "classifies sees a candidate with 8 mm round it, in a box of 96 mm; what of a larger one lies outside is not "
        "seen.",
    ),
)
