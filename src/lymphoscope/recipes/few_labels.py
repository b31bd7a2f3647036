"""Systems that learn from cases without masks, or with masks of a part, beside cases with them."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, PET_CT, Learn, Recipe, Stage, Use, use

_FCM_UNET = use("unet", widths=(16, 32, 64, 128, 256))


def _one(loss: Use) -> tuple[Stage, ...]:
    return (Stage("lesions", PET, learn=Learn(_FCM_UNET, loss=loss, train_on="all")),)


_PAPER = "Yousefirizi et al., arXiv 2212.09908 (2022)"
_SHARED = (
    "Trained on patches by AdamW with a cosine learning rate; the width of the network is ours. `train --labelled` "
    "says how many patients' masks are used; voxels of the others have a part in the clustering alone."
)

_BY_EXAMPLE = use("sum", terms=(use("by_example", loss=use("ce")), use("by_example", loss=use("dice"), complete=True)))
CONSISTENT = use(
    "sum",
    terms=(
        use("deep", loss=_BY_EXAMPLE, weights=(1.0, 0.25, 0.25)),
        use("ramp", loss=use("feature_consistency"), start=0.0, end=0.1, until=20 / 300),
    ),
)
"""Partial masks at three levels, and features that are to be alike."""
CONSISTENT_HEADS = (use("segment", levels=(0, 1, 2)), use("features", levels=(0, 1, 2, 3)))

_PARTIAL = Learn(use("multi_scale", net=use("vnet")), heads=CONSISTENT_HEADS, loss=CONSISTENT, train_on="partial")

FEW_LABELS = Recipes(
    "recipe",
    Recipe(
        "s1-fcm",
        "U-Net taught by fuzzy clusters of uptake",
        _one(use("sum", terms=(use("fuzzy"), use("labelled_fuzzy")), weights=(1.0, 0.3))),
        paper=_PAPER,
        status="reimplemented",
        differs=_SHARED,
    ),
    Recipe(
        "s1-mumford-shah",
        "U-Net taught by regions of even uptake",
        _one(use("sum", terms=(use("mumford_shah"), use("dice")), weights=(1.0, 0.2))),
        paper=_PAPER,
        status="reimplemented",
        differs=f"{_SHARED} The weight of the border's length is ours.",
    ),
    Recipe(
        "w1-consistency",
        "V-Net taught by masks of which many show a part of one lesion",
        (Stage("lesions", PET_CT, learn=_PARTIAL),),
        paper="Huang et al., Comput Biol Med 2022;151:106230",
        status="after",
        differs="The paper states what is to be alike and not how it is computed: the formula, the levels it looks "
        "at, the pyramid of 16 channels at half resolution and all weights are ours. Each convolution is followed by "
        "an instance norm; trained by AdamW with a cosine learning rate. Partial masks are those of the data set, and "
        "with `train --labelled` a fifth of the hottest lesion of every other patient, grown from its hottest voxel.",
    ),
)
