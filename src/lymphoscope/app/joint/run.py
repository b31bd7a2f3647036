"""The verb `joint`: runs that draw lesions and foretell an outcome, judged on the same unseen patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope import __version__
from lymphoscope.app.evaluation.report import Head, sheet
from lymphoscope.app.evaluation.tables import Table, csv_of
from lymphoscope.app.joint.competitors import (
    Competitor,
    common,
    competitors,
    drawn,
    foretold,
    outcomes,
    quantities,
)
from lymphoscope.app.joint.figures import figures
from lymphoscope.app.joint.gallery import surfaces
from lymphoscope.app.joint.levels import features
from lymphoscope.app.joint.tables import comparisons_table, cost_table, levels_table, main_table, methods
from lymphoscope.app.prognosis.run import read_patients
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.statistics import Interval, Resampling, bootstrap
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.prognosis.foretold import Foretold, compared, judged, separated
from lymphoscope.prognosis.outcome import Floats, Outcome, Rows
from lymphoscope.render.pictures import Picture

REPORT, PAGE, METHODS, CASES, FIGURES = "report.json", "report.html", "methods.csv", "cases.csv", "figures"
_NAMES = (REPORT, PAGE, METHODS, CASES, FIGURES)
FEW = 20
"""Patients with the outcome, below which the page says what cannot be concluded."""

CONVENTIONS = (
    "Every figure is of patients whom the network had not seen. Dice, precision and recall are means over cases.",
    "AUC: all unseen patients together, DeLong's interval; “within folds”: only patients of one fold are set against "
    "each other, since networks of different folds need not speak on one scale.",
    "Cut-offs: one half, and Youden's of what a fold's network says of the patients it was trained on. Rates with "
    "Wilson's intervals, Youden's index with that of the bootstrap over patients.",
    "A quantity is taken as it is, higher being worse; nothing of it is trained but the cut-off.",
)


@dataclass(frozen=True)
class Request:
    """What a comparison is told.

    Attributes:
        table: Quantities to stand beside the runs, a row a case; None for none.
        columns: Which of them.
        time: Outcome with the time of the curves; that of the endpoint when empty.
        event: Outcome with the event of the curves.
        how: The bootstrap.
        features: Draw the features of every level of the first run that draws and foretells; needs torch.
        force: Replace what an earlier comparison wrote.
    """

    table: Path | None = None
    columns: tuple[str, ...] = ()
    time: str = ""
    event: str = ""
    how: Resampling = field(default_factory=Resampling)
    features: bool = False
    force: bool = False


def joint(
    folders: Sequence[Path], data_path: Path, out: Path, request: Request, progress: Progress = silent
) -> Mapping[str, Any]:
    """Compare runs, and write record, page, pictures, and what was drawn and foretold of every case.

    Args:
        folders: Runs of `train`; the first that foretells is the main one.
        data_path: The data set they were trained on.
        out: The folder of the comparison.
        request: What it is told.
        progress: Told as ``runs``.

    Returns:
        The record.

    Raises:
        LymphoscopeError: Those of opening runs and data, ``PROG-E-*`` of the table, ``USE-E-*``, ``IO-E-*``.
    """
    runs, data = competitors(folders), open_dataset(data_path)
    cases = common(runs, data)
    with claim(out, request.force, lambda entry: entry.name in _NAMES) as held:
        found = _judged(runs, data, cases, request, progress)
        pictures = [*figures(found.record), *surfaces(runs, data, found.rows)]
        if request.features:
            both = next((one for one in runs if one.draws and one.told), None)
            pictures += [] if both is None else features(both, data, found.rows)
        with draft(held, durable=False) as new:
            for name, content in _contents(found, pictures).items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
    return found.record


def tables(record: Mapping[str, Any]) -> list[Table]:
    """All tables that the comparison allows."""
    made = (main_table(record, "youden"), main_table(record, "half"), levels_table(record), comparisons_table(record),
            cost_table(record))  # fmt: skip
    return [table for table in made if table is not None]


@dataclass(frozen=True, eq=False)
class _Found:
    record: Mapping[str, Any]
    rows: list[dict[str, Any]]


def _judged(
    runs: Sequence[Competitor], data: DataSet, cases: Sequence[str], request: Request, progress: Progress
) -> _Found:
    rows: list[dict[str, Any]] = [{"case": case, "patient": data[case].patient} for case in cases]
    methods = []
    for number, one in enumerate(runs):
        progress("runs", number, len(runs))
        methods.append(_method(one, data, cases, request.how, rows))
    progress("runs", len(runs), len(runs))
    main = next((one for one in runs if one.plan.endpoint), None)
    record: dict[str, Any] = {"kind": "joint", "version": __version__, "conventions": CONVENTIONS,
                              "cases": len(cases), "patients": len({data[case].patient for case in cases}),
                              "methods": methods, "notes": [], "bootstrap": asdict(request.how)}  # fmt: skip
    if main is not None:
        record |= _outcome(runs, main, data, cases, request, rows)
    return _Found(record, rows)


def _method(
    one: Competitor, data: DataSet, cases: Sequence[str], how: Resampling, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    counts = drawn(one, data, cases) if one.draws else []
    for row, found in zip(rows, counts, strict=False):
        row[f"dice: {one.name}"] = None if found is None else found.dice
    patients = [data[case].patient for case in cases]
    metrics = {"dice": Confusion.dice, "precision": Confusion.precision, "recall": Confusion.sensitivity}
    spent = [one.run.account(fold, stage.id) for fold in one.folds for stage in one.plan.recipe.learnt]
    return {
        "name": one.name,
        "recipe": one.plan.recipe.id,
        "title": one.plan.recipe.title,
        "folds_trained": len(one.folds),
        "drawn": {name: asdict(_mean(counts, metric, patients, how)) for name, metric in metrics.items()}
        if counts else None,
        "cost": {"seconds": sum(float(part["seconds"]) for part in spent),
                 "steps": sum(int(part["steps"]) for part in spent),
                 "peak_memory_gb": max(float(part["peak_memory_gb"]) for part in spent)},
        "outcome": None,
    }  # fmt: skip


def _mean(counts: Sequence[Confusion | None], metric: Any, patients: Sequence[str], how: Resampling) -> Interval:
    """Mean of a metric over the cases in which it is defined, with its interval over patients."""
    values = np.array([np.nan if one is None else _number(metric.fget(one)) for one in counts])

    def mean(rows: Rows) -> float | None:
        known = values[rows][~np.isnan(values[rows])]
        return float(known.mean()) if known.size else None

    return bootstrap(mean, patients, how)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _outcome(
    runs: Sequence[Competitor], main: Competitor, data: DataSet, cases: Sequence[str], request: Request,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """What was foretold, by every run and by single quantities."""
    assert main.plan.endpoint is not None
    endpoint, event = main.plan.endpoint, outcomes(main, data, cases)
    networks = [foretold(one, cases) for one in runs if one.told]
    table = {} if request.table is None else quantities(read_patients(request.table), request.columns, cases)
    alone = [Foretold.of_quantity(name, networks[0].fold, values) for name, values in table.items()]
    everyone = [*networks, *alone]
    for place, row in enumerate(rows):
        row["outcome"] = None if np.isnan(event[place]) else int(event[place])
        row |= {f"risk: {one.name}": float(one.unseen[place]) for one in networks}
        row |= {one.name: float(one.unseen[place]) for one in alone}
    censored = sum(endpoint.censored(data[case].outcome) for case in cases)
    levels = [judged(event, foretold(one, cases, name), Resampling(0, request.how.seed))
              for one in runs if one.told for name in one.told[0].risks if name != "risk"]  # fmt: skip
    events = int((event > 0).sum())
    return {
        "endpoint": {"name": endpoint.name, "events": events, "others": int((event == 0).sum()),
                     "censored_before": censored, "unknown": int(np.isnan(event).sum()) - censored},
        "outcomes": [judged(event, one, request.how) for one in everyone],
        "levels": levels,
        "comparisons": compared(event, networks[0], everyone[1:], request.how),
        "curves": _curves(main, data, cases, request, event, everyone),
        "notes": _notes(events, int((~np.isnan(event)).sum()), endpoint.name, censored),
    }  # fmt: skip


def _curves(
    main: Competitor, data: DataSet, cases: Sequence[str], request: Request, event: Floats,
    everyone: Sequence[Foretold],
) -> dict[str, Any] | None:  # fmt: skip
    """Survival by predicted group, where times are known."""
    assert main.plan.endpoint is not None
    time = request.time or main.plan.endpoint.time
    what = request.event or main.plan.endpoint.event
    if not time:
        return None
    times, events = (np.array([_fact(data, case, name) for case in cases]) for name in (time, what))
    followed = (times > 0) & ~np.isnan(events)
    if not followed.any():
        raise LymphoscopeError("DATA-E-TABLE", f"no case has a time {time!r} and an event {what!r}", "outcome.csv")
    outcome = Outcome.of(times[followed], events[followed])
    found = {one.name: separated(outcome, followed, event, one) for one in everyone}
    return {"time": time, "event": what, "patients": int(followed.sum()), "methods": found}


def _fact(data: DataSet, case: str, name: str) -> float:
    found = data[case].outcome.get(name)
    return float(found) if isinstance(found, float) else np.nan


def _notes(events: int, known: int, name: str, censored: int) -> list[str]:
    found = []
    if events < FEW:
        found.append(
            f"{events} of {known} patients of known outcome had {name}: intervals are wide. Which method is better "
            "cannot be concluded where they overlap, nor can a figure be taken for that of other patients."
        )
    if censored:
        found.append(f"{censored} patients were lost before the horizon and have no part in AUC and rates.")
    return found


def _contents(found: _Found, pictures: Sequence[Picture]) -> dict[str, bytes]:
    record = found.record
    counts = [("cases", str(record["cases"])), ("patients", str(record["patients"]))]
    if "endpoint" in record:
        counts += [(record["endpoint"]["name"], f"{record['endpoint']['events']} yes, "
                    f"{record['endpoint']['others']} no")]  # fmt: skip
    head = Head("JOINT SEGMENTATION AND PROGNOSIS", counts, record["notes"], CONVENTIONS, record["version"])
    listed = methods(record)
    names = dict.fromkeys(name for row in found.rows for name in row)
    return {
        REPORT: canonical_json(record),
        PAGE: sheet(head, pictures, tables(record)),
        METHODS: csv_of(list(dict.fromkeys(name for row in listed for name in row)), listed),
        CASES: csv_of(list(names), found.rows),
        **{f"{FIGURES}/{picture.name}": picture.png for picture in pictures},
    }
