"""Systems that foretell an outcome from the whole image: with the lesions drawn (Liu et al. 2022), or without."""

from __future__ import annotations

from lymphoscope.recipes.endpoint import BALANCED
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, Learn, Recipe, Stage, Use, use

WIDTHS = (32, 64, 128, 256)
"""Channels of the four levels; the paper's figure has them, its text does not."""

LAMBDA = 0.1
"""Weight of the drawing in the joint loss; the outcome has the rest."""

SEG_WEIGHTS = (0.53, 0.27, 0.13, 0.07)
CLS_WEIGHTS = (0.1, 0.2, 0.7)
"""Of the levels, finest first. The paper numbers the levels 1 to 3 and does not say which is which; here 1 is the
finest in both tasks, so that the bottom speaks loudest of the outcome."""

BOX_MM = (247 * 3.3, 64 * 5.5, 80 * 5.5)
"""The published crop along (z, y, x): 247 × 80 × 64 voxels of 3.3 × 5.5 × 5.5 mm, the wide side from left to right."""

BOX = (224, 64, 64)

_UNET = use("unet", widths=WIDTHS, norm="batch")
_DICE = use("dice", smooth=1.0)
_DEEP = use("deep", loss=_DICE, weights=SEG_WEIGHTS)
_FINEST, _FOUR = use("segment", kernel=3), use("segment", levels=(0, 1, 2, 3), kernel=3)
_BOTTOM = use("risk_branches", levels=(3,), pools=(1,))
_POOLED = use("risk_branches", levels=(-1,), convs=())
_ONE_CE = use("outcome_ce", weights=BALANCED)


def _three(weights: tuple[float, ...]) -> tuple[Use, Use]:
    """Head and loss of three levels that speak of the outcome, with what each counts."""
    head = use("risk_branches", levels=(1, 2, 3), weights=weights, pools=(2, 2, 1))
    return head, use("outcome_ce", levels=weights, weights=BALANCED)


_THREE, _THREE_CE = _three(CLS_WEIGHTS)
_THREE_FINE, _THREE_FINE_CE = _three(CLS_WEIGHTS[::-1])


def _joint(seg: Use, cls: Use) -> Use:
    """λ L_seg + (1 − λ) L_cls."""
    return use("sum", terms=(seg, cls), weights=(LAMBDA, 1 - LAMBDA))


def _learn(net: Use, heads: tuple[Use, ...], loss: Use, **more: object) -> Learn:
    """Trained as published: whole images, 12 a step, 200 passes through 215 patients."""
    return Learn(
        net,
        heads=heads,
        loss=loss,
        sampler=use("whole"),
        batch=12,
        grid=use("boxed", mm=BOX_MM, shape=BOX, centre="body"),
        augment=(use("affine", degrees=8.0, factor=(0.8, 1.2), per_axis=True, probability=1.0),),
        optimizer=use("adamw", rate=1e-4, decay=0.0),
        rate=use("stepped", at=0.5, factor=0.1),
        steps=3583,
        infer=use("sliding", overlap=0.0),
        plan=use("whole_image"),
        **more,  # type: ignore[arg-type]
    )


def _drawn(net: Use, heads: tuple[Use, ...], loss: Use, **more: object) -> tuple[Stage, ...]:
    return (Stage("joint", PET, learn=_learn(net, heads, loss, **more)),)


def _told(net: Use, head: Use) -> tuple[Stage, ...]:
    """Nothing is drawn: every case with a known outcome is learnt from, with a mask or without."""
    learn = _learn(net, (head,), _ONE_CE, train_on="all", target="outcome")
    return (Stage("outcome", PET, makes="risk", learn=learn),)


_LIU = "Liu et al., IEEE Access 2022;10:79794"
_IN = (
    "SUV 0 to 30; the box is centred on what takes up more than SUV 0.5, its wide side from left to right; cases "
    "smaller than the box get a smaller one. The widths of the levels (32, 64, 128, 256) are ours"
)
_SHARED = f"{_IN}, and so are those between the dense layers."
_ORDER = "Which level has 0.1, 0.2 and 0.7 is not stated: the bottom has 0.7."
_ZHOU_NET = use("vnet", kernel=3, norm="batch", act="relu", down_too=True)
_BALANCED = f"{_SHARED} The network is that of m1-joint; the review names the idea, the settings are ours."


def _balanced(name: str, title: str, loss: Use, paper: str, differs: str = "", **more: object) -> Recipe:
    """The published network with another balance of its two tasks."""
    return Recipe(
        f"m4-{name}", f"Joint U-Net, tasks balanced {title}", _drawn(_UNET, (_FOUR, _THREE), loss, **more), paper,
        "after", differs=f"{_BALANCED} {differs}".strip(),
    )  # fmt: skip


JOINT = Recipes(
    "recipe",
    Recipe(
        "m1-joint",
        "Joint U-Net: lesions at four levels, outcome from three",
        _drawn(_UNET, (_FOUR, _THREE), _joint(_DEEP, _THREE_CE)),
        _LIU,
        "reimplemented",
        differs=f"{_SHARED} {_ORDER}",
    ),
    Recipe(
        "m1-joint-fine",
        "Joint U-Net, the finest of three levels speaking loudest",
        _drawn(_UNET, (_FOUR, _THREE_FINE), _joint(_DEEP, _THREE_FINE_CE)),
        _LIU,
        "reimplemented",
        differs=f"{_SHARED} The other reading of the paper's weights: the bottom has 0.1.",
    ),
    Recipe("m1-a", "U-Net that draws only (model A)", _drawn(_UNET, (_FINEST,), _DICE), _LIU, "reimplemented",
           differs=f"{_IN}."),
    Recipe("m1-b", "Encoder that foretells only (model B)",
           _told(use("unet_encoder", widths=WIDTHS, norm="batch"), _POOLED), _LIU, "reimplemented", differs=_SHARED),
    Recipe("m1-c", "Joint U-Net without deep supervision (model C)",
           _drawn(_UNET, (_FINEST, _BOTTOM), _joint(_DICE, _ONE_CE)), _LIU, "reimplemented", differs=_SHARED),
    Recipe("m1-d", "Joint U-Net, deep supervision of the lesions (model D)",
           _drawn(_UNET, (_FOUR, _BOTTOM), _joint(_DEEP, _ONE_CE)), _LIU, "reimplemented", differs=_SHARED),
    Recipe("m1-e", "Joint U-Net, deep supervision of the outcome (model E)",
           _drawn(_UNET, (_FINEST, _THREE), _joint(_DICE, _THREE_CE)), _LIU, "reimplemented",
           differs=f"{_SHARED} {_ORDER}"),
    Recipe(
        "m2-zhou",
        "Joint V-Net: outcome from three levels about the bottom",
        _drawn(
            _ZHOU_NET,
            (use("segment"), use("risk_fused", levels=(3, 4, 5))),
            _joint(_DICE, _ONE_CE),
        ),
        "Zhou et al., Med Image Anal 2021;70:101918",
        "after",
        differs=f"Made for breast ultrasound; here as {_LIU} compare with it, in one pass without feedback. {_IN}, "
        "and so are all widths of the second branch.",
    ),
    Recipe(
        "m2-zhou-twice",
        "Joint V-Net that sees what it said before",
        _drawn(
            use("fed_back", net=_ZHOU_NET, passes=2),
            (use("segment"), use("risk_fused", levels=(3, 4, 5))),
            _joint(_DICE, _ONE_CE),
        ),
        "Zhou et al., Med Image Anal 2021;70:101918",
        "after",
        differs="The iterative refinement of the original, in two passes; the map that is fed back has a convolution "
        f"of its own. Else as m2-zhou. {_IN}.",
    ),
    Recipe("m3-resnet34", "ResNet-34 that foretells only",
           _told(use("resnet", depth=34, stem_stride=2, norm="batch"), use("risk")),
           "He et al., CVPR 2016:770; compared by Liu et al. 2022", "reimplemented",
           differs=f"In three dimensions. {_IN}."),
    Recipe("m3-densenet121", "DenseNet-121 that foretells only",
           _told(use("densenet", blocks=(6, 12, 24, 16), growth=32, stem=64, stem_stride=2, norm="batch"), use("risk")),
           "Huang et al., CVPR 2017:4700; compared by Liu et al. 2022", "reimplemented",
           differs=f"In three dimensions. {_IN}."),
    _balanced("homoscedastic", "by their uncertainty", use("homoscedastic", terms=(_DEEP, _THREE_CE)),
              "Kendall et al., CVPR 2018:7482"),
    _balanced("dwa", "by how fast they learn", use("dynamic_average", terms=(_DEEP, _THREE_CE)),
              "Liu et al., CVPR 2019:1871"),
    _balanced("gradnorm", "by their gradients", use("sum", terms=(_DEEP, _THREE_CE)), "Chen et al., ICML 2018:794",
              "The gradients are those of all shared weights.", supervision=use("gradnorm")),
    _balanced("seg-first", "by a curriculum, drawing first",
              use("sum", terms=(use("ramp", loss=_DEEP, start=1.0, end=LAMBDA, until=0.25),
                                use("ramp", loss=_THREE_CE, start=0.0, end=1 - LAMBDA, until=0.25))),
              "Bengio et al., ICML 2009:41", "λ falls from 1 to 0.1 over the first 50 of 200 epochs."),
)  # fmt: skip
