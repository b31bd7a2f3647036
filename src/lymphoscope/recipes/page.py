"""The reference page of the methods, made from their table."""

from __future__ import annotations

from lymphoscope.recipes.classical import DEFAULT, METHODS, SHARED
from lymphoscope.recipes.spec import Recipe

_NEEDS = {"seeds": "preselected lesions", "reference:liver": "liver", "reference:blood_pool": "blood pool"}

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
        *(f"- **{status}**: {means}" for status, means in _STATUS if _used(status)),
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
    needs = ", ".join(_NEEDS[need] for need in recipe.needs)
    return f"| `{recipe.id}` | {recipe.threshold} | {recipe.default_use} | {needs} | {recipe.status} |"


def _used(status: str) -> bool:
    return any(recipe.status == status for recipe in METHODS.values())
