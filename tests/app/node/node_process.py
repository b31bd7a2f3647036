"""A node in a process of its own, with the stand-in for the pipeline made slow enough to be killed in."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from conftest import stand_in
from lymphoscope.app.node.serve import until_told
from lymphoscope.app.node.settings import NodeSettings, settings_of
from lymphoscope.app.node.work import Ended


def slow(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
    if stop.wait(0.2):
        return Ended("stopped")
    return stand_in(study, case, settings, stop)


if __name__ == "__main__":
    until_told(settings_of(json.loads(Path(sys.argv[1]).read_text())), slow)
