"""From a table of patients to an analysed folder: read, analyse, write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.evaluation.report import Head, sheet
from lymphoscope.app.evaluation.tables import Table, csv_of
from lymphoscope.app.prognosis.figures import figures
from lymphoscope.app.prognosis.quantities import with_quantities
from lymphoscope.app.prognosis.risks import with_risks
from lymphoscope.app.prognosis.tables import (
    amount,
    calibration_table,
    coefficients_table,
    comparisons_table,
    curves_table,
    endpoint_table,
    models_table,
    signatures_table,
    variables_table,
)
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json
from lymphoscope.prognosis.analysis import CONVENTIONS, Analysis, Question, analyse
from lymphoscope.prognosis.cohort import Cohort, Columns, cohort_of
from lymphoscope.prognosis.models import Model
from lymphoscope.prognosis.table import Table as Patients
from lymphoscope.prognosis.table import read_table
from lymphoscope.render.pictures import Picture

REPORT, PAGE, PATIENTS, FIGURES = "report.json", "report.html", "patients.csv", "figures"
KIND = "prognosis"
_NAMES = (REPORT, PAGE, PATIENTS, FIGURES)
_LARGEST = 64 * 2**20
_ALL = "all together"
_TABLES = (curves_table, variables_table, models_table, coefficients_table, signatures_table, endpoint_table,
           calibration_table, comparisons_table)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What an analysis is told besides its table.

    Attributes:
        columns: What each column is.
        question: What is asked.
        complete_cases: Leave out patients with anything missing.
        risks: What networks foretold, a run folder or a table of risks, by the name of its column.
        quantities: A table of quantities of the same patients, to be joined.
        force: Replace what an earlier analysis wrote.
    """

    columns: Columns
    question: Question = field(default_factory=Question)
    complete_cases: bool = False
    risks: Mapping[str, Path] = field(default_factory=dict)
    quantities: Path | None = None
    force: bool = False


def models_of(variables: tuple[str, ...], named: Iterable[str], signatures: Iterable[str] = ()) -> tuple[Model, ...]:
    """Models from words such as ``clinical=ipi+age``; without any, each variable alone and all together.

    Args:
        variables: Columns.
        named: Words of models.
        signatures: Words of models among whose columns the lasso chooses; ``*`` and ``?`` stand for letters.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for words that are no model, or a name that comes twice.
    """
    found = [_model(words, "--model") for words in named]
    if not found:
        found = [Model(name, (name,)) for name in variables]
        found += [Model(_ALL, variables)] if len(variables) > 1 else []
    found += [replace(_model(words, "--signature"), penalised=True) for words in signatures]
    names = [model.name for model in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LymphoscopeError("USE-E-VALUE", f"two models are called {twice}", "--model", "Give each its own name.")
    return tuple(found)


def _model(words: str, option: str) -> Model:
    name, sign, parts = words.partition("=")
    chosen = tuple(part.strip() for part in (parts if sign else words).split("+"))
    if not all(chosen) or not name.strip():
        raise LymphoscopeError("USE-E-VALUE", f"{words!r} is no model", option, f"Write {option} NAME=COLUMN+COLUMN.")
    return Model(name.strip(), chosen)


def settled(request: Request, table: Patients) -> Request:
    """The request with the columns that ``*`` and ``?`` of its signatures stand for.

    Raises:
        LymphoscopeError: ``PROG-E-COLUMN`` where no column is meant.
    """
    outcome = (request.columns.time, request.columns.event, request.columns.patient)
    models = []
    for model in request.question.models:
        names = model.variables
        if model.penalised:
            names = tuple(dict.fromkeys(name for words in names for name in _meant(words, table, outcome)))
        models.append(replace(model, variables=names))
    variables = dict.fromkeys((*request.columns.variables, *(name for model in models for name in model.variables)))
    columns = replace(request.columns, variables=tuple(variables))
    return replace(request, columns=columns, question=replace(request.question, models=tuple(models)))


def _meant(words: str, table: Patients, outcome: tuple[str, ...]) -> list[str]:
    if not set(words) & set("*?"):
        return [words]
    found = [name for name in table.columns if fnmatchcase(name, words) and name not in outcome]
    if not found:
        raise LymphoscopeError("PROG-E-COLUMN", f"no column is meant by {words!r}", "the header")
    return found


def read_patients(path: Path) -> Patients:
    """Read a table of patients.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without such a file, ``PROG-E-TABLE`` when it is no text or too large.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise LymphoscopeError("PROG-E-TABLE", "the file is too large for a table of patients")
        return read_table(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise LymphoscopeError("PROG-E-TABLE", "the file is no text in UTF-8", fix="Save it as CSV, UTF-8.") from None
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "there is no such file", "the table of patients") from None


def prognosis(table: Path, out: Path, request: Request, progress: Progress = silent) -> Mapping[str, Any]:
    """Analyse a table of patients, and write record, page, pictures and the predictions of unseen patients.

    Args:
        table: A CSV with a row a patient; never written to.
        out: The analysed folder.
        request: Columns and question.
        progress: Told as ``models``.

    Returns:
        The record.

    Raises:
        LymphoscopeError: ``PROG-E-*``, ``USE-E-*``, ``IO-E-*``.
    """
    patients = with_risks(read_patients(table), request.risks, request.columns.patient)
    if request.quantities is not None:
        patients = with_quantities(patients, read_patients(request.quantities), request.columns.patient)
    request = settled(request, patients)
    cohort = cohort_of(patients, request.columns, request.complete_cases)
    with claim(out, request.force, lambda entry: entry.name in _NAMES) as held:
        made = analyse(cohort, request.question, progress)
        columns = {"time": request.columns.time, "event": request.columns.event}
        record = {"kind": KIND, "version": __version__, "conventions": CONVENTIONS, "columns": columns, **made.record}
        pictures = figures(record)
        with draft(held, durable=False) as new:
            for name, content in _contents(cohort, made, record, pictures).items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
    return record


def tables(record: Mapping[str, Any]) -> list[Table]:
    """All tables that the analysis allows."""
    return [table for table in (make(record) for make in _TABLES) if table is not None]


def _contents(
    cohort: Cohort, made: Analysis, record: Mapping[str, Any], pictures: tuple[Picture, ...]
) -> dict[str, bytes]:
    counts = [("patients", str(record["patients"])), ("events", str(record["events"]))]
    if record["follow_up_median"] is not None:
        counts.append((f"median follow-up, {record['unit']}", amount(record["follow_up_median"])))
    head = Head("SURVIVAL ANALYSIS", counts, record["notes"], CONVENTIONS, record["version"])
    return {
        REPORT: canonical_json(record),
        PAGE: sheet(head, pictures, tables(record)),
        PATIENTS: _predictions(cohort, made),
        **{f"{FIGURES}/{picture.name}": picture.png for picture in pictures},
    }


def _predictions(cohort: Cohort, made: Analysis) -> bytes:
    """What models that have not seen a patient predict: risk by the horizon, and on which side of the cut-off."""
    rows = []
    for place, (row, patient) in enumerate(zip(cohort.rows, cohort.patients, strict=True)):
        cells: dict[str, Any] = {"row": row, "patient": patient, "time": float(cohort.outcome.time[place]),
                                 "event": int(cohort.outcome.event[place])}  # fmt: skip
        cells["fold"] = None if made.fold is None else int(made.fold[place])
        for one in made.tried:
            cells[f"risk: {one.model.name}"] = float(one.unseen.risk[place, -1])
            cells[f"at risk: {one.model.name}"] = int(one.at_risk[place])
        rows.append(cells)
    return csv_of(list(rows[0]), rows)
