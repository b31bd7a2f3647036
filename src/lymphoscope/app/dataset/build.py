"""A tree made a data set: find, make what is not made yet, put cases together, say of every study what it came to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.run import Unwatched, Watcher
from lymphoscope.app.batch.work import FAILED, REFUSED, Ending
from lymphoscope.app.dataset.assembly import assemble, cases_before
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.members import Member, alike, read_table, with_table, without_copies
from lymphoscope.app.dataset.sources import Source, find_sources
from lymphoscope.app.dataset.telling import CASES, DISPUTES, PAGE, SERIES, STATUS, Told, tell
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.dataset.work import CaseTask, make_case
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import Message
from lymphoscope.io.atomic import claim
from lymphoscope.io.deid.crosswalk import Crosswalk, open_crosswalk

_WORK_NAMES = (CASES, STATUS, PAGE, DISPUTES, SERIES)


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
    wish: Wish | None = None,
    crew: Crew | None = None,
    watcher: Watcher | None = None,
    do: Callable[[CaseTask], Ending] = make_case,
) -> BuildOutcome:
    """Make a data set in nnU-Net's layout of the DICOM studies of a tree that have PET, CT and a mask.

    Args:
        places: The tree, the data set's folder and the crosswalk's. Cases are made in ``<data set>-work`` and kept, so
            that what was made before from the same files with the same settings is not made again.
        wish: What is made.
        crew: Who does the work.
        watcher: Told how it goes on.
        do: What is done with a study; for tests.

    Returns:
        The outcome; a study that was refused or failed is counted, told and no exception.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without a tree, ``DATA-E-EMPTY`` when no study became a case, ``DATA-E-TABLE``,
            ``IO-E-LOCKED``, ``DEID-E-KEY``, ``USE-E-*``, ``IO-E-WRITE``.
    """
    wish, crew, watcher = wish or Wish(), crew or Crew(), watcher or Unwatched()
    crew.alone  # noqa: B018 - refuses at once what would be refused after a long search
    table = read_table(wish.table) if wish.table else {}
    out = places.out.resolve()
    work = out.with_name(f"{out.name}-work")
    Places(places.tree, work, places.crosswalk)  # refuses a crosswalk among the cases
    with claim(work, True, lambda entry: entry.name in _WORK_NAMES) as held:
        crosswalk = open_crosswalk(places.crosswalk)
        found = find_sources(places.tree, crosswalk, watcher.looking)
        tasks = [_task(source, held.folder, places.crosswalk, wish.making, crosswalk) for source in found.sources]
        todo = [task for task in tasks if not _is_done(crosswalk.record(task.name), task)]
        watcher.begins(len(todo), len(tasks) - len(todo))
        failed: dict[str, Message | None] = {}
        for ending in endings(todo, crew, do) if todo else ():
            if ending.status == FAILED:
                failed[ending.name] = ending.message
            watcher.ended(ending)
        records = {task.name: {} if task.name in failed else crosswalk.record(task.name) for task in tasks}
        members, gone = without_copies(_members(records.values()), cases_before(out, table))
        pairs = alike(members)
        told = [_told(task, records[task.name], failed, gone) for task in sorted(tasks, key=lambda t: t.name)]
        summary = tell(told, found.left_out, pairs, crosswalk, held.folder)
        made = assemble(out, with_table(members, table), pairs, held.folder / CASES, wish)
    counts = {"other_files": found.others, "closed_folders": found.closed_folders, "done_now": len(todo) - len(failed)}
    return BuildOutcome(held.folder, summary | counts | {"data_sets": made, "alike": len(pairs)})


def _task(source: Source, work: Path, crosswalk_folder: Path, making: Making, crosswalk: Crosswalk) -> CaseTask:
    settings = json.dumps([__version__, asdict(making), source.sha256], sort_keys=True)
    name, stamp = crosswalk.secret.name("study", source.name), sha256(settings.encode()).hexdigest()
    return CaseTask(name, source, str(work / CASES), str(crosswalk_folder), making, stamp)


def _is_done(record: Mapping[str, Any], task: CaseTask) -> bool:
    if record.get("stamp") != task.stamp:
        return False
    if record["status"] == REFUSED:
        return True
    case, names = Path(task.cases) / record["case"], task.making.names(record["facts"]["marked"])
    return all((case / name).is_file() for name in names)


def _members(records: Iterable[Mapping[str, Any]]) -> Sequence[Member]:
    return [Member(r["case"], r["patient"], r["facts"], r) for r in records if r.get("case")]


def _told(
    task: CaseTask, record: Mapping[str, Any], failed: Mapping[str, Message | None], gone: Mapping[str, Message]
) -> Told:
    if task.name in failed:
        why = failed[task.name] or Message("RUN-E-UNEXPECTED", "no reason is known")
        return Told.of(task.name, task.place, record, why, failed=True)
    return Told.of(task.name, task.place, record, gone.get(record["case"] or ""), failed=False)
