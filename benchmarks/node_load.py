"""The node under load and under kill -9, on loopback with the real pipeline.

``python benchmarks/node_load.py [--studies 200] [--kills 50] [--senders 4] [--runs 2]`` prints Markdown tables. It
needs the extra ``node``. Phase 1 sends all studies by several senders at once and waits until the archive has every
result: throughput, latency, memory. Phase 2 kills the node at random moments while a tenth as many studies (at least
10) go through, and counts the answers. Wrong messages are sent by ``fuzz.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import platform
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import PositronEmissionTomographyImageStorage

from lymphoscope.app.node.extra import at_once
from lymphoscope.core.geometry import Geometry
from lymphoscope.image.phantom import Imaging, Shape, image
from lymphoscope.io.dicom_write import ScanFacts, pet_datasets

SIZES = ((12, 32), (30, 48), (60, 64), (90, 96))
"""Slices and columns of the phantoms, in turn; voxels of 4 mm."""

QUIET_S = 2.0
SPHERE_MM = 16.0


def study(number: int) -> list[Dataset]:
    """A sphere of SUV 10 in a box of SUV 1, of a patient of its own."""
    slices, columns = SIZES[number % len(SIZES)]
    geometry = Geometry.axial((slices, columns, columns), (4.0, 4.0, 4.0))
    centre = tuple(2.0 * n for n in (columns, columns, slices))
    sphere = Shape("sphere", "ellipsoid", centre, (SPHERE_MM,) * 3, suv=10.0, lesion=True)
    facts = ScanFacts(seed=number, patient_id=f"LOAD-{number}", beds=1)
    return list(pet_datasets(image((sphere,), geometry, Imaging(), background=1.0), facts))


@dataclass
class Archive:
    """Receives results; remembers which instance of which study came how often."""

    got: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def open(self) -> Archive:
        entity = AE(ae_title="ARCHIVE")
        entity.supported_contexts = AllStoragePresentationContexts
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        self.port = server.server_address[1]
        return self

    def _store(self, event: Any) -> int:
        self.got.append((str(event.dataset.StudyInstanceUID), str(event.request.AffectedSOPInstanceUID)))
        return 0


class Node:
    """A node in a process of its own."""

    def __init__(self, folder: Path, archive: Archive, runs: int, quiet_s: float = QUIET_S) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log, self.errors, self._config = folder / "node.log", folder / "node.err", folder / "node.toml"
        self._config.write_text(
            f'[node]\nfolder = "{folder / "node"}"\nlog = "{self.log}"\n'
            f'[listen]\ncallers = ["SENDER"]\nport = {self.port}\n'
            f"[study]\nquiet_s = {quiet_s}\ncomplete_s = {quiet_s}\n[work]\nruns = {runs}\n"
            f'[[send]]\nname = "archive"\ntitle = "ARCHIVE"\nport = {archive.port}\nretry_s = 0.5\n'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "node", str(self._config)]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(words, stderr=errors)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def lines(self, *events: str) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        whole = (line for line in self.log.read_text().splitlines() if line.endswith("}"))
        return [line for line in map(json.loads, whole) if line["event"] in events]

    def listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def held(self) -> tuple[int, int]:
        """Threads and open files of the node."""
        assert self.process is not None
        here = Path(f"/proc/{self.process.pid}")
        return len(list((here / "task").iterdir())), len(list((here / "fd").iterdir()))

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the node and of its runs, MB."""
        assert self.process is not None
        own = _rss_mb(self.process.pid)
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return own, sum(_rss_mb(int(child)) for file in children for child in _read(file).split())


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _rss_mb(process: int) -> float:
    fields = _read(Path(f"/proc/{process}/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if fields else 0.0


def store(port: int, datasets: Sequence[Dataset]) -> bool:
    """Send a study in one association; True when every instance was taken."""
    entity = AE(ae_title="SENDER")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    entity.add_requested_context(PositronEmissionTomographyImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_CONN_OPEN, at_once)]
    link = entity.associate("127.0.0.1", port, ae_title="LYMPHOSCOPE", evt_handlers=handlers)
    try:
        return link.is_established and all(link.send_c_store(d).get("Status", -1) == 0 for d in datasets)
    except (RuntimeError, ValueError):
        return False
    finally:
        if link.is_established:
            link.release()


class Senders:
    """Several senders that take the next study each, and offer it until it was taken whole."""

    def __init__(self, port: int, numbers: Iterator[int], count: int) -> None:
        self.taken: dict[str, float] = {}
        self.instances = 0
        self._port, self._numbers, self._lock = port, numbers, threading.Lock()
        self.threads = [threading.Thread(target=self._send) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _send(self) -> None:
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            datasets = study(number)
            while not store(self._port, datasets):
                time.sleep(0.1)
            self.taken[str(datasets[0].StudyInstanceUID)] = time.time()
            self.instances += len(datasets)

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)


def load(folder: Path, studies: int, senders: int, runs: int) -> None:
    """Phase 1: everything at once."""
    archive = Archive().open()
    node = Node(folder, archive, runs)
    node.start()
    until(node.listening, 60)
    began = time.time()
    sending = Senders(node.port, iter(range(studies)), senders)
    memory: list[tuple[float, float, float]] = []
    received_s = 0.0
    while sending.busy or len(_finished(node)) < studies or _owed(node):
        memory.append((time.time() - began, *node.memory_mb()))
        received_s = received_s if not sending.busy and received_s else time.time() - began
        time.sleep(1.0)
    total_s = time.time() - began
    memory.append((total_s, *node.memory_mb()))
    node.end(signal.SIGTERM)
    _show_load(node, sending, (studies, senders, runs, received_s, total_s), archive)
    _show_memory(memory)


_OWED = """SELECT
    (SELECT COUNT(*) FROM parcel WHERE state <> 'sent') +
    (SELECT COUNT(*) FROM study WHERE serial >
        (SELECT COALESCE(MAX(serial), -1) FROM version WHERE version.study = key AND state = 'done'))"""


def _owed(node: Node) -> bool:
    """True while a study is not worked as it is now, or a result not confirmed; by the queue, which a kill leaves."""
    with contextlib.closing(sqlite3.connect(f"file:{node.log.parent}/node/node.db?mode=ro", uri=True)) as base:
        return bool(base.execute(_OWED).fetchone()[0])


def _show_load(node: Node, sending: Senders, facts: tuple, archive: Archive) -> None:
    studies, senders, runs, received_s, total_s = facts
    last = {line["study"]: _seconds(line) for line in node.lines("stored")}
    answered = {line["study"]: line for line in node.lines("answered")}
    done = {line["case"].split("-")[0]: _seconds(line) for line in node.lines("sent")}
    whole = [done[key] - last[key] for key in answered]
    run = [line["seconds"] for line in answered.values()]
    per_study = Counter(study for study, _ in archive.got)
    print(f"\n{studies} studies, {senders} senders, {runs} runs at once\n\n| what | value |\n|---|---|")
    print(
        f"| instances received | {sending.instances} in {received_s:.0f} s ({sending.instances / received_s:.0f}/s) |"
    )
    print(f"| studies answered | {len(per_study)} of {studies} |")
    print(
        f"| versions of a study | {dict(Counter(Counter(line['study'] for line in node.lines('answered')).values()))} |"
    )
    print(f"| statuses | {dict(Counter(line['status'] for line in answered.values()))} |")
    print(f"| results in the archive | {len(archive.got)}, distinct {len(set(archive.got))} |")
    print(f"| time from first byte to last result | {total_s:.0f} s |")
    print(f"| throughput | {60 * studies / total_s:.1f} studies/min |")
    print("\n| seconds | p5 | p50 | p90 | p95 | p99 | max |\n|---|---|---|---|---|---|---|")
    for name, values in (("last instance to last result", whole), ("one run", run)):
        print(f"| {name} | " + " | ".join(f"{v:.1f}" for v in np.percentile(values, [5, 50, 90, 95, 99, 100])) + " |")


def _show_memory(memory: list[tuple[float, float, float]]) -> None:
    print("\n| at, s | node, MB | its runs, MB |\n|---|---|---|")
    for part in np.linspace(0, len(memory) - 1, 9).astype(int):
        print("| " + " | ".join(f"{value:.0f}" for value in memory[part]) + " |")
    peak = np.max(np.array(memory), axis=0)
    print(f"| peak | {peak[1]:.0f} | {peak[2]:.0f} |")


def _seconds(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def kills(folder: Path, count: int, runs: int, seed: int) -> None:
    """Phase 2: kill -9 at random moments; new studies keep coming until the last kill."""
    rng, archive = random.Random(seed), Archive().open()
    node = Node(folder, archive, runs)
    node.start()
    until(node.listening, 60)
    enough = threading.Event()
    numbers = itertools.takewhile(lambda number: number < 1005 or not enough.is_set(), _paced(1000, enough))
    sending = Senders(node.port, numbers, 2)
    moments: Counter[str] = Counter()
    for number in range(count):
        if number % 4 == 3:  # sending is soon over: every fourth kill is aimed at it
            answered = len(node.lines("answered"))
            until(lambda n=answered: len(node.lines("answered")) > n or not node.lines("stored"), 300)
            time.sleep(rng.uniform(0.0, 0.4))
        else:
            time.sleep(rng.uniform(0.0, 6.0))
        moments[_under_way(node)] += 1
        node.end(signal.SIGKILL)
        node.start()
        until(node.listening, 60)
    enough.set()
    for thread in sending.threads:
        thread.join()
    studies = len(sending.taken)
    until(lambda: len(_finished(node)) >= studies and not _owed(node), 1200)
    node.end(signal.SIGTERM)
    _show_kills(node, archive, studies, moments)


def _paced(first: int, enough: threading.Event) -> Iterator[int]:
    for number in itertools.count(first):
        yield number
        enough.wait(15.0)


def _finished(node: Node) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"file:{node.log.parent}/node/node.db?mode=ro", uri=True)) as base:
        return {row[0] for row in base.execute("SELECT study FROM version WHERE state = 'done'")}


def _under_way(node: Node) -> str:
    """What the node was doing, from its log: what came last and what was begun and not ended."""
    lines = node.lines("started", "stored", "run", "answered", "sent")
    now, doing = time.time(), []
    recent = [line["event"] for line in lines if now - _seconds(line) < 0.3]
    if "stored" in recent:
        doing.append("receive")
    since = max((k for k, line in enumerate(lines) if line["event"] == "started"), default=0)
    balance = Counter(line["event"] for line in lines[since:])
    if balance["run"] > balance["answered"]:
        doing.append("compute")
    if "sent" in recent or (recent and "answered" in recent):
        doing.append("send")
    return " + ".join(doing) or "idle"


def _show_kills(node: Node, archive: Archive, studies: int, moments: Counter[str]) -> None:
    by_study: dict[str, set[str]] = defaultdict(set)
    for study_uid, sop in archive.got:
        by_study[study_uid].add(sop)
    versions: dict[str, set[int]] = defaultdict(set)
    for line in node.lines("answered"):
        versions[line["study"]].add(line["version"])
    print(f"\n{sum(moments.values())} times kill -9\n\n| what | value |\n|---|---|")
    print(f"| killed during | {', '.join(f'{name}: {n}' for name, n in moments.most_common())} |")
    print(f"| studies taken | {studies} |")
    print(f"| studies answered | {len(by_study)} |")
    print(f"| distinct results for a study | {dict(Counter(len(sops) for sops in by_study.values()))} |")
    print(f"| versions of a study | {dict(Counter(len(numbers) for numbers in versions.values()))} |")
    print(f"| results offered again after a kill | {len(archive.got) - len(set(archive.got))} |")


def until(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit("it did not happen in time")
        time.sleep(0.1)


def main() -> None:
    """Run both phases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; quiet for {QUIET_S:g} s")
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("load", "kill"):
            (Path(scratch) / name).mkdir()
        if given.studies:
            load(Path(scratch) / "load", given.studies, given.senders, given.runs)
        if given.kills:
            kills(Path(scratch) / "kill", given.kills, given.runs, given.seed)


if __name__ == "__main__":
    main()
