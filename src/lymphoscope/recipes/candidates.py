"""Systems that look for candidates and then judge each: what is made is a score a candidate."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

JUDGE = Learn(
    use("unet_encoder", widths=(16, 32, 64, 128), norm="auto", batch=8),
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
        "network learns from candidates in cases that the first has not seen, and from true lesions. The comparison "
        "with slices instead of boxes is not there.",
    ),
)
