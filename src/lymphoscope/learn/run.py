"""The folder of a training: what was planned, what came out, and all that prediction needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.learn.folds import withheld
from lymphoscope.recipes.planning import Plan, recipe_digest
from lymphoscope.recipes.spec import Recipe


@dataclass(frozen=True)
class Run:
    """A run folder and its places.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def plan_file(self) -> Path:
        """What was decided before training: recipe with all numbers, data, folds, digests."""
        return self.path / "plan.json"

    @property
    def card_file(self) -> Path:
        """What it is, what it was trained on, how it did: for people and for who uses the weights."""
        return self.path / "card.json"

    def stage(self, fold: int, stage: str) -> Path:
        """Weights, log and curves of one network."""
        return self.path / f"fold_{fold}" / stage

    @property
    def validation(self) -> Path:
        """Label maps of all cases, each by a fold that was not trained on it."""
        return self.path / "validation"

    @property
    def risks(self) -> Path:
        """What is foretold of every case, each by a fold that was not trained on it."""
        return self.validation / "risk.csv"

    def told(self, fold: int, stage: str) -> Path:
        """What a network foretells of the cases it has not seen, and of those it learnt from."""
        return self.stage(fold, stage) / "risk.csv"

    def maps(self, stage: str) -> Path:
        """Probability maps of a stage, each made by the fold that did not see the case."""
        return self.path / "out_of_fold" / stage

    def boxes(self, stage: str) -> Path:
        """Boxes that a stage found, a table a case, each made by the fold that did not see the case."""
        return self.path / "out_of_fold" / f"{stage}-boxes"

    def prepared(self, stage: str) -> Path:
        """Cases made ready; can be removed when training is over."""
        return self.path / "prepared" / stage

    def keep_plan(self, plan: Plan) -> None:
        """Write the plan of a new run; that of a run that goes on stays."""
        if not self.plan_file.exists():
            write_json(self.plan_file, plan.as_record())

    def require(self, plan: Plan, recipe: Recipe, data: DataSet, seed: int, labelled: float = 1.0) -> None:
        """Refuse to go on with a run of something else.

        Args:
            plan: Of the run.
            recipe: That is asked for, as its table has it.
            data: Cases that are given.
            seed: That is asked for.
            labelled: Share of the training patients whose masks are to be used.

        Raises:
            LymphoscopeError: ``RUN-E-OTHER`` when the plan is of another recipe, seed, set of cases or share of masks.
        """
        cases = {case for fold in plan.folds for case in fold.val}
        other = {
            "recipe": plan.published != recipe_digest(recipe),
            "seed": plan.seed != seed,
            "data set": bool(cases - {entry.id for entry in data.cases}),
        }
        if not any(other.values()):
            other["share of masks"] = withheld(plan.folds, data, labelled, seed) != plan.folds
        if any(other.values()):
            what = " and ".join(word for word, differs in other.items() if differs)
            raise LymphoscopeError("RUN-E-OTHER", f"the folder holds a run of another {what}", where=self.path.name)

    def account(self, fold: int, stage: str) -> dict[str, Any]:
        """What the training of a network cost.

        Raises:
            LymphoscopeError: ``RUN-E-FOLDER``.
        """
        return self._read(self.stage(fold, stage) / "account.json")

    def plan(self) -> Plan:
        """Read the plan.

        Raises:
            LymphoscopeError: ``RUN-E-FOLDER`` when there is none, or it cannot be read.
        """
        return Plan.from_record(self._read(self.plan_file))

    def card(self) -> dict[str, Any]:
        """Read the card.

        Raises:
            LymphoscopeError: ``RUN-E-FOLDER``.
        """
        return self._read(self.card_file)

    def folds(self) -> tuple[int, ...]:
        """Folds whose training is finished, in all stages."""
        stages = [stage.id for stage in self.plan().recipe.learnt]
        found = sorted(int(folder.name[5:]) for folder in self.path.glob("fold_*") if folder.name[5:].isdigit())
        return tuple(fold for fold in found if all(weights(self.stage(fold, stage)).exists() for stage in stages))

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise LymphoscopeError("RUN-E-FOLDER", "this is no run folder", where=path.name) from None
        return record


def weights(folder: Path) -> Path:
    """Weights of a network, as trained."""
    return folder / "weights.safetensors"


def exported(folder: Path) -> Path:
    """The same for OpenVINO."""
    return folder / "model.xml"


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON file as a whole.

    Raises:
        LymphoscopeError: ``IO-E-WRITE``.
    """
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(path)
