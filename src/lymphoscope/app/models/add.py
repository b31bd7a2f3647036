"""The verb `models add`: a model of nnU-Net v2 read safely, understood, exported, and kept with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.models.known import Known, known
from lymphoscope.app.models.source import Fetching, checkpoints, is_model, model_folder
from lymphoscope.app.models.store import BUNDLED, CARD, Store, holding, keep, require_name
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.registry import unknown_name
from lymphoscope.io.atomic import writing
from lymphoscope.io.case import canonical_json
from lymphoscope.learn.foreign.meaning import lesions_of, roles_of
from lymphoscope.learn.foreign.plans import PREVIOUS, ForeignPlan, foreign_plan, read_json

_UNKNOWN = "not stated"


@dataclass(frozen=True)
class Wish:
    """What a person says of a model that is added.

    Attributes:
        name: Its name in the store; that of the known model or the file when empty.
        known_as: A model of `known`, whose facts and hash hold for the file that is given.
        channels: What it reads, such as ``ct,pet``; from its own words when empty.
        lesion: Names of the labels that are lesions; from its own words when empty.
        licence: Of the weights, where it is not known.
        training_data: What it was trained on, where it is not known.
        citation: What to cite, where it is not known.
        force: Replace a model of that name.
    """

    name: str = ""
    known_as: str = ""
    channels: str = ""
    lesion: str = ""
    licence: str = ""
    training_data: str = ""
    citation: str = ""
    force: bool = False


def add(source: str, store: Store, wish: Wish, fetching: Fetching, progress: Progress = silent) -> dict[str, Any]:
    """Add a model.

    Args:
        source: A folder, a zip, an address, or the name of a known model, which is fetched.
        store: Where it is kept.
        wish: What is said of it.
        fetching: How an archive is fetched.
        progress: Hears of the work.

    Returns:
        Its card.

    Raises:
        LymphoscopeError: ``MODEL-E-*`` when it cannot be used, ``USE-E-EXTRA`` without torch, ``USE-E-OUTPUT`` when
            there is one of that name, ``RUN-E-EXPORT`` when its export differs.
    """
    _require_torch()
    facts: Known | None = None
    public = known()
    label = wish.known_as or (source if source in public and not Path(source).exists() else "")
    if label:
        if label not in public:
            raise unknown_name("public model", label, public)
        facts = public[label]
    place = facts.url if facts and not wish.known_as else source
    name = require_name(wish.name or label or _plain_name(source))
    if name in store.names() and not wish.force:
        raise LymphoscopeError("USE-E-OUTPUT", f"there is a model named {name}", fix="Give --name, or --force.")
    fetching = Fetching(fetching.agree, facts.md5 if facts else "", store.path)
    with model_folder(place, fetching, progress) as folder:
        return keep(store, name, _Conversion(_Origin(folder, place, name, facts), wish, progress), wish.force)


@dataclass(frozen=True)
class _Origin:
    """A model folder of nnU-Net, where it came from, what it is to be called, and what is known of it."""

    folder: Path
    place: str
    name: str
    facts: Known | None


class _Conversion:
    """A model folder of nnU-Net made into one of ours."""

    def __init__(self, origin: _Origin, wish: Wish, progress: Progress) -> None:
        self._folder, self._place, self._name, self._facts = origin.folder, origin.place, origin.name, origin.facts
        self._wish, self._progress = wish, progress

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write networks and plans, and say what the model is."""
        plan, card = self._converted(self._folder, folder)
        if plan.previous:
            first, own = self._converted(before(self._folder, plan), folder / PREVIOUS)
            if first.configuration != plan.previous or first.labels != plan.labels or first.previous:
                what = f"{first.configuration} beside it is not the {plan.previous} that it reads"
                raise LymphoscopeError("MODEL-E-FOLDER", what, where=self._folder.name)
            with writing():
                (folder / PREVIOUS / CARD).write_bytes(canonical_json(own))
            card["previous"] = plan.previous
        return {
            "name": self._name,
            **_said(self._wish, self._facts),
            "source": self._place if "://" in self._place else Path(self._place).name,
            **card,
            "added": datetime.now().astimezone().isoformat(timespec="seconds"),
            "lymphoscope": __version__,
        }

    def _converted(self, source: Path, folder: Path) -> tuple[ForeignPlan, dict[str, Any]]:
        """Networks and plans of one configuration; its plan, and what prediction needs to know."""
        from lymphoscope.learn.foreign.checkpoint import read_checkpoint  # noqa: PLC0415 - needs torch
        from lymphoscope.learn.foreign.convert import export, network_with  # noqa: PLC0415

        plans, dataset = (read_json(source / name) for name in ("plans.json", "dataset.json"))
        paths, seen = list(checkpoints(source)), set()
        digests, differences = {}, []
        for number, path in enumerate(paths):
            self._progress("converting", number, len(paths))
            held = read_checkpoint(path)
            seen.add((held.configuration, held.mirror))
            if len(seen) > 1:
                raise LymphoscopeError(
                    "MODEL-E-FOLDER", "folds are of different configurations", where=path.parent.name
                )
            plan = foreign_plan(plans, dataset, held.configuration)
            with writing():
                (folder / path.parent.name).mkdir(parents=True)
            differences.append(export(plan, network_with(plan, held.weights), folder / path.parent.name / "model.xml"))
            with path.open("rb") as file:
                digests[f"{path.parent.name}/{path.name}"] = file_digest(file, "sha256").hexdigest()
        self._progress("converting", len(paths), len(paths))
        with writing():
            for name in ("plans.json", "dataset.json"):
                (folder / name).write_bytes((source / name).read_bytes())
        channels = self._wish.channels or (self._facts.channels if self._facts else "")
        return plan, {
            "configuration": plan.configuration,
            "trainer": held.trainer,
            "folds": [path.parent.name.removeprefix("fold_") for path in paths],
            "roles": roles_of(plan, channels),
            "lesion": [plan.labels.names[n] for n in lesions_of(plan, self._wish.lesion)],
            "mirror": held.mirror,
            "checkpoints": digests,
            "largest_difference_of_export": max(differences),
        }


def before(folder: Path, plan: ForeignPlan) -> Path:
    """The folder of the model whose labels another reads: beside it, as nnU-Net leaves it.

    Raises:
        LymphoscopeError: ``MODEL-E-FOLDER`` when it is not there.
    """
    start, _, last = folder.name.rpartition("__")
    found = folder.with_name(f"{start}__{plan.previous}")
    if last == plan.configuration and is_model(found):
        return found
    what = f"{plan.configuration} reads what {plan.previous} says, whose folder does not lie beside it"
    raise LymphoscopeError("MODEL-E-FOLDER", what, fix="Give the folder among nnU-Net's results.")


def _said(wish: Wish, facts: Known | None) -> dict[str, str]:
    return {
        "title": facts.title if facts else "",
        "licence": wish.licence or (facts.licence if facts else _UNKNOWN),
        "training_data": wish.training_data or (facts.training_data if facts else _UNKNOWN),
        "citation": wish.citation or (facts.citation if facts else _UNKNOWN),
        "page": facts.page if facts else "",
        "note": facts.note if facts else "",
    }


def _plain_name(source: str) -> str:
    last = source.rstrip("/").replace("\\", "/").rpartition("/")[2].removesuffix(".zip").lower()
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in last).strip("-._")


def _require_torch() -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("torch") is None or find_spec("monai") is None:
        what = "weights are converted by torch, which is not installed"
        raise LymphoscopeError("USE-E-EXTRA", what, fix="Install the extra train, add the model, and copy the store.")


def told(store: Store, name: str) -> Mapping[str, Any]:
    """All that is known of a model, kept, bundled or public.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for a name nobody knows.
    """
    held = holding(store, name)
    return vars(known()[name]) if name in known() and name not in held.names() else held.card(name)


def listed(store: Store) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Models in the store, the one that comes with the program, and public ones that are not in the store."""
    there = store.names()
    kept = [{"name": name, **store.card(name)} for name in there]
    own = [{"name": name, **BUNDLED.card(name)} for name in BUNDLED.names()]
    others = [{"name": name, **vars(facts)} for name, facts in known().items() if name not in there]
    return {"models": kept, "bundled": own, "public": others}
