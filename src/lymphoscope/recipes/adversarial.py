"""Systems of two networks that learn against each other."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.own import LEAN, OURS
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, PET_CT, Recipe, Stage, use

_CRITIC = use("unet_encoder", widths=(16, 32, 64), strides=(2, 2, 2), convs=1, down="stride", act="leaky_relu")
_AGAINST = use("adversarial", critic=_CRITIC, weight=0.01, average=0.99)

_NORMAL = replace(
    LEAN,
    heads=(use("image"),),
    loss=use("l1"),
    supervision=_AGAINST,
    sampler=use("patches", size=(56, 32, 32), positive=0.0),
    augment=(use("flip"), use("affine", degrees=30.0, factor=(0.75, 1.33), per_axis=True, probability=0.5)),
    target="pet:suv",
    train_on="lesion_free",
)
"""CT to the PET that would be normal."""

ADVERSARIAL = Recipes(
    "recipe",
    Recipe(
        "mf09-adversarial",
        "Lean U-Net that is to draw what a critic takes for drawn by hand",
        (Stage("lesions", PET_CT, learn=replace(LEAN, supervision=_AGAINST)),),
        paper="Luc et al., arXiv 1611.08408 (2016), as reviewed by Wu et al., Front Immunol 2025",
        status="after",
        differs=f"{OURS} The review names the scheme and no network: U-Net, critic (three convolutions of stride 2, a "
        "score for every 8 voxels) and the weight 0.01 of its opinion are ours. It sees images and soft masks.",
    ),
    Recipe(
        "g2a-anomaly",
        "Lean U-Net shown where the PET lies above a normal one made of the CT",
        (
            Stage("normal", ("ct:hu",), makes="map", learn=_NORMAL),
            Stage("anomaly", (*PET, "normal"), use("excess"), "map"),
            Stage("lesions", (*PET_CT, "anomaly"), learn=LEAN),
        ),
        paper="Shi et al., IEEE J Biomed Health Inform 2023 (MAAU-Net; that this is the one meant is not confirmed)",
        status="after",
        differs=f"{OURS} From a summary of the paper: all numbers are ours. The generator is a lean U-Net, taught by "
        "L1 and 0.01 of a critic's opinion (three convolutions of stride 2) on what lies 8 mm and more outside of all "
        "lesions, where the paper has patients without; its low-intensity attention is not described, and SUV as "
        "asinh(SUV / 3) stands for it. The map is ReLU(PET − normal PET) / 10, at most 1. Each case's normal PET is "
        "made by a network that has not seen its patient.",
    ),
)
