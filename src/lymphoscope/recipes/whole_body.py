"""The network that tells lesions from normal uptake in a whole body, as rules cannot: by what lies around."""

from __future__ import annotations

from lymphoscope.recipes.spec import PET, Learn, Recipe, Stage, use

VOXEL_MM = (8.0, 8.0, 8.0)
"""Where it works, (z, y, x): what it is asked about is 3 mL and more."""

WHOLE_BODY = Recipe(
    "whole-body",
    "Whole-body PET: which hot uptake is a lesion, and which organ is the rest",
    (
        Stage(
            "lesions",
            PET,
            learn=Learn(
                use("unet", widths=(16, 32, 64, 128, 128), act="leaky_relu"),
                loss=use("weighted_ce"),
                supervision=use("supervised", average=0.99),
                sampler=use("slices", axis=1, size=(128, 64), positive=0.75, thick=7),
                batch=8,
                scale=use("compressed"),
                grid=use("spacing", mm=VOXEL_MM),
                augment=(
                    use("affine", degrees=8.0, factor=(0.85, 1.18), per_axis=True, probability=0.5),
                    use("intensity", brightness=(0.8, 1.25), contrast=None, probability=0.5),
                ),
                optimizer=use("adamw", rate=3e-3, decay=1e-5),
                steps=4000,
                infer=use("slicewise", overlap=0.25),
                plan=use("as_given"),
            ),
        ),
    ),
    paper="Ronneberger et al., MICCAI 2015:234",
    status="after",
    differs=(
        "Ours: coronal slices of 8 mm, seven at a time, so that a processor can show the network whole bodies; taught "
        "where SUV ≥ 4 only, on synthetic patients. It judges uptake; it outlines nothing."
    ),
)
