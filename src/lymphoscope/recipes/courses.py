"""Systems that see a scan and the one before it."""

from __future__ import annotations

from dataclasses import replace

from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

AND_BEFORE = (*PET_CT, "pet:suv@1", "ct:hu@1")
"""PET and CT of a scan, then those of the one before."""

_EACH_SCAN = use(
    "each_scan",
    loss=use(
        "deep",
        loss=use("sum", terms=(use("dice", batchwise=True, smooth=0.01), use("ce"))),
        weights=(1.0, 0.5, 0.25),
    ),
)
LAS_NET = Learn(
    use("las_net"),
    heads=(use("segment_scans", levels=(0, 1, 2)),),
    loss=_EACH_SCAN,
    sampler=use("class_ratio", size=112),
    batch=8,
    grid=use("spacing", mm=(3.0, 3.0, 3.0)),
    augment=(
        use("flip"),
        use("affine", probability=0.2),
        use("elastic", probability=0.2),
        use("blur", probability=0.2),
        use("noise", probability=0.2),
    ),
    optimizer=use("adamw", rate=1e-4, decay=1e-5),
    rate=use("cosine", warm_up=5 / 300),
    steps=15_000,
)
_LEAN = replace(
    LAS_NET,
    net=use("las_net", width=8, heads=(2, 4, 8), window=4),
    supervision=use("supervised", average=0.99),
    sampler=use("class_ratio", size=24),
    batch=2,
    scale=use("compressed", hu=(-100.0, 150.0)),
    grid=use("spacing"),
    augment=(use("flip"), use("affine", degrees=15.0, probability=0.5), use("intensity")),
    optimizer=use("adamw", rate=2e-3, decay=1e-5),
    rate=use("cosine", warm_up=0.05),
    steps=2000,
)
_ALONE = replace(
    _LEAN,
    net=use("las_net", **{**_LEAN.net.params, "scans": 1}),
    heads=(use("segment_scans", levels=(0, 1, 2), scans=1),),
)
_FUSED = replace(
    _LEAN,
    net=use("unet", widths=(8, 32, 64, 128), act="leaky_relu"),
    heads=(use("segment"),),
    loss=use("sum", terms=(use("dice", batchwise=True, smooth=0.01), use("ce"))),
)
_PAPER = "Tie et al., Radiol Artif Intell 2025"
_OURS = (
    "Made for training on a processor: 8 channels, three levels of attention in windows of 4 tokens, patches of 24 "
    "voxels of the data's own size."
)

COURSES = Recipes(
    "recipe",
    Recipe(
        "t3-las-net",
        "LAS-Net: a scan that asks the one before, and not the other way round",
        (Stage("lesions", AND_BEFORE, learn=LAS_NET),),
        paper=_PAPER,
        status="reimplemented",
        differs="Read beside the authors' code; no figure of theirs was reproduced, their data are not public. CT by "
        "its window to 0 … 1, without the sigmoid behind it; no crop to SUV above 0.2. Norms have weights of their "
        "own. Relative sizes of the augmentations and the length of the training are ours. The earlier scan is "
        "brought to the later one's grid by its place in mm: registration comes before.",
    ),
    Recipe(
        "lean-course",
        "Narrow LAS-Net",
        (Stage("lesions", AND_BEFORE, learn=_LEAN),),
        paper=f"after {_PAPER}",
        status="after",
        differs=f"{_OURS} The mechanism of t3-las-net.",
    ),
    Recipe(
        "lean-course-alone",
        "Narrow LAS-Net without an earlier scan",
        (Stage("lesions", PET_CT, learn=_ALONE),),
        paper=f"after {_PAPER}",
        status="after",
        differs=f"{_OURS} To see what the earlier scan is worth: the network of lean-course, of which nothing looks "
        "back. It learns from every scan by itself.",
    ),
    Recipe(
        "lean-course-fused",
        "Lean U-Net that sees both scans as channels",
        (Stage("lesions", AND_BEFORE, learn=_FUSED),),
        paper="Ronneberger et al., MICCAI 2015:234",
        status="after",
        differs=f"{_OURS} To see what attention is worth: both scans are channels of one image, and the later one "
        "alone is taught and drawn.",
    ),
)
