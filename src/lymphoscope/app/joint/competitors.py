"""What runs drew and foretold of the same patients, none of whom their networks had seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.foretelling import Told, read_told, stage_that_foretells
from lymphoscope.learn.run import Run
from lymphoscope.prognosis.foretold import Foretold
from lymphoscope.prognosis.outcome import Floats
from lymphoscope.prognosis.table import Table
from lymphoscope.recipes.planning import Plan


@dataclass(frozen=True, eq=False)
class Competitor:
    """A run.

    Attributes:
        name: Of its folder.
        run: The folder.
        plan: What it was trained by.
        told: What its networks say of every case, seen and unseen; empty where it foretells nothing.
        folds: That are trained.
    """

    name: str
    run: Run
    plan: Plan
    told: tuple[Told, ...]
    folds: tuple[int, ...]

    @property
    def draws(self) -> bool:
        """Whether it draws lesions."""
        return self.plan.recipe.stages[-1].makes != "risk"

    @property
    def cases(self) -> tuple[str, ...]:
        """Cases that a trained fold has not seen."""
        return tuple(case for fold in self.folds for case in self.plan.folds[fold].val)


def competitors(folders: Sequence[Path]) -> tuple[Competitor, ...]:
    """Open runs.

    Raises:
        LymphoscopeError: ``RUN-E-FOLDER`` for no run or one without a trained fold; ``USE-E-VALUE`` for two of one
            name, or runs that foretell different outcomes.
    """
    found = tuple(_opened(folder) for folder in folders)
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LymphoscopeError("USE-E-VALUE", f"two runs are called {twice}", fix="Rename a folder.")
    asked = {one.plan.endpoint.name for one in found if one.plan.endpoint}
    if len(asked) > 1:
        raise LymphoscopeError("USE-E-VALUE", f"the runs foretell different outcomes: {', '.join(sorted(asked))}")
    return found


def _opened(folder: Path) -> Competitor:
    run = Run(folder)
    plan, folds = run.plan(), run.folds()
    if not folds:
        raise LymphoscopeError("RUN-E-FOLDER", "no fold of this run is trained yet", where=folder.name)
    stage = stage_that_foretells(plan)
    told = () if stage is None else tuple(row for fold in folds for row in read_told(run.told(fold, stage.id)))
    return Competitor(folder.resolve().name, run, plan, told, folds)


def common(runs: Sequence[Competitor], data: DataSet) -> tuple[str, ...]:
    """Cases that every run was asked about, in the data set's order.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where there is none.
    """
    shared = set.intersection(*(set(one.cases) for one in runs))
    found = tuple(entry.id for entry in data.cases if entry.id in shared)
    if not found:
        raise LymphoscopeError("USE-E-VALUE", "the runs have no case in common that the data set has")
    return found


def foretold(one: Competitor, cases: Sequence[str], what: str = "risk") -> Foretold:
    """What a run foretells of some cases.

    Args:
        one: A run that foretells.
        cases: Of `common`.
        what: Name of the risk: of all levels together, or of one.
    """
    place = {case: number for number, case in enumerate(cases)}
    unseen, fold = np.full(len(cases), np.nan), np.zeros(len(cases), np.intp)
    numbers = {number: place for place, number in enumerate(one.folds)}
    trained = np.full((len(one.folds), len(cases)), np.nan)
    for row in one.told:
        if row.case in place and row.fold is not None:
            where, of = place[row.case], numbers[row.fold]
            if row.seen:
                trained[of, where] = row.risks[what]
            else:
                unseen[where], fold[where] = row.risks[what], of
    return Foretold(one.name if what == "risk" else f"{one.name} {what}", fold, unseen, trained)


def outcomes(one: Competitor, data: DataSet, cases: Sequence[str]) -> Floats:
    """1, 0 or NaN of each case, for the endpoint of a run."""
    endpoint = one.plan.endpoint
    assert endpoint is not None
    found = (endpoint.of(data[case].outcome) for case in cases)
    return np.array([np.nan if value is None else value for value in found])


def drawn(one: Competitor, data: DataSet, cases: Sequence[str]) -> list[Confusion | None]:
    """What a run drew against the masks, case by case; None without a mask."""
    return [_counts(one, data, case) for case in cases]


def _counts(one: Competitor, data: DataSet, case: str) -> Confusion | None:
    labels = data.read(data[case], ()).labels
    if labels is None:
        return None
    found = read_nifti(one.run.validation / f"{case}.nii.gz", Unit.LABEL)
    known: NDArray[np.bool_] = np.asarray(labels.array >= 0)
    return Confusion.of((found.array > 0) & known, np.asarray(labels.array > 0))


def quantities(table: Table, names: Sequence[str], cases: Sequence[str]) -> Mapping[str, Floats]:
    """Columns of a table with a row a case (column ``case``), in the order of the cases.

    Raises:
        LymphoscopeError: ``PROG-E-COLUMN``; ``PROG-E-TABLE`` for a case without a row or a value.
    """
    rows = {case: place for place, case in enumerate(table.column("case"))}
    missing = [case for case in cases if case not in rows]
    if missing:
        raise LymphoscopeError("PROG-E-TABLE", f"there is no row of case {missing[0]}", "the table of quantities")
    found = {name: table.numbers(name)[[rows[case] for case in cases]] for name in names}
    for name, values in found.items():
        if np.isnan(values).any():
            case = cases[int(np.flatnonzero(np.isnan(values))[0])]
            raise LymphoscopeError("PROG-E-TABLE", f"{name} of case {case} is missing", "the table of quantities")
    return found
