"""The verb: a node that runs until it is told to end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from lymphoscope.app.libraries import prepared
from lymphoscope.app.node.pump import running
from lymphoscope.app.node.settings import NodeSettings, read_settings, write_example
from lymphoscope.app.node.work import Job, run_case
from lymphoscope.app.settings import threads
from lymphoscope.core.errors import LymphoscopeError


def node(config: Path | None, make_config: Path | None) -> None:
    """Run a node by a configuration, or write one.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when neither or both are given; see `read_settings`, `running`.
    """
    if (config is None) == (make_config is None):
        raise LymphoscopeError("USE-E-VALUE", "one is needed: a configuration, or --make-config FILE", "node")
    if make_config is not None:
        write_example(make_config)
    if config is not None:
        until_told(read_settings(config))


def until_told(settings: NodeSettings, job: Job = run_case) -> None:
    """Run a node until SIGTERM or Ctrl-C."""
    told = threading.Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with prepared(threads()), running(settings, job):
            while not told.wait(1.0):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
