"""Folds trained abreast, each in a process of its own: two steps of one thread each outrun one step of two threads.

The parent sends what is to be trained as a line of JSON on standard input; the child tells of its progress, and of what
stopped it, in lines on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.learn.fit import Budget, Machine
from lymphoscope.learn.fold import Part, Terms, train_fold
from lymphoscope.learn.run import Run

_COMMAND = "from lymphoscope.learn.abreast import serve; serve()"
_FIX = "Train fewer folds at once: --at-once 1."


def train_abreast(
    data: DataSet, run: Run, parts: Sequence[Part], terms: Terms, at_once: int, progress: Progress
) -> None:
    """Train several folds of a stage, some at a time; the threads of the processor are shared out evenly.

    Args:
        data: The cases.
        run: Its plan is kept and its cases are prepared.
        parts: What is trained.
        terms: Budget and machine of each.
        at_once: How many run at a time.
        progress: Hears of all together.

    Raises:
        LymphoscopeError: That of the first fold that fails, the others being stopped; ``RUN-E-KILLED`` for one that
            was killed, ``RUN-E-UNEXPECTED`` for one that failed without a word.
    """
    threads = max(1, torch.get_num_threads() // at_once)
    told = _Together(f"training {parts[0].stage.id}, {min(at_once, len(parts))} folds at once", len(parts), progress)
    children: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(at_once) as pool:
        asked = [pool.submit(_ask, _request(data, run, part, terms, threads), children, told) for part in parts]
        try:
            for one in as_completed(asked):
                one.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:  # the pool waits for them
                child.kill()
            raise


def serve() -> None:
    """Train what standard input asks for; runs in the child."""
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked["threads"])
    try:
        run, data = Run(Path(asked["run"])), open_dataset(asked["data"])
        plan = run.plan()
        (stage,) = (one for one in plan.recipe.learnt if one.id == asked["stage"])
        terms = Terms(Budget(**asked["budget"]), Machine(**asked["machine"]))
        train_fold(plan, data, run, Part(stage, asked["fold"]), terms, lambda _, done, total: _say([done, total]))
        _say("done")
    except LymphoscopeError as problem:
        _say(asdict(problem.message))


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _request(data: DataSet, run: Run, part: Part, terms: Terms, threads: int) -> dict[str, Any]:
    places = {"data": str(data.path.absolute()), "run": str(run.path.absolute())}
    return {**places, "stage": part.stage.id, "fold": part.fold, "threads": threads, **asdict(terms)}


@dataclass
class _Together:
    """Progress of all folds as one."""

    step: str
    folds: int
    progress: Progress
    done: dict[int, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def __call__(self, fold: int, done: int, total: int) -> None:
        with self.lock:
            self.done[fold] = done
            self.progress(self.step, sum(self.done.values()), self.folds * total)


def _ask(request: dict[str, Any], children: list[subprocess.Popen[str]], told: _Together) -> None:
    """Have one fold trained, and hear to the end."""
    # not multiprocessing: it would run the user's own script a second time
    child = subprocess.Popen(
        [sys.executable, "-c", _COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    children.append(child)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(request) + "\n")
    child.stdin.close()
    said: Any = None
    for line in child.stdout:
        said = json.loads(line)
        if isinstance(said, list):
            told(request["fold"], *said)
    _require_done(said, request["fold"], child.wait())


def _require_done(said: Any, fold: int, status: int) -> None:
    if isinstance(said, dict):
        raise LymphoscopeError(**said)
    if said == "done":
        return
    if status < 0:
        raise LymphoscopeError("RUN-E-KILLED", f"the process that trained fold {fold} was killed", fix=_FIX)
    raise LymphoscopeError("RUN-E-UNEXPECTED", f"the training of fold {fold} ended early", fix=_FIX)
