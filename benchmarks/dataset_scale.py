"""Thousands of small studies made a data set: killed and resumed, on workers, through a scheduler's address.

``python benchmarks/dataset_scale.py [--studies 1000] [--crews 0 2 scheduler]`` writes a tree of synthetic studies (PET,
CT, mask), some of them faulty (not counted), and builds a data set of it once for each crew: by this process alone
(0), by so many workers, or by the workers of a scheduler that is told by its address. The first of these is killed when
a third is done, and resumed. What it holds against what was expected, and what it prints:

* every study is a case or is told with its code, and no other number of them;
* what was done before the kill is not done again, and nothing of it is lost;
* each crew gives the same bytes, as does a second run of the first, which does nothing;
* wall and processor time, and the most memory of one process and of all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.nifti import write_nifti

BUILD = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "dataset", "build"]
SCHEDULER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
GRID = Geometry.axial((16, 24, 24), (10.0, 8.0, 8.0), frame="2.25.77")
SHAPES = (Shape("body", "ellipsoid", (96, 96, 75), (76, 80, 95), suv=10.0, hu=40),)
"""The template is as hot as anything may be, so that every slice has the same slope."""
LESION = (slice(5, 8), slice(10, 14), slice(10, 14))
NUMBER, LETTERS = b"NUMBER00000", 5
"""What the template calls its patient, and how many of its letters are the number."""
FAULTS = {"no CT": "DATA-E-MISSING", "a gap": "IO-E-GAP", "no mask": "DATA-E-MISSING", "two": "IO-E-MIXEDPATIENT"}
"""What is wrong with a study, and the code that tells it."""
EVERY = 25
"""One study of so many is faulty, the faults by turns."""


def main() -> None:
    """Write the tree, build with each crew, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="number of studies; every 25th is faulty")
    parser.add_argument("--crews", nargs="+", default=["0", "2", "scheduler"], help="workers, or the word scheduler")
    parser.add_argument("--scheduler-workers", type=int, default=2, help="workers of the scheduler")
    parser.add_argument("--scratch", type=Path, help="folder to work in, kept; a temporary one when left out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = given.scratch or Path(temporary)
        if not (tree := scratch / "tree").is_dir():
            write_tree(tree, given.studies)
        print("| crew | wall | processor | studies a minute | peak of one | peak of all |")
        print("|---|---|---|---|---|---|", flush=True)
        first: Built | None = None
        for crew in given.crews:
            built = Built.by(crew, tree, scratch, first, given)
            print(built.row(given.studies), flush=True)
            first = first or built
    print(f"\n{given.studies} studies, load {' '.join(f'{n:.1f}' for n in os.getloadavg())}, {os.cpu_count()} cores")


def write_tree(tree: Path, studies: int) -> None:
    """Studies of other patients each, with uptake of their own; made of the bytes of one."""
    with tempfile.TemporaryDirectory() as scratch:
        template = Path(scratch)
        facts = ScanFacts(patient_id=NUMBER.decode(), name="BENCH^ONE")
        write_study(template, image(SHAPES, GRID, Imaging()), ct_image(SHAPES, GRID, Imaging()), facts)
        files = {path.relative_to(template): path.read_bytes() for path in sorted(template.rglob("*.dcm"))}
    mask = np.zeros(GRID.shape, np.uint8)
    mask[LESION] = 1
    inside = image(SHAPES, GRID, Imaging()).array > 5
    for number in range(studies):
        fault = fault_of(number)
        folder = tree / f"{number % 37:02d}" / f"{number:05d}"
        write_one(folder, files, number, inside, fault)
        if fault != "no mask":
            write_nifti(folder / "lesion_mask.nii.gz", Volume(mask, GRID, Unit.LABEL))


def fault_of(number: int) -> str:
    """What is wrong with a study; empty for nothing."""
    return list(FAULTS)[number // EVERY % len(FAULTS)] if number % EVERY == EVERY - 1 else ""


def write_one(folder: Path, files: dict[Path, bytes], number: int, inside: Any, fault: str) -> None:
    """One study: the template with another number in every UID, and another uptake."""
    uptake = ndimage.gaussian_filter(np.random.default_rng(number).normal(size=GRID.shape), 2.0)
    counts = np.where(inside, np.clip(3000 * np.exp(uptake / uptake.std()), 700, 14000), 0).astype("<u2")
    counts[LESION] += 15000 + number % 5000
    count = 0
    for name, content in files.items():
        if (fault == "no CT" and name.parts[0] == "ct") or (fault == "a gap" and name.stem == "pet00008"):
            continue
        who = number + 50000 if fault == "two" and name.stem == "pet00003" else number
        made = content.replace(NUMBER, NUMBER[:-LETTERS] + b"%05d" % who)
        made = re.sub(rb"(2\.25\.\d)\d{5}(\d{10,})", rb"\g<1>%05d\g<2>" % number, made)
        if name.parts[0] == "pet":
            pixels = counts[count].tobytes()
            made, count = made[: -len(pixels)] + pixels, count + 1
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(made)


@dataclass
class Built:
    """What a crew made of the tree.

    Attributes:
        crew: In words.
        runs: Seconds, processor time and memory of each run that it took.
        out: The data set.
    """

    crew: str
    runs: list[dict[str, float]]
    out: Path

    @classmethod
    def by(cls, crew: str, tree: Path, scratch: Path, first: Built | None, given: Any) -> Built:
        """Build with a crew; the first is killed and resumed, others must give the bytes of the first."""
        out = scratch / crew / "Dataset500_Scale"
        with crew_options(crew, given.scheduler_workers) as options:
            command = [*BUILD, str(tree), "-o", str(out), *options, "--memory-gb", "2", "--json"]
            if first is None:
                runs = killed_and_resumed(command, out, given.studies)
                words = f"{crew_words(crew)}, killed at a third and resumed"
            else:
                share_key(*(one.with_name(f"{one.name}-crosswalk") for one in (first.out, out)))
                runs, words = [watched(command)], crew_words(crew)
                require_told(runs[0]["said"], given.studies)
                assert contents(out) == contents(first.out), f"{crew}: other bytes"
        if first is None:
            require_second_run_idle(command, out)
        return cls(words, runs, out)

    def row(self, studies: int) -> str:
        """The row of the table."""
        seconds, cpu = (sum(run[name] for run in self.runs) for name in ("seconds", "cpu_s"))
        one, together = (max(run[name] for run in self.runs) for name in ("one_gb", "all_gb"))
        pace = 60 * studies / seconds
        return f"| {self.crew} | {seconds:.0f} s | {cpu:.0f} s | {pace:.0f} | {one:.2f} GB | {together:.2f} GB |"


def crew_words(crew: str) -> str:
    """A crew for the table."""
    return {"0": "no workers", "scheduler": "a scheduler's address"}.get(crew, f"{crew} workers")


@contextmanager
def crew_options(crew: str, workers: int) -> Iterator[Sequence[str]]:
    """Options of a crew; a scheduler runs as long as it is needed."""
    if crew != "scheduler":
        yield ["--workers", crew]
        return
    command = [sys.executable, "-W", "ignore", "-c", SCHEDULER, str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield ["--scheduler", process.stdout.readline().strip()]
        process.stdin.close()


def killed_and_resumed(command: list[str], out: Path, studies: int) -> list[dict[str, Any]]:
    """Kill a build when a third of the studies are done, resume it, and hold what it says it did against that."""
    first = watched(command, lambda: done(out) >= studies // 3)
    kept = done(out)
    assert kept < studies, "it was done before it could be killed"
    second = watched(command)
    require_told(second["said"], studies)
    again = second["said"]["done_now"] - (studies - kept)
    assert 0 <= again <= 0, f"{again} studies were done twice"
    print(f"killed when {kept} studies were done; {second['said']['done_now']} done after", file=sys.stderr)
    return [first, second]


def done(out: Path) -> int:
    """Number of studies of which the crosswalk knows what became of them."""
    records = out.with_name(f"{out.name}-crosswalk") / "studies"
    return len(list(records.glob("*.json"))) if records.is_dir() else 0


def require_told(said: dict[str, Any], studies: int) -> None:
    """Every study is a case, or its fault is told."""
    faulty = [fault for number in range(studies) if (fault := fault_of(number))]
    expected = Counter(FAULTS[fault] for fault in faulty)
    assert said["done"] == studies - len(faulty) and said["refused"] == len(faulty) and not said["failed"], said
    assert {code: said["codes"].get(code, 0) for code in expected} == expected, said["codes"]


def require_second_run_idle(command: list[str], out: Path) -> None:
    """A run that has nothing to do leaves every byte as it was."""
    before = contents(out)
    run = watched(command)
    assert run["said"]["done_now"] == 0 and contents(out) == before
    print(f"second run: {run['seconds']:.0f} s, {run['cpu_s']:.0f} s of processor", file=sys.stderr)


def share_key(given: Path, new: Path) -> None:
    """Give a build the key of another, so that pseudonyms are the same."""
    new.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(given / "secret.key", new / "secret.key")


def contents(out: Path) -> dict[str, str]:
    """SHA-256 of every file of a data set."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def watched(command: list[str], until: Any = None) -> dict[str, Any]:
    """Run a build and watch it; kill it, with all its processes, when `until` says so."""
    began, spent = time.perf_counter(), processor_s()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    one = together = used = 0.0
    while process.poll() is None:
        family = processes(process.pid)
        sizes = [memory for memory, _ in family]
        one, together = max([one, *sizes]), max(together, sum(sizes))
        if until is not None and until():
            used = sum(cpu for _, cpu in family)
            kill(process.pid)
        time.sleep(0.5)
    said = process.stdout.read() if process.stdout is not None else ""
    assert until is not None or process.returncode == 0, f"ended with {process.returncode}"
    cpu = used if until is not None else processor_s() - spent
    record = {"seconds": time.perf_counter() - began, "cpu_s": cpu, "one_gb": one, "all_gb": together}
    return record | {"said": json.loads(said) if until is None else {}}


def kill(pid: int) -> None:
    """Kill a process of ours and those under it, at once and without a word."""
    parent = psutil.Process(pid)
    for process in (*parent.children(recursive=True), parent):
        process.kill()


def processor_s() -> float:
    """Processor time of all processes that have ended under this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processes(pid: int) -> list[tuple[float, float]]:
    """Resident memory in GB and processor time of a process and of those under it."""
    try:
        parent = psutil.Process(pid)
        every = (parent, *parent.children(recursive=True))
        return [(p.memory_info().rss / 1e9, sum(p.cpu_times()[:2])) for p in every]
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
