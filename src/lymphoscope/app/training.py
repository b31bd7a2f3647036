"""The verbs `train` and `predict`: from names and paths to a run folder, and from a run folder to masks."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope import __version__
from lymphoscope.app.stages import errors
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress
from lymphoscope.core.units import Unit
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.device import DEVICES, require_device
from lymphoscope.learn.foretelling import read_told
from lymphoscope.learn.outcomes import counts
from lymphoscope.learn.run import Run, write_json
from lymphoscope.recipes.endpoint import endpoint
from lymphoscope.recipes.planning import Plan
from lymphoscope.recipes.spec import Recipe

PRECISIONS = ("fp32", "bf16", "fp16")
_ACCELERATE = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True)
class Training:
    """What a user asks of a training.

    Attributes:
        folds: Numbers of the folds; None for all.
        steps: Steps of each network; None for the recipe's own.
        minutes: Minutes of each network instead of steps.
        seed: Of all chance.
        by: Outcome whose values are spread evenly over the folds.
        outcome: What is foretold, as `lymphoscope.recipes.endpoint.endpoint` reads it; empty where nothing is.
        labelled: Share of the training patients whose masks are used.
        device: One of `DEVICES`.
        precision: One of `PRECISIONS`.
        at_once: Folds trained side by side, each with its share of the threads.
        threads: Of the processor.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME`` for a setting that cannot be.
    """

    folds: tuple[int, ...] | None = None
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    by: str = ""
    outcome: str = ""
    labelled: float = 1.0
    device: str = "cpu"
    precision: str = "fp32"
    at_once: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.steps is not None and self.minutes is not None:
            raise LymphoscopeError("USE-E-VALUE", "a training takes so many steps or so many minutes, not both")
        if (self.steps is not None and self.steps < 1) or (self.minutes is not None and self.minutes <= 0):
            raise LymphoscopeError("USE-E-VALUE", "a training takes at least one step and some time")
        if not 1 <= self.at_once <= 64:
            raise LymphoscopeError("USE-E-VALUE", "1 to 64 folds are trained at once", "--at-once")
        for word, value, choices in (("device", self.device, DEVICES), ("precision", self.precision, PRECISIONS)):
            if value not in choices:
                raise LymphoscopeError("USE-E-VALUE", f"{word} is one of {', '.join(choices)}", f"--{word}")


def numbers(text: str | None) -> tuple[int, ...] | None:
    """Fold numbers from ``0,2``; None for none given.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if text is None:
        return None
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise LymphoscopeError("USE-E-VALUE", "folds are numbers with commas, such as 0,1", "--folds") from None


def train(recipe: Recipe, data_path: Path, out: Path, wanted: Training, progress: Progress) -> dict[str, Any]:
    """Train a recipe on a data set.

    Args:
        recipe: What is trained.
        data_path: The data set.
        out: The run folder; one of the same plan is gone on with.
        wanted: Folds, budget, machine.
        progress: Hears of the work.

    Returns:
        The card of the run.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for a rule; ``USE-E-EXTRA`` without torch; ``RUN-E-OTHER`` when the folder
            holds another run; those of `require_device` and of reading the data.
    """
    if not recipe.learnt:
        fix = f"lymphoscope predict {recipe.id} {data_path.name} -o MASKS"
        raise LymphoscopeError("USE-E-VALUE", f"nothing in {recipe.id} is trained: it can be used at once", fix=fix)
    _require_torch()
    require_device(wanted.device)
    import torch  # noqa: PLC0415 - an extra, and slow to load

    from lymphoscope.learn import crossval  # noqa: PLC0415
    from lymphoscope.learn.fit import Budget, Machine  # noqa: PLC0415
    from lymphoscope.learn.fold import Terms  # noqa: PLC0415
    from lymphoscope.learn.planned import Division, images, planned  # noqa: PLC0415

    torch.set_num_threads(wanted.threads)
    notes = Notes()
    data, run = open_dataset(data_path).looking_back(images(recipe)), Run(out)
    foretold = endpoint(wanted.outcome) if wanted.outcome else None
    if run.plan_file.exists():
        plan = run.plan()
    else:
        division = Division(by=wanted.by, labelled=wanted.labelled, endpoint=foretold)
        plan = planned(recipe, data, division, wanted.seed, progress, notes)
    run.require(plan, recipe, data, wanted.seed, wanted.labelled)
    if plan.endpoint != foretold:
        raise LymphoscopeError("RUN-E-OTHER", "the folder holds a run of another outcome", where=out.name)
    folds = wanted.folds or tuple(range(len(plan.folds)))
    if max(folds) >= len(plan.folds) or min(folds) < 0:
        raise LymphoscopeError("USE-E-VALUE", f"there are folds 0 to {len(plan.folds) - 1}", "--folds")
    budget = Budget(wanted.steps, None if wanted.minutes is None else wanted.minutes * 60.0)
    machine = Machine(wanted.device, _ACCELERATE[wanted.precision])
    crossval.train(plan, data, run, crossval.Wish(Terms(budget, machine), folds, wanted.at_once), progress)
    card = _card(plan, data, run)
    write_json(run.card_file, card)
    return card


def _require_torch() -> None:
    try:
        import accelerate  # noqa: F401, PLC0415 - extras
        import monai  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
    except ImportError as missing:
        raise LymphoscopeError(
            "USE-E-EXTRA", f"{missing.name} is not installed", fix="Install it with: pip install 'lymphoscope[train]'."
        ) from None


def _card(plan: Plan, data: DataSet, run: Run) -> dict[str, Any]:
    """What the run is, for people and for who uses its weights: no path, no case of another data set."""
    recipe = plan.recipe
    honesty = {word: getattr(recipe, word) for word in ("id", "title", "paper", "status", "differs", "licence")}
    folds = {str(fold): _fold(plan, data, run, fold) for fold in run.folds()}
    scores = [dice for fold in folds.values() for dice in fold["dice"].values() if dice is not None]
    return {
        "recipe": honesty,
        "reads": list(recipe.reads),
        "data": {
            "name": data.path.name,
            "cases": len(data.cases),
            "patients": len({entry.patient for entry in data.cases}),
            "labels": dict(data.labels),
        },
        "outcome": _outcome(plan, data, run),
        "digests": plan.as_record()["digests"],
        "seed": plan.seed,
        "folds": folds,
        "out_of_fold": {
            "cases": len(scores),
            "dice_mean": round(float(np.mean(scores)), 4) if scores else None,
            "dice_median": round(float(np.median(scores)), 4) if scores else None,
        },
        "errors_of_stages": errors(plan, data, run),
        "made_with": {"lymphoscope": __version__, "torch": version("torch"), "python": platform.python_version()},
    }


def _outcome(plan: Plan, data: DataSet, run: Run) -> dict[str, Any] | None:
    """How many have the outcome, and how well it is foretold of those whose fold is trained and has not seen them."""
    found = counts(plan, data)
    if found is None:
        return None
    told = [(row.outcome, row.risks["risk"]) for row in read_told(run.risks) if row.outcome is not None]
    area = auc([outcome for outcome, _ in told], [risk for _, risk in told]) if told else None
    return {**found, "told": len(told), "auc": None if area is None else asdict(area)}


def _fold(plan: Plan, data: DataSet, run: Run, fold: int) -> dict[str, Any]:
    dice = {case: _dice(data, run, case) for case in plan.folds[fold].val}
    found = [value for value in dice.values() if value is not None]
    return {
        "dice": dice,
        "dice_mean": round(float(np.mean(found)), 4) if found else None,
        "training": {stage.id: run.account(fold, stage.id) for stage in plan.recipe.learnt},
    }


def _dice(data: DataSet, run: Run, case: str) -> float | None:
    drawn = run.validation / f"{case}.nii.gz"
    labels = data.read(data[case], ()).labels if drawn.exists() else None
    if labels is None:
        return None
    predicted = read_nifti(drawn, Unit.LABEL)
    known = np.asarray(labels.array >= 0)
    dice = Confusion.of((predicted.array > 0) & known, labels.array > 0).dice
    return None if dice is None else round(dice, 4)
