"""Systems of several networks: views that are joined, and resolutions that vote before a last network refines."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, Learn, Recipe, Stage, Use, use

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
)
