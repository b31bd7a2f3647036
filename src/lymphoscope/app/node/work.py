"""One run in a process of its own: what it may use, and how it ended."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.app.node.settings import NodeSettings

_REFUSED = 3
_CODE = re.compile(r"\b[A-Z][A-Z0-9]*-E-[A-Z0-9-]+\b")
_GLANCE_S = 0.1


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        status: ``measured``, ``refused``, ``broken`` (try again) or ``stopped`` (the node is ending).
        why: Message code or a word; empty when all went well.
    """

    status: str
    why: str = ""


Job = Callable[[Path, Path, NodeSettings, threading.Event], Ended]
"""What makes a case folder (second path) of a study (first path)."""


def run_case(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
    """Run the pipeline on a study in a process with bounded memory and time.

    Args:
        study: Folder with the instances; not written to.
        case: The case folder to make; one that a killed run left is replaced.
        settings: The node's settings.
        stop: Set when the node is ending; the run is ended then.
    """
    words = ["run", str(study), "-o", str(case), "--force", "--quiet", *options_of(settings.run)]
    memory = str(int(settings.work.memory_gb * 1e9))
    command = [sys.executable, "-P", "-m", "lymphoscope.app.node.child", memory, *words]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        try:
            why = _wait(process, settings.work.time_s, stop)
        finally:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        said.seek(0)
        code = _CODE.search(said.read(65536).decode("utf-8", "replace"))
    if why:
        return Ended("stopped" if why == "stop" else "broken", why)
    status, reason = _told(case)
    if process.returncode == 0 or (process.returncode == _REFUSED and status == "refused"):
        return Ended(status or "measured", reason)
    return Ended("broken", code[0] if code else f"exit {process.returncode}")


def options_of(words: Mapping[str, Any]) -> list[str]:
    """The words of a run as options of the command line."""
    options = []
    for name, value in words.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            options.append(option)
        elif value is not False:
            options += [option, str(value)]
    return options


def _wait(process: subprocess.Popen[bytes], limit_s: float, stop: threading.Event) -> str:
    """Wait for the end; says why it must be brought about where it does not come by itself."""
    until = time.monotonic() + limit_s
    while process.poll() is None:
        if stop.wait(_GLANCE_S):
            return "stop"
        if time.monotonic() > until:
            return "time"
    return ""


def _told(case: Path) -> tuple[str, str]:
    """Status of the case, and the code of a refusal."""
    try:
        found = json.loads((case / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", ""
    return str(found.get("status", "")), str((found.get("refusal") or {}).get("code", ""))
