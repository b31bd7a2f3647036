"""A cohort of 100 small phantoms, ten of them faulty, on one and on two workers: time, pace and memory.

``python benchmarks/batch.py [--studies 100] [--workers 1 2]`` makes the cohort first (not counted), runs the verb
``batch`` on it in processes of its own, watches their memory, and prints a table for the docs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.phantom import Imaging, Shape, image
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, write_study

GRID = Geometry.axial((40, 48, 48), (6.0, 6.0, 6.0))
COMMAND = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "batch"]


def main() -> None:
    """Make the cohort, run it on each number of workers, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100, help="number of studies; every tenth is faulty")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers to try")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        for number in range(given.studies):
            write_phantom(tree / f"{number:03d}", number)
        rows = [measured(tree, Path(scratch) / f"out{workers}", workers) for workers in given.workers]
    print("| workers | wall | processor | studies a minute | measured | refused | failed | peak of one | peak of all |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        pace = 60 * row["studies"] / row["seconds"]
        print(
            f"| {row['workers']} | {row['seconds']:.0f} s | {row['cpu_s']:.0f} s | {pace:.0f} "
            f"| {row['measured']} | {row['refused']} | {row['failed']} "
            f"| {row['one_gb']:.2f} GB | {row['all_gb']:.2f} GB |"
        )
    print(f"\nload {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores")


def write_phantom(folder: Path, number: int) -> None:
    """One study; of every ten, one lacks its weight, a slice, or the end of a file."""
    radius = 12.0 + 0.3 * (number % 60)
    shapes = (
        Shape("body", "ellipsoid", (144, 144, 120), (120, 100, 118), suv=0.6),
        Shape("liver", "ellipsoid", (80, 144, 130), (45, 55, 55), suv=2.0 + 0.004 * number),
        Shape("lesion", "ellipsoid", (200, 144, 60), (radius,) * 3, suv=6.0 + 0.1 * number, lesion=True),
    )
    facts = replace(ScanFacts(), seed=number, patient_id=f"B{number}", name=f"BENCH^{number}")
    fault = number // 10 % 3 if number % 10 == 9 else None
    edit = (lambda dataset, _: dataset.__delattr__("PatientWeight")) if fault == 0 else None
    write_study(folder, image(shapes, GRID, Imaging()), None, facts, options=WriteOptions(edit=edit))
    if fault == 1:
        (folder / "pet" / "pet00020.dcm").unlink()
    if fault == 2:
        torn = folder / "pet" / "pet00020.dcm"
        torn.write_bytes(torn.read_bytes()[:200])


def measured(tree: Path, out: Path, workers: int) -> dict[str, Any]:
    """Run the batch and watch it."""
    began, spent = time.perf_counter(), processor_s()
    process = subprocess.Popen(
        [*COMMAND, str(tree), "-o", str(out), "--workers", str(workers), "--memory-gb", "2", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    one = together = 0.0
    while process.poll() is None:
        sizes = memory_gb(process.pid)
        one, together = max([one, *sizes[1:]]), max(together, sum(sizes))
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    said = process.stdout.read() if process.stdout is not None else ""
    return {
        **json.loads(said),
        "workers": workers,
        "seconds": seconds,
        "cpu_s": processor_s() - spent,
        "one_gb": one,
        "all_gb": together,
    }


def processor_s() -> float:
    """Processor time of all processes that have ended under this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_gb(pid: int) -> list[float]:
    """Resident memory of a process and those under it, GB, its own first."""
    try:
        parent = psutil.Process(pid)
        return [p.memory_info().rss / 1e9 for p in (parent, *parent.children(recursive=True))]
    except psutil.Error:
        return [0.0]


if __name__ == "__main__":
    main()
