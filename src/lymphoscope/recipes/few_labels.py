"""Systems that learn from cases without masks beside cases with them."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, Learn, Recipe, Stage, Use, use

_FCM_UNET = use("unet", widths=(16, 32, 64, 128, 256))


def _one(loss: Use) -> tuple[Stage, ...]:
    return (Stage("lesions", PET, learn=Learn(_FCM_UNET, loss=loss, train_on="all")),)


_PAPER = "Yousefirizi et al., arXiv 2212.09908 (2022)"
_SHARED = (
    "Trained on patches by AdamW with a cosine learning rate; the width of the network is ours. `train --labelled` "
    "says how many patients' masks are used; voxels of the others have a part in the clustering alone."
)

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
)
