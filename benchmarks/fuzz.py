"""Damaged DICOM files through the readers, and damaged network messages at the node: what comes of each, and what not.

``python benchmarks/fuzz.py [--files 100000] [--messages 100000] [--log FOLDER]`` prints Markdown tables. Every case
follows from the seed and its number. A process of its own works through them and tells of each; when it breaks down or
stays silent, that is noted for the case it owed, and another goes on behind it. Broken off, the program begun again
with the same log goes on where it was; ``--files 0 --messages 0`` only prints what is in the log.
``--only N`` does one file again and shows what fails. The messages need the extra ``node``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SILENT_S = 120.0
"""Seconds after which a case counts as one that does not end."""

MOST_VAIN = 5
"""Processes in a row that end at their first case before the program gives up."""

FAULT = "!"
"""How the outcome of a case begins that must not be."""

PARTS = {"files": "fuzz_files", "messages": "fuzz_messages"}
"""Modules with ``cases(seed, first)``, which does one case after the other and tells of each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--only", type=int, help="one file again, by its number")
    parser.add_argument("--worker", nargs=2, metavar=("PART", "FIRST"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that what it began is ended, a node too
        part, first = given.worker
        for told in _module(part).cases(given.seed, int(first)):
            print(json.dumps(told), flush=True)
        return
    if given.only is not None:
        print(_module("files").again(given.seed, given.only))
        return
    given.log.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        log = given.log / f"{part}-{given.seed}.jsonl"
        supervise(part, log, given.seed, getattr(given, part))
        show(part, _told(log))


def _module(part: str) -> Any:
    return importlib.import_module(PARTS[part])


def supervise(part: str, log: Path, seed: int, count: int) -> None:
    """Have cases worked until there are as many as wanted.

    Raises:
        SystemExit: Workers break down on one case after the other: it is not the cases.
    """
    vain = 0
    while (first := len(_told(log))) < count:
        command = [sys.executable, __file__, "--seed", str(seed), "--worker", part, str(first)]
        with log.with_suffix(".err").open("ab") as err, log.open("a") as out:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)
            ended = _follow(child, out, count - first)
            if ended:
                number = len(_told(log))
                fate = {"n": number, "kind": "?", "way": "?", "outcome": f"{FAULT} {ended}", "s": 0, "mb": 0}
                out.write(json.dumps(fate) + "\n")
        vain = vain + 1 if len(_told(log)) <= first + 1 else 0
        if vain == MOST_VAIN:
            raise SystemExit(f"{vain} processes in a row did nothing; see {log.with_suffix('.err')}")


def _follow(child: subprocess.Popen[str], out: Any, wanted: int) -> str:
    """Note what a worker tells; why it ended, where it was not told to."""
    silent = threading.Event()

    def give_up() -> None:
        silent.set()
        child.kill()

    done = 0
    assert child.stdout is not None
    try:
        while done < wanted:
            clock = threading.Timer(SILENT_S, give_up)
            clock.start()
            line = child.stdout.readline()
            clock.cancel()
            if not line.endswith("\n"):
                child.wait()
                return "no end" if silent.is_set() else f"process ended with {child.returncode}"
            out.write(line)
            out.flush()
            done += 1
    finally:
        child.terminate()
        child.wait()
    return ""


def _told(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def show(part: str, told: Sequence[dict[str, Any]]) -> None:
    """Print what came of the cases."""
    if not told:
        return
    faults = [line for line in told if line["outcome"].startswith(FAULT)]
    print(f"\n{len(told)} damaged {part}, {sum(line['s'] for line in told):.0f} s, {len(faults)} faults\n")
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for line in told:
        by_kind[line["kind"]][line["outcome"]] += 1
    print("| kind | cases | outcomes |\n|---|---|---|")
    for kind, outcomes in sorted(by_kind.items()):
        words = ", ".join(f"{name} {n}" for name, n in outcomes.most_common())
        print(f"| {kind} | {outcomes.total()} | {words} |")
    _show_cost(told)
    for line in faults[:20]:
        print(f"\nfault: {json.dumps(line)}")


def _show_cost(told: Sequence[dict[str, Any]]) -> None:
    print("\n| process | cases | MB after a hundredth | MB at half | MB at the end | peak, MB | slowest case, s |")
    print("|---|---|---|---|---|---|---|")
    for number, run in enumerate(_runs(told), 1):
        at = [run[min(len(run) - 1, len(run) * share // 100)]["mb"] for share in (1, 50, 100)]
        memory = " | ".join(f"{mb:.0f}" for mb in at)
        print(f"| {number} | {len(run)} | {memory} | {run[-1]['peak']} | {max(line['s'] for line in run):.1f} |")


def _runs(told: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The cases of one process after the other."""
    by_process: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in told:
        if "process" in line:
            by_process[line["process"]].append(line)
    yield from by_process.values()


if __name__ == "__main__":
    main()
