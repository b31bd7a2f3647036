"""Systems of two networks that learn against each other."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.own import LEAN, OURS
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Recipe, Stage, use

_CRITIC = use("unet_encoder", widths=(16, 32, 64), strides=(2, 2, 2), convs=1, down="stride", act="leaky_relu")
_AGAINST = use("adversarial", critic=_CRITIC, weight=0.01, average=0.99)

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
)
