"""The verb `recipes`: the list, and one recipe with all its parts."""

from __future__ import annotations

from typing import Any

from lymphoscope.app import show
from lymphoscope.recipes.catalogue import FAMILIES, RECIPES, description, summary

_COLUMNS = ("recipe", "what it is", "trained", "status", "paper")
_LINES = (
    ("status", "Status"),
    ("paper", "Source"),
    ("differs", "Differs"),
    ("threshold", "Counts"),
    ("licence", "Licence"),
)


def listing(manner: show.Manner) -> None:
    """Show all recipes by family."""
    if manner.as_json:
        show.as_json({"recipes": [summary(recipe) for recipe in RECIPES.values()]})
        return
    for family in filter(lambda family: family.recipes, FAMILIES):
        rows = [(r.id, r.title, "yes" if r.learnt else "", r.status, r.paper) for r in family.recipes.values()]
        show.out().print(show.table(_COLUMNS, rows, family.about))


def one(recipe_id: str, manner: show.Manner) -> None:
    """Show one recipe: where it comes from, how it differs, what data it needs, and every part with its settings."""
    recipe = RECIPES[recipe_id]
    said = description(recipe)
    if manner.as_json:
        show.as_json(said)
        return
    console = show.out()
    console.print(f"{recipe.id}: {recipe.title}", markup=False, style="bold")
    for word, name in _LINES:
        text = getattr(recipe, word)
        if text:
            console.print(f"{name}: {text}", markup=False)
    console.print(f"Needs: {'; '.join(said['needs'])}", markup=False)
    for stage, numbers in said["training"].items():
        console.print(f"Trains {stage}: {numbers['steps']} steps of {numbers['batch']} examples", markup=False)
    rows = [row for part in said["parts"] for row in _rows(part)]
    console.print(show.table(("stage", "word", "part", "setting", "value", "means"), rows))


def _rows(part: dict[str, Any]) -> list[tuple[str, ...]]:
    """One line for a part and its formula, and one a setting."""
    said = "; ".join(part[key] for key in ("formula", "source") if key in part)
    head = (part["stage"], part["word"], part["name"], "", "", said)
    return [head, *(("", "", "", name, _text(s["value"]), s["means"]) for name, s in part["settings"].items())]


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list) else f"{value}"
