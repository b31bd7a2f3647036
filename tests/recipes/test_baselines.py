"""The baselines are data of known words, and say what the catalogue says."""

from __future__ import annotations

import pytest

from lymphoscope.recipes.baselines import BASELINES
from lymphoscope.recipes.parts import check, uses
from lymphoscope.recipes.spec import from_json, to_json


@pytest.mark.parametrize("name", BASELINES)
def test_every_word_is_on_its_shelf(name: str) -> None:
    for stage in BASELINES[name].learnt:
        check(stage.trained)


@pytest.mark.parametrize("name", BASELINES)
def test_json_gives_the_recipe_back(name: str) -> None:
    assert from_json(to_json(BASELINES[name])) == BASELINES[name]


def settings(name: str, word: str) -> dict[str, object]:
    learn = BASELINES[name].stages[0].trained
    first = next(use for kind, use in uses(learn) if kind == word)
    return dict(first.params)


def test_the_catalogues_numbers() -> None:
    assert settings("b6-deepmedic", "optimizer") == {
        "rate": 1e-3,
        "decay": 1e-4,
        "momentum": 0.6,
        "rho": 0.9,
        "eps": 1e-4,
    }
    assert settings("b6-deepmedic", "sampler") == {"size": 9, "positive": 0.5}
    assert settings("b8-nnunet", "optimizer") == {"rate": 1e-2, "decay": 3e-5, "momentum": 0.99}
    assert settings("b8-nnunet", "rate") == {"power": 0.9}
    assert settings("b8-nnunet", "sampler")["positive"] == 0.33
    assert BASELINES["b8-nnunet"].stages[0].trained.steps == 1000 * 250
    assert settings("b5-vnet", "loss") == {"squared": True}
    assert settings("mf02-unet", "loss") == {"height": 10.0, "sigma": 5.0}
    assert BASELINES["mf03-unet3d"].stages[0].trained.train_on == "partial"


def test_a_network_told_its_batch_is_told_the_one_it_gets() -> None:
    for recipe in BASELINES.values():
        learn = recipe.stages[0].trained
        assert learn.net.params.get("batch", learn.batch) == learn.batch
