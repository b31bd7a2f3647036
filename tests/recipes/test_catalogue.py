from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.baselines import BASELINES
from lymphoscope.recipes.catalogue import FAMILIES, RECIPES, data_needed, description, family_of, summary
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.page import recipes_page
from lymphoscope.recipes.spec import Learn, Recipe, Stage, from_record, use

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "recipes.md"


def test_every_recipe_stands_in_one_family() -> None:
    assert len(RECIPES) == sum(len(family.recipes) for family in FAMILIES)
    assert {*METHODS, *BASELINES} <= set(RECIPES)
    assert family_of("suv4.0").name == "rules"
    assert family_of("b8-nnunet").name == "baselines"
    with pytest.raises(LymphoscopeError, match=r"USE-E-NAME.*b8-nnunet"):
        family_of("b8-nnuet")


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_told_of_a_recipe_is_json_and_gives_the_recipe_back(name: str) -> None:
    told = json.loads(json.dumps(description(RECIPES[name])))
    assert from_record(told["recipe"]) == RECIPES[name]
    assert told.items() >= summary(RECIPES[name]).items()
    assert told["parts"]
    assert told["needs"]
    assert set(told["training"]) == {stage.id for stage in RECIPES[name].learnt}
    assert all(setting["means"] for part in told["parts"] for setting in part["settings"].values())


def test_parts_are_told_with_their_inner_parts_formulas_and_settings() -> None:
    parts = [part for part in description(RECIPES["b8-nnunet"])["parts"] if part["word"] == "loss"]
    assert [part["name"] for part in parts] == ["deep", "sum", "dice", "ce"]
    assert "log p" in parts[3]["formula"]
    rule = description(RECIPES["liver_percist"])["parts"][0]
    assert rule["settings"]["plus_sd"] == {"value": 2.0, "means": "factor of its SD"}


def test_data_needed_is_said_in_words() -> None:
    assert data_needed(RECIPES["max41"]) == ("PET in SUV", "preselected lesions")
    assert data_needed(RECIPES["b3-unet3d"]) == ("PET in SUV", "CT in HU", "to train: complete lesion masks")
    plain = Learn(use("unet"))
    learns = {
        "to train: outcome progression": replace(plain, target="outcome:progression"),
        "to train: CT in HU": replace(plain, target="ct:hu"),
        "to train: lesion masks, and cases without": replace(plain, train_on="all"),
    }
    for said, learn in learns.items():
        stages = (
            Stage("a", ("pet:suv", "pet:suv@1", "hint:cross"), learn=learn),
            Stage("b", ("a",), use("fixed", at=1.0)),
        )
        needs = data_needed(Recipe("x", "X", stages, "p", "reimplemented"))
        assert needs == ("PET in SUV", "PET in SUV of the scan 1 before", "a reader's mark (cross)", said)


def test_the_page_names_every_recipe_and_is_current() -> None:
    page = recipes_page()
    assert all(f"`{name}`" in page for name in RECIPES)
    assert page == PAGE.read_text(encoding="utf-8")
