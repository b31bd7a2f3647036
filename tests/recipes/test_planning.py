from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.fingerprint import (
    CaseFacts,
    Fingerprint,
    Intensities,
    digest,
    fingerprint_from,
    fingerprint_record,
)
from lymphoscope.recipes.nnunet_plan import nnunet, nnunet_low_resolution
from lymphoscope.recipes.planning import AS_GIVEN, Fold, NetFacts, Plan, fit_data, plan, recipe_digest
from lymphoscope.recipes.spec import PET_CT, Learn, Recipe, Stage, use

HU = Intensities(mean=27.9, sd=78.2, median=33.0, low=-397.1, high=221.0, least=-991.9, most=1346.9)
SHAPES = ((59, 43, 41), (50, 30, 33), (61, 29, 26), (85, 46, 43), (66, 34, 33))
DATA = Fingerprint(
    tuple(CaseFacts(f"c{n}", shape, (3.27, 5.47, 5.47), (9.5, 0.5)) for n, shape in enumerate(SHAPES)),
    {"ct:hu": HU},
    {"background": 0, "lesion": 1},
)
TURNED = Fingerprint(
    tuple(
        CaseFacts(str(n), shape, mm)  # type: ignore[arg-type]
        for n, (shape, mm) in enumerate(
            [((180, 200, 90), (2.0, 2.0, 4.5)), ((160, 220, 80), (2.0, 2.0, 5.0)), ((150, 170, 100), (2.5, 2.5, 4.0))]
        )
    ),
    {},
    {"background": 0, "lesion": 1},
)
BODY = Fingerprint(
    tuple(CaseFacts(str(n), (326, 400, 400), (3.0, 2.04, 2.04)) for n in range(20)),
    {},
    {"background": 0, "lesion": 1},
)
BY_8 = NetFacts((8, 8, 8))
FOLDS = (Fold(("c0", "c1"), ("c2",)), Fold(("c2",), ("c0", "c1")))


def fitted(learn: Learn, facts: NetFacts = BY_8) -> Any:
    return fit_data(learn, DATA, facts).sampler.params["size"]


def patches(size: Any) -> Learn:
    return Learn(use("unet"), sampler=use("patches", size=size, positive=0.7))


def test_an_example_is_no_larger_than_the_median_image() -> None:
    assert fitted(patches(96)) == (64, 40, 40)  # median 61, 34, 33
    assert fitted(patches(32)) == (32, 32, 32)
    assert fitted(patches((96, 20, 32))) == (64, 24, 32)
    assert fitted(Learn(use("unet"), sampler=use("patches"))) == (64, 40, 40)
    assert fit_data(patches(96), DATA, BY_8).sampler.params["positive"] == 0.7


def test_an_example_is_measured_on_the_grid_that_is_worked_on() -> None:
    coarse = replace(patches(96), grid=use("spacing", mm=(6.54, 10.94, 10.94)))
    assert fitted(coarse, NetFacts((2, 2, 2))) == (30, 18, 16)  # 29.5…: median of 30, 25, 30, 42, 33


def test_a_spacing_left_open_is_the_median_of_the_data() -> None:
    learn = replace(patches(96), grid=use("spacing"))
    assert fit_data(learn, DATA, BY_8).grid == use("spacing", mm=(3.27, 5.47, 5.47))
    assert fit_data(learn, DATA, BY_8).sampler.params["size"] == (64, 40, 40)
    twice = fit_data(replace(learn, grid=use("spacing", times=2.0)), DATA, NetFacts((2, 2, 2)))
    assert twice.grid == use("spacing", mm=(6.54, 10.94, 10.94))
    assert twice.sampler.params["size"] == (30, 18, 16)
    stated = replace(learn, grid=use("spacing", mm=(4.0, 4.0, 4.0)))
    assert fit_data(stated, DATA, BY_8).grid == stated.grid


def test_networks_of_valid_convolutions_get_context_beside_the_example() -> None:
    assert fitted(patches(25), NetFacts((3, 3, 3), 24)) == (27, 27, 27)
    assert fitted(patches(9), NetFacts((3, 3, 3), 24)) == (9, 9, 9)
    assert fitted(patches(10), NetFacts((4, 4, 4), 3)) == (10, 10, 10)  # 10 + 2 · 3 is a multiple of 4


def test_slices_are_fitted_to_their_own_axes() -> None:
    def size(**settings: Any) -> Any:
        return fitted(Learn(use("unet"), sampler=use("slices", **settings)), NetFacts((8, 8)))

    assert size() == (40, 40)
    assert size(axis=1, size=192) == (64, 40)
    assert size(axis=2, size=(16, 200)) == (16, 40)


def test_a_scale_takes_its_statistics_from_the_data_unless_the_recipe_states_them() -> None:
    learn = replace(patches(32), scale=use("nnunet", hu_mean=40.0))
    assert fit_data(learn, DATA, BY_8).scale == use("nnunet", hu_mean=40.0, hu_sd=78.2, hu_range=(-397.1, 221.0))
    assert fit_data(patches(32), DATA, BY_8).scale == patches(32).scale
    assert fit_data(learn, TURNED, BY_8).scale == learn.scale  # no lesion, no statistics


def test_nnunet_speaks_the_words_of_a_recipe() -> None:
    learn = nnunet(replace(patches(96), net=use("unet", norm="batch")), DATA, BY_8)
    assert learn.net == use(
        "unet",
        norm="batch",
        act="leaky_relu",
        bias=True,
        down="stride",
        widths=(32, 64, 128, 256),
        strides=((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2)),
        kernels=((3, 3, 3),) * 4,
        convs=(2, 2, 2, 2),
        decoder_convs=2,
    )
    assert learn.heads == (use("segment", levels=(0, 1, 2)),)
    assert learn.sampler == use("patches", size=(64, 40, 40), positive=0.7)
    assert (learn.batch, learn.grid) == (2, use("spacing", mm=(3.27, 5.47, 5.47)))
    assert learn.scale == use("nnunet", hu_mean=27.9, hu_sd=78.2, hu_range=(-397.1, 221.0))
    assert (learn.steps, learn.loss) == (patches(96).steps, patches(96).loss)


def test_axes_planned_coarsest_first_come_back_in_their_own_order() -> None:
    learn = nnunet(patches(96), TURNED, BY_8)
    assert learn.sampler.params["size"] == (160, 160, 80)
    assert learn.net.params["strides"][1] == (2, 2, 1)
    assert learn.net.params["kernels"][0] == (3, 3, 1)
    assert learn.grid == use("spacing", mm=(2.0, 2.0, 4.5))
    plane = nnunet(Learn(use("unet"), sampler=use("slices")), TURNED, BY_8)
    assert (plane.sampler.params["axis"], plane.sampler.params["size"], plane.batch) == (2, (192, 224), 12)
    assert plane.net.params["strides"][1] == (2, 2)


def test_a_residual_encoder_is_planned_as_one() -> None:
    learn = nnunet(replace(patches(96), net=use("unet", residual=True)), DATA, BY_8)
    assert (learn.net.params["convs"], learn.net.params["decoder_convs"]) == ((1, 3, 4, 6), 1)
    assert learn.net.params["residual"] is True


def test_a_cascade_begins_coarse_and_only_where_images_are_large() -> None:
    learn = nnunet_low_resolution(patches(96), BODY, BY_8)
    assert all(mm > have for mm, have in zip(learn.grid.params["mm"], (3.0, 2.04, 2.04), strict=True))
    with pytest.raises(LymphoscopeError, match="no cascade"):
        nnunet_low_resolution(patches(96), DATA, BY_8)


@pytest.mark.parametrize(
    ("learn", "fix"),
    [
        (replace(patches(96), train_on="partial"), "complete masks"),
        (replace(patches(96), sampler=use("candidates", size=32)), "Sample patches"),
    ],
)
def test_an_earlier_scan_is_refused_where_training_knows_of_one_scan_only(learn: Learn, fix: str) -> None:
    def with_inputs(*reads: str) -> Recipe:
        return Recipe("r", "R", (Stage("s", reads, learn=learn),), "p", "after", differs="all")

    assert plan(with_inputs(*PET_CT), DATA, FOLDS, lambda _: BY_8).recipe.stages[0].trained.plan == AS_GIVEN
    with pytest.raises(LymphoscopeError, match="knows of one scan") as refused:
        plan(with_inputs(*PET_CT, "pet:suv@1"), DATA, FOLDS, lambda _: BY_8)
    assert refused.value.code == "USE-E-VALUE" and fix in refused.value.message.fix


def recipe(*learns: Learn) -> Recipe:
    stages = tuple(Stage(f"s{n}", PET_CT, learn=learn) for n, learn in enumerate(learns))
    return Recipe("r", "R", (*stages, Stage("end", PET_CT, use("fixed", at=4.0))), "p", "after", differs="all")


def test_a_plan_resolves_every_stage_and_stays_as_it_is() -> None:
    published = recipe(
        patches(96), replace(patches(96), plan=use("nnunet", memory_gb=4.0)), replace(patches(7), plan=AS_GIVEN)
    )
    asked: list[str] = []

    def facts(stage: Stage) -> NetFacts:
        asked.append(stage.id)
        return BY_8

    made = plan(published, DATA, FOLDS, facts, seed=3)
    assert asked == ["s0", "s1", "s2"]
    assert all(stage.trained.plan == AS_GIVEN for stage in made.recipe.learnt)
    assert made.recipe.stages[2:] == published.stages[2:]
    assert made.published == recipe_digest(published)
    assert plan(made.recipe, DATA, FOLDS, facts, seed=3).recipe == made.recipe


def test_a_plan_round_trips_as_json_and_its_digest_tells_it_from_others() -> None:
    made = plan(recipe(patches(96)), DATA, FOLDS, lambda _: BY_8, seed=3)
    record = json.loads(json.dumps(made.as_record()))
    again = Plan.from_record(record)
    assert again == made
    assert again.digest == made.digest == record["digests"]["plan"]
    assert record["digests"]["data"] == DATA.digest
    others = [
        replace(made, seed=4),
        replace(made, folds=FOLDS[:1]),
        replace(made, fingerprint=TURNED),
        plan(recipe(patches(32)), DATA, FOLDS, lambda _: BY_8, seed=3),
    ]
    assert len({made.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize("broken", [{"folds": [{"train": []}]}, {"seed": "x"}, {"fingerprint": {"cases": [{}]}}])
def test_a_broken_plan_is_refused(broken: dict[str, Any]) -> None:
    record = plan(recipe(patches(96)), DATA, FOLDS, lambda _: BY_8).as_record()
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        Plan.from_record({**record, **broken})


def test_a_fingerprint_round_trips_and_its_digest_does_not_depend_on_the_order_of_words() -> None:
    record = json.loads(json.dumps(fingerprint_record(DATA)))
    assert fingerprint_from(record) == DATA
    assert digest(dict(reversed(record.items()))) == DATA.digest
    assert DATA.median_spacing == (3.27, 5.47, 5.47)
    with pytest.raises(LymphoscopeError, match="DATA-E-EMPTY"):
        Fingerprint(())
