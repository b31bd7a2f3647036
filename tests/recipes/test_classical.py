from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.classical import DEFAULT, METHODS
from lymphoscope.recipes.page import reference_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "methods.md"

B1 = (
    "suv4.0", "suv2.5", "max41", "max40", "max50", "a50peak", "mv2", "mv3", "liver_percist", "liver140",
    "liver_mean3sd", "deauville4", "nestle", "gradient", "adaptive_hovon",
)  # fmt: skip


def test_every_method_of_the_specification_but_the_network() -> None:
    assert set(B1) <= set(METHODS)
    assert set(METHODS) - set(B1) == {"blood_percist"}
    assert DEFAULT == next(iter(METHODS)) == "suv4.0"


@pytest.mark.parametrize(
    ("method", "rule", "settings"),
    [
        ("suv4.0", "fixed", {"at": 4.0}),
        ("suv2.5", "fixed", {"at": 2.5}),
        ("max41", "of_max", {"fraction": 0.41}),
        ("max40", "of_max", {"fraction": 0.40}),
        ("max50", "of_max", {"fraction": 0.50}),
        ("a50peak", "of_peak", {"fraction": 0.5}),
        ("mv2", "majority", {"votes": 2}),
        ("mv3", "majority", {"votes": 3}),
        ("liver_percist", "of_reference", {"organ": "liver", "times_mean": 1.5, "plus_sd": 2.0}),
        ("blood_percist", "of_reference", {"organ": "blood_pool", "times_mean": 2.0, "plus_sd": 2.0}),
        ("liver140", "of_reference", {"organ": "liver", "times_mean": 1.4}),
        ("liver_mean3sd", "of_reference", {"organ": "liver", "times_mean": 1.0, "plus_sd": 3.0}),
        ("deauville4", "above_reference", {"organ": "liver"}),
        ("nestle", "nestle", {"beta": 0.15}),
        ("gradient", "gradient", {"inner": 0.7, "outer": 0.3, "sigma": 1.0}),
        ("adaptive_hovon", "adaptive_hovon", {"peak": 8.0, "background": 0.8}),
    ],
)
def test_the_numbers_of_the_specification(method: str, rule: str, settings: dict[str, object]) -> None:
    stage = METHODS[method].stages[0]
    assert (stage.rule.name, dict(stage.rule.params)) == (rule, settings)


def test_only_the_benchmark_preselects_by_volume() -> None:
    post = {name: [(u.name, dict(u.params)) for u in recipe.post] for name, recipe in METHODS.items() if recipe.post}
    assert post == {"suv4.0": [("min_volume", {"ml": 3.0})]}


def test_what_is_not_from_a_paper_is_not_called_verified() -> None:
    ours = {"a50peak", "mv2", "mv3", "nestle", "gradient", "adaptive_hovon", "blood_percist", "deauville4", "liver140"}
    assert all(METHODS[name].status == "after" and METHODS[name].differs for name in ours)


def test_a_near_miss_is_answered() -> None:
    with pytest.raises(LymphoscopeError) as caught:
        METHODS["suv40"]
    assert caught.value.code == "USE-E-NAME"
    assert "suv4.0" in str(caught.value)


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run: make docs"


def test_the_table_loads_nothing_heavy() -> None:
    heavy = ("torch", "SimpleITK", "scipy", "skimage", "pandas", "pydicom", "matplotlib")
    code = (
        "import sys; import lymphoscope.recipes.classical, lymphoscope.recipes.page as p; p.reference_page();"
        f"print([m for m in {heavy!r} if m in sys.modules], [m for m in sys.modules if 'lymphoscope.image' in m])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[0] == "[] []"
