"""The reference pages of methods and recipes, made from their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lymphoscope.recipes.catalogue import FAMILIES, NEEDS, RECIPES, Family, data_needed
from lymphoscope.recipes.classical import DEFAULT, METHODS, SHARED
from lymphoscope.recipes.parts import PARTS
from lymphoscope.recipes.spec import Learn, Recipe, Use

_STATUS = (
    ("verified", "the rule was checked against the published definition on phantoms whose answer is known"),
    ("reimplemented", "made from the paper's description"),
    ("after", "the paper is closed or silent on a point, and what is said under *differs* is ours"),
)


def reference_page() -> str:
    """The page of all delineation methods, in Markdown."""
    lines = [
        "# Methods",
        "",
        "What counts as tumour is a convention, and volumes of different conventions cannot be compared. So the method",
        f"and its threshold stand beside every volume. The default is `{DEFAULT}`.",
        "Made from `lymphoscope.recipes.classical`; do not edit.",
        "",
        "| method | a voxel belongs to a lesion where | used for | needs | status |",
        "|---|---|---|---|---|",
        *(_row(recipe) for recipe in METHODS.values()),
        "",
        "Comparisons are made with unrounded SUV. Status:",
        "",
        *_statuses(METHODS.values()),
        "",
        "## Sources and differences",
        "",
        f"All methods: {SHARED}",
    ]
    for recipe in METHODS.values():
        lines += ["", f"### {recipe.id}", "", f"{recipe.title}. Source: {recipe.paper}."]
        own = recipe.differs.replace(SHARED, "").strip()
        if own:
            lines += ["", f"Differs: {own}"]
    return "\n".join(lines) + "\n"


def _row(recipe: Recipe) -> str:
    needs = ", ".join(NEEDS[need] for need in recipe.needs)
    return f"| `{recipe.id}` | {recipe.threshold} | {recipe.default_use} | {needs} | {recipe.status} |"


def recipes_page() -> str:
    """The page of all recipes by family, in Markdown."""
    lines = [
        "# Recipes",
        "",
        "A recipe is a published method as data: what it reads, the rule it applies or how its network is trained.",
        "`lymphoscope recipes` lists them, and `lymphoscope recipes show ID` tells one with every part and setting.",
        "Made from `lymphoscope.recipes.catalogue`; do not edit.",
        "",
        "Status:",
        "",
        *_statuses(RECIPES.values()),
    ]
    for family in filter(lambda family: family.recipes, FAMILIES):
        lines += ["", f"## {family.about}", "", *_family(family)]
    return "\n".join(lines) + "\n"


def _family(family: Family) -> Iterator[str]:
    yield "| recipe | what it is | needs | status | source |"
    yield "|---|---|---|---|---|"
    for recipe in family.recipes.values():
        needs = "; ".join(data_needed(recipe))
        yield f"| `{recipe.id}` | {recipe.title} | {needs} | {recipe.status} | {recipe.paper} |"
    if family.recipes is METHODS:
        yield from (
            "",
            "What each counts, and how it differs from its source, is on the page of [methods](methods.md).",
        )
        return
    for recipe in family.recipes.values():
        yield from ("", f"### {recipe.id}", "", f"{recipe.title}. Source: {recipe.paper}.")
        if recipe.differs:
            yield from ("", f"Differs: {recipe.differs}")
        for stage in recipe.learnt:
            yield from ("", f"Stage `{stage.id}`:", "", *_trained(stage.trained))


def _trained(learn: Learn) -> Iterator[str]:
    """What an entry of the table says of a training, defaults included, one word a line."""
    for word in PARTS:
        value = getattr(learn, word)
        used = value if isinstance(value, tuple) else (value,)
        yield f"- {word}: {', '.join(f'`{_text(use)}`' for use in used) or 'none'}"
    yield f"- {learn.steps} steps of {learn.batch} examples"


def _text(value: Any) -> str:
    if isinstance(value, Use):
        settings = ", ".join(f"{name}={_text(setting)}" for name, setting in value.params.items())
        return f"{value.name}({settings})" if settings else value.name
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_text, value)) + ")"
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _statuses(recipes: Iterable[Recipe]) -> list[str]:
    used = {recipe.status for recipe in recipes}
    return [f"- **{status}**: {means}" for status, means in _STATUS if status in used]
