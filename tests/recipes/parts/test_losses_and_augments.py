from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from lymphoscope.core.registry import Entry
from lymphoscope.recipes.parts import check
from lymphoscope.recipes.parts.augments import AUGMENTS, NNUNET_AUGMENT
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.parts.page import reference_page
from lymphoscope.recipes.spec import Learn, use

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "losses-and-augmentation.md"
ENTRIES = [shelf[name] for shelf in (LOSSES, AUGMENTS) for name in shelf]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_shelf_tells_every_setting_of_the_builder(entry: Entry) -> None:
    assert set(entry.facts["params"]) == set(inspect.signature(entry.load()).parameters)
    assert all(entry.facts["params"].values())


@pytest.mark.parametrize("name", list(LOSSES))
def test_the_shelf_tells_what_a_loss_is_of(name: str) -> None:
    of, loss = LOSSES[name].facts["of"], LOSSES[name].load()
    made_of_losses = "inner" in LOSSES[name].facts
    assert of in ("either", loss.of)
    assert made_of_losses or loss.name == name


def test_the_list_of_nnunet_stands_on_the_shelf() -> None:
    check(Learn(net=use("unet"), augment=NNUNET_AUGMENT))
    assert [one.name for one in NNUNET_AUGMENT] == [
        "rotate", "scale", "noise", "blur", "intensity", "intensity", "low_resolution", "gamma", "gamma", "flip",
    ]  # fmt: skip
    assert [one.params["probability"] for one in NNUNET_AUGMENT] == [
        0.2, 0.2, 0.1, 0.2, 0.15, 0.15, 0.25, 0.1, 0.3, 0.5,
    ]  # fmt: skip


def test_the_page_is_that_of_the_shelves() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run docs/generate.py"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_page_has_every_entry(entry: Entry) -> None:
    assert f"\n### {entry.name}\n" in reference_page()
