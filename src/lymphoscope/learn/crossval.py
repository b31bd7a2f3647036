"""Training of a recipe: stage after stage in every fold, with out-of-fold maps for the stages that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.learn.abreast import train_abreast
from lymphoscope.learn.fold import Part, Terms, join_fold, train_fold, volumes_of
from lymphoscope.learn.foretelling import gather
from lymphoscope.learn.outcomes import targets_of
from lymphoscope.learn.prepare import Prepared, inputs, places, store, truths, wanted
from lymphoscope.learn.run import Run
from lymphoscope.recipes.planning import Plan
from lymphoscope.recipes.spec import Recipe, Stage


@dataclass(frozen=True)
class Wish:
    """What a user wants of a training.

    Attributes:
        terms: Budget and machine of each network.
        folds: Which folds; None for all.
        at_once: Folds that are trained side by side, each in a process of its own.
    """

    terms: Terms
    folds: tuple[int, ...] | None = None
    at_once: int = 1


def train(plan: Plan, data: DataSet, run: Run, wish: Wish, progress: Progress = silent) -> None:
    """Train a planned recipe in all folds that are wanted; what is finished already is not done again.

    Args:
        plan: Recipe, data, folds, with all numbers.
        data: The cases.
        run: Where everything goes.
        wish: Folds, budget, machine.
        progress: Hears of the work.
    """
    run.keep_plan(plan)
    folds = tuple(range(len(plan.folds))) if wish.folds is None else wish.folds
    teaching = _teaching(plan.recipe)
    for stage in plan.recipe.stages:
        # what a later stage learns from must have spoken of every case
        parts = [Part(stage, fold) for fold in (range(len(plan.folds)) if stage.id in teaching else folds)]
        if stage.learn is None:
            for part in parts:
                join_fold(plan, data, run, part)
        else:
            _prepare(plan, data, run, stage, progress)
            _train_folds(plan, data, run, parts, wish, progress)
    gather(plan, run)


def _teaching(recipe: Recipe) -> set[str]:
    """Stages whose maps a later one learns from, by itself or through a rule."""
    found: set[str] = set()
    for stage in reversed(recipe.stages):
        if stage.learn is not None or stage.id in found:
            found.update(stage.reads)
    return found


def _train_folds(plan: Plan, data: DataSet, run: Run, parts: Sequence[Part], wish: Wish, progress: Progress) -> None:
    if wish.at_once > 1 and len(parts) > 1:
        train_abreast(data, run, parts, wish.terms, wish.at_once, progress)
        return
    for part in parts:
        train_fold(plan, data, run, part, wish.terms, progress)


def _prepare(plan: Plan, data: DataSet, run: Run, stage: Stage, progress: Progress) -> None:
    folder = run.prepared(stage.id)
    for number, entry in enumerate(data.cases):
        progress("preparing", number, len(data.cases))
        if (folder / f"{entry.id}.json").exists():
            continue
        volumes, labels = volumes_of(plan, data, run, entry, stage)
        images, grid = inputs(stage, volumes)
        marked = truths(labels, grid)
        lesions = () if marked is None else places(marked)
        targets = targets_of(entry, plan.endpoint)
        shown = np.concatenate([images, wanted(stage, volumes, grid)])
        made = stage.trained.images
        store(Prepared(entry.id, entry.patient, shown, marked, lesions, grid, targets, made), folder)
    progress("preparing", len(data.cases), len(data.cases))
