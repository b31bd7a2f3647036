"""Time and memory of the main job, and where the time goes.

``python benchmarks/bench_main_job.py [STUDY]`` runs the whole road, from a DICOM folder to a case folder with all
methods, in a fresh process and prints a table. Without STUDY it makes the synthetic one of `benchmarks.synthetic`
first (not counted). ``--json`` prints the figures for the docs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT_S, LIMIT_GB = 90.0, 6.0
STEPS = ("load_study", "segment", "measure", "draw", "page", "paper", "table", "record", "to_nifti_bytes")
"""Functions of the pipeline that are timed, by the names it imports them under."""


def main() -> None:
    """Make the study if need be, run the job in a process of its own, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, help="a study; a synthetic one when left out")
    parser.add_argument("--json", action="store_true", help="print figures instead of a table")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        print(json.dumps(work(given.study, given.worker)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        study = given.study or Path(scratch) / "study"
        if given.study is None:
            make = (
                "import sys; from pathlib import Path; from synthetic import write_synthetic as w; w(Path(sys.argv[1]))"
            )
            subprocess.run([sys.executable, "-c", make, str(study)], cwd=Path(__file__).parent, check=True)
        command = [sys.executable, __file__, str(study), "--worker", str(Path(scratch) / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    figures = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(figures, indent=1) if given.json else as_table(figures))


def work(study: Path, out: Path) -> dict[str, Any]:
    """Run the job here; called in a fresh process, so that imports and memory are counted."""
    start = time.perf_counter()
    pipeline = importlib.import_module("lymphoscope.app.pipeline")
    settings = importlib.import_module("lymphoscope.app.settings")
    imported = time.perf_counter()
    spent: dict[str, float] = defaultdict(float)
    for name in STEPS:
        if hasattr(pipeline, name):
            setattr(pipeline, name, _timed(name, getattr(pipeline, name), spent))
    outcome = pipeline.run(study, out, settings.RunSettings(all_methods=True))
    total = time.perf_counter() - start
    spent = {"import": imported - start, **spent}
    spent["writing and the rest"] = total - sum(spent.values())
    return {
        "total_s": round(total, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
        "steps_s": {name: round(seconds, 2) for name, seconds in spent.items()},
        "tmtv_ml": None if outcome.report is None else outcome.record["patient"]["tmtv_ml"],
        "refused": outcome.report is None,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def _timed(name: str, function: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*arguments, **keywords)
        finally:
            spent[name] += time.perf_counter() - start

    return call


def as_table(figures: dict[str, Any]) -> str:
    """The figures as a table in Markdown."""
    total = figures["total_s"]
    rows = [
        f"| {name} | {seconds:.2f} | {100 * seconds / total:.0f} % |" for name, seconds in figures["steps_s"].items()
    ]
    return "\n".join(
        [
            "| step | s | share |",
            "|---|---:|---:|",
            *rows,
            f"| **total** (limit {LIMIT_S:.0f} s) | **{total:.2f}** | |",
            f"| **peak memory** (limit {LIMIT_GB:.0f} GB) | **{figures['peak_gb']:.2f} GB** | |",
            "",
            f"TMTV {figures['tmtv_ml']} mL, {figures['cores']} cores, Python {figures['python']}",
            *(["The study was refused."] if figures["refused"] else []),
        ]
    )


if __name__ == "__main__":
    main()
