"""Who does the work: nobody's death takes another study with it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.batch import crew as crews
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.work import FAILED, MEASURED, Ending, Task, work
from lymphoscope.app.settings import RunSettings
from lymphoscope.core.errors import LymphoscopeError

pytest.importorskip("distributed", reason="dask.distributed is not installed")

PLAY = """
import os, signal, sys, time
from lymphoscope.app.batch.crew import Crew, endings
from lymphoscope.app.batch.work import MEASURED, Ending, Task
from lymphoscope.app.settings import RunSettings

def play(task):
    eaten = []
    while task.name == "eats":
        eaten.append(bytearray(os.urandom(10_000)) * 1000)  # 10 MB
        time.sleep(0.01)
    if task.name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name == "raises":
        raise ValueError("BEEBLEBROX")
    return Ending(task.name, MEASURED)

def act(crew):
    for name in sys.argv[1:]:
        tasks.append(Task(name, "dicom", ("/x/BEEBLEBROX",), "/x/case", "/x/scratch", RunSettings(), {}))
    for ending in endings(tasks, crew, play):
        print(ending.name, ending.status, ending.message.code if ending.message else "-")

tasks = []
if __name__ == "__main__":
"""
"""A program that plays the work, each study doing what its name says; the workers get its functions with their code."""


def tasks(*names: str) -> list[Task]:
    return [Task(name, "dicom", ("/x/BEEBLEBROX",), "/x/case", "/x/scratch", RunSettings(), {}) for name in names]


def play(task: Task) -> Ending:
    return Ending(task.name, MEASURED)


def ended(names: Iterable[str], crew: Crew) -> dict[str, Ending]:
    return {ending.name: ending for ending in endings(tasks(*names), crew, play)}


def played(folder: Path, names: Sequence[str], *lines: str) -> dict[str, list[str]]:
    """Run the program in a process of its own; the lines make the crew."""
    (folder / "play.py").write_text(PLAY + "".join(f"    {line}\n" for line in lines))
    done = subprocess.run(
        [sys.executable, folder / "play.py", *names], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert sorted(name for name, *_ in found) == sorted(names), "each study ends once"
    return {name: ending for name, *ending in found}


@pytest.mark.long
def test_a_worker_that_eats_too_much_or_dies_is_one_failed_study(tmp_path: Path) -> None:
    names = ["s1", "dies", "s2", "eats", "s3", "raises", "s4", "s5"]
    found = played(tmp_path, names, "act(Crew(workers=2, memory_gb=0.8))")
    assert found.pop("dies") == found.pop("eats") == [FAILED, "RUN-E-KILLED"]
    assert found.pop("raises") == [FAILED, "RUN-E-UNEXPECTED"]
    assert all(ending == [MEASURED, "-"] for ending in found.values())


def test_any_scheduler_will_do(tmp_path: Path) -> None:
    found = played(
        tmp_path, [f"s{n}" for n in range(7)],
        "from distributed import LocalCluster",
        "with LocalCluster(n_workers=1, processes=False, dashboard_address=None, silence_logs=60) as cluster:",
        "    act(Crew(scheduler=cluster.scheduler_address))",
    )  # fmt: skip
    assert len(found) == 7 and all(ending == [MEASURED, "-"] for ending in found.values())


def test_a_scheduler_that_does_not_answer_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "_CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "no address at all"):
        with pytest.raises(LymphoscopeError) as caught:
            list(endings(tasks("s1"), Crew(scheduler=address), play))
        assert caught.value.code == "USE-E-VALUE" and caught.value.exit_status == 2


def test_this_process_alone_needs_no_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "_distributed", lambda: importlib.import_module("no_such_module"))
    assert list(ended(["s1", "s2"], Crew(workers=0))) == ["s1", "s2"]
    assert list(ended(["s1", "s2"], Crew())) == ["s1", "s2"], "without dask, and without asking for it"
    needs: Any
    for needs in ({"workers": 2}, {"scheduler": "tcp://127.0.0.1:8786"}):
        with pytest.raises(LymphoscopeError) as caught:
            ended(["s1"], Crew(**needs))
        assert caught.value.code == "USE-E-EXTRA" and "lymphoscope[cohort]" in caught.value.message.text


def test_nothing_gets_out_of_the_work_but_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lymphoscope.app import pipeline  # noqa: PLC0415

    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("BEEBLEBROX")

    monkeypatch.setattr(pipeline, "run", break_down)
    out = tmp_path / "out" / "cases"
    out.mkdir(parents=True)
    task = Task("a", "dicom", ("/x/BEEBLEBROX",), str(out / "a"), str(tmp_path / "s"), RunSettings(), {})
    ending = work(task)
    assert ending.status == FAILED and ending.message is not None and ending.message.code == "RUN-E-UNEXPECTED"
    [log] = (tmp_path / "out").glob("*.log")
    assert "BEEBLEBROX" not in log.read_text() + ending.message.text + repr(task)
    other = Task("a", "dicom", (), str(out / "a"), str(tmp_path / "s"), RunSettings(), {}, version="0.0.0")
    mixed = work(other)
    assert mixed.status == FAILED and mixed.message is not None and mixed.message.code == "USE-E-VALUE"
