"""A case that is read: its versions, each an immutable parent and a log, kept in the case folder itself.

``reading/v1.jsonl`` is the log of version 1 and ``reading/v1/`` what was written when it was signed. The folder makes
the case one that no later run replaces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.again import Kept, read_again
from lymphoscope.app.measure import Known
from lymphoscope.app.reading import chain
from lymphoscope.app.reading.adjudication import disputed
from lymphoscope.app.reading.faint import faint_foci
from lymphoscope.app.reading.history import History
from lymphoscope.app.reading.numbers import preselected, stages_of, start_of, unjudged
from lymphoscope.app.reading.scene import Scene
from lymphoscope.app.reading.suggestion import FIRST, REVEAL, require_revealable
from lymphoscope.app.references import References
from lymphoscope.core.body import DEFAULT_LEAN_MASS
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading, Voxels
from lymphoscope.io.atomic import writing

READING = "reading"
PAUSE_S = 300.0
"""Who does nothing for longer is not reading, seconds."""

_VERSION = re.compile(r"v([1-9][0-9]{0,3})")


def now() -> str:
    """The time, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Version:
    """One version: what it began from, and everything that was done since.

    Args:
        case: The case.
        name: Its name, such as ``v1``.
        start: The reading that it began from.
        events: Its log.
    """

    def __init__(self, case: ReadCase, name: str, start: Reading, events: list[dict[str, Any]]) -> None:
        self.case, self.name = case, name
        self.history = History(case.scene, start)
        self.events: list[dict[str, Any]] = []
        for event in events:
            self._replay(event)

    @property
    def begin(self) -> Mapping[str, Any]:
        """Who began it, when, from which version, and why."""
        return self.events[0]

    @property
    def author(self) -> str:
        """Login of who reads."""
        return str(self.begin["by"])

    @property
    def tip(self) -> str:
        """Hash of the last event: what a writer must have seen."""
        return str(self.events[-1]["hash"])

    @property
    def signature(self) -> Mapping[str, Any] | None:
        """The signing event, or None for a draft."""
        return self.events[-1] if self.events[-1]["kind"] == "sign" else None

    @property
    def now(self) -> Reading:
        """The regions as they stand."""
        return self.history.now

    @property
    def seen(self) -> set[int]:
        """Regions that were displayed to the reader."""
        return {n for e in self.events if e["kind"] == "seen" for n in e["regions"]}

    @property
    def dismissed(self) -> set[tuple[int, int, int]]:
        """Hottest voxels, (z, y, x), of the faint foci that the reader dismissed and did not take back."""
        last = {tuple(e["top"]): e["dismissed"] for e in self.events if e["kind"] == "dismiss"}
        return {top for top, gone in last.items() if gone}

    @property
    def steps(self) -> dict[int, float]:
        """Volume of each stage of the benchmark workflow as it was last accepted, mL."""
        return {e["step"]: e["stages"][f"TMTV{e['step']}"] for e in self.events if e["kind"] == "step"}

    @property
    def stages(self) -> dict[str, float]:
        """Volumes TMTV1–TMTV4 as they stand, mL."""
        return stages_of(self.now, self.case.preselected, self.case.kept.study.pet.geometry.voxel_ml)

    @property
    def edits(self) -> int:
        """Acts, undone ones and undoing counted."""
        return sum(e["kind"] == "act" for e in self.events)

    @property
    def active_s(self) -> float:
        """Time spent on it, seconds, by its log: pauses of more than `PAUSE_S` between events do not count."""
        times = [datetime.fromisoformat(e["when"]).timestamp() for e in self.events]
        gaps = [b - a for a, b in pairwise(times)]
        return float(sum(gap for gap in gaps if gap <= PAUSE_S))

    @property
    def folder(self) -> Path:
        """Where what was signed lies."""
        return self.case.folder / READING / self.name

    def figures(self, reading: Reading) -> dict[str, Any]:
        """Hash, TMTV, number of lesions and of those never displayed, for before and after in the log."""
        voxel_ml, seen = self.case.kept.study.pet.geometry.voxel_ml, self.seen
        counted = [r.number for r in reading if r.counted]
        unseen = sum(number not in seen for number in counted)
        return {"head": reading.head, "tmtv_ml": reading.counted_voxels * voxel_ml, "n": len(counted), "unseen": unseen}

    def see(self, regions: Iterable[int], expected: str) -> None:
        """Note that regions were displayed, unless they were before.

        Raises:
            LymphoscopeError: Those of `write`.
        """
        fresh = sorted(set(regions) & set(self.now.regions) - self.seen)
        if fresh:
            left = sum(r.counted for r in self.now if r.number not in self.seen.union(fresh))
            self.write({"kind": "seen", "by": self.author, "regions": fresh, "unseen": left}, expected)

    def dismiss(self, top: tuple[int, int, int], dismissed: bool, expected: str) -> None:
        """Note that a faint focus was looked at and is nothing, or take that back; it is never counted.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` where no faint focus has its top there, and those of `write`.
        """
        if top not in {focus.top for focus in faint_foci(self.case.scene, self.now)}:
            raise LymphoscopeError("READ-E-ACT", "there is no faint focus", fix="Open the list again.")
        self.write({"kind": "dismiss", "by": self.author, "top": list(top), "dismissed": dismissed}, expected)

    def accept(self, step: int, expected: str) -> None:
        """Accept a stage of the benchmark workflow: its volumes are kept in the log as they stand.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` where the stage before was not accepted, and those of `write`.
        """
        if not 1 <= step <= 4 or (step > 1 and step - 1 not in self.steps):
            raise LymphoscopeError("READ-E-ACT", f"step {step} cannot be accepted", fix="Accept the one before it.")
        self.write({"kind": "step", "by": self.author, "step": step, "stages": self.stages}, expected)

    def reveal(self, expected: str) -> None:
        """Note that the reader asks to see what rules or network suggested.

        Raises:
            LymphoscopeError: ``READ-E-ACT`` where it is not to be shown, and those of `write`.
        """
        require_revealable(self.begin, self.events)
        self.write({"kind": REVEAL, "by": self.author, "is": self.figures(self.now)}, expected)

    def do(self, op: str, act: Mapping[str, Any], by: str, expected: str, client: Mapping[str, Any]) -> dict[str, Any]:
        """Do an act, ``undo`` or ``redo``, and have it in the log.

        Args:
            op: Its name.
            act: As `Act.as_record`; empty for undo and redo.
            by: Login of the reader.
            expected: `tip` that the reader saw.
            client: What the page says of it: its own ``id`` of the act, its time.

        Returns:
            The event. An act whose ``id`` is in the log already is not done twice: its event is given again.

        Raises:
            LymphoscopeError: ``READ-E-STALE``, ``READ-E-SIGNED``, and those of `apply`.
        """
        for event in self.events:
            if event["kind"] == "act" and client.get("id") and event["client"].get("id") == client["id"]:
                return event
        self._require_writable(expected)
        after = self.history.after(op, act, by)
        said = {"op": op, "act": dict(act), "client": dict(client)}
        figures = {"was": self.figures(self.now), "is": self.figures(after)}
        return self.write({"kind": "act", "by": by, **said, **figures}, expected, after)

    def write(self, event: Mapping[str, Any], expected: str, after: Reading | None = None) -> dict[str, Any]:
        """Append an event.

        Raises:
            LymphoscopeError: ``READ-E-STALE``, ``READ-E-SIGNED``, ``IO-E-WRITE``.
        """
        self._require_writable(expected)
        written = chain.append(self.case.log(self.name), {**event, "when": now()}, expected)
        if after is not None:
            self.history.take(event["op"], after)
        self.events.append(written)
        return written

    def _require_writable(self, expected: str) -> None:
        if self.signature is not None:
            raise LymphoscopeError("READ-E-SIGNED", f"version {self.name} is signed")
        if expected != self.tip:
            raise LymphoscopeError("READ-E-STALE", "the version was changed in the meantime")

    def _replay(self, event: dict[str, Any]) -> None:
        if event["kind"] == "act":
            after = self.history.after(event["op"], event["act"], event["by"])
            if after.head != event["is"]["head"]:
                raise LymphoscopeError("READ-E-CHANGED", f"event {event['number']} gives another mask than it did")
            self.history.take(event["op"], after)
        self.events.append(event)


@dataclass(frozen=True)
class Begun:
    """What a version begins from.

    Attributes:
        parent: A signed version; the case itself when empty.
        other: The other reader's signed version, for what is adjudicated.
        unaided: All that was preselected counts: what rules or network said of it is not shown.
        suggestions: When it is shown, one of `lymphoscope.app.reading.suggestion.MODES`.
    """

    parent: str = ""
    other: str = ""
    unaided: bool = False
    suggestions: str = FIRST


class ReadCase:
    """A case folder with its versions.

    Args:
        folder: The case folder.

    Raises:
        LymphoscopeError: ``READ-E-CASE``, ``READ-E-CHANGED``, ``IO-E-NIFTI``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: Kept = read_again(folder)
        self.known = Known()
        self._versions: dict[str, Version] = {}

    @staticmethod
    def signed_volumes(folder: Path, names: list[str]) -> list[float]:
        """TMTV of signed versions, mL, from their logs alone."""
        return [float(chain.read(folder / READING / f"{name}.jsonl")[-1]["is"]["tmtv_ml"]) for name in names]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the case's ``report.json``, which holds the hashes of its masks."""
        return hashlib.sha256((self.folder / "report.json").read_bytes()).hexdigest()

    @cached_property
    def start(self) -> Reading:
        """The regions as the rules left them."""
        return start_of(self.kept)

    @cached_property
    def preselected(self) -> Voxels:
        """Voxels of those regions."""
        return preselected(self.start)

    @cached_property
    def scene(self) -> Scene:
        """What acts rest on."""
        study, segmentation = self.kept.study, self.kept.segmentation
        levels = References.beside(study.pet, segmentation).levels
        lean = study.suv.multipliers.get(DEFAULT_LEAN_MASS)
        return Scene(study.pet, segmentation.organs, levels, segmentation.connectivity, lean)

    def log(self, name: str) -> Path:
        """Log file of a version.

        Raises:
            LymphoscopeError: ``READ-E-VERSION`` for what is no version's name.
        """
        if not _VERSION.fullmatch(name):
            raise LymphoscopeError("READ-E-VERSION", "there is no such version")
        return self.folder / READING / f"{name}.jsonl"

    def names(self) -> list[str]:
        """Names of the versions, in order."""
        return version_names(self.folder)

    def version(self, name: str) -> Version:
        """A version, replayed from its log.

        Raises:
            LymphoscopeError: ``READ-E-VERSION`` where there is none, ``READ-E-CHANGED`` where case or log are not what
                they were.
        """
        events = chain.read(self.log(name))
        if not events:
            raise LymphoscopeError("READ-E-VERSION", "there is no such version")
        known = self._versions.get(name)
        if known is not None and known.tip == events[-1]["hash"]:
            return known
        begin = events[0]
        if begin["case"] != self.digest:
            raise LymphoscopeError("READ-E-CHANGED", "the case is not the one that this version began from")
        start = self._begun(Begun(begin["parent"], begin.get("other", ""), begin.get("unaided", False)))
        if start.head != begin["is"]["head"]:
            raise LymphoscopeError("READ-E-CHANGED", "the version began from another mask")
        self._versions[name] = Version(self, name, start, events)
        return self._versions[name]

    def _begun(self, of: Begun) -> Reading:
        """What a version begins from: the case, a signed version, or two of them laid over one another."""
        first = self.version(of.parent).now if of.parent else self.start
        if of.unaided:
            return unjudged(first)
        return disputed(first, self.version(of.other).now, self.scene.connectivity) if of.other else first

    def new(self, by: str, purpose: str = "read", of: Begun | None = None, reason: str = "") -> Version:
        """Begin a version.

        Args:
            by: Login of who will read.
            purpose: ``read``, ``adjudicate`` or ``reopen``.
            of: What to begin from; the case itself when None.
            reason: Why, for what is reopened.

        Raises:
            LymphoscopeError: ``READ-E-SIGN`` where a parent is not signed, or a reason or the other reader's version
                is wanted and not given.
        """
        of = of or Begun()
        parent, other = of.parent, of.other
        for name in filter(None, (parent, other)):
            if self.version(name).signature is None:
                raise LymphoscopeError("READ-E-SIGN", f"version {name} is not signed", fix="Go on with it.")
        if purpose == "reopen" and not (parent and reason.strip()):
            raise LymphoscopeError("READ-E-SIGN", "a signed version is reopened with a reason", fix="Say why.")
        if (purpose == "adjudicate") != bool(other) or (other and other == parent):
            raise LymphoscopeError("READ-E-SIGN", "two readers' versions are adjudicated", fix="Name both.")
        start = self._begun(of)
        with writing():
            (self.folder / READING).mkdir(exist_ok=True)
        numbers = [int(name[1:]) for name in self.names()]
        name = f"v{max(numbers, default=0) + 1}"
        voxel_ml = self.kept.study.pet.geometry.voxel_ml
        n = sum(r.counted for r in start)
        figures = {"head": start.head, "tmtv_ml": start.counted_voxels * voxel_ml, "n": n, "unseen": n}
        said = {"purpose": purpose, **vars(of), "reason": reason, "case": self.digest}
        event = {"kind": "begin", "by": by, "when": now(), "software": __version__, "is": figures, **said}
        chain.append(self.log(name), event, chain.BEGINNING)
        return self.version(name)


def progress(events: Sequence[chain.Event]) -> float | None:
    """Share of the counted lesions that were displayed, 0–1, by a log alone; None where it tells none."""
    counted, unseen = None, None
    for event in events:
        told = event.get("is", event)
        counted, unseen = told.get("n", counted), told.get("unseen", unseen)
    return 1.0 - unseen / counted if counted and isinstance(unseen, int) else None


def version_names(folder: Path) -> list[str]:
    """Names of the versions of a case folder, in order."""
    found = [match for path in (folder / READING).glob("v*.jsonl") if (match := _VERSION.fullmatch(path.stem))]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]
