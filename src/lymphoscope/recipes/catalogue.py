"""All recipes by id, in families, and what there is to say of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lymphoscope.recipes.adversarial import ADVERSARIAL
from lymphoscope.recipes.baselines import BASELINES
from lymphoscope.recipes.candidates import CANDIDATES
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.courses import COURSES
from lymphoscope.recipes.detectors import DETECTORS
from lymphoscope.recipes.endpoint import foretold
from lymphoscope.recipes.ensembles import ENSEMBLES
from lymphoscope.recipes.evidential import EVIDENTIAL
from lymphoscope.recipes.few_labels import FEW_LABELS
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.own import OWN
from lymphoscope.recipes.parts import PARTS, uses
from lymphoscope.recipes.shelf import RULES, Recipes
from lymphoscope.recipes.spec import Learn, Recipe, Use, as_record

NEEDS: Mapping[str, str] = {
    "seeds": "preselected lesions",
    "reference:liver": "liver",
    "reference:blood_pool": "blood pool",
}
"""What a method cannot do without, in words."""

_IMAGES = {"pet:suv": "PET in SUV", "ct:hu": "CT in HU"}
_TEACHES = {
    "labelled": "complete lesion masks",
    "partial": "lesion masks, complete or not",
    "all": "lesion masks, and cases without",
    "lesion_free": "lesion masks, of which the outside is learnt",
}


@dataclass(frozen=True)
class Family:
    """Recipes of one kind.

    Attributes:
        name: One word.
        about: What they are, in a few words.
        recipes: Their table.
    """

    name: str
    about: str
    recipes: Recipes


YOURS = Recipes("recipe")
"""What `publish` has added."""

FAMILIES = (
    Family("rules", "Delineation by thresholds, votes and gradients; nothing is trained", METHODS),
    Family("baselines", "Networks that every other method is compared with", BASELINES),
    Family("evidential", "Networks that say how much they know, and sources combined by Dempster's rule", EVIDENTIAL),
    Family("ensembles", "Several networks, whose maps are joined", ENSEMBLES),
    Family("candidates", "Networks that look for candidates, and networks that judge each", CANDIDATES),
    Family("detectors", "Networks that find boxes with scores, from which masks are made", DETECTORS),
    Family("adversarial", "Networks that are to deceive a critic, which learns beside them", ADVERSARIAL),
    Family("courses", "Networks that see a scan and the one before it", COURSES),
    Family("few labels", "Networks that learn from cases without masks too, or from masks of a part", FEW_LABELS),
    Family("joint", "Networks that foretell an outcome, most of them drawing the lesions too", JOINT),
    Family("own", "Networks of ours, made to learn fast on a processor", OWN),
    Family("yours", "Methods of your own", YOURS),
)

RECIPES = Recipes("recipe", *(recipe for family in FAMILIES for recipe in family.recipes.values()))
"""Every recipe; an id stands in one family only."""


def publish(recipe: Recipe) -> None:
    """Add a method of one's own, for as long as the process lives: then all that asks for recipes by name finds it.

    Raises:
        KeyError: Its id is taken.
        LymphoscopeError: It names something that its shelf does not have, or a setting of it.
    """
    RECIPES.put(recipe)
    YOURS.put(recipe)


def family_of(recipe: str) -> Family:
    """The family of a recipe.

    Raises:
        LymphoscopeError: ``USE-E-NAME``, with the nearest ids.
    """
    known = RECIPES[recipe].id
    return next(family for family in FAMILIES if known in family.recipes)


def data_needed(recipe: Recipe) -> tuple[str, ...]:
    """What must be there for a recipe to be used, and what more to train it, in words."""
    stages = {stage.id for stage in recipe.stages}
    images = (_image(role) for stage in recipe.stages for role in stage.reads if role not in stages)
    taught = (f"to train: {_taught(stage.trained)}" for stage in recipe.learnt)
    return tuple(dict.fromkeys((*images, *(NEEDS.get(need, need) for need in recipe.needs), *taught)))


def summary(recipe: Recipe) -> dict[str, Any]:
    """One line of the list, as JSON-able data."""
    return {
        "id": recipe.id,
        "title": recipe.title,
        "family": family_of(recipe.id).name,
        "trained": bool(recipe.learnt),
        "needs": list(data_needed(recipe)),
        "status": recipe.status,
        "paper": recipe.paper,
    }


def description(recipe: Recipe) -> dict[str, Any]:
    """All that is to be said of a recipe: its words, the data it needs, and what every part does."""
    parts = [{"stage": stage, "word": word, **_part(word, use)} for stage, word, use in _parts(recipe)]
    return {
        **summary(recipe),
        "recipe": as_record(recipe),
        "differs": recipe.differs,
        "training": {stage.id: _training(stage.trained) for stage in recipe.learnt},
        "parts": parts,
    }


def _parts(recipe: Recipe) -> Iterator[tuple[str, str, Use]]:
    """Stage, word and use of everything that a recipe takes from a shelf."""
    for stage in recipe.stages:
        if stage.rule is not None:
            yield stage.id, "rule", stage.rule
        if stage.learn is not None:
            yield from ((stage.id, word, use) for word, use in uses(stage.learn))
    yield from (("", "post", use) for use in recipe.post)


def _part(word: str, use: Use) -> dict[str, Any]:
    """Name, formula, source and settings of a part; inner uses are parts of their own."""
    facts = PARTS.get(word, RULES)[use.name].facts
    meanings: Mapping[str, str] = facts.get("params", {})
    inner: Mapping[str, str] = facts.get("inner", {})
    settings = {
        name: {"value": _plain(use.params[name]), "means": meanings[name]} for name in use.params if name not in inner
    }
    said = {key: facts[key] for key in ("formula", "source") if facts.get(key)}
    return {"name": use.name, **said, "settings": settings}


def _training(learn: Learn) -> dict[str, Any]:
    return {"steps": learn.steps, "batch": learn.batch, "target": learn.target, "train_on": learn.train_on}


def _image(role: str) -> str:
    plain, _, earlier = role.partition("@")
    kind, _, hint = plain.partition(":")
    name = f"a reader's mark ({hint})" if kind == "hint" else _IMAGES[plain]
    return f"{name} of the scan {earlier} before" if earlier else name


def _taught(learn: Learn) -> str:
    kind, _, name = learn.target.partition(":")
    if kind == "lesions":
        return _TEACHES[learn.train_on] + (", and an outcome of each patient" if foretold(learn) else "")
    if kind == "outcome":
        return f"outcome {name}" if name else "an outcome of each patient"
    outside = f", {_TEACHES[learn.train_on]}" if learn.train_on == "lesion_free" else ""
    return _image(learn.target) + outside


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
