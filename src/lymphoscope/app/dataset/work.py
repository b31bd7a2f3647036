"""One study of a tree, in whatever process it falls to: a case, or the reason why not, written into the crosswalk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.app.batch.work import REFUSED, Ending, ended, gathered
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.masks import DisputeError
from lymphoscope.app.dataset.metadata import series_metadata
from lymphoscope.app.dataset.sources import DICOM, Source
from lymphoscope.app.deid.work import DONE
from lymphoscope.core.errors import LymphoscopeError, Message, Notes
from lymphoscope.io.archive import unpacked
from lymphoscope.io.deid.crosswalk import Crosswalk, open_crosswalk
from lymphoscope.io.deid.identifiers import Identifiers, patient_key
from lymphoscope.io.files import read_header
from lymphoscope.io.header import Header, lenient_reading
from lymphoscope.render.record import message_record


@dataclass(frozen=True, repr=False)
class CaseTask:
    """What a worker is told. Its paths may hold names of patients, so it tells nothing about itself in a log.

    Attributes:
        name: Name of the study in the crosswalk.
        source: Its files.
        cases: Folder of the cases.
        crosswalk: Folder of the crosswalk.
        making: How cases are made.
        stamp: Changes when the files or the settings do.
    """

    name: str
    source: Source
    cases: str
    crosswalk: str
    making: Making
    stamp: str

    def __repr__(self) -> str:
        """The name."""
        return f"CaseTask({self.name})"

    @property
    def place(self) -> str:
        """Where the study lies: its archive, or its first file."""
        return self.source.archive or self.source.files[0]


def make_case(task: CaseTask) -> Ending:
    """Make a case of one study; whatever goes wrong becomes part of the answer."""
    return ended(task.name, Path(task.crosswalk), lambda: _made(task))


def _made(task: CaseTask) -> tuple[str, Message | None]:
    from lymphoscope.app.dataset.case import write_case  # noqa: PLC0415 - slow to load, and only where work is done
    from lymphoscope.app.libraries import prepared  # noqa: PLC0415 - slow to load, and only where the work is done

    crosswalk = open_crosswalk(Path(task.crosswalk))
    record: dict[str, Any] = {"stamp": task.stamp, "source": task.place, "case": None, "refusal": None, "disputes": []}
    status, refusal = DONE, None
    try:
        with prepared(threads=1), _gathered(task.source) as (folder, masks):
            headers = _headers(folder)
            record |= _who(task, headers, crosswalk) | {"series": series_metadata(headers)}
            case = f"{record['patient']}-{task.name}"
            record["facts"], record["own"] = write_case(folder, headers, masks, Path(task.cases) / case, task.making)
            record["case"] = case
    except LymphoscopeError as error:
        if error.exit_status != 3 or error.code in ("IO-E-WRITE", "IO-E-LOCKED"):
            raise
        record["refusal"], status, refusal = message_record(error.message), REFUSED, error.message
        record["disputes"] = list(error.findings) if isinstance(error, DisputeError) else []
    crosswalk.write_record(task.name, record | {"status": status})
    return status, refusal


@contextlib.contextmanager
def _gathered(source: Source) -> Iterator[tuple[Path, list[Path]]]:
    """A folder of the study's DICOM files alone, and its NIfTI masks."""
    with contextlib.ExitStack() as stack:
        top = stack.enter_context(unpacked(Path(source.archive))) if source.archive else Path()
        folder = stack.enter_context(gathered(DICOM, [str(top / file) for file in source.files]))
        yield folder, [top / mask for mask in source.masks]


def _headers(folder: Path) -> list[Header]:
    with lenient_reading(Notes()):
        found = [read_header(path)[0] for path in sorted(folder.iterdir())]
    return [header for header in found if header is not None]


def _who(task: CaseTask, headers: list[Header], crosswalk: Crosswalk) -> dict[str, Any]:
    """Whose study it is, for the crosswalk alone."""
    key = next((k for header in headers if (k := patient_key(header.dataset))), f"study {task.name}")
    known = Identifiers.of(header.dataset for header in headers)
    return {
        "patient": crosswalk.secret.pseudonym(key),
        "patient_id": headers[0].text("PatientID") if headers else "",
        "days": crosswalk.secret.day_shift(key),
        "inside": sorted(known.inside),
        "alone": sorted(known.alone),
    }
