"""One stage of a recipe in one fold: trained, exported, and asked about the cases it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lymphoscope.core.progress import Progress
from lymphoscope.core.volume import Volume
from lymphoscope.io.boxes import write_boxes
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.io.nifti import read_nifti, write_nifti
from lymphoscope.learn.account import curves, figures
from lymphoscope.learn.build import network_of
from lymphoscope.learn.checkpoint import load_weights, save_weights
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.foretelling import tell, write_told
from lymphoscope.learn.lesion_free import outside
from lymphoscope.learn.outcomes import taught
from lymphoscope.learn.partial import weakened
from lymphoscope.learn.parts import made
from lymphoscope.learn.predict import Member, Predicted, joined, predict_stage, refined, unit_of
from lymphoscope.learn.prepare import Prepared, channels, load
from lymphoscope.learn.run import Run, exported, weights, write_json
from lymphoscope.learn.torch_engine import by_torch, export
from lymphoscope.nets.network import Network
from lymphoscope.recipes.endpoint import foretold
from lymphoscope.recipes.planning import Fold, Plan
from lymphoscope.recipes.spec import Stage


@dataclass(frozen=True)
class Part:
    """What is trained.

    Attributes:
        stage: Of the recipe.
        fold: Its number.
    """

    stage: Stage
    fold: int


@dataclass(frozen=True)
class Terms:
    """How it is trained.

    Attributes:
        budget: How long each network.
        machine: On what.
    """

    budget: Budget
    machine: Machine


def train_fold(plan: Plan, data: DataSet, run: Run, part: Part, terms: Terms, progress: Progress) -> None:
    """Train a network, export it, and predict the cases that it has not seen; what is done already stays.

    Args:
        plan: Recipe, data, folds, with all numbers.
        data: The cases.
        run: Where everything goes; its cases are prepared.
        part: Stage and fold.
        terms: Budget and machine.
        progress: Hears of every step.
    """
    folder = run.stage(part.fold, part.stage.id)
    progress = _named(progress, part)
    if not weights(folder).exists():
        net = fit(_task(plan, run, part, terms), terms.machine, progress)
        save_weights(net, weights(folder))
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        write_json(folder / "account.json", {**figures(folder / "log.csv"), "precision": terms.machine.precision})
        curves(folder / "log.csv", folder / "curves.png")
    net = trained(plan, run, part.stage, part.fold)
    if not exported(folder).exists():
        _export(plan, part.stage, net, folder)
    member = Member(by_torch(net), net.backbone.context, net.tells)
    if foretold(part.stage.trained) and not run.told(part.fold, part.stage.id).exists():
        _foretell(plan, run, part, member)
    _predict_validation(plan, data, run, part, partial(predict_stage, part.stage, [member]))


def join_fold(plan: Plan, data: DataSet, run: Run, part: Part) -> None:
    """Apply a rule to the maps that the networks of a fold made of the cases they have not seen."""
    _predict_validation(plan, data, run, part, partial(joined, part.stage))


def _task(plan: Plan, run: Run, part: Part, terms: Terms) -> Task:
    learn = part.stage.trained
    fold = plan.folds[part.fold]
    cases = [_shown(case, fold, learn.train_on) for case in load(run.prepared(part.stage.id), fold.train)]
    if learn.train_on != "all":
        cases = [case for case in cases if case.labels is not None]
    learn, cases = taught(learn, cases, plan.endpoint)
    budget = terms.budget if terms.budget.seconds or terms.budget.steps else Budget(learn.steps)
    return Task(
        learn, cases, len(plan.labels), plan.seed * 1000 + part.fold, budget, run.stage(part.fold, part.stage.id)
    )


def _shown(case: Prepared, fold: Fold, train_on: str) -> Prepared:
    """A case as the training may see it: of a mask that is withheld nothing, or a part; or what lies outside it."""
    if case.id not in fold.withheld:
        return outside(case) if train_on == "lesion_free" else case
    return weakened(case) if train_on == "partial" else replace(case, labels=None, lesions=())


def _export(plan: Plan, stage: Stage, net: Network, folder: Path) -> None:
    sampler = made("sampler", stage.trained.sampler)
    context = net.backbone.context
    difference = export(net, channels(stage), [n + 2 * context for n in sampler.view.size], exported(folder))
    write_json(folder / "network.json", {"context": context, "tells": net.tells, "export_differs_by": difference})


def trained(plan: Plan, run: Run, stage: Stage, fold: int) -> Network:
    """A network with its weights, from a run folder.

    Raises:
        LymphoscopeError: ``RUN-E-WEIGHTS``.
    """
    net = network_of(stage, plan.labels)
    load_weights(net, weights(run.stage(fold, stage.id)))
    return net.eval()


def volumes_of(
    plan: Plan, data: DataSet, run: Run, entry: Entry, stage: Stage
) -> tuple[Mapping[str, Volume], tuple[Volume | None, ...]]:
    """What a stage reads of a case and is to make: images of the data set, maps of earlier stages, each scan's mask."""
    earlier = {other.id: other for other in plan.recipe.stages}
    roles = (*stage.reads, *(stage.learn.images if stage.learn else ()))
    sample = data.read(entry, [role for role in dict.fromkeys(roles) if role not in earlier])
    maps = {
        role: read_nifti(run.maps(role) / f"{entry.id}.nii.gz", unit_of(earlier[role]))
        for role in stage.reads
        if role in earlier
    }
    return {**sample.volumes, **maps}, (sample.labels, *sample.earlier)


def _foretell(plan: Plan, run: Run, part: Part, member: Member) -> None:
    fold, prepared = plan.folds[part.fold], run.prepared(part.stage.id)
    unseen = tell(part.stage, member, load(prepared, fold.val), part.fold, seen=False)
    seen = tell(part.stage, member, load(prepared, fold.train), part.fold, seen=True)
    write_told(run.told(part.fold, part.stage.id), [*unseen, *seen])


def _predict_validation(
    plan: Plan, data: DataSet, run: Run, part: Part, predict: Callable[[Mapping[str, Volume]], Predicted]
) -> None:
    last = part.stage is plan.recipe.stages[-1]
    if part.stage.makes == "risk":
        return
    for case in plan.folds[part.fold].val:
        out = run.maps(part.stage.id) / f"{case}.nii.gz"
        mask = run.validation / f"{case}.nii.gz"
        if out.exists() and (mask.exists() or not last):
            continue
        volumes, _ = volumes_of(plan, data, run, data[case], part.stage)
        predicted = predict(volumes)
        if last:
            predicted = refined(predicted, plan.recipe.post, volumes)
        wanted = [(out, predicted.map), *([(mask, predicted.labels)] if last else [])]
        wanted += [(run.maps(f"{part.stage.id}-{name}") / out.name, image) for name, image in predicted.maps.items()]
        if predicted.boxes is not None:
            write_boxes(run.boxes(part.stage.id) / f"{case}.csv", predicted.boxes)
        for path, image in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(path, image)


def _named(progress: Progress, part: Part) -> Progress:
    return lambda step, done, total: progress(f"{step} {part.stage.id}, fold {part.fold}", done, total)
