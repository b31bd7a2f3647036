"""One entry of each family of systems, as data: the words of a recipe carry them all.

Names of parts that are on no shelf yet are sketches; what is tested is that each system can be said, and that what is
special about it stands in a word of its own: never a flag that the training loop would have to ask for.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from lymphoscope.learn import fit
from lymphoscope.recipes.spec import PET, PET_CT, Learn, Recipe, Stage, from_json, to_json, use

UNET = use("unet", widths=(16, 32, 64, 128))
EVIDENCE = Learn(UNET, heads=(use("evidence", layer="rbf", prototypes=20),), loss=use("evidential_dice"))


def entry(name: str, *stages: Stage, **more: object) -> Recipe:
    return Recipe(name, name, stages, "a paper", "after", differs="a sketch", **more)  # type: ignore[arg-type]


ADVERSARIAL = use("adversarial", critic=use("unet_encoder", widths=(32, 64)), weight=0.01)
SKETCHES = (
    entry("backbone", Stage("s", PET_CT, learn=Learn(UNET))),
    entry(
        "boundary-loss", Stage("s", PET_CT, learn=Learn(UNET, loss=use("sum", terms=(use("dice"), use("boundary")))))
    ),
    entry("cross-guided", Stage("s", (*PET_CT, "hint:cross"), learn=Learn(UNET))),
    entry("recurrent-decoder", Stage("s", PET_CT, learn=Learn(use("rds_unet", cell="gated", passes=3)))),
    entry(
        "views-and-volume",
        *(
            Stage(
                view,
                PET,
                makes="map",
                learn=Learn(UNET, sampler=use("slices", axis=axis), infer=use("slicewise")),
            )
            for axis, view in enumerate(("axial", "coronal", "sagittal"))
        ),
        Stage("volume", PET, makes="map", learn=Learn(UNET)),
        Stage("s", ("axial", "coronal", "sagittal", "volume"), learn=Learn(use("conv_stack"))),
    ),
    entry(
        "evidential-fusion",
        Stage("pet", PET, makes="map", learn=EVIDENCE),
        Stage("ct", ("ct:hu",), makes="map", learn=EVIDENCE),
        Stage("s", ("pet", "ct"), use("dempster", discount=True)),
    ),
    entry(
        "cascade",
        Stage("coarse", PET_CT, makes="map", learn=Learn(UNET, grid=use("spacing", mm=(8.0, 8.0, 8.0)))),
        Stage("fine", (*PET_CT, "coarse"), learn=Learn(UNET, grid=use("spacing", mm=(3.0, 3.0, 3.0)))),
    ),
    entry(
        "candidates-then-classifier",
        Stage("found", PET, use("hot_spots", at=2.5), "boxes"),
        Stage(
            "judged",
            (*PET_CT, "found"),
            makes="scores",
            learn=Learn(
                use("resnet", depth=18),
                heads=(use("classify"),),
                loss=use("focal"),
                sampler=use("candidates", of="found", margin_mm=8.0),
                infer=use("each_candidate", of="found"),
            ),
        ),
        Stage("s", ("found", "judged"), use("accepted", at=0.5)),
    ),
    entry(
        "detector",
        Stage(
            "s",
            PET_CT,
            makes="boxes",
            learn=Learn(
                use("fpn"),
                heads=(use("retina"), use("segment")),
                loss=use("detection"),
                infer=use("boxes", fuse="weighted"),
            ),
        ),
    ),
    entry("semi-supervised", Stage("s", PET, learn=Learn(UNET, supervision=use("fuzzy_c_means"), train_on="all"))),
    entry(
        "mean-teacher", Stage("s", PET, learn=Learn(UNET, supervision=use("mean_teacher", keep=0.99), train_on="all"))
    ),
    entry("weak-labels", Stage("s", PET_CT, learn=Learn(UNET, supervision=use("consistent"), train_on="partial"))),
    entry("adversarial", Stage("s", PET_CT, learn=Learn(UNET, supervision=ADVERSARIAL))),
    entry(
        "normal-pet-from-ct",
        Stage(
            "normal",
            ("ct:hu",),
            makes="map",
            learn=Learn(UNET, supervision=ADVERSARIAL, target="pet:suv", train_on="lesion_free"),
        ),
        Stage("odd", ("pet:suv", "normal"), use("difference"), "map"),
        Stage("s", (*PET_CT, "odd"), learn=Learn(UNET)),
    ),
    entry(
        "diffusion",
        Stage(
            "s",
            PET,
            makes="map",
            learn=Learn(use("diffusion_unet"), supervision=use("denoise", times=1000), infer=use("ddim")),
        ),
    ),
    entry(
        "reinforcement",
        Stage("s", (*PET, "hint:recist"), learn=Learn(use("q_net"), supervision=use("q_learning", gamma=0.9))),
    ),
    entry("federated", Stage("s", PET_CT, learn=Learn(UNET, supervision=use("federated", rounds=100, proximal=0.01)))),
    entry(
        "distilled",
        Stage("s", PET, learn=Learn(UNET, supervision=use("distilled", teacher=use("unet", widths=(64, 128))))),
    ),
    entry(
        "longitudinal",
        Stage("s", ("pet:suv", "ct:hu", "pet:suv@1", "ct:hu@1"), learn=Learn(use("las_net", window=7))),
    ),
    entry(
        "segmentation-and-prognosis",
        Stage(
            "s",
            PET,
            makes="risk",
            learn=Learn(
                UNET,
                heads=(use("segment", levels=(0, 1, 2, 3)), use("risk", levels=(1, 2, 3), weights=(0.1, 0.2, 0.7))),
                loss=use("sum", terms=(use("deep", loss=use("dice")), use("outcome_ce", target="efs2"))),
            ),
        ),
    ),
    entry("atlas", Stage("s", ("ct:hu",), use("atlas", votes="staple"), "map")),
)


@pytest.mark.parametrize("recipe", SKETCHES, ids=lambda recipe: recipe.id)
def test_it_can_be_said_and_comes_back_from_json(recipe: Recipe) -> None:
    assert from_json(to_json(recipe)) == recipe


def test_every_word_of_learn_is_needed_by_some_family() -> None:
    plain = Learn(UNET)
    used = {
        field.name
        for recipe in SKETCHES
        for stage in recipe.learnt
        for field in fields(Learn)
        if getattr(stage.trained, field.name) != getattr(plain, field.name)
    }
    numbers = {"batch", "scale", "augment", "optimizer", "rate", "steps", "plan"}  # what the baselines differ in
    assert used | numbers == {field.name for field in fields(Learn)}


def test_the_training_loop_asks_for_no_method() -> None:
    source = Path(fit.__file__).read_text(encoding="utf-8")
    names = {
        use_.name
        for recipe in SKETCHES
        for stage in recipe.learnt
        for use_ in (stage.trained.net, stage.trained.supervision)
    }
    assert not [name for name in names if f'"{name}"' in source]


def test_a_variant_is_a_replaced_word() -> None:
    recipe = SKETCHES[0]
    variant = replace(recipe, id="variant", stages=(replace(recipe.stages[0], learn=Learn(UNET, loss=use("focal"))),))
    assert variant.learnt[0].trained.net == recipe.learnt[0].trained.net
