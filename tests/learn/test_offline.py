from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lymphoscope"

LISTEN = """
import socket

def refuse(*_):
    raise SystemExit("somebody asked for an address")

socket.getaddrinfo = socket.create_connection = refuse
import threading
threading.excepthook = lambda args: print("a thread failed:", args.exc_type)
from lymphoscope.learn.offline import openvino
openvino.Core()
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__)
"""


def test_openvino_tells_nobody_that_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", LISTEN], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub"]


def test_openvino_is_taken_from_there_alone() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"^\s*(import openvino\b|from openvino\b)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {"learn/offline.py"}
