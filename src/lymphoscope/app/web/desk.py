"""The cases that are open: read once, kept while they are used, one writer at a time."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from lymphoscope.app.again import Told, stamp_of, told
from lymphoscope.app.reading import suggestion
from lymphoscope.app.reading.case import ReadCase, Version
from lymphoscope.app.reading.preview import changes
from lymphoscope.app.reading.signing import draft_record
from lymphoscope.app.reading.suggestion import FIRST
from lymphoscope.app.web.access import Access, Person
from lymphoscope.app.web.index import Index, VersionFact
from lymphoscope.app.web.leases import Leases
from lymphoscope.app.web.pictures import labels_key, pet_file, slots, thinned, volume_file
from lymphoscope.app.web.places import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.case import FRONT_FILE
from lymphoscope.render.turntable import FRAMES, FRONT_SUV, Turntable

MOST_BYTES = 6 * 2**30
"""Images kept in memory; a whole-body PET/CT takes a few hundred MB."""


class OpenCase:
    """A case in memory, with what the page was given of it.

    Args:
        folder: The case folder.

    Raises:
        LymphoscopeError: Those of `ReadCase`.
    """

    def __init__(self, folder: Path) -> None:
        self._record = folder / "report.json"
        self._stamp = stamp_of(self._record)
        self.case = case = ReadCase(folder)
        self.lock = RLock()
        self.turntable = Turntable(case.kept.study.pet)
        self._files: dict[str, bytes] = {}
        self._making: dict[str, Lock] = {}
        self._lock = Lock()
        self._tables: OrderedDict[str, dict[str, Any]] = OrderedDict()

    @property
    def current(self) -> bool:
        """Whether the case was not measured anew since it was read."""
        return stamp_of(self._record) == self._stamp

    @property
    def size(self) -> int:
        """Bytes of its images and of the files made of them; what else it needs is small beside them."""
        kept = self.case.kept
        grid = kept.study.pet.array.size
        ct = kept.record["input"]["ct"]  # whether it was read by now or not
        image = 2 * math.prod(ct["shape_zyx"]) if ct else 0
        return grid * (4 + 8 + len(kept.segmentation.organs)) + image + sum(map(len, list(self._files.values())))

    def volume(self, name: str) -> bytes:
        """PET or CT as a file.

        Raises:
            LymphoscopeError: ``WEB-E-NOTHERE`` for a study without CT.
        """
        kept = self.case.kept
        if name == "pet":
            return self._once(name, lambda: pet_file(kept))
        if name not in ("ct", "ct-view") or kept.ct_spacing is None or kept.ct is None:
            raise LymphoscopeError("WEB-E-NOTHERE", "there is no such image in the case")
        ct = kept.ct
        return self._once(name, lambda: volume_file(ct if name == "ct" else thinned(ct)))

    def frame(self, number: int, top: float) -> bytes:
        """A frame of the turning projection, SUV 0 to `top`."""
        degrees = 360.0 / FRAMES * (number % FRAMES)
        return self._once(f"mip {number % FRAMES} {top:g}", lambda: self.turntable.frame(degrees, top))

    def _once(self, key: str, make: Any) -> bytes:
        with self._lock:
            lock = self._making.setdefault(key, Lock())
        with lock:  # of its own: what takes long to make holds no edit up
            if key not in self._files:
                self._files[key] = make()
            return self._files[key]

    def keep_draft(self, version: str, report: bytes) -> None:
        """Keep what a version's report would be, instead of what it would have been before."""
        self._files[f"draft {version}"] = report

    def draft(self, version: str) -> bytes | None:
        """What was kept so, or None."""
        return self._files.get(f"draft {version}")

    def table(self, version: Version) -> dict[str, Any]:
        """All numbers of a version as it stands, under the head they belong to."""
        key = f"{version.name} {version.tip}"
        if key not in self._tables:
            self._tables[key] = _table(version)
            while len(self._tables) > 8:
                self._tables.popitem(last=False)
        return self._tables[key]


def _table(version: Version) -> dict[str, Any]:
    reading, record = version.now, draft_record(version)
    hidden = suggestion.hidden(version.begin, version.events)
    beside = {} if hidden or not version.begin.get("unaided") else suggestion.beside(version.case.start, reading)
    place = slots(reading)
    grid = version.case.kept.study.pet.geometry
    top = {r.number: _hottest(version, r.number) for r in reading}
    rows = [
        {
            "region": row["region"], "id": row["id"], "counted": counted, "status": row["status"],
            "word": row["word"], "glyph": row["glyph"], "why": row["why"], "organ": row["organ"],
            "site": row.get("site"), "nodal": row.get("nodal"), "rule": row["rule"], "actor": row["actor"],
            "new": reading[row["region"]].new,
            "suggested": vars(beside[row["region"]]) if row["region"] in beside else None,
            "volume_ml": row["mtv_ml" if counted else "volume_ml"], "suvmax": row["suvmax"],
            "shown": row["shown"], "slot": place.get(row["region"], 0), "seen": row["region"] in version.seen,
            "top": list(top[row["region"]]), "top_lps": [float(v) for v in grid.to_lps(top[row["region"]])],
        }
        for counted, rows in ((True, record["lesions"]), (False, record["segmentation"]["removed"]))
        for row in rows
    ]  # fmt: skip
    added, gone = changes(version.history.start, reading)
    return {
        "version": version.name,
        "events": len(version.events),
        "edits": version.edits,
        "active_s": version.active_s,
        "added_ml": added.size * grid.voxel_ml,
        "removed_ml": gone.size * grid.voxel_ml,
        "by": version.author,
        "signed": version.signature is not None,
        "documents": list(version.signature["documents"]) if version.signature is not None else [],
        "tip": version.tip,
        "head": reading.head,
        "labels": labels_key(reading),
        "rows": rows,
        "key_numbers": record["key_numbers"],
        "stages": record["segmentation"]["stages"],
        "steps": _steps(version),
        "messages": [m for m in record["messages"] if not (hidden and judging(m["code"]))],
        "suggestion": suggestion.told(version.begin, version.events, grid.voxel_ml, reading),
        "may_reveal": suggestion.may_reveal(version.begin, version.events) and version.signature is None,
        "lesions_sha256": record["segmentation"]["lesions_sha256"],
        "can_undo": version.history.can_undo and version.signature is None,
        "can_redo": version.history.can_redo and version.signature is None,
    }


def _steps(version: Version) -> dict[int, bool]:
    """The stages that were accepted, and whether their volume is still what it was."""
    now = version.stages
    return {step: now[f"TMTV{step}"] == ml for step, ml in version.steps.items()}


def judging(code: str) -> bool:
    """Whether a message tells what rules or network made of the uptake, which an unaided reader is not shown."""
    return code.startswith("SEG-")


def _hottest(version: Version, number: int) -> tuple[int, int, int]:
    suv, voxels = version.case.scene.suv, version.now[number].voxels
    top = int(voxels[suv.reshape(-1)[voxels].argmax()])
    z, rest = divmod(top, suv.shape[1] * suv.shape[2])
    y, x = divmod(rest, suv.shape[2])
    return z, y, x


class Desk:
    """Cases by id, the least recently used put away first.

    Args:
        index: The database.
        access: Log-ins.
        suggestions: As in `Door`.
    """

    def __init__(self, index: Index, access: Access, suggestions: str = FIRST) -> None:
        self.suggestions, self.unaided = suggestions, suggestions != FIRST
        self.index, self.access, self.leases, self.places = index, access, Leases(index), Places()
        self._open: OrderedDict[str, OpenCase] = OrderedDict()
        self._opening: dict[str, Lock] = {}
        self._lock = Lock()

    def case(self, case_id: str) -> OpenCase:
        """A case, read when it is first asked for.

        Raises:
            LymphoscopeError: ``WEB-E-NOTHERE`` and those of `ReadCase`.
        """
        with self._lock:
            if (known := self._open.get(case_id)) is not None and known.current:
                self._open.move_to_end(case_id)
                return known
            opening = self._opening.setdefault(case_id, Lock())
        folder = self.index.folder(case_id)
        with opening:  # who asks while it is being read waits, and does not read it once more
            if (known := self._open.get(case_id)) is not None and known.current:
                return known
            opened = OpenCase(folder)
            with self._lock:
                self._open[case_id] = opened
                while len(self._open) > 1 and sum(o.size for o in self._open.values()) > MOST_BYTES:
                    self._open.popitem(last=False)
            return opened

    def told(self, case_id: str) -> Told:
        """What a case says in words and numbers; it need not be opened for that.

        Raises:
            LymphoscopeError: ``WEB-E-NOTHERE``, ``READ-E-CASE``.
        """
        return told(self.index.folder(case_id))

    def frame(self, case_id: str, number: int, top: float) -> bytes:
        """A frame of the turning projection; the one from the front lies in the case folder, so that it comes first."""
        front = self.index.folder(case_id) / FRONT_FILE
        if number == 0 and top == FRONT_SUV and front.is_file():
            return front.read_bytes()
        return self.case(case_id).frame(number, top)

    def facts(self, case_id: str) -> list[VersionFact]:
        """The versions of a case, as the index has them."""
        return [VersionFact(**v) for v in json.loads(self.index.row(case_id).versions)]

    @contextmanager
    def version(
        self, case_id: str, name: str, person: Person, writing: bool = False, window: str | None = None
    ) -> Iterator[Version]:
        """A version that a person may see, alone for as long as the block lasts.

        Args:
            case_id: Id of the case.
            name: Name of the version.
            person: Who asks.
            writing: Only its reader may.
            window: What the window that changes it calls itself; None where nothing is changed.

        Raises:
            LymphoscopeError: ``READ-E-VERSION``, ``WEB-E-RIGHT`` where it is another's, ``READ-E-HELD`` where another
                window writes it.
        """
        opened = self.case(case_id)
        with opened.lock:
            version = opened.case.version(name)
            fact = VersionFact(
                name, version.author, version.begin["purpose"], version.signature is not None, version.begin["parent"]
            )
            if not person.may_see(fact, self.facts(case_id)):
                raise LymphoscopeError("WEB-E-RIGHT", "this version is another reader's")
            if writing and version.author != person.login:
                raise LymphoscopeError("WEB-E-RIGHT", "only its reader changes a version")
            if window is not None:
                self.leases.require(case_id, name, window)
            yield version
