"""What the networks of a run foretell of patients: of those a fold has not seen, and of those it learnt from.

The latter are for choosing cut-offs: a cut-off for patients of a fold may be chosen only on what its network says of
those it was trained on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing
from lymphoscope.learn.parts import made
from lymphoscope.learn.predict import Member, risks_of
from lymphoscope.learn.prepare import Prepared
from lymphoscope.learn.run import Run
from lymphoscope.recipes.endpoint import foretold
from lymphoscope.recipes.planning import Plan
from lymphoscope.recipes.spec import Stage

_FACTS = ("case", "patient", "fold", "seen", "outcome")


@dataclass(frozen=True)
class Told:
    """What a network says of one case.

    Attributes:
        case: Its id.
        patient: Whose it is.
        fold: Of the network; None where those of several folds speak together.
        seen: Whether the network was trained on it; None where that is not known.
        outcome: 1 or 0; None where it is not known.
        risks: ``risk`` of all levels together, and that of each level, 0 … 1.
    """

    case: str
    patient: str
    fold: int | None
    seen: bool | None
    outcome: float | None
    risks: dict[str, float] = field(default_factory=dict)


def stage_that_foretells(plan: Plan) -> Stage | None:
    """The last stage that learns an outcome; None where none does."""
    return next((stage for stage in reversed(plan.recipe.learnt) if foretold(stage.trained)), None)


def tell(stage: Stage, member: Member, cases: Iterable[Prepared], fold: int, seen: bool) -> list[Told]:
    """Ask a network about cases that are made ready."""
    infer, view = made("infer", stage.trained.infer), made("sampler", stage.trained.sampler).view
    found = []
    for case in cases:
        risks = risks_of(infer(member.predict, case.images, view, member.context), member.tells)
        outcome = next((value for name, value in case.targets.items() if name.startswith("outcome:")), None)
        found.append(Told(case.id, case.patient, fold, seen, outcome, risks))
    return found


def write_told(path: Path, rows: Sequence[Told]) -> None:
    """Write a table of what was told.

    Raises:
        LymphoscopeError: ``IO-E-WRITE``.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = list(rows[0].risks) if rows else ["risk"]
    writer.writerow([*_FACTS, *names])
    for row in rows:
        facts = ("" if fact is None else f"{fact:g}" for fact in (row.fold, row.seen, row.outcome))
        writer.writerow([row.case, row.patient, *facts, *(f"{row.risks[name]:.6g}" for name in names)])
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(stream.getvalue(), encoding="utf-8")
        new.replace(path)


def read_told(path: Path) -> list[Told]:
    """Read such a table.

    Raises:
        LymphoscopeError: ``RUN-E-FOLDER`` where there is none, or it is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_told(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise LymphoscopeError("RUN-E-FOLDER", "the table of risks is not there or damaged", where=path.name) from None


def _told(row: dict[str, str]) -> Told:
    risks = {name: float(value) for name, value in row.items() if name not in _FACTS}
    fold, seen, outcome = (float(row[name]) if row[name] else None for name in _FACTS[2:])
    return Told(
        row["case"], row["patient"], None if fold is None else int(fold), None if seen is None else bool(seen),
        outcome, risks,
    )  # fmt: skip


def gather(plan: Plan, run: Run) -> list[Told]:
    """Write what the folds that are trained say of the cases they have not seen, as one table; it is given too.

    Raises:
        LymphoscopeError: ``IO-E-WRITE``, ``RUN-E-FOLDER``.
    """
    stage = stage_that_foretells(plan)
    if stage is None:
        return []
    everything = [row for fold in run.folds() for row in read_told(run.told(fold, stage.id))]
    unseen = sorted((row for row in everything if not row.seen), key=lambda row: row.case)
    write_told(run.risks, unseen)
    return unseen
