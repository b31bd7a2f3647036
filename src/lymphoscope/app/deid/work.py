"""One study of a tree, in whatever process it falls to: what became of it is written into the crosswalk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.app.batch.find import find_studies
from lymphoscope.app.batch.work import REFUSED, Ending, ended
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.io.archive import archive_kind, unpacked
from lymphoscope.io.deid.crosswalk import open_crosswalk
from lymphoscope.io.deid.study import Choice, Cleaned, deidentify_study
from lymphoscope.render.record import message_record

DONE = "done"


@dataclass(frozen=True, repr=False)
class DeidTask:
    """What a worker is told. Its paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: Name of the study in the crosswalk.
        kind: ``dicom``, ``archive`` or ``nifti``.
        files: The files.
        out: Folder of the data set.
        crosswalk: Folder of the crosswalk.
        choice: What the user decides.
        stamp: Changes when the files or the settings do.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    out: str
    crosswalk: str
    choice: Choice
    stamp: str

    def __repr__(self) -> str:
        """The name."""
        return f"DeidTask({self.name})"


def deidentify(task: DeidTask) -> Ending:
    """De-identify one study; whatever goes wrong becomes part of the answer."""
    return ended(task.name, Path(task.crosswalk), lambda: _deidentified(task))


def _deidentified(task: DeidTask) -> tuple[str, Message | None]:
    from lymphoscope.app.deid.face import face_of  # noqa: PLC0415 - slow to load, and only where the work is done
    from lymphoscope.app.libraries import prepared  # noqa: PLC0415 - slow to load, and only where the work is done

    crosswalk = open_crosswalk(Path(task.crosswalk))
    made: list[Cleaned] = []
    refusal: Message | None = None
    try:
        with prepared(threads=1), _studies(task) as studies:
            for files in studies:
                face = face_of(files) if task.choice.deface else None
                cleaned = deidentify_study(files, Path(task.out), crosswalk.secret, task.choice, face)
                if task.choice.deface and face is None:
                    cleaned.notes.add("DEID-W-FACE", "no brain is in view, by which the face is found")
                made.append(cleaned)
    except LymphoscopeError as error:
        if error.exit_status != 3 or error.code in ("IO-E-WRITE", "IO-E-LOCKED"):
            raise
        refusal = error.message
    status = REFUSED if refusal else DONE
    record = {
        "stamp": task.stamp,
        "status": status,
        "source": task.files[0],
        "refusal": message_record(refusal) if refusal else None,
        "studies": [_record(one) for one in made],
    }
    crosswalk.write_record(task.name, record)
    return status, refusal


@contextmanager
def _studies(task: DeidTask) -> Iterator[list[list[Path]]]:
    """The studies of a task: one, or those of an archive."""
    if task.kind == "nifti":
        raise LymphoscopeError("DEID-E-KIND", "a NIfTI file may hold texts anywhere and says nothing about them")
    if task.kind != "archive":
        yield [[Path(file) for file in task.files]]
        return
    path = Path(task.files[0])
    if (kind := archive_kind(path)) != "zip":
        raise LymphoscopeError("IO-E-ARCHIVE", f"the file is {kind or 'no'} archive; of archives only zip is read")
    with unpacked(path) as folder:
        found = [study for study in find_studies(folder).studies if study.kind == "dicom"]
        if not found:
            raise LymphoscopeError("DEID-E-NOTHING", "no DICOM is in the archive")
        yield [[Path(file) for file in study.files] for study in found]


def _record(cleaned: Cleaned) -> Mapping[str, Any]:
    number, name, uid, day = cleaned.identity
    return {
        "pseudonym": cleaned.pseudonym,
        "study": cleaned.study,
        "study_uid": cleaned.study_uid,
        "patient_id": number,
        "patient_name": name,
        "original_study_uid": uid,
        "original_study_date": day,
        "days": cleaned.days,
        "written": dict(sorted(cleaned.written.items())),
        "left_out": cleaned.left_out,
        "cut": dict(sorted(cleaned.cut.items())),
        "messages": [message_record(message) for message in cleaned.notes],
    }
