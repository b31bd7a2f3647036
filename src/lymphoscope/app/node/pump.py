"""The node: joins ear, store, queue, runs and destinations, each in a thread of its own."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain, groupby
from pathlib import Path

from lymphoscope.app.failure import trace_without_data
from lymphoscope.app.node.extra import needed
from lymphoscope.app.node.journal import Journal
from lymphoscope.app.node.queue import Parcel, Version
from lymphoscope.app.node.receive import Ear
from lymphoscope.app.node.send import SENT, UNREACHABLE, deliver, results_of
from lymphoscope.app.node.settings import Destination, NodeSettings, Source
from lymphoscope.app.node.store import Store, opened
from lymphoscope.app.node.study import Quiet
from lymphoscope.app.node.web import pull
from lymphoscope.app.node.work import Job, run_case
from lymphoscope.core.errors import LymphoscopeError

_TICK_S = 0.25
_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 600.0


class Node:
    """A running node.

    Args:
        settings: What it is told.
        store: Its opened folder.
        job: What makes a case folder of a study; another one for tests.

    Attributes:
        port: Port it listens at.
    """

    def __init__(self, settings: NodeSettings, store: Store, job: Job = run_case) -> None:
        self._settings, self._store, self._job = settings, store, job
        self._journal = Journal(settings.log)
        self._quiet = Quiet(settings.waiting)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._ear = Ear(store, settings.listen, self._journal, self._quiet.heard)
        self.port = self._ear.port
        loops = [(f"work-{n}", self._work_through) for n in range(1, settings.work.runs + 1)]
        loops += [(f"send-{d.name}", self._sender(d)) for d in settings.send]
        loops += [(f"pull-{s.name}", self._puller(s)) for s in settings.pull]
        self._threads = [threading.Thread(target=self._loop, args=loop, name=loop[0], daemon=True) for loop in loops]
        self._journal("started", port=self.port, **{k.replace("-", "_"): v for k, v in store.queue.counts().items()})
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the node is stopped; False when the time is over before."""
        return self._stop.wait(seconds)

    def stop(self) -> None:
        """End: no more is taken, a run under way is broken off and begun again next time."""
        self._stop.set()
        self._ear.close()
        for thread in self._threads:
            thread.join(timeout=10)
        self._journal("stopped")

    def thread_failed(self, what: threading.ExceptHookArgs) -> None:
        """Note that a thread of a library ended with an error, without its text, which may quote what was sent."""
        self._journal("thread-failed", kind=what.exc_type.__name__)

    def _loop(self, name: str, once: Callable[[], None]) -> None:
        """Do a step again and again. What fails in it is noted, and the next step is tried."""
        while not self._stop.is_set():
            pause = _TICK_S
            try:
                once()
            except Exception as error:
                last = trace_without_data(error).strip().splitlines()[-1].strip()
                code = error.code if isinstance(error, LymphoscopeError) else ""
                self._journal("failed", loop=name, kind=type(error).__name__, at=last, code=code)
                pause = _PAUSE_S
            self._stop.wait(pause)

    # quiet → queue → run

    def _work_through(self) -> None:
        queue = self._store.queue
        for study in queue.due():
            if self._stop.is_set():
                return
            if self._quiet.arrived(study, queue.series(study)):
                with self._taken(study) as free:
                    if free and study in queue.due():  # another worker may just have finished it
                        self._try(study)

    @contextlib.contextmanager
    def _taken(self, study: str) -> Iterator[bool]:
        """Keep a study for one worker; False where another has it."""
        with self._lock:
            free = study not in self._at_work
            self._at_work.add(study)
        try:
            yield free
        finally:
            if free:
                self._at_work.discard(study)

    def _try(self, study: str) -> None:
        try:
            self._work(study)
        except Exception:  # a full disk, a file that somebody removed: the next study must not wait for this one
            self._quiet.heard(study, _PAUSE_S)
            raise

    def _work(self, study: str) -> None:
        version, source = self._store.begin(study)
        began = time.monotonic()
        self._journal("run", study=study, version=version.number)
        try:
            ended = self._job(source, self._store.case(version.name), self._settings, self._stop)
        finally:
            shutil.rmtree(source, ignore_errors=True)
        if ended.status == "stopped":
            return
        seconds = round(time.monotonic() - began, 3)
        facts: dict[str, str | int | float] = {
            "study": study,
            "version": version.number,
            "seconds": seconds,
            "why": ended.why,
        }
        if ended.status == "broken":
            self._broke_down(version, facts)
            return
        self._store.queue.finish(version, self._parcels(version))
        self._quiet.forget(study)
        self._journal("answered", status=ended.status, **facts)

    def _parcels(self, version: Version) -> list[Parcel]:
        case = self._store.case(version.name)
        return [
            Parcel(version.study, version.number, name, destination.name)
            for destination in self._settings.send
            for name in results_of(case, destination)
        ]

    def _broke_down(self, version: Version, facts: dict[str, str | int | float]) -> None:
        limit = self._settings.work.attempts
        attempts = self._store.queue.broke_down(version, limit)
        self._quiet.heard(version.study, _PAUSE_S * attempts)
        code = "NODE-E-WORK" if attempts >= limit else ""
        self._journal("broke-down", attempts=attempts, code=code, **facts)

    # send

    def _sender(self, destination: Destination) -> Callable[[], None]:
        later: dict[Parcel, float] = {}  # what was refused waits by itself
        silences = 0  # in a row

        def once() -> None:
            nonlocal silences
            now = time.monotonic()
            waiting = [p for p in self._store.queue.waiting(destination.name) if later.get(p, now) <= now]
            for case, parcels in groupby(waiting, key=lambda parcel: parcel.case):
                if self._stop.is_set():
                    return
                if not self._send(destination, self._store.case(case), list(parcels), later):
                    silences += 1
                    self._stop.wait(_pause_s(destination, silences))
                    return
                silences = 0

        return once

    def _send(self, destination: Destination, case: Path, parcels: list[Parcel], later: dict[Parcel, float]) -> bool:
        """Offer the results of a case; False when the destination cannot be reached."""
        by_name = {parcel.file: parcel for parcel in parcels}
        files = [case / name for name in by_name if (case / name).exists()]
        gone = [(case / name, "the file is gone") for name in by_name if case / name not in files]
        answers = deliver(files, destination, self._settings.listen.title) if files else ()
        for file, answer in chain(gone, answers):
            parcel, facts = by_name[file.name], {"case": case.name, "object": file.stem, "to": destination.name}
            if answer == UNREACHABLE:
                self._journal("unreachable", **facts)
                return False
            if answer == SENT:
                self._store.queue.confirmed(parcel)
                later.pop(parcel, None)
                self._journal("sent", **facts)
                continue
            attempts = self._store.queue.refused(parcel, destination.attempts)
            later[parcel] = time.monotonic() + _pause_s(destination, attempts)
            code = "NODE-E-SEND" if attempts >= destination.attempts else ""
            self._journal("refused", answer=answer, attempts=attempts, code=code, **facts)
        return True

    # pull

    def _puller(self, source: Source) -> Callable[[], None]:
        def once() -> None:
            try:
                for kept in pull(source, self._store, date.today()):
                    self._quiet.heard(kept.study)
                    self._journal("pulled", study=kept.study, how=kept.how, source=source.name)
                    if self._stop.is_set():
                        return
            except OSError:  # what the network and the disk raise, requests' own errors too
                self._journal("not-pulled", source=source.name)
            self._stop.wait(source.every_s)

        return once


def _pause_s(destination: Destination, times: int) -> float:
    return float(min(destination.retry_s * 2.0 ** min(times - 1, 20), _LONGEST_PAUSE_S))


@contextlib.contextmanager
def running(settings: NodeSettings, job: Job = run_case) -> Iterator[Node]:
    """A node that runs until the block ends.

    Raises:
        LymphoscopeError: ``NODE-E-LOCKED``, ``NODE-E-LISTEN``, ``USE-E-EXTRA`` or ``IO-E-WRITE``.
    """
    needed("pynetdicom")
    if settings.pull or any(destination.url for destination in settings.send):
        needed("dicomweb_client")
    with opened(settings.folder, settings.listen.min_free_mb * 1e6) as store:
        node, before = Node(settings, store, job), threading.excepthook
        threading.excepthook = node.thread_failed
        try:
            yield node
        finally:
            node.stop()
            threading.excepthook = before
