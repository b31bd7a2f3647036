"""Several systems from disk to a ranked table: folders of predictions, evaluated folders, nnU-Net summaries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.evaluation.figures import systems_figure
from lymphoscope.app.evaluation.pairing import Folders, case_name, read_groups
from lymphoscope.app.evaluation.report import comparison_page
from lymphoscope.app.evaluation.run import EVALUATION, FIGURES, PAGE, REPORT, SUMMARY, Request, evaluated
from lymphoscope.app.evaluation.tables import csv_of
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.evaluate.catalogue import CONVENTIONS
from lymphoscope.evaluate.comparison import Entry, System, compare
from lymphoscope.evaluate.overlap import dice_with_empty_as_one
from lymphoscope.evaluate.summary_json import read_summary
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json, require_apart
from lymphoscope.render.pictures import Picture

RANKING, COMPARISON = "ranking.csv", "comparison"
_NAMES = (REPORT, PAGE, RANKING, FIGURES)
_VALIDATION = "validation"
"""The folder of a run that holds what its folds predicted."""


@dataclass(frozen=True)
class Question:
    """What is compared.

    Attributes:
        systems: Folders of predictions, evaluated folders, or nnU-Net's ``summary.json`` (or a folder with one).
        references: Needed for folders of predictions.
        by: The metric that ranks.
        request: How predictions are evaluated, and the bootstrap.
    """

    systems: Sequence[Path]
    references: Path | None
    by: str
    request: Request


@dataclass(frozen=True, eq=False)
class Comparison:
    """Compared systems: the record that is written, and the values of the cases."""

    record: Mapping[str, Any]
    pictures: tuple[Picture, ...]


def compare_systems(question: Question, out: Path, progress: Progress = silent) -> Comparison:
    """Compare systems on the same cases, and write the ranked table, figures and a page.

    Raises:
        LymphoscopeError: ``EVAL-E-*``, ``USE-E-VALUE`` for fewer than two systems, and those of `evaluated`.
    """
    if len(question.systems) < 2:
        raise LymphoscopeError("USE-E-VALUE", "a comparison needs two systems or more", fix="Name more folders.")
    for path in (*question.systems, *filter(None, [question.references])):
        require_apart(out, path)
    with claim(out, question.request.force, lambda entry: entry.name in _NAMES) as held:
        names = _names(question.systems)
        systems = []
        for done, (name, path) in enumerate(zip(names, question.systems, strict=True), 1):
            systems.append(System(name, _grouped(_entries(path, question), question.request.group)))
            progress("reading systems", done, len(names))
        made = _compared(systems, question)
        with draft(held, durable=False) as new:
            for name, content in _contents(made).items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
    return made


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of systems: of folders, of the run for what `train` predicted; with the parent's where two are equal."""
    folders = [path.resolve().parent if path.is_file() else path.resolve() for path in paths]
    short = [folder.parent.name if folder.name == _VALIDATION else folder.name for folder in folders]
    long = [f"{folder.parent.name}/{folder.name}" for folder in folders]
    names = [short[n] if short.count(short[n]) == 1 else long[n] for n in range(len(paths))]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LymphoscopeError("USE-E-VALUE", f"two systems are called {twice}", fix="Rename one of the folders.")
    return names


def _entries(path: Path, question: Question) -> dict[str, Entry]:
    """The cases of one system, from what is there."""
    if path.is_file():
        return _from_summary(path)
    if (path / REPORT).is_file():
        return _from_report(path / REPORT)
    if question.references is None and (path / SUMMARY).is_file():
        return _from_summary(path / SUMMARY)
    if question.references is None:
        raise LymphoscopeError(
            "USE-E-VALUE", "predictions cannot be compared without references", "--references",
            "Give --references, or folders that were evaluated.",
        )  # fmt: skip
    made = evaluated(Folders(path, question.references), question.request)
    return _from_record(made.record)


def _from_report(path: Path) -> dict[str, Entry]:
    try:
        record = json.loads(path.read_bytes())
        if record["kind"] != EVALUATION:
            raise ValueError
        return _from_record(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LymphoscopeError("EVAL-E-SUMMARY", "the file is not the record of an evaluation", REPORT) from None


def _from_record(record: Mapping[str, Any]) -> dict[str, Entry]:
    return {
        case["case"]: Entry(case["case"], case["patient"], case["kind"], case["numbers"], case["diagonal_mm"])
        for case in record["cases"]
    }


def _from_summary(path: Path) -> dict[str, Entry]:
    """The cases of an nnU-Net summary with one label; it knows voxels only."""
    try:
        data = path.read_bytes()
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "the summary cannot be opened", SUMMARY) from None
    found = read_summary(data)
    if len({case.label for case in found}) > 1:
        raise LymphoscopeError("EVAL-E-SUMMARY", "the summary has more than one label", SUMMARY)
    entries = {}
    for case in found:
        name, counts = case_name(Path(case.prediction_file)), case.counts
        kind = {(True, True): "both", (True, False): "missed", (False, True): "false alarm"}.get(
            (counts.n_ref > 0, counts.n_pred > 0), "none"
        )
        names = ("dice", "iou", "sensitivity", "precision", "specificity", "accuracy")
        numbers = {name: getattr(counts, name) for name in names}
        entries[name] = Entry(name, name, kind, numbers | {"dice_empty_one": dice_with_empty_as_one(counts)})
    return entries


def _grouped(entries: dict[str, Entry], group: Path | None) -> dict[str, Entry]:
    if group is None:
        return entries
    patients = read_groups(group, entries)
    return {
        case: Entry(case, patients[case], entry.kind, entry.numbers, entry.diagonal_mm)
        for case, entry in entries.items()
    }


def _compared(systems: Sequence[System], question: Question) -> Comparison:
    how = question.request.resampling
    found = compare(systems, question.by, how)
    record = {"kind": COMPARISON, "version": __version__, "conventions": CONVENTIONS, "seed": how.seed, **found}
    values = {
        metric: {s.name: [v for e in s.entries.values() if (v := e.judged(metric)) is not None] for s in systems}
        for metric in found["metrics"]
    }
    return Comparison(record, (systems_figure(record, values),))


def _contents(made: Comparison) -> dict[str, bytes]:
    record = made.record
    rows = [
        {"rank": place, "system": system, "metric": metric, "n": found["n"][system], **found["means"][system],
         "first_share": record["first_share"][system]}
        for place, system in enumerate(record["order"], 1)
        for metric, found in record["metrics"].items()
    ]  # fmt: skip
    columns = ["rank", "system", "metric", "n", "value", "low", "high", "method", "level", "patients", "first_share"]
    return {
        REPORT: canonical_json(record),
        RANKING: csv_of(columns, rows),
        PAGE: comparison_page(record, made.pictures),
        **{f"{FIGURES}/{picture.name}": picture.png for picture in made.pictures},
    }
