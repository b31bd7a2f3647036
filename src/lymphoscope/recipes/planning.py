"""From a recipe and a data set to numbers: rules that fill in what a recipe leaves to the data, and their result.

A rule is a pure function ``(learn, fingerprint, facts, **settings) -> learn``. What it returns is resolved: planned
again it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from lymphoscope.core.course import scans_seen
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.endpoint import Endpoint
from lymphoscope.recipes.fingerprint import Fingerprint, digest, fingerprint_from, fingerprint_record
from lymphoscope.recipes.nnunet_rules import resampled_shape
from lymphoscope.recipes.parts import PARTS
from lymphoscope.recipes.spec import Learn, Recipe, Stage, Use, as_record, from_record, use

AS_GIVEN = use("as_given")

_SIDE = {"patches": 96, "class_ratio": 112, "slices": 192}
"""Side of an example where a recipe states none, by sampler."""


@dataclass(frozen=True)
class NetFacts:
    """What a rule must know of a network.

    Attributes:
        multiple: What the side of its input is a multiple of, along each axis of an example.
        context: Voxels on each side of the input that its output has not.
    """

    multiple: tuple[int, ...]
    context: int = 0


@dataclass(frozen=True)
class Fold:
    """One division of the cases.

    Attributes:
        train: Ids of the cases that are learnt from.
        val: Ids of the cases that are predicted.
        withheld: Ids of those cases in `train` whose masks are kept from the training.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is decided before a training.

    Attributes:
        recipe: With all numbers.
        published: Digest of the recipe as it stands in its table.
        fingerprint: Of the data it was planned for.
        folds: Division of the cases.
        seed: Of all chance in the training.
        endpoint: What is foretold of a patient; None where nothing is.
    """

    recipe: Recipe
    published: str
    fingerprint: Fingerprint
    folds: tuple[Fold, ...]
    seed: int = 0
    endpoint: Endpoint | None = None

    @property
    def labels(self) -> Mapping[str, int]:
        """Classes by name, background 0."""
        return self.fingerprint.labels

    @property
    def digest(self) -> str:
        """SHA-256 of all that was decided."""
        return digest(self._content())

    def as_record(self) -> dict[str, Any]:
        """The plan as JSON-able data, with its digests."""
        digests = {"plan": self.digest, "recipe": recipe_digest(self.recipe), "data": self.fingerprint.digest}
        return {**self._content(), "digests": digests}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Plan:
        """A plan from JSON data.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` where the data are not those of a plan, and those of
                `lymphoscope.recipes.spec.from_record`.
        """
        try:
            folds = tuple(
                Fold(tuple(fold["train"]), tuple(fold["val"]), tuple(fold.get("withheld", ())))
                for fold in record["folds"]
            )
            published, seed = str(record["published"]), int(record["seed"])
            recipe, data = record["recipe"], record["fingerprint"]
            endpoint = Endpoint(**record["endpoint"]) if "endpoint" in record else None
        except (KeyError, TypeError, ValueError):
            raise LymphoscopeError("USE-E-VALUE", "the record is not that of a plan") from None
        return cls(from_record(recipe), published, fingerprint_from(data), folds, seed, endpoint)

    def _content(self) -> dict[str, Any]:
        return {
            "recipe": as_record(self.recipe),
            "published": self.published,
            "fingerprint": fingerprint_record(self.fingerprint),
            "folds": [{name: list(cases) for name, cases in asdict(fold).items() if cases} for fold in self.folds],
            "seed": self.seed,
            **({"endpoint": self.endpoint.as_record()} if self.endpoint else {}),
        }


def plan(
    recipe: Recipe,
    fingerprint: Fingerprint,
    folds: tuple[Fold, ...],
    facts: Callable[[Stage], NetFacts],
    seed: int = 0,
) -> Plan:
    """Resolve every learnt stage of a recipe for a data set.

    Args:
        recipe: As published.
        fingerprint: Of the data.
        folds: Division of the cases.
        facts: What is to be known of a stage's network.
        seed: Of all chance in the training.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where a stage reads an earlier scan and is trained as if there were none.
    """
    stages = tuple(stage if stage.learn is None else _resolved(stage, fingerprint, facts) for stage in recipe.stages)
    return Plan(replace(recipe, stages=stages), recipe_digest(recipe), fingerprint, folds, seed)


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of what a recipe says."""
    return digest(as_record(recipe))


def _resolved(stage: Stage, fingerprint: Fingerprint, facts: Callable[[Stage], NetFacts]) -> Stage:
    learn = stage.trained
    _require_one_scan(stage)
    rule: Callable[..., Learn] = PARTS["plan"][learn.plan.name].load()
    return replace(stage, learn=rule(learn, fingerprint, facts(stage), **learn.plan.params))


def _require_one_scan(stage: Stage) -> None:
    """Refuse an earlier scan beside masks of a part, or beside candidates: neither is told of a scan of its own."""
    learn = stage.trained
    partial, judges = learn.train_on == "partial", learn.sampler.name == "candidates"
    if scans_seen(stage.reads) == 1 or not (partial or judges):
        return
    how = "on masks of a part" if partial else "on candidates"
    raise LymphoscopeError(
        "USE-E-VALUE",
        f"stage {stage.id} reads an earlier scan and is trained {how}, which knows of one scan only",
        fix=f"{'Use complete masks (train_on: labelled)' if partial else 'Sample patches'}, or let another stage read "
        "the earlier scan and this one its map.",
    )


def as_given(learn: Learn, fingerprint: Fingerprint, facts: NetFacts) -> Learn:
    """Take the numbers of the recipe as they are."""
    del fingerprint, facts
    return learn


def fit_data(learn: Learn, fingerprint: Fingerprint, facts: NetFacts) -> Learn:
    """Let no example be larger than the median image, and every side be one that the network takes.

    A spacing that the recipe leaves open is the median of the data, or so many times that; statistics that a scale
    takes from them are filled in.

    Args:
        learn: As the recipe says.
        fingerprint: Of the data.
        facts: Of the network.
    """
    learn = replace(learn, grid=_spaced(learn.grid, fingerprint))
    return replace(
        learn, sampler=_fitted(learn, fingerprint, facts), scale=measured(learn.scale, fingerprint), plan=AS_GIVEN
    )


def _spaced(grid: Use, fingerprint: Fingerprint) -> Use:
    """The grid with a spacing: where none is given the median of the data, or so many times that."""
    if grid.name != "spacing" or "mm" in grid.params:
        return grid
    times = grid.params.get("times", 1.0)
    return use("spacing", mm=tuple(round(times * mm, 3) for mm in fingerprint.median_spacing))


def _fitted(learn: Learn, fingerprint: Fingerprint, facts: NetFacts) -> Use:
    """The sampler with sides that fit."""
    sampler = learn.sampler
    if sampler.name not in _SIDE:
        return sampler
    shape = [median_shape(learn.grid, fingerprint)[axis] for axis in _axes(sampler)]
    given = sampler.params.get("size", _SIDE[sampler.name])
    sides = given if isinstance(given, tuple) else (given,) * len(shape)
    multiples = facts.multiple if len(facts.multiple) == len(shape) else facts.multiple * len(shape)
    wanted = (min(side, ceil(n)) + 2 * facts.context for side, n in zip(sides, shape, strict=True))
    size = tuple(ceil(n / m) * m - 2 * facts.context for n, m in zip(wanted, multiples, strict=True))
    return Use(sampler.name, {**sampler.params, "size": size})


def _axes(sampler: Use) -> tuple[int, ...]:
    """Axes of the image that an example has."""
    return tuple(axis for axis in range(3) if sampler.name != "slices" or axis != sampler.params.get("axis", 0))


def median_shape(grid: Use, fingerprint: Fingerprint) -> tuple[float, ...]:
    """Median size of the images along (z, y, x) where a stage works, voxels."""
    shapes: list[tuple[int, ...]] = [case.shape for case in fingerprint.cases]
    if grid.name == "spacing":
        shapes = [resampled_shape(case.shape, case.spacing, grid.params["mm"]) for case in fingerprint.cases]
    return tuple(float(n) for n in np.median(shapes, axis=0))


def measured(scale: Use, fingerprint: Fingerprint) -> Use:
    """A scale with the statistics it takes from the data; what the recipe states stays."""
    found = fingerprint.intensities.get("ct:hu")
    if scale.name != "nnunet" or found is None:
        return scale
    hu = {"hu_range": (found.low, found.high), "hu_mean": found.mean, "hu_sd": found.sd}
    return Use(scale.name, {**hu, **scale.params})
