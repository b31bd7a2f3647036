"""The shelf that recipes take their rules from, and the shelf the recipes themselves stand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import Shelf, unknown_name
from lymphoscope.recipes import parts
from lymphoscope.recipes.spec import Recipe, Use

RULES = Shelf("rule")
"""Rules by name. Facts: ``params`` (settings and what they mean), ``needs``, ``role``: ``draw`` lesions, ``post`` of
what a rule drew, ``join`` maps of several networks, or ``refine`` probabilities of a network."""

_SEEDS = ("seeds",)

RULES.put(
    "fixed",
    "lymphoscope.image.threshold:fixed",
    role="draw",
    needs=(),
    params={"at": "SUV threshold, g/mL"},
)
RULES.put(
    "of_max",
    "lymphoscope.image.threshold:of_max",
    role="draw",
    needs=_SEEDS,
    params={"fraction": "of the lesion's SUVmax"},
)
RULES.put(
    "of_peak",
    "lymphoscope.image.threshold:of_peak",
    role="draw",
    needs=_SEEDS,
    params={"fraction": "of SUVpeak plus local background"},
)
RULES.put(
    "of_reference",
    "lymphoscope.image.threshold:of_reference",
    role="draw",
    needs=(),
    params={"organ": "liver or blood_pool", "times_mean": "factor of its mean", "plus_sd": "factor of its SD"},
)
RULES.put(
    "above_reference",
    "lymphoscope.image.threshold:above_reference",
    role="draw",
    needs=(),
    params={"organ": "liver or blood_pool", "times_mean": "factor of its mean; None for its SUVmax"},
)
RULES.put(
    "nestle",
    "lymphoscope.image.threshold:nestle",
    role="draw",
    needs=_SEEDS,
    params={"beta": "factor of the mean of the lesion's 70 % core"},
)
RULES.put(
    "majority",
    "lymphoscope.image.majority:majority",
    role="draw",
    needs=_SEEDS,
    params={"votes": "of the four rules suv4.0, suv2.5, max41 and a50peak"},
)
RULES.put(
    "adaptive_hovon",
    "lymphoscope.image.majority:adaptive_hovon",
    role="draw",
    needs=_SEEDS,
    params={"peak": "SUVpeak above which suv4.0 is taken", "background": "local SUV above which mv3 is taken"},
)
RULES.put(
    "gradient",
    "lymphoscope.image.gradient:gradient",
    role="draw",
    needs=_SEEDS,
    params={
        "inner": "fraction of SUVmax that is surely inside",
        "outer": "fraction of SUVmax below which it is surely outside",
        "sigma": "width of the Gaussian, voxels",
    },
)
RULES.put(
    "min_volume",
    "lymphoscope.image.threshold:drop_small",
    role="post",
    needs=(),
    params={"ml": "smallest volume of a region that the rule itself chose, mL"},
)
RULES.put("soft_vote", "lymphoscope.image.vote:soft_vote", role="join", needs=(), params={})
RULES.put("hard_vote", "lymphoscope.image.vote:hard_vote", role="join", needs=(), params={})
RULES.put(
    "excess",
    "lymphoscope.image.excess:excess",
    role="join",
    needs=(),
    params={"full": "how much the first image is above the second where the map is 1, in their unit"},
)
RULES.put(
    "mean_field",
    "lymphoscope.image.mean_field:mean_field",
    role="refine",
    needs=(),
    params={
        "weight": "what a neighbourhood of one class and one SUV adds to the logit of that class",
        "iterations": "how often all voxels are updated",
        "sigma": "widths of the Gaussians of distance and SUV: voxels and SUV",
        "window": "side of the neighbourhood, voxels",
    },
)
RULES.put(
    "hot_in_box",
    "lymphoscope.image.box_mask:hot_in_box",
    role="refine",
    needs=(),
    params={"share": "of the highest SUV in a box; what is colder is background"},
)


class Recipes(Mapping[str, Recipe]):
    """Recipes by id, in the order of their table. An unknown id is answered with the nearest ones.

    Args:
        kind: What they are called in messages.
        recipes: The table.

    Raises:
        KeyError: An id is taken twice.
        LymphoscopeError: A recipe names something that its shelf does not have, or a setting of it; or a rule stands
            where it has nothing to work on.
    """

    def __init__(self, kind: str, *recipes: Recipe) -> None:
        self.kind = kind
        self._recipes: dict[str, Recipe] = {}
        for recipe in recipes:
            self.put(recipe)

    def put(self, recipe: Recipe) -> None:
        """Add a recipe.

        Raises:
            KeyError: The id is taken.
            LymphoscopeError: As for the table.
        """
        if recipe.id in self._recipes:
            raise KeyError(f"{self.kind} {recipe.id!r} is in the table already")
        for use in recipe.uses:
            check(use)
        drawn, tidied = ("join", "refine") if recipe.learnt else ("draw", "post")
        for stage in recipe.stages:
            _require_role(recipe, stage.rule, drawn, "among its stages")
        for use in recipe.post:
            _require_role(recipe, use, tidied, "in its post")
        for stage in recipe.learnt:
            parts.check(stage.trained)
        self._recipes[recipe.id] = recipe

    def __getitem__(self, name: str) -> Recipe:
        """Find a recipe by id.

        Raises:
            LymphoscopeError: ``USE-E-NAME``, with the nearest ids.
        """
        if name not in self._recipes:
            raise unknown_name(self.kind, name, self._recipes)
        return self._recipes[name]

    def __contains__(self, name: object) -> bool:
        """True where there is such a recipe."""
        return name in self._recipes

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids."""
        return iter(self._recipes)

    def __len__(self) -> int:
        """Count the recipes."""
        return len(self._recipes)


def _require_role(recipe: Recipe, rule: Use | None, role: str, where: str) -> None:
    if rule is not None and RULES[rule.name].facts["role"] != role:
        raise LymphoscopeError("USE-E-VALUE", f"recipe {recipe.id}: {rule.name} cannot stand {where}")


def check(use: Use) -> None:
    """Refuse a use of a rule that the shelf does not have, or of a setting that the rule does not have.

    Raises:
        LymphoscopeError: ``USE-E-NAME``, with the nearest names.
    """
    params: Mapping[str, Any] = RULES[use.name].facts["params"]
    for name in use.params:
        if name not in params:
            raise unknown_name(f"setting of the rule {use.name}", name, params)


def apply(recipe: Recipe, context: Any) -> Any:
    """Delineate by a recipe of one rule stage.

    Args:
        recipe: What to do.
        context: A `lymphoscope.image.delineation.Context`.

    Returns:
        A `lymphoscope.image.delineation.Delineation`.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a recipe of several stages, or without the seeds it needs;
            ``SEG-E-REFERENCE`` without the reference organ it needs.
    """
    rule = recipe.stages[0].rule
    if len(recipe.stages) != 1 or rule is None:
        raise LymphoscopeError("USE-E-VALUE", f"{recipe.id} is not a single rule")
    drawn = RULES[rule.name].load()(context, **rule.params)
    for step in recipe.post:
        drawn = RULES[step.name].load()(context, drawn, **step.params)
    return drawn
