"""How fast the reading server is on one case: opening, the projection's frames, and each kind of correction.

Usage: python benchmarks/reading.py CASE [EDITS]. The case is copied first and not changed.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.app.again import told
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.web.desk import OpenCase
from lymphoscope.app.web.pictures import labels_file
from lymphoscope.io.case import FRONT_FILE


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def row(name: str, seconds: list[float]) -> None:
    middle, late = np.percentile(seconds, [50, 95])
    print(f"| {name} | {len(seconds)} | {1000 * middle:.0f} | {1000 * late:.0f} |")


def main(folder: Path, edits: int = 40) -> None:
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, Path(place) / "case"))
        shutil.rmtree(copy / "reading", ignore_errors=True)
        first_picture, _ = timed(lambda: (told(copy), (copy / FRONT_FILE).read_bytes()))
        opening, opened = timed(lambda: OpenCase(copy))
        first, version = timed(lambda: opened.case.new("reader"))
        grid = opened.case.kept.study.pet.geometry
        print(f"PET {' x '.join(map(str, reversed(grid.shape)))}, {len(version.now.regions)} regions\n")
        print("| step | n | median ms | p95 ms |\n|---|--:|--:|--:|")
        row("facts and first projection (no image is read)", [first_picture])
        row("open the case (disk to memory, without its CT)", [opening])
        row("begin a version (reference organs)", [first])
        row("PET as a file for the page", [timed(lambda: opened.volume("pet"))[0]])
        row("shadows of all regions in a frame", [
            timed(lambda k=k: opened.turntable.shadows(version.now, 10.0 * k))[0] for k in range(6)
        ])  # fmt: skip
        row("first table", [timed(lambda: opened.table(version))[0]])
        row("another frame of the projection", [timed(lambda k=k: opened.frame(k, 10))[0] for k in range(6)])
        spent: dict[str, list[float]] = {name: [] for name in ("remove", "undo", "grow", "erase", "numbers", "labels")}
        rng = np.random.default_rng(1)
        hot = np.argwhere(opened.case.scene.suv >= 2.6)
        for k in range(edits):
            now = version.now
            number = int(rng.choice([r.number for r in now]))
            acts = {
                "remove": {"regions": [number]},
                "undo": {},
                "grow": {"seed": [int(v) for v in hot[rng.integers(len(hot))]], "at": 2.5},
                "erase": {"runs": [[int(now[number].voxels[0]), 20]], "region": number},
            }
            name = list(acts)[k % 4]
            words = {"op": name, "words": acts[name], "reason": ""} if name != "undo" else {}
            try:
                spent[name].append(timed(lambda n=name, w=words: version.do(n, w, "reader", version.tip, {}))[0])
            except Exception as error:
                print(f"<!-- {name}: {error} -->")
            spent["numbers"].append(timed(lambda: opened.table(version))[0])
            spent["labels"].append(timed(lambda: labels_file(version.now, grid))[0])
        for name, seconds in spent.items():
            if seconds:
                row(
                    {"numbers": "all numbers anew", "labels": "labels for the page"}.get(name, f"`{name}`, logged"),
                    seconds,
                )
        replay, _ = timed(lambda: ReadCase(copy).version(version.name))
        row(f"open and replay {len(version.events)} events", [replay])
        print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40)
