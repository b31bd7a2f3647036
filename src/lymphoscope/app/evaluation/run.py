"""From two folders to an evaluated folder: pair, compute, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.evaluation.figures import figures
from lymphoscope.app.evaluation.gallery import gallery
from lymphoscope.app.evaluation.pairing import CaseFiles, Folders, naming, pair_up, read_groups, read_pair
from lymphoscope.app.evaluation.report import evaluation_page
from lymphoscope.app.evaluation.tables import csv_of
from lymphoscope.core.progress import Progress, silent
from lymphoscope.evaluate.case import CaseResult, EvaluationSettings, evaluate_case
from lymphoscope.evaluate.catalogue import CONVENTIONS, METRICS
from lymphoscope.evaluate.cohort import Cohort, summarise
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.evaluate.summary_json import CaseCounts, write_summary
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.case import canonical_json, require_apart
from lymphoscope.render.pictures import Picture

REPORT, PAGE, CASES, LESIONS, SUMMARY, FIGURES = (
    "report.json", "report.html", "cases.csv", "lesions.csv", "summary.json", "figures",
)  # fmt: skip
EVALUATION = "evaluation"
_NAMES = (REPORT, PAGE, CASES, LESIONS, SUMMARY, FIGURES)
_FRONT = ("case", "patient", "kind")


@dataclass(frozen=True)
class Request:
    """What an evaluation is told besides its folders.

    Attributes:
        settings: What the numbers of a case depend on.
        resampling: The bootstrap.
        group: CSV with the patient of each case; each case is its own patient when None.
        force: Replace what an earlier evaluation wrote.
    """

    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    resampling: Resampling = field(default_factory=Resampling)
    group: Path | None = None
    force: bool = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Evaluated cases and what is said about them.

    Attributes:
        files: Files of the cases.
        results: Numbers of the cases, in the same order.
        record: What is written as ``report.json``.
    """

    files: tuple[CaseFiles, ...]
    results: tuple[CaseResult, ...]
    record: Mapping[str, Any]


def evaluated(folders: Folders, request: Request, progress: Progress = silent) -> Evaluation:
    """Evaluate all cases of two folders, without writing anything.

    Raises:
        LymphoscopeError: ``EVAL-E-*``, ``GEO-E-*`` or ``IO-E-*``, naming the case.
    """
    files = pair_up(folders)
    patients = read_groups(request.group, [file.case for file in files])
    results = []
    for done, file in enumerate(files, 1):
        pair = read_pair(file)
        with naming(file.case):
            results.append(evaluate_case(pair, request.settings))
        progress("evaluating", done, len(files))
    cohort = Cohort(results, list(patients.values()), request.resampling, request.settings.strata)
    record = {
        "kind": EVALUATION,
        "version": __version__,
        "conventions": CONVENTIONS,
        "settings": {**asdict(request.settings), "resampling": asdict(request.resampling)},
        "summary": summarise(cohort),
        "cases": [_case_record(result, patients[result.case]) for result in results],
    }
    return Evaluation(files, tuple(results), record)


def _case_record(result: CaseResult, patient: str) -> dict[str, Any]:
    return {
        "case": result.case, "patient": patient, "kind": result.kind, "counts": asdict(result.counts),
        "diagonal_mm": result.diagonal_mm, "numbers": dict(result.numbers),
    }  # fmt: skip


def evaluate(folders: Folders, out: Path, request: Request, progress: Progress = silent) -> Evaluation:
    """Evaluate two folders and write tables, pictures and a page.

    Args:
        folders: Where the cases are; never written to.
        out: The evaluated folder.
        request: Settings.
        progress: Told as ``evaluating`` and ``drawing``.

    Raises:
        LymphoscopeError: As `evaluated`, and ``USE-E-OUTPUT``, ``IO-E-LOCKED`` or ``IO-E-WRITE``.
    """
    for folder in filter(None, asdict(folders).values()):
        require_apart(out, folder)
    with claim(out, request.force, lambda entry: entry.name in _NAMES) as held:
        made = evaluated(folders, request, progress)
        pictures = (*figures(made.results, made.record["summary"]), *gallery(made.files, made.results, progress))
        with draft(held, durable=False) as new:
            for name, content in _contents(made, pictures).items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
    return made


def _contents(made: Evaluation, pictures: tuple[Picture, ...]) -> dict[str, bytes]:
    names = [name for name in METRICS if any(name in result.numbers for result in made.results)]
    rows = [{**case, **case["numbers"]} for case in made.record["cases"]]
    lesions = [row for result in made.results for row in result.lesions]
    columns = list(dict.fromkeys(name for row in lesions for name in row)) or ["case", "side", "lesion"]
    label = str(made.record["settings"]["label"] or 1)
    counts = [
        CaseCounts(file.reference.name, file.prediction.name, label, result.counts)
        for file, result in zip(made.files, made.results, strict=True)
    ]
    return {
        CASES: csv_of([*_FRONT, *names], rows),
        LESIONS: csv_of(columns, lesions),
        SUMMARY: write_summary(counts),
        REPORT: canonical_json(made.record),
        PAGE: evaluation_page(made.record, pictures),
        **{f"{FIGURES}/{picture.name}": picture.png for picture in pictures},
    }
