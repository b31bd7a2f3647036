"""Networks of our own, for a processor of two cores and a quarter of an hour."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.candidates import JUDGE
from lymphoscope.recipes.detectors import BOX_MASK
from lymphoscope.recipes.evidential import EVIDENTIAL
from lymphoscope.recipes.few_labels import CONSISTENT, CONSISTENT_HEADS
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, PET_CT, Learn, Recipe, Stage, Use, use
from lymphoscope.recipes.whole_body import WHOLE_BODY

LEAN = Learn(
    use("unet", widths=(8, 32, 64, 128), act="leaky_relu"),
    supervision=use("supervised", average=0.99),
    sampler=use("patches", size=(56, 32, 32), positive=0.5),
    scale=use("compressed", hu=(-100.0, 150.0)),
    grid=use("spacing"),
    augment=(
        use("flip"),
        use("affine", degrees=30.0, factor=(0.75, 1.33), per_axis=True, probability=0.5),
        use("intensity"),
    ),
    optimizer=use("adamw", rate=2e-3, decay=1e-5),
    steps=2000,
)
"""A training that a processor can do in a quarter of an hour."""

AFAR = replace(
    LEAN,
    sampler=use("patches", size=(24, 24, 24), positive=0.5),
    grid=use("spacing", mm=(10.0,) * 3),
    batch=4,
    steps=1000,
)
"""The same from afar, in a few minutes: voxels of a centimetre, and examples in which a whole trunk has room."""
_NEAR = replace(LEAN, steps=1500)

_PAPER = "Ronneberger et al., MICCAI 2015:234"
OURS = (
    "Made for training on a processor. In three dimensions, on the median voxel of the data. 8 channels at the finest "
    "level, where nearly all the time goes, and many below. Patches of about 18 cm. SUV as asinh(SUV / 3), so that "
    "faint and hot lesions are told apart at once. The network that predicts is a running mean of the weights."
)

_VIEWS = tuple(
    Stage(
        name,
        PET_CT,
        makes="map",
        learn=replace(
            LEAN,
            net=use("unet", widths=(16, 32, 64, 128), act="leaky_relu"),
            sampler=use("slices", axis=axis, positive=0.5),
            batch=8,
            infer=use("slicewise"),
        ),
    )
    for axis, name in enumerate(("axial", "coronal", "sagittal"))
)

_PAIR = use("side_by_side", net=LEAN.net)
_EVIDENTIAL = {"u1-enn": LEAN.net, "u1-rbf": LEAN.net, "u3-concord": _PAIR, "u3-discount": _PAIR}


def _taught_as(published: Recipe, net: Use) -> Recipe:
    """What a published network says and how it is taught, on lean networks."""
    like = published.stages[0].trained
    return Recipe(
        published.id.replace("u1", "lean").replace("u3", "lean"),
        f"Lean: {published.title}",
        (Stage("lesions", PET_CT, learn=replace(LEAN, net=net, heads=like.heads, loss=like.loss)),),
        paper=f"after {published.paper}",
        status="after",
        differs=f"{OURS} Heads and losses of {published.id}.",
    )


_DICE_FOCAL = use("sum", terms=(use("dice", smooth=1e-3), use("focal", gamma=1.0, alpha=1.0)), weights=(1.0, 0.5))
_COARSE = tuple(
    Stage(name, PET_CT, makes="map", learn=replace(LEAN, grid=use("spacing", times=times), loss=_DICE_FOCAL))
    for name, times in (("coarse", 2.0), ("middle", 1.5))
)
_REFINER = use("flat", widths=(16,), kernels=5, blocks=2, act="leaky_relu")

OWN = Recipes(
    "recipe",
    Recipe(
        "lean-unet",
        "U-Net, narrow where voxels are many",
        (Stage("lesions", PET_CT, learn=LEAN),),
        paper=_PAPER,
        status="after",
        differs=OURS,
    ),
    Recipe(
        "lean-pair",
        "Two lean U-Nets, one of them without CT, and their mean",
        (
            Stage("both", PET_CT, makes="map", learn=LEAN),
            Stage("alone", PET, makes="map", learn=LEAN),
            Stage("lesions", ("both", "alone"), use("soft_vote")),
        ),
        paper=_PAPER,
        status="after",
        differs=f"{OURS} A network that sees the PET alone errs elsewhere than one that sees the CT too.",
    ),
    Recipe(
        "lean-quartet",
        "Four lean U-Nets, near and from afar, with and without CT, and their mean",
        (
            Stage("near", PET_CT, makes="map", learn=_NEAR),
            Stage("near_alone", PET, makes="map", learn=_NEAR),
            Stage("afar", PET_CT, makes="map", learn=AFAR),
            Stage("afar_alone", PET, makes="map", learn=AFAR),
            Stage("lesions", ("near", "near_alone", "afar", "afar_alone"), use("soft_vote")),
        ),
        paper=_PAPER,
        status="after",
        differs=f"{OURS} Two of the networks see voxels of 10 mm, four examples of 24 cm a step: too coarse for small "
        "lesions, so they do not vote alone.",
    ),
    Recipe(
        "lean-views",
        "Three views and a volume by lean U-Nets, joined by a 3D convolution",
        (
            *_VIEWS,
            Stage("volume", PET_CT, makes="map", learn=LEAN),
            Stage(
                "lesions",
                ("axial", "coronal", "sagittal", "volume"),
                learn=Learn(
                    use("flat", widths=(16,), norm="none", bias=True),
                    heads=(use("segment", kernel=3),),
                    augment=(use("flip"),),
                ),
            ),
        ),
        paper="after Hu et al., ISBI 2020",
        status="after",
        differs=f"{OURS} The system of f1-conv3d with networks that a processor can train.",
    ),
    Recipe(
        "lean-partial",
        "Lean U-Net taught by masks of which many show a part of one lesion",
        (
            Stage(
                "lesions",
                PET_CT,
                learn=replace(LEAN, heads=CONSISTENT_HEADS, loss=CONSISTENT, train_on="partial"),
            ),
        ),
        paper="after Huang et al., Comput Biol Med 2022;151:106230",
        status="after",
        differs=f"{OURS} The losses of w1-consistency, without its pyramid.",
    ),
    Recipe(
        "lean-fcm",
        "Lean U-Net taught by fuzzy clusters of uptake",
        (
            Stage(
                "lesions",
                PET_CT,
                learn=replace(
                    LEAN,
                    loss=use("sum", terms=(use("fuzzy"), use("labelled_fuzzy")), weights=(0.01, 0.3)),
                    train_on="all",
                ),
            ),
        ),
        paper="after Yousefirizi et al., arXiv 2212.09908 (2022)",
        status="after",
        differs=f"{OURS} The losses of s1-fcm; clusters weigh 0.01, since squares of asinh(SUV / 3) are up to a "
        "hundred times those of the paper's SUV / 30.",
    ),
    *(_taught_as(EVIDENTIAL[name], net) for name, net in _EVIDENTIAL.items()),
    Recipe(
        "lean-cascade",
        "Two coarse lean U-Nets vote, a small network of full resolution refines",
        (
            *_COARSE,
            Stage("vote", ("coarse", "middle"), use("soft_vote"), makes="map"),
            Stage("lesions", (*PET_CT, "vote"), learn=replace(LEAN, net=_REFINER, loss=_DICE_FOCAL)),
        ),
        paper="after Yousefirizi et al., EJNMMI Phys 2024 (TMTV-Net)",
        status="after",
        differs=f"{OURS} The cascade of c2-refiner: resolutions of twice and of one and a half times the median voxel, "
        "refined at that. Distances to the border and coarser outputs are not taught; PET and CT are one channel each.",
    ),
    Recipe(
        "lean-reducer",
        "Candidates by a lean U-Net, accepted or refused by a 3D network",
        (
            Stage("candidates", PET_CT, makes="map", learn=LEAN),
            Stage("lesions", (*PET_CT, "candidates"), makes="scores", learn=replace(JUDGE, scale=LEAN.scale)),
        ),
        paper="after Manjunatha et al. 2023 (nodes on CT)",
        status="after",
        differs=f"{OURS} The second network of ch3-reducer.",
    ),
    Recipe(
        "lean-detector",
        "Boxes by a narrow RetinaNet on voxels of 6 mm",
        (
            Stage(
                "lesions",
                PET_CT,
                makes="boxes",
                learn=replace(
                    LEAN,
                    net=use("unet", widths=(16, 32, 64, 128), act="leaky_relu"),
                    heads=(use("retina", levels=(1, 2, 3), width=32), use("segment")),
                    loss=use("sum", terms=(use("boxes", objects="focal", boxes="both"), use("dice"), use("ce"))),
                    grid=use("spacing", mm=(6.0, 6.0, 6.0)),
                    sampler=use("patches", size=48, positive=0.5),
                    infer=use("box_windows"),
                    plan=use("fit_anchors", sizes=2),
                ),
            ),
        ),
        post=(BOX_MASK,),
        paper="after Baumgartner et al., MICCAI 2021:530",
        status="after",
        differs="Made for training on a processor: pd03-nndetection on voxels of 6 mm, boxes at strides 2, 4 and 8, "
        "narrow, taught by focal loss, and by smooth L1 beside GIoU. SUV as asinh(SUV / 3). The network that predicts "
        "is a running mean of the weights.",
    ),
    WHOLE_BODY,
)
