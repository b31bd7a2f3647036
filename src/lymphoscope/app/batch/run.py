"""A batch from tree to table: find, plan, work, write. What was finished before an end of any kind stays finished."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from lymphoscope import __version__
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.find import StudyFiles, Tree, find_studies
from lymphoscope.app.batch.overview import overview
from lymphoscope.app.batch.plan import CASES, Plan, make_plan, settings_sha256
from lymphoscope.app.batch.table import STATUSES, Row, cohort_csv, rows, status_line, status_lines
from lymphoscope.app.batch.work import FAILED, Ending, Task, work
from lymphoscope.app.settings import RunSettings
from lymphoscope.io.atomic import claim, writing
from lymphoscope.io.case import canonical_json, require_apart
from lymphoscope.render.record import message_record

COHORT, STATUS, OVERVIEW, SUMMARY = "cohort.csv", "status.jsonl", "overview.html", "batch.json"
_SCRATCH, _PART = "scratch", ".lymphoscope-part"
_NAMES = (CASES, _SCRATCH, COHORT, STATUS, OVERVIEW, SUMMARY)
_LOG = "lymphoscope-failure-"


class Watcher(Protocol):
    """Told how a batch goes on."""

    def looking(self, step: str, done: int, total: int) -> None:
        """The tree is being read."""

    def begins(self, todo: int, done: int) -> None:
        """So many studies are to be done, and so many are done already."""

    def ended(self, ending: Ending) -> None:
        """One study is done."""


class Unwatched:
    """Nobody looks."""

    def looking(self, step: str, done: int, total: int) -> None:
        """Say nothing."""

    def begins(self, todo: int, done: int) -> None:
        """Say nothing."""

    def ended(self, ending: Ending) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class BatchOutcome:
    """What a batch came to.

    Attributes:
        folder: The output folder.
        rows: One a study.
        summary: Counts, for the terminal and ``--json``.
    """

    folder: Path
    rows: tuple[Row, ...]
    summary: Mapping[str, Any]

    @property
    def failed(self) -> int:
        """Number of studies that were neither measured nor refused."""
        return sum(row.status == FAILED for row in self.rows)


def batch(
    tree: str | Path,
    out: str | Path,
    settings: RunSettings,
    crew: Crew | None = None,
    watcher: Watcher | None = None,
    do: Callable[[Task], Ending] = work,
) -> BatchOutcome:
    """Measure every study of a tree.

    Args:
        tree: A folder with studies in any order; it is never written to.
        out: Where cases and tables are made. What an earlier batch made there from the same files with the same
            settings is kept and not made again; `force` in the settings makes all again.
        settings: What every run is told.
        crew: Who does the work.
        watcher: Told how it goes on.
        do: What is done with a study; for tests.

    Returns:
        The outcome; a study that failed is a row of it and no exception.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without a tree, ``IO-E-LOCKED``, ``USE-E-*``, ``IO-E-WRITE``.
    """
    tree, out, watcher, crew = Path(tree), Path(out), watcher or Unwatched(), crew or Crew()
    crew.alone  # noqa: B018 - refuses at once what would be refused after a long search, as the next line does
    settings_sha256(settings)
    require_apart(out, tree)
    began = time.perf_counter()
    with claim(out, True, _ours) as held:
        out = held.folder
        found = find_studies(tree, watcher.looking)
        plan = make_plan(found.studies, out, settings)
        watcher.begins(len(plan.todo), len(plan.done))
        ended: dict[str, Ending] = {}
        try:
            _work_through(plan, _Desk(out, settings, crew, do), ended, watcher)
        finally:  # also when interrupted, so that the tables tell what is there
            made = rows(found.studies, ended, out)
            counts = _counts(made, found, plan)
            _write(out, made, counts | {"settings": settings.as_record(), "version": __version__})
    took = {"seconds": round(time.perf_counter() - began, 3)}
    now = {"done_now": len(ended), "done_before": len(plan.done), "seconds_of_studies": _seconds(ended)}
    return BatchOutcome(out, made, counts | now | took)


@dataclass(frozen=True)
class _Desk:
    """What is the same for every study of a batch."""

    out: Path
    settings: RunSettings
    crew: Crew
    do: Callable[[Task], Ending]

    @property
    def scratch(self) -> Path:
        return self.out / _SCRATCH

    def task(self, study: StudyFiles, plan: Plan) -> Task:
        case, settings = self.out / CASES / study.name, replace(self.settings, force=True, identify=False)
        files = tuple(str(Path(file).absolute()) for file in study.files)
        return Task(study.name, study.kind, files, str(case), str(self.scratch), settings, plan.stamp(study))


def _work_through(plan: Plan, desk: _Desk, ended: dict[str, Ending], watcher: Watcher) -> None:
    """Do what is left to do, and write each ending down as it comes."""
    with writing():
        (desk.out / CASES).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(desk.scratch, ignore_errors=True)
        log = (desk.out / STATUS).open("wb")
    try:
        tasks = (desk.task(study, plan) for study in plan.todo)
        for ending in endings(tasks, desk.crew, desk.do) if plan.todo else ():
            ended[ending.name] = ending
            with writing():
                reason = message_record(ending.message) if ending.message else {}
                log.write(status_line(ending.name, ending.status, reason))
                log.flush()
            watcher.ended(ending)
    finally:
        log.close()
        shutil.rmtree(desk.scratch, ignore_errors=True)


def _ours(entry: Path) -> bool:
    return entry.name in _NAMES or (entry.name.startswith(_LOG) and entry.suffix == ".log")


def _counts(made: tuple[Row, ...], found: Tree, plan: Plan) -> dict[str, Any]:
    by_status = Counter(row.status for row in made)
    codes = Counter(str(row.message["code"]) for row in made if row.message)
    warnings = Counter(code for row in made for code in row.warnings)
    return {
        "studies": len(made),
        **{status: by_status[status] for status in STATUSES},
        "codes": dict(sorted(codes.items())),
        "warnings": dict(sorted(warnings.items())),
        "copies": found.copies,
        "other_files": found.other_files,
        "closed_folders": found.closed_folders,
        "other_cases": plan.strangers,
        "settings_sha256": plan.settings_sha256,
    }


def _seconds(ended: Mapping[str, Ending]) -> float:
    return round(sum(ending.seconds for ending in ended.values()), 3)


def _write(out: Path, made: tuple[Row, ...], summary: Mapping[str, Any]) -> None:
    """Write the tables, each whole or not at all."""
    contents = {
        COHORT: cohort_csv(made).encode("utf-8", "backslashreplace"),
        STATUS: status_lines(made),
        SUMMARY: canonical_json(summary),
        OVERVIEW: overview(made, summary).encode("utf-8", "backslashreplace"),
    }
    with writing():
        for name, content in contents.items():
            part = out / _PART
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(out / name)
