"""A tree made a data set: find, make what is not made yet, put cases together, say of every study what it came to."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.find import StudyFiles, find_studies
from lymphoscope.app.batch.run import Unwatched, Watcher
from lymphoscope.app.batch.table import status_line
from lymphoscope.app.batch.work import FAILED, REFUSED, Ending
from lymphoscope.app.dataset.work import (
    CASE_NAMES,
    CT_FILE,
    LABELS_FILE,
    PET_FILE,
    PICTURE_FILE,
    CaseTask,
    Making,
    make_case,
)
from lymphoscope.app.deid.run import Places
from lymphoscope.app.deid.work import DONE
from lymphoscope.core.units import Unit
from lymphoscope.io.atomic import claim, writing
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.deid.crosswalk import Crosswalk, open_crosswalk
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.record import message_record
from lymphoscope.render.table import cell

CASES, STATUS, PAGE = "cases", "status.jsonl", "check.html"
PEOPLE, LEFT_OUT = "cases.csv", "studies-left-out.csv"
_WORK_NAMES = (CASES, STATUS, PAGE)
_NNUNET_NAME = re.compile(r"Dataset\d{3}_(.+)")


@dataclass(frozen=True)
class BuildOutcome:
    """What a tree came to.

    Attributes:
        work: Folder of cases, status and page.
        summary: Counts; nothing in it names a patient.
    """

    work: Path
    summary: Mapping[str, Any]

    @property
    def failed(self) -> int:
        """Number of studies that neither became a case nor were refused."""
        return int(self.summary[FAILED])


def build(
    places: Places,
    making: Making | None = None,
    crew: Crew | None = None,
    watcher: Watcher | None = None,
    do: Callable[[CaseTask], Ending] = make_case,
) -> BuildOutcome:
    """Make a data set in nnU-Net's layout of the DICOM studies of a tree that have PET, CT and a mask.

    Args:
        places: The tree, the data set's folder and the crosswalk's. Cases are made in ``<data set>-work`` and kept, so
            that what was made before from the same files with the same settings is not made again.
        making: How cases are made.
        crew: Who does the work.
        watcher: Told how it goes on.
        do: What is done with a study; for tests.

    Returns:
        The outcome; a study that was refused or failed is counted, told and no exception.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without a tree, ``DATA-E-EMPTY`` when no study became a case, ``IO-E-LOCKED``,
            ``DEID-E-KEY``, ``USE-E-*``, ``IO-E-WRITE``.
    """
    making, crew, watcher = making or Making(), crew or Crew(), watcher or Unwatched()
    crew.alone  # noqa: B018 - refuses at once what would be refused after a long search
    out = places.out.resolve()
    work = out.with_name(f"{out.name}-work")
    Places(places.tree, work, places.crosswalk)  # refuses a crosswalk among the cases
    with claim(work, True, lambda entry: entry.name in _WORK_NAMES) as held:
        crosswalk = open_crosswalk(places.crosswalk)
        found = find_studies(places.tree, watcher.looking)
        tasks = [_task(study, held.folder, places.crosswalk, making, crosswalk) for study in found.studies]
        todo = [task for task in tasks if not _is_done(crosswalk.record(task.name), task)]
        watcher.begins(len(todo), len(tasks) - len(todo))
        failed: dict[str, Ending] = {}
        for ending in endings(todo, crew, do) if todo else ():
            if ending.status == FAILED:
                failed[ending.name] = ending
            watcher.ended(ending)
        summary = _tell(tasks, failed, crosswalk, held.folder)
        cases = _cases(tasks, crosswalk)
        write_nnunet(out, _read(cases, held.folder / CASES), _about(out), force=True)
    counts = {"other_files": found.other_files, "done_now": len(todo) - len(failed)}
    return BuildOutcome(held.folder, summary | counts)


def _task(study: StudyFiles, work: Path, crosswalk_folder: Path, making: Making, crosswalk: Crosswalk) -> CaseTask:
    settings = json.dumps([__version__, asdict(making), study.input_sha256], sort_keys=True)
    return CaseTask(
        crosswalk.secret.name("study", study.name),
        study.kind,
        tuple(str(Path(file).absolute()) for file in study.files),
        str(work / CASES),
        str(crosswalk_folder),
        making,
        sha256(settings.encode()).hexdigest(),
    )


def _is_done(record: Mapping[str, Any], task: CaseTask) -> bool:
    if record.get("stamp") != task.stamp:
        return False
    return record["status"] == REFUSED or all((Path(task.cases) / record["case"] / n).is_file() for n in CASE_NAMES)


def _cases(tasks: Iterable[CaseTask], crosswalk: Crosswalk) -> dict[str, str]:
    """Patient by case, in the order of the cases."""
    records = [record for task in tasks if _is_done(record := crosswalk.record(task.name), task)]
    return {r["case"]: r["patient"] for r in sorted(records, key=lambda r: str(r["case"])) if r["case"]}


def _read(cases: Mapping[str, str], folder: Path) -> Iterator[NewCase]:
    """Cases one at a time."""
    for case, patient in cases.items():
        place = folder / case
        images = {"ct:hu": read_nifti(place / CT_FILE, Unit.HU), "pet:suv": read_nifti(place / PET_FILE, Unit.SUV_BW)}
        yield NewCase(case, images, read_nifti(place / LABELS_FILE, Unit.LABEL), patient)


def _about(out: Path) -> About:
    match = _NNUNET_NAME.fullmatch(out.name)
    return About(match[1] if match else out.name, description="FDG PET/CT, de-identified, made by Lymphoscope")


def _tell(tasks: Iterable[CaseTask], failed: Mapping[str, Ending], crosswalk: Crosswalk, work: Path) -> dict[str, Any]:
    """Write status and page for everybody, and who is who for the crosswalk."""
    counts: Counter[str] = Counter({DONE: 0, REFUSED: 0, FAILED: 0})
    codes: Counter[str] = Counter()
    lines, people, left_out, sections = [], [], [], []
    for task in sorted(tasks, key=lambda t: t.name):
        record, ending = crosswalk.record(task.name), failed.get(task.name)
        status = FAILED if ending else str(record["status"])
        reason = message_record(ending.message) if ending and ending.message else record.get("refusal") or {}
        counts[status] += 1
        lines.append(status_line(record.get("case") or task.name, status, reason))
        if reason:
            codes[str(reason["code"])] += 1
            left_out.append([cell(task.files[0]), str(reason["code"]), cell(reason["what"])])
        if status == DONE:
            people.append([cell(record[name]) for name in ("case", "patient", "patient_id", "source")])
            codes.update(record["facts"]["warnings"])
            sections.append(_section(record["case"], record["facts"]))
    crosswalk.write_table(PEOPLE, ("case", "patient", "patient_id", "source"), people)
    crosswalk.write_table(LEFT_OUT, ("source", "code", "why"), left_out)
    with writing():
        work.mkdir(parents=True, exist_ok=True)
        (work / STATUS).write_bytes(b"".join(lines))
        (work / PAGE).write_text(_page(sections), encoding="utf-8")
    return {**counts, "codes": dict(sorted(codes.items()))}


def _section(case: str, facts: Mapping[str, Any]) -> str:
    moved = facts["registration"]
    said = [f"{facts['lesion_ml']:.1f} mL", " × ".join(map(str, facts["shape"])) + " voxels", *facts["warnings"]]
    said += [f"CT moved by {moved['shift_mm']:.1f} mm, {moved['angle_deg']:.1f}°"] if moved else []
    picture = f'<img src="{CASES}/{case}/{PICTURE_FILE}" alt="Three planes of {case}" loading="lazy">'
    return f"<section><h2>{case}</h2><p>{html.escape(', '.join(said))}</p>{picture}</section>"


def _page(sections: Iterable[str]) -> str:
    style = "body{font:15px sans-serif;margin:2em}img{max-width:100%}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Cases to check</title><style>{style}</style>'
    return f"{head}<h1>Cases to check</h1>{''.join(sections)}</html>\n"
