"""Systems of several networks: views that are joined, and resolutions that vote before a last network refines."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, PET_CT, Learn, Recipe, Stage, Use, use

_RESIDUAL = {"convs": 1, "residual": True, "zero_last": False, "down": "stride", "act": "prelu"}
_PLANE = use("unet", widths=(32, 64, 128, 256, 512), norm="auto", batch=12, **_RESIDUAL)
_BOX = use("unet", widths=(16, 32, 64, 128, 256), **_RESIDUAL)
_VIEWS = ("axial", "coronal", "sagittal")


def _view(axis: int) -> Learn:
    return Learn(_PLANE, sampler=use("slices", axis=axis, positive=0.5), batch=12, infer=use("slicewise"))


_MEMBERS = (
    *(Stage(view, PET, makes="map", learn=_view(axis)) for axis, view in enumerate(_VIEWS)),
    Stage("volume", PET, makes="map", learn=Learn(_BOX)),
)
_OF_ALL = tuple(stage.id for stage in _MEMBERS)


def _learnt(net: Use, head: Use) -> Stage:
    """A stage that joins the maps of all members."""
    return Stage("lesions", _OF_ALL, learn=Learn(net, heads=(head,), augment=(use("flip"),)))


_HU = "Hu et al., ISBI 2020"
_MEMBERS_OURS = (
    "The body of the paper is closed: widths of the networks are ours, and they are trained as all networks here are, "
    "on SUV 0 to 30."
)

_FIVE = use("windows", suv=((0.0, 30.0), (2.0, 10.0)), hu=((-150.0, 300.0), (-1000.0, -200.0), (-100.0, 100.0)))
_DICE_FOCAL = use("sum", terms=(use("dice", smooth=1e-3), use("focal", gamma=1.0, alpha=1.0)), weights=(1.0, 0.5))
_DEEP = use("deep", loss=_DICE_FOCAL, weights=(1.0, 0.5, 0.25), smaller="none")
_BORDER = 0.5
"""Of the distances: the authors' 1, which is of a mean over lesion and background."""


def _with_border(loss: Use) -> Use:
    return use("sum", terms=(loss, use("boundary")), weights=(1.0, _BORDER))


_WHOLE_BODY = Learn(
    use("unet", widths=(64, 96, 128, 156), convs=(2, 2, 2, 1), kernels=(3, 3, 3, 9), act="leaky_relu"),
    heads=(use("segment", levels=(0, 1, 2)),),
    loss=_with_border(_DEEP),
    sampler=use("patches", size=(128, 96, 96), positive=0.5),
    scale=_FIVE,
)


def _at(mm: float) -> Stage:
    grid = use("spacing", mm=(mm, mm, mm))
    return Stage(f"at{mm:g}mm", PET_CT, makes="map", learn=replace(_WHOLE_BODY, grid=grid))


_RESOLUTIONS = (_at(6.0), _at(4.0))
_BOTH = tuple(stage.id for stage in _RESOLUTIONS)
_VOTE = Stage("vote", _BOTH, use("soft_vote"), makes="map")
_REFINER = use("flat", widths=(32,), kernels=9, blocks=4, act="leaky_relu")


_REFINED = Stage("lesions", (*PET_CT, "vote"), learn=Learn(_REFINER, loss=_with_border(_DICE_FOCAL), scale=_FIVE))
"""The images once more, beside what was voted."""
_SECOND = replace(
    _REFINED.trained,
    net=use("unet", widths=(32, 64, 128, 256), act="leaky_relu"),
    loss=use("sum", terms=(_with_border(_DICE_FOCAL), use("fuzzy")), weights=(1.0, 0.1)),
    train_on="all",
)


_YOUSEFIRIZI = "Yousefirizi et al., EJNMMI Phys 2024 (TMTV-Net)"
_TMTV_OURS = (
    "Resolutions of 6 and 4 mm. Distances to the border are voxels. Optimizer, learning rate, augmentation and length "
    "of the training are those of all networks here. A case is predicted without mirroring."
)

ENSEMBLES = Recipes(
    "recipe",
    Recipe(
        "f1-conv3d",
        "Three views and a volume, joined by a 3D convolution",
        (*_MEMBERS, _learnt(use("flat", widths=(16,), norm="none", bias=True), use("segment", kernel=3))),
        paper=_HU,
        status="after",
        differs=f"{_MEMBERS_OURS} Two convolutions join the maps; they learn from maps of cases that the members have "
        "not seen.",
    ),
    Recipe(
        "f1-weighted",
        "Three views and a volume, joined by a weighted mean",
        (*_MEMBERS, _learnt(use("flat", widths=()), use("weighted_mean"))),
        paper=_HU,
        status="after",
        differs=f"{_MEMBERS_OURS} A comparison of ours: the least that can be learnt.",
    ),
    Recipe(
        "f1-mean",
        "Three views and a volume, joined by their mean",
        (*_MEMBERS, Stage("lesions", _OF_ALL, use("soft_vote"))),
        paper=_HU,
        status="after",
        differs=_MEMBERS_OURS,
    ),
    Recipe(
        "f1-majority",
        "Three views and a volume, joined by the majority",
        (*_MEMBERS, Stage("lesions", _OF_ALL, use("hard_vote"))),
        paper=_HU,
        status="after",
        differs=f"{_MEMBERS_OURS} Two against two is background.",
    ),
    Recipe(
        "c2-refiner",
        "TMTV-Net: two resolutions vote, a network of full resolution refines",
        (*_RESOLUTIONS, _VOTE, _REFINED),
        paper=_YOUSEFIRIZI,
        status="reimplemented",
        differs=f"After the authors' code. {_TMTV_OURS}",
    ),
    Recipe(
        "c2-stacker",
        "TMTV-Net with a learnt vote",
        (
            *_RESOLUTIONS,
            Stage(
                "vote",
                _BOTH,
                makes="map",
                learn=Learn(use("flat", widths=()), heads=(use("weighted_mean"),), augment=(use("flip"),)),
            ),
            _REFINED,
        ),
        paper=_YOUSEFIRIZI,
        status="reimplemented",
        differs=f"After the authors' code. {_TMTV_OURS} The weights of the vote are positive and add up to 1; the "
        "folds of a resolution have one weight together.",
    ),
    Recipe(
        "c2-unet2",
        "TMTV-Net: two resolutions vote, a second U-Net refines",
        (*_RESOLUTIONS, _VOTE, replace(_REFINED, learn=_SECOND)),
        paper=_YOUSEFIRIZI,
        status="after",
        differs=f"After the text of the paper, which names a second U-Net and a loss for cases without masks and tells "
        f"neither's settings: here 32 to 256 channels, and fuzzy clusters of uptake with weight 0.1. {_TMTV_OURS}",
    ),
)
