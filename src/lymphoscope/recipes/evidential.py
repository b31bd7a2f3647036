"""Systems that say how much they know: evidential heads, and Dempster's rule between PET and CT."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, Use, use

_HUANG_NET = use(
    "unet", widths=(8, 16, 32, 64, 128), kernels=5, residual=True, zero_last=False, down="stride", act="prelu"
)
_TWO_NETS = use("side_by_side", net=_HUANG_NET)
_DICE = use("dice", squared=True)
_COMMON = (
    "SUV 0 to 30 and CT −150 to 250 HU, patches of 96 voxels and a cosine learning rate; "
    "networks and prototypes begin at random and learn together (the two-step training is not done)."
)


def _one(heads: Use, loss: Use, net: Use = _HUANG_NET) -> tuple[Stage, ...]:
    learn = Learn(net, heads=(heads,), loss=loss, batch=3, optimizer=use("adamw", rate=1e-3, decay=0.0))
    return (Stage("lesions", PET_CT, learn=learn),)


_IJAR = "Huang et al., Int J Approx Reason 2022;149:39"

EVIDENTIAL = Recipes(
    "recipe",
    Recipe(
        "u1-enn",
        "Evidential U-Net, prototypes with memberships",
        _one(use("evidence", layer="enn"), _DICE),
        paper=_IJAR,
        status="reimplemented",
        differs=f"{_COMMON} The class of a voxel is that of the largest pignistic probability.",
    ),
    Recipe(
        "u1-rbf",
        "Evidential U-Net, weights of evidence",
        _one(use("evidence", layer="rbf", decide="plausibility"), _DICE),
        paper=_IJAR,
        status="reimplemented",
        differs=_COMMON,
    ),
    Recipe(
        "u3-concord",
        "PET and CT combined by Dempster's rule, taught to agree",
        _one(
            use("evidence", sources=2),
            use("sum", terms=(_DICE, use("each", loss=_DICE), use("concordance")), weights=(1.0, 1.0, 0.5)),
            _TWO_NETS,
        ),
        paper="Huang et al., arXiv 2108.05422 (2021)",
        status="after",
        differs=f"{_COMMON} The paper does not write its concordance down: here 1 − Dice of the masks of PET and CT, "
        "with weight ½, and Dice of the combination is added.",
    ),
    Recipe(
        "u3-discount",
        "PET and CT combined by Dempster's rule, each as far as it is reliable",
        _one(
            use("evidence", sources=2, discount=True, decide="plausibility"),
            use("sum", terms=(_DICE, use("each", loss=_DICE))),
            _TWO_NETS,
        ),
        paper="Huang et al., MICCAI 2022:401",
        status="reimplemented",
        differs=_COMMON,
    ),
)
