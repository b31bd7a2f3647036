"""A tree de-identified: find, see what is done, do the rest, write the tables into the crosswalk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.find import StudyFiles, find_studies
from lymphoscope.app.batch.run import Unwatched, Watcher
from lymphoscope.app.batch.work import FAILED, REFUSED, Ending
from lymphoscope.app.deid.work import DONE, DeidTask, deidentify
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import claim, writing
from lymphoscope.io.case import canonical_json, require_apart
from lymphoscope.io.deid.crosswalk import LEFT_OUT, TABLE, Crosswalk, open_crosswalk
from lymphoscope.io.deid.study import Choice
from lymphoscope.io.deid.table import OPTIONS
from lymphoscope.render.table import cell

SUMMARY = "deid.json"
_PSEUDONYM = "LYM-"
_PATIENTS = ("pseudonym", "study", "study_uid", "patient_id", "patient_name", "original_study_uid",
             "original_study_date", "days", "source")  # fmt: skip
_OUTSIDE = "USE-E-OUTPUT"


@dataclass(frozen=True)
class DeidOutcome:
    """What a tree came to.

    Attributes:
        crosswalk: Its folder.
        summary: Counts, for the terminal and ``--json``; nothing in it names a patient.
    """

    crosswalk: Path
    summary: Mapping[str, Any]

    @property
    def failed(self) -> int:
        """Number of studies that neither were done nor refused."""
        return int(self.summary[FAILED])


@dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        tree: The folder with the studies; it is never written to.
        out: Where the data set goes.
        crosswalk: Where key and tables go; never inside the other two.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT`` when one lies in another.
    """

    tree: Path
    out: Path
    crosswalk: Path

    def __post_init__(self) -> None:
        """Refuse what would give the patients away."""
        require_apart(self.out, self.tree)
        require_apart(self.crosswalk, self.tree)
        out, crosswalk = self.out.resolve(), self.crosswalk.resolve()
        if out == crosswalk or out in crosswalk.parents or crosswalk in out.parents:
            raise LymphoscopeError(_OUTSIDE, "crosswalk and output lie in one another", fix="Give another --crosswalk.")

    @classmethod
    def of(cls, tree: Path, out: Path, crosswalk: Path | None) -> Places:
        """With the crosswalk beside the output where nothing is said."""
        beside = out.resolve()
        return cls(tree, out, crosswalk or beside.with_name(f"{beside.name}-crosswalk"))


def deidentify_tree(
    places: Places,
    choice: Choice | None = None,
    crew: Crew | None = None,
    watcher: Watcher | None = None,
    do: Callable[[DeidTask], Ending] = deidentify,
) -> DeidOutcome:
    """De-identify every DICOM study of a tree.

    Args:
        places: Where things are. What was done before, from the same files with the same settings, is kept.
        choice: What the user decides.
        crew: Who does the work.
        watcher: Told how it goes on.
        do: What is done with a study; for tests.

    Returns:
        The outcome; a study that failed is counted and is no exception.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` without a tree, ``IO-E-LOCKED``, ``DEID-E-KEY``, ``USE-E-*``, ``IO-E-WRITE``.
    """
    choice, crew, watcher = choice or Choice(), crew or Crew(), watcher or Unwatched()
    crew.alone  # noqa: B018 - refuses at once what would be refused after a long search
    with claim(places.out, True, _ours) as held:
        crosswalk = open_crosswalk(places.crosswalk)
        found = find_studies(places.tree, watcher.looking)
        tasks = [_task(study, places, choice, crosswalk) for study in found.studies]
        todo = [task for task in tasks if not _is_done(crosswalk.record(task.name), task)]
        watcher.begins(len(todo), len(tasks) - len(todo))
        failed: dict[str, Ending] = {}
        try:
            for ending in endings(todo, crew, do) if todo else ():
                if ending.status == FAILED:
                    failed[ending.name] = ending
                watcher.ended(ending)
        finally:  # also when interrupted, so that the tables tell what is there
            summary = _tables(tasks, failed, crosswalk)
            summary |= {"other_files": found.other_files, "closed_folders": found.closed_folders}
            with writing():
                held.folder.mkdir(parents=True, exist_ok=True)
                (held.folder / SUMMARY).write_bytes(canonical_json(summary))
    return DeidOutcome(places.crosswalk, summary | {"done_now": len(todo) - len(failed)})


def _ours(entry: Path) -> bool:
    return entry.name == SUMMARY or entry.name.startswith(_PSEUDONYM)


def _task(study: StudyFiles, places: Places, choice: Choice, crosswalk: Crosswalk) -> DeidTask:
    settings = json.dumps([__version__, asdict(choice), study.input_sha256], sort_keys=True)
    stamp = sha256(settings.encode()).hexdigest()
    name = crosswalk.secret.name("source", study.name)
    files = tuple(str(Path(file).absolute()) for file in study.files)
    return DeidTask(name, study.kind, files, str(places.out.absolute()), str(places.crosswalk), choice, stamp)


def _is_done(record: Mapping[str, Any], task: DeidTask) -> bool:
    if record.get("stamp") != task.stamp:
        return False
    return all((Path(task.out) / one["pseudonym"] / one["study"]).is_dir() for one in record["studies"])


def _tables(tasks: Iterable[DeidTask], failed: Mapping[str, Ending], crosswalk: Crosswalk) -> dict[str, Any]:
    """Write who became whom and what was left out; count, for everybody to see."""
    patients: list[list[str]] = []
    left_out: list[list[str]] = []
    counts: Counter[str] = Counter({DONE: 0, REFUSED: 0, FAILED: 0, "waiting": 0})
    codes: Counter[str] = Counter()
    written: Counter[str] = Counter()
    names: set[str] = set()
    for task in tasks:
        record = crosswalk.record(task.name)
        ending = failed.get(task.name)
        status = FAILED if ending else record.get("status", "waiting") if _is_done(record, task) else "waiting"
        counts[status] += 1
        reason = {"code": ending.message.code, "what": ending.message.what} if ending and ending.message else None
        if reason := reason or (record.get("refusal") if status == REFUSED else None):
            left_out.append([task.files[0], str(reason["code"]), str(reason["what"]), str(len(task.files))])
            codes[str(reason["code"])] += 1
        for one in record.get("studies", ()) if status != "waiting" else ():
            patients.append([cell({**one, "source": record["source"]}[name]) for name in _PATIENTS])
            left_out += [[path, code, "", "1"] for path, code in one["left_out"]]
            codes.update(code for _, code in one["left_out"])
            codes.update(m["code"] for m in one["messages"] if m["code"] == "DEID-W-FACE")
            codes.update({"DEID-W-TEXT": sum(one["cut"].values())} if one["cut"] else {})
            written.update(one["written"])
            names.add(one["pseudonym"])
    crosswalk.write_table(TABLE, _PATIENTS, sorted(patients))
    rows = sorted([cell(path), code, cell(what), number] for path, code, what, number in left_out)
    crosswalk.write_table(LEFT_OUT, ("source", "code", "why", "files"), rows)
    return {
        "patients": len(names), **counts, "files": dict(sorted(written.items())), "codes": dict(sorted(codes.items())),
        "options": [f"{code} {meaning}" for code, meaning in OPTIONS], "version": __version__,
    }  # fmt: skip
