"""The verb `predict`: a trained run, or a rule, applied to the cases of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lymphoscope.app.models.store import Store
from lymphoscope.app.segment import segment
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.boxes import ScoredBoxes, write_boxes
from lymphoscope.io.dataset.cases import DataSet, Entry, Sample
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import write_nifti
from lymphoscope.learn.foretelling import Told, read_told, write_told
from lymphoscope.learn.model import open_model
from lymphoscope.learn.predict import Predicted
from lymphoscope.learn.run import Run
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.spec import Recipe

if TYPE_CHECKING:
    from lymphoscope.learn.foreign.predictor import ForeignPrediction


@dataclass(frozen=True)
class Wanted:
    """What is written of each case, and how it is made.

    Attributes:
        folds: Folds that speak; None for all.
        engine: ``openvino`` or ``torch``.
        part: ``training`` (imagesTr), ``held-out`` (imagesTs), or ``all``.
        probability: Write the probability of a lesion too.
        entropy: Write the entropy of the classes too, bits.
        further: Write what else the networks tell, such as the ignorance of evidential ones.
        force: Make again what is there.
        budget: How much of a stored model is computed; ``standard`` when None.
        store: Where models are kept.
        device: ``cpu`` or ``cuda``, which computes by torch.
    """

    folds: tuple[int, ...] | None = None
    engine: str = "openvino"
    part: str = "all"
    probability: bool = False
    entropy: bool = False
    further: bool = False
    force: bool = False
    budget: str | None = None
    store: Path = Path()
    device: str = "cpu"

    @property
    def runs_on(self) -> str:
        """By what networks compute, for the record."""
        return self.engine if self.device == "cpu" else f"torch, {self.device}"


@dataclass(frozen=True)
class Drawn:
    """What was made of a case.

    Attributes:
        images: By name; ``labels`` among them where lesions were drawn.
        risks: What was foretold of the patient, by name.
        boxes: What was found, box by box; None of what does not speak of boxes.
    """

    images: Mapping[str, Volume]
    risks: Mapping[str, float] = field(default_factory=dict)
    boxes: ScoredBoxes | None = None


@dataclass(frozen=True)
class Drawer:
    """What draws lesions, foretells an outcome, or both: a trained run, a stored model, or a rule.

    Attributes:
        about: What it is, for the record.
        reads: Images it needs, by role.
        draw: Images to what is written.
        draws: Whether it draws lesions.
        foretells: Whether it foretells an outcome.
    """

    about: Mapping[str, Any]
    reads: tuple[str, ...]
    draw: Callable[[Mapping[str, Volume]], Drawn]
    draws: bool = True
    foretells: bool = False


def predict(source: Path, data_path: Path, out: Path, wanted: Wanted, progress: Progress = silent) -> dict[str, Any]:
    """Draw the lesions of every case of a data set.

    A case that is there already is not made again, so that a killed prediction goes on.

    Args:
        source: Folder that `train` made, name of a stored model, or id of a recipe in which nothing is trained.
        data_path: The data set.
        out: Folder of label maps ``CASE.nii.gz``; further maps lie in folders beside them, boxes as ``boxes/CASE.csv``,
            risks in ``risk.csv``.
        wanted: What is written.
        progress: Hears of every case.

    Returns:
        What was made: recipe, networks, engine, number of cases.

    Raises:
        LymphoscopeError: Those of opening the run and of reading the data.
    """
    drawer = drawer_of(source, wanted)
    data = open_dataset(data_path).looking_back(drawer.reads)
    cases, table = _cases(data, wanted.part), out / "risk.csv"
    told = {row.case: row for row in read_told(table)} if drawer.foretells and table.exists() else {}

    def there(entry: Entry) -> bool:
        drawn = (out / f"{entry.id}.nii.gz").exists() or not drawer.draws
        return drawn and (entry.id in told or not drawer.foretells) and not wanted.force

    missing = [entry for entry in cases if not there(entry)]
    done = len(cases) - len(missing)
    for number, (entry, volumes) in enumerate(_read_ahead(data, missing, drawer.reads), start=done):
        progress("predicting", number, len(cases))
        mask = out / f"{entry.id}.nii.gz"
        made = drawer.draw(volumes)
        for name, image in made.images.items():
            if name != "labels":
                _write(out / name / mask.name, image)
        if made.boxes is not None:
            write_boxes(out / "boxes" / f"{entry.id}.csv", made.boxes)
        if drawer.foretells:
            told[entry.id] = Told(entry.id, entry.patient, None, None, None, dict(made.risks))
            write_told(table, list(told.values()))
        if drawer.draws:
            _write(mask, made.images["labels"])
    progress("predicting", len(cases), len(cases))
    return {**drawer.about, "cases": len(cases)}


def _read_ahead(
    data: DataSet, entries: Sequence[Entry], reads: Sequence[str]
) -> Iterator[tuple[Entry, Mapping[str, Volume]]]:
    """Images of each case; the next is read and unpacked while one is drawn, so that two are held at most."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Sample] | None = None
        for entry, following in zip_longest(entries, entries[1:]):
            case = (waiting or pool.submit(data.read, entry, reads)).result()
            waiting = None if following is None else pool.submit(data.read, following, reads)
            yield entry, case.volumes


def drawer_of(source: Path, wanted: Wanted) -> Drawer:
    """What draws lesions: a folder is a run; a name is a stored model or a rule.

    Raises:
        LymphoscopeError: Those of opening it, ``USE-E-VALUE`` for a budget of something that is no stored model.
    """
    named = not source.exists() and source.name == str(source)
    if named and source.name in Store(wanted.store).names():
        return by_model(source.name, wanted)
    if wanted.budget is not None:
        raise LymphoscopeError(
            "USE-E-VALUE", "a budget is of a stored model: see `lymphoscope models list`", "--budget"
        )
    return by_rule(METHODS[source.name], wanted) if named and source.name in METHODS else by_run(Run(source), wanted)


def by_model(name: str, wanted: Wanted) -> Drawer:
    """A stored model.

    Raises:
        LymphoscopeError: ``MODEL-E-STORED`` when it is damaged, ``USE-E-NAME`` for an unknown budget, ``USE-E-VALUE``
            for folds or an engine, which are chosen by the budget, and for further maps, which there are none of.
    """
    from lymphoscope.learn.foreign.predictor import predict as predict_foreign  # noqa: PLC0415 - slow to load
    from lymphoscope.learn.foreign.stored import budget_named, open_stored  # noqa: PLC0415

    if wanted.folds is not None or wanted.engine != "openvino":
        raise LymphoscopeError("USE-E-VALUE", "of a stored model --budget chooses folds and arithmetic", "--budget")
    if wanted.further:
        raise LymphoscopeError("USE-E-VALUE", "a stored model tells probabilities and nothing further", "--further")
    word = wanted.budget or "standard"
    budget = budget_named(word)
    model = open_stored(Store(wanted.store).folder(name), budget, wanted.device)

    def draw(volumes: Mapping[str, Volume]) -> Drawn:
        found = predict_foreign(model, volumes, budget.effort)
        return Drawn(_maps(found, wanted))

    about = {"model": name, "networks": len(model.members), "engine": wanted.runs_on, "budget": word}
    return Drawer(about, model.reads, draw)


def by_run(run: Run, wanted: Wanted) -> Drawer:
    """The networks of a run, voting.

    Raises:
        LymphoscopeError: Those of `open_model`; ``USE-E-VALUE`` for further maps of networks that tell nothing further.
    """
    model = open_model(run, wanted.folds, wanted.engine, wanted.device)
    if wanted.further and not model.tells:
        what = f"networks of {model.plan.recipe.id} tell probabilities and nothing further"
        raise LymphoscopeError("USE-E-VALUE", what, "--further")

    draws = model.stages[-1][0].makes != "risk"

    def draw(volumes: Mapping[str, Volume]) -> Drawn:
        found = model.predict(volumes)
        maps = _maps(found, wanted) if draws else {}
        return Drawn({**maps, **(found.maps if wanted.further else {})}, found.risks, found.boxes)

    about = {
        "recipe": model.plan.recipe.id,
        "plan": model.plan.digest,
        "networks": sum(len(members) for _, members in model.stages),
        "engine": wanted.runs_on,
        **({"outcome": model.plan.endpoint.name} if model.plan.endpoint else {}),
    }
    return Drawer(about, model.reads, draw, draws, model.foretells)


def by_rule(recipe: Recipe, wanted: Wanted) -> Drawer:
    """A rule, as `lymphoscope run` applies it: physiological uptake is taken out first.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when a map is asked for that a rule does not make.
    """
    if wanted.probability or wanted.entropy or wanted.further:
        raise LymphoscopeError("USE-E-VALUE", f"{recipe.id} is a rule: it gives a mask and no probability")

    def draw(volumes: Mapping[str, Volume]) -> Drawn:
        lesions = segment(Study({"pet": volumes["pet:suv"]}), recipe.id, second_look=False).lesions
        return Drawn({"labels": Volume((lesions.labels > 0).astype(np.uint8), lesions.geometry, Unit.LABEL)})

    return Drawer({"recipe": recipe.id, "networks": 0, "engine": "rule"}, ("pet:suv",), draw)


def _maps(found: Predicted | ForeignPrediction, wanted: Wanted) -> dict[str, Volume]:
    """What every network tells and is wanted."""
    made = {"labels": found.labels}
    if wanted.probability:
        made["probability"] = found.lesion
    if wanted.entropy:
        made["entropy"] = found.entropy
    return made


def _cases(data: DataSet, part: str) -> tuple[Entry, ...]:
    parts = {"training": data.cases, "held-out": data.held_out, "all": (*data.cases, *data.held_out)}
    if part not in parts:
        raise LymphoscopeError("USE-E-VALUE", f"a part is one of {', '.join(parts)}", "--part")
    if not parts[part]:
        raise LymphoscopeError("DATA-E-EMPTY", f"there is no case in the part {part!r}")
    return parts[part]


def _write(path: Path, image: Volume) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = image.array.astype(np.uint8 if image.unit is Unit.LABEL else np.float32)
    new = path.with_name(f".{path.name.removesuffix('.nii.gz')}.new.nii.gz")
    write_nifti(new, Volume(array, image.geometry, image.unit))
    new.replace(path)
