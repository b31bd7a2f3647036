"""The words of a recipe: a published method as data.

A recipe is a frozen table entry. It names rules by the words of a shelf and never holds code, so that it can be
listed, compared, written as JSON and read back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from types import MappingProxyType
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name

STATUSES = ("verified", "reimplemented", "after")
"""``verified``: numbers checked against the authors' code or equations; ``reimplemented``: from the paper;
``after``: the paper is closed or silent on a point, and parts are ours."""

MAKES = ("mask", "map", "boxes", "scores", "risk")

PET = ("pet:suv",)
PET_CT = ("pet:suv", "ct:hu")

TARGETS = ("lesions", "outcome")
"""What a stage can be taught beside an image: the lesion mask of a case, or its outcome (with a name after a colon)."""

TRAIN_ON = ("labelled", "partial", "all", "lesion_free")
"""``labelled``: cases with a complete mask; ``partial``: complete or incomplete masks, and of a mask that is withheld a
part of the hottest lesion; ``all``: also cases without;
``lesion_free``: what lies outside every mask."""

_INPUT = re.compile(r"(pet:suv|ct:hu|hint:[a-z_]+)(@[1-9][0-9]*)?")
_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_NEEDS = re.compile(r"seeds|reference:[a-z_]+")


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, int, str, Use)) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(v, where) for v in value)
    raise LymphoscopeError("USE-E-VALUE", f"setting {where} is {value!r}, which a recipe cannot hold")


def _known(kind: str, word: str, words: Iterable[str]) -> None:
    choices = dict.fromkeys(words)
    if word not in choices:
        raise unknown_name(kind, word, choices)


def _require(true: bool, what: str) -> None:
    if not true:
        raise LymphoscopeError("USE-E-VALUE", what)


@dataclass(frozen=True)
class Use:
    """A name from a shelf with settings.

    Attributes:
        name: Name on the shelf.
        params: Settings: numbers, texts, truth values, None, tuples of these, or further uses.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the settings read-only and plain."""
        _require("use" not in self.params, f"{self.name}: a setting cannot be called 'use'")
        plain = {key: _plain(value, f"{self.name}.{key}") for key, value in sorted(self.params.items())}
        object.__setattr__(self, "params", MappingProxyType(plain))

    def __hash__(self) -> int:
        """Hash by name and settings."""
        return hash((self.name, tuple(self.params.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as name and plain settings."""
        return Use, (self.name, dict(self.params))


def use(name: str, /, **params: Any) -> Use:
    """Name something on a shelf, with settings that differ from its defaults."""
    return Use(name, params)


@dataclass(frozen=True)
class Learn:
    """How a stage is trained. Every word has a default, so an entry says only what differs.

    Attributes:
        net: Backbone, from the shelf of networks: images in, features of several levels out.
        heads: What is made of the features; each adds named outputs.
        loss: What is minimised; `sum` adds several.
        supervision: Who owns a training step, and with it any further network, teacher or memory.
        sampler: What a training example is: patches, slices, whole volumes, candidates.
        batch: Examples a step.
        scale: How voxels become numbers of order one.
        grid: Where the stage works: the grid of its first input, or a spacing.
        augment: What may happen to an example, in order.
        optimizer: What moves the weights.
        rate: How the learning rate runs over the training.
        steps: Training steps when neither steps nor minutes are asked for.
        infer: How a whole image is predicted.
        target: ``lesions``, ``outcome:NAME``, or an image to be made, such as ``pet:suv``.
        train_on: One of `TRAIN_ON`.
        plan: Rules that choose size, depth and batch from the data and the machine.
    """

    net: Use
    heads: tuple[Use, ...] = (Use("segment"),)
    loss: Use = Use("sum", {"terms": (Use("dice"), Use("ce"))})
    supervision: Use = Use("supervised")
    sampler: Use = Use("patches", {"size": 96, "positive": 0.5})
    batch: int = 2
    scale: Use = Use("windows", {"suv": (0.0, 30.0), "hu": (-150.0, 250.0)})
    grid: Use = Use("native")
    augment: tuple[Use, ...] = (Use("flip"), Use("affine"), Use("intensity"))
    optimizer: Use = Use("adamw", {"rate": 1e-3, "decay": 1e-5})
    rate: Use = Use("cosine", {"warm_up": 0.05})
    steps: int = 3000
    infer: Use = Use("sliding", {"overlap": 0.5})
    target: str = "lesions"
    train_on: str = "labelled"
    plan: Use = Use("fit_data")

    def __post_init__(self) -> None:
        """Refuse a target or a choice of cases that means nothing.

        Raises:
            LymphoscopeError: ``USE-E-NAME`` or ``USE-E-VALUE``.
        """
        _known("choice of training cases", self.train_on, TRAIN_ON)
        if not _INPUT.fullmatch(self.target):
            _known("training target", self.target.partition(":")[0], TARGETS)
        _require(self.batch >= 1 and self.steps >= 1, "batch and steps are at least 1")
        _require(bool(self.heads), "a network without a head makes nothing")

    @property
    def images(self) -> tuple[str, ...]:
        """Images that are to be made, such as ``pet:suv``; none where lesions or an outcome are taught."""
        return (self.target,) if _INPUT.fullmatch(self.target) else ()


@dataclass(frozen=True)
class Stage:
    """One step of a recipe: a rule that is applied, or a network that is trained.

    Attributes:
        id: Its name within the recipe; later stages read what it makes by this name.
        reads: Inputs: ``pet:suv``, ``ct:hu``, either with ``@1`` for an earlier scan, ``hint:…`` for a reader's mark,
            or the id of an earlier stage.
        rule: What it does, where nothing is learnt.
        makes: ``mask``, ``map``, ``boxes``, ``scores`` or ``risk``.
        learn: How it is trained, where something is.
    """

    id: str
    reads: tuple[str, ...]
    rule: Use | None = None
    makes: str = "mask"
    learn: Learn | None = None

    def __post_init__(self) -> None:
        """Refuse a stage that does two things or nothing.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        _require((self.rule is None) != (self.learn is None), f"stage {self.id!r} has one of rule and learn")

    @property
    def trained(self) -> Learn:
        """How it is trained.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` where it is a rule.
        """
        if self.learn is None:
            raise LymphoscopeError("USE-E-VALUE", f"stage {self.id!r} is a rule: nothing in it is trained")
        return self.learn


@dataclass(frozen=True)
class Recipe:
    """A published method.

    Attributes:
        id: Method id, as printed beside every number it makes.
        title: What it is, in a few words.
        stages: What is done, in order; the last gives the result.
        paper: Where it comes from.
        status: One of `STATUSES`.
        threshold: The criterion of a rule in words.
        default_use: What it is for.
        differs: How this differs from the paper, or what in it is ours; empty only where nothing does.
        licence: Licence of what was taken over from others; empty where nothing was.
        needs: What it cannot do without: ``seeds`` (lesion regions to start from), ``reference:liver`` or the like.
        post: What is done to the result.
    """

    id: str
    title: str
    stages: tuple[Stage, ...]
    paper: str
    status: str
    threshold: str = ""
    default_use: str = ""
    differs: str = ""
    licence: str = ""
    needs: tuple[str, ...] = ()
    post: tuple[Use, ...] = ()

    def __post_init__(self) -> None:
        """Refuse words that mean nothing.

        Raises:
            LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME``, saying where, with the nearest known words.
        """
        _require(bool(_ID.fullmatch(self.id)), f"recipe id {self.id!r} is not lower-case words, digits, dots or dashes")
        _require(bool(self.stages), f"recipe {self.id} has no stage")
        _known("status", self.status, STATUSES)
        _require(self.status != "after" or bool(self.differs), f"recipe {self.id} is {self.status!r}: say what differs")
        known: list[str] = []
        for stage in self.stages:
            _require(stage.id not in known, f"recipe {self.id} has two stages named {stage.id!r}")
            _known("result of a stage", stage.makes, MAKES)
            for source in stage.reads:
                if not _INPUT.fullmatch(source):
                    _known(f"input of stage {stage.id!r}", source, (*PET_CT, *known))
            known.append(stage.id)
        for need in self.needs:
            _require(bool(_NEEDS.fullmatch(need)), f"recipe {self.id} needs {need!r}, which nobody can supply")

    @property
    def reads(self) -> tuple[str, ...]:
        """Images and marks that it reads, those of its last stage first: on their grid the result is wanted."""
        own = {stage.id for stage in self.stages}
        every = (role for stage in reversed(self.stages) for role in stage.reads)
        return tuple(dict.fromkeys(role for role in every if role not in own))

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every rule it takes from the shelf, in order: of stages, then post."""
        rules = (stage.rule for stage in self.stages if stage.rule)
        return (*rules, *self.post)

    @property
    def learnt(self) -> tuple[Stage, ...]:
        """The stages that are trained, in order."""
        return tuple(stage for stage in self.stages if stage.learn)


def as_record(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON-able data; what equals the default is left out."""
    record: dict[str, Any] = _record(recipe)
    return record


def from_record(record: Mapping[str, Any]) -> Recipe:
    """A recipe from JSON data.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown word, with the nearest; ``USE-E-VALUE`` for a missing one.
    """
    given = dict(record)
    if "stages" in given:
        given["stages"] = tuple(_stage(stage) for stage in _list(given["stages"], "stages"))
    if "post" in given:
        given["post"] = tuple(_use(step) for step in _list(given["post"], "post"))
    if "needs" in given:
        given["needs"] = tuple(map(str, _list(given["needs"], "needs")))
    recipe: Recipe = _made(Recipe, given, f"recipe {given.get('id', '')}".strip())
    return recipe


def to_json(recipe: Recipe) -> str:
    """A recipe as JSON text with sorted keys: equal recipes give equal text."""
    return json.dumps(as_record(recipe), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> Recipe:
    """A recipe from JSON text.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when the text is not JSON or lacks a word, ``USE-E-NAME`` for an unknown one.
    """
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise LymphoscopeError("USE-E-VALUE", f"the recipe is not JSON (line {error.lineno}: {error.msg})") from None
    _require(isinstance(record, dict), "the recipe is not a JSON object")
    return from_record(record)


def _record(value: Any) -> Any:
    if isinstance(value, Use):
        return {"use": value.name, **{key: _record(v) for key, v in value.params.items()}}
    if isinstance(value, (Recipe, Stage, Learn)):
        found = {f.name: getattr(value, f.name) for f in fields(value)}
        defaults = {f.name: f.default for f in fields(value)}
        return {key: _record(v) for key, v in found.items() if v != defaults[key]}
    if isinstance(value, tuple):
        return [_record(v) for v in value]
    return value


def _stage(record: Any) -> Stage:
    _require(isinstance(record, Mapping), "a stage is not an object")
    given = dict(record)
    if given.get("rule") is not None:
        given["rule"] = _use(given["rule"])
    if given.get("learn") is not None:
        given["learn"] = _learn(given["learn"])
    if "reads" in given:
        given["reads"] = tuple(map(str, _list(given["reads"], "reads")))
    stage: Stage = _made(Stage, given, f"stage {given.get('id', '')}".strip())
    return stage


def _learn(record: Any) -> Learn:
    _require(isinstance(record, Mapping), "learn is not an object")
    given = {word: _read(value) for word, value in record.items()}
    learn: Learn = _made(Learn, given, "learn")
    return learn


def _list(value: Any, where: str) -> list[Any]:
    _require(isinstance(value, list), f"{where} is not a list")
    return list(value)


def _use(record: Any) -> Use:
    _require(isinstance(record, Mapping) and isinstance(record.get("use"), str), 'a rule is not an object with "use"')
    return Use(record["use"], {key: _read(value) for key, value in record.items() if key != "use"})


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _use(value)
    return tuple(_read(v) for v in value) if isinstance(value, list) else value


def _made(kind: Any, given: Mapping[str, Any], where: str) -> Any:
    words = {f.name: f for f in fields(kind)}
    for word in given:
        if word not in words:
            raise unknown_name(f"word of a {kind.__name__.lower()}", word, words)
    try:
        return kind(**given)
    except TypeError:
        missing = ", ".join(name for name in words if name not in given)
        raise LymphoscopeError("USE-E-VALUE", f"{where} lacks words; not given: {missing}") from None
