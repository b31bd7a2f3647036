from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lymphoscope.app.node import work
from lymphoscope.app.node.settings import NodeSettings, settings_of
from lymphoscope.app.node.work import options_of, run_case


def _settings(net: ModuleType, folder: Path, **bounds: Any) -> NodeSettings:
    return settings_of(net.words(folder) | {"work": bounds})


@pytest.fixture
def study(tmp_path: Path, net: ModuleType) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for number, dataset in enumerate(net.small_study(slices=12)):
        (folder / f"{number}.dcm").write_bytes(net._bytes(dataset).getvalue())
    return folder


def test_the_pipeline_makes_the_case(tmp_path: Path, net: ModuleType, study: Path) -> None:
    ended = run_case(study, tmp_path / "case", _settings(net, tmp_path), threading.Event())
    assert (ended.status, ended.why) == ("measured", "")
    assert (tmp_path / "case" / "report.json").exists()


def test_half_a_study_is_refused_with_the_reason(tmp_path: Path, net: ModuleType, study: Path) -> None:
    for number in (5, 6):
        (study / f"{number}.dcm").unlink()
    ended = run_case(study, tmp_path / "case", _settings(net, tmp_path), threading.Event())
    assert (ended.status, ended.why) == ("refused", "IO-E-GAP")
    assert (tmp_path / "case" / "report.pdf").exists()


def _instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have the process do something else than the pipeline."""
    start = subprocess.Popen

    def other(command: list[str], **words: Any) -> subprocess.Popen:
        return start([sys.executable, "-c", code], **words)

    monkeypatch.setattr(work.subprocess, "Popen", other)


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path, net: ModuleType, monkeypatch) -> None:
    _instead(monkeypatch, "import time; time.sleep(60)")
    began = time.monotonic()
    ended = run_case(tmp_path, tmp_path / "case", _settings(net, tmp_path, time_s=1.0), threading.Event())
    assert (ended.status, ended.why) == ("broken", "time")
    assert time.monotonic() - began < 20


def test_a_run_ends_with_the_node(tmp_path: Path, net: ModuleType, monkeypatch) -> None:
    _instead(monkeypatch, "import time; time.sleep(60)")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert run_case(tmp_path, tmp_path / "case", _settings(net, tmp_path), stop).status == "stopped"


def test_the_code_of_a_failure_is_kept_and_nothing_else(tmp_path: Path, net: ModuleType, monkeypatch) -> None:
    _instead(monkeypatch, "import sys; print('IO-E-WRITE: SECRET', file=sys.stderr); sys.exit(3)")
    ended = run_case(tmp_path, tmp_path / "case", _settings(net, tmp_path), threading.Event())
    assert (ended.status, ended.why) == ("broken", "IO-E-WRITE")


def test_memory_is_bounded() -> None:
    probe = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    code = (
        "import sys; from lymphoscope.app.node import child\n"
        f"child._bound({2 * 10**9})\n{probe}\n"
        "try:\n    bytearray(3 * 10**9)\nexcept MemoryError:\n    print('bounded')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2000000000", "bounded"]


def test_a_run_does_not_outlive_a_node_that_was_killed() -> None:
    """The node's end of the pipe closes when it dies; the process then leaves by itself."""
    grandchild = "import time; from lymphoscope.app.node import child, work; import threading\n" + (
        "threading.Thread(target=child._end_with_the_node, daemon=True).start(); time.sleep(60)"
    )
    node = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdin=subprocess.PIPE)\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", node], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        run = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while _alive(run):
        assert time.monotonic() < end
        time.sleep(0.05)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_words_become_options() -> None:
    assert options_of({"method": "max41", "identify": True, "all_methods": False, "min_volume_ml": 2.5}) == [
        "--method", "max41", "--identify", "--min-volume-ml", "2.5",
    ]  # fmt: skip
