"""Systems that find boxes with scores instead of drawing."""

from __future__ import annotations

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

BOX_MASK = use("hot_in_box", share=0.41)
"""How boxes become masks."""

DETECTORS = Recipes(
    "recipe",
    Recipe(
        "pd03-nndetection",
        "RetinaNet in three dimensions, with a segmentation that teaches it",
        (
            Stage(
                "lesions",
                PET_CT,
                makes="boxes",
                learn=Learn(
                    use("unet", widths=(32, 64, 128, 256, 320), down="stride", act="leaky_relu"),
                    heads=(use("retina", levels=(2, 3, 4), width=128), use("segment")),
                    loss=use("sum", terms=(use("boxes"), use("dice"), use("ce"))),
                    supervision=use("supervised", average=0.999),
                    sampler=use("patches", size=96, positive=0.5),
                    batch=4,
                    grid=use("spacing"),
                    optimizer=use("sgd", rate=0.01, decay=3e-5, momentum=0.9),
                    rate=use("cosine", warm_up=0.032),
                    steps=125_000,
                    infer=use("box_windows", overlap=0.5, mirror="zyx"),
                    plan=use("fit_anchors", sizes=3),
                ),
            ),
        ),
        post=(BOX_MASK,),
        paper="Baumgartner et al., MICCAI 2021:530",
        status="after",
        differs="One plan for all data: the widths, the levels that find boxes (strides 4 to 16) and the settings of "
        "clustering are not chosen by the data. The decoder is a U-Net's, not a feature pyramid. Anchors are cubes in "
        "mm, of the diameters that lesions have. The rate falls along a cosine, and the mean of weights is kept all "
        "along instead of in the last tenth. A box has one score whatever the class. The mask is ours: in each box of "
        "score 0.5 or more, what has at least 41 % of the highest SUV in it.",
    ),
)
