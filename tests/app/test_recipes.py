from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from lymphoscope.app.cli import main
from lymphoscope.recipes.catalogue import RECIPES


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["recipes", *words])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_the_list_has_every_recipe(said: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = said()
    assert status == 0
    assert [name for name in RECIPES if f" {name} " not in out] == []
    told = json.loads(said("--json")[1])["recipes"]
    assert [line["id"] for line in told] == list(RECIPES)
    assert {line["id"]: line["trained"] for line in told}["b8-nnunet"] is True


def test_one_recipe_is_told_with_paper_difference_data_and_parts(said: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = said("show", "b8-nnunet")
    assert status == 0
    recipe = RECIPES["b8-nnunet"]
    for words in (recipe.title, recipe.paper, recipe.differs, "CT in HU", "complete lesion masks", "250000 steps"):
        assert words in out
    assert "0.99" in out
    assert "Nesterov momentum" in out
    assert json.loads(said("show", "b8-nnunet", "--json")[1])["id"] == "b8-nnunet"


def test_a_near_miss_is_answered(said: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = said("show", "suv4")
    assert (status, out) == (2, "")
    assert "USE-E-NAME" in err
    assert "suv4.0" in err


@pytest.mark.parametrize("words", [["recipes"], ["recipes", "show", "b8-nnunet", "--json"]])
def test_recipes_are_told_without_loading_what_is_slow(words: list[str]) -> None:
    probe = f"import sys; from lymphoscope.app.cli import main\ntry: main({words!r})\nexcept SystemExit: pass\n"
    probe += "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "lymphoscope" in loaded
    assert not loaded & {"torch", "SimpleITK", "scipy", "pandas", "pydicom", "monai", "openvino", "matplotlib"}
