from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.shelf import RULES, Recipes, check
from lymphoscope.recipes.spec import PET, PET_CT, Recipe, Stage, Use, from_json, to_json, use

PLAIN = Recipe("a1", "A", (Stage("s", PET, use("fixed", at=4.0)),), "p", "reimplemented", "t", "u")


def words(code: str, call) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(LymphoscopeError) as caught:
        call()
    assert caught.value.code == code
    return str(caught.value)


SETTINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.builds(
            lambda params: Use("nested", params),
            st.dictionaries(st.from_regex("[a-tv-z]{1,5}", fullmatch=True), inner, max_size=2),
        )
    ),
    max_leaves=5,
)
USES = st.builds(
    Use,
    st.from_regex("[a-z_]{1,8}", fullmatch=True),
    st.dictionaries(st.from_regex("[a-tv-z]{1,5}", fullmatch=True), SETTINGS, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(USES, st.lists(USES, max_size=2), st.text(max_size=20))
def test_json_round_trip(rule: Use, post: list[Use], text: str) -> None:
    stages = (Stage("one", PET, rule), Stage("two", (*PET_CT, "one", "pet:suv@1", "hint:cross"), rule, "map"))
    recipe = Recipe("x-1.0", text, stages, text, "after", text, text, "d", text, ("seeds",), tuple(post))
    again = from_json(to_json(recipe))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert to_json(again) == to_json(recipe)
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_json_states_only_what_differs_from_the_default() -> None:
    record = json.loads(to_json(PLAIN))
    assert sorted(record) == ["default_use", "id", "paper", "stages", "status", "threshold", "title"]
    assert record["stages"] == [{"id": "s", "reads": ["pet:suv"], "rule": {"at": 4.0, "use": "fixed"}}]


def test_a_recipe_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PLAIN.id = "b"  # type: ignore[misc]
    with pytest.raises(TypeError):
        PLAIN.stages[0].rule.params["at"] = 3.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"id": "A 1"}, "USE-E-VALUE", "recipe id"),
        ({"stages": ()}, "USE-E-VALUE", "no stage"),
        ({"status": "verifyed"}, "USE-E-NAME", "Did you mean verified"),
        ({"status": "after"}, "USE-E-VALUE", "say what differs"),
        ({"needs": ("luck",)}, "USE-E-VALUE", "luck"),
        ({"stages": (Stage("s", ("pet:sub",), use("fixed")),)}, "USE-E-NAME", "Did you mean pet:suv"),
        ({"stages": (Stage("s", ("later",), use("fixed")), Stage("later", PET, use("fixed")))}, "USE-E-NAME", "later"),
        ({"stages": (Stage("s", PET, use("fixed"), "masks"),)}, "USE-E-NAME", "Did you mean mask"),
        ({"stages": (Stage("s", PET, use("fixed")),) * 2}, "USE-E-VALUE", "two stages"),
    ],
)
def test_words_that_mean_nothing(changes: dict, code: str, said: str) -> None:  # type: ignore[type-arg]
    assert said in words(code, lambda: replace(PLAIN, **changes))


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("{", "USE-E-VALUE", "not JSON"),
        ("[1]", "USE-E-VALUE", "not a JSON object"),
        ("{}", "USE-E-VALUE", "not given: id"),
        ('{"stages": 3}', "USE-E-VALUE", "stages is not a list"),
        ('{"stages": [3]}', "USE-E-VALUE", "not an object"),
        ('{"post": [{"uze": "x"}]}', "USE-E-VALUE", '"use"'),
        ('{"treshold": "x"}', "USE-E-NAME", "Did you mean threshold"),
        ('{"stages": [{"id": "s", "raeds": []}]}', "USE-E-NAME", "Did you mean reads"),
    ],
)
def test_json_that_is_not_a_recipe(text: str, code: str, said: str) -> None:
    assert said in words(code, lambda: from_json(text))


@pytest.mark.parametrize("value", [object(), {"a": 1}, float("nan"), float("inf"), b"x"])
def test_a_setting_that_json_cannot_hold(value: object) -> None:
    assert "at" in words("USE-E-VALUE", lambda: use("fixed", at=value))


def test_the_shelf_answers_near_misses() -> None:
    assert "Did you mean fixed" in words("USE-E-NAME", lambda: check(use("fixd", at=4.0)))
    assert "Did you mean fraction" in words("USE-E-NAME", lambda: check(use("of_max", fracton=0.41)))
    with pytest.raises(KeyError):
        RULES.put("fixed", "a:b")


def test_a_table_takes_an_id_once_and_checks_its_rules() -> None:
    with pytest.raises(KeyError):
        Recipes("method", PLAIN, PLAIN)
    wrong = replace(PLAIN, stages=(Stage("s", PET, use("fixed", from_=4.0)),))
    words("USE-E-NAME", lambda: Recipes("method", wrong))
    table = Recipes("method", PLAIN)
    assert list(table) == ["a1"]
    assert "b" not in table
    assert "there is no method named 'a2'" in words("USE-E-NAME", lambda: table["a2"])
