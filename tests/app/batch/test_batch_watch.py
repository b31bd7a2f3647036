"""What the terminal shows while a batch goes on: a bar with counts and time left, lines, or nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lymphoscope.app import show
from lymphoscope.app.batch.watch import watching
from lymphoscope.app.batch.work import FAILED, MEASURED, Ending
from lymphoscope.app.show import Manner
from lymphoscope.core.errors import Message


def _told(monkeypatch: pytest.MonkeyPatch, terminal: bool, manner: Manner) -> str:
    """What a batch of three studies, one failed, two not done before, writes to standard error."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=160, highlight=False, no_color=True)
    monkeypatch.setattr(show, "err", lambda: console)
    with watching(manner) as watcher:
        watcher.looking("reading headers", 5, 10)
        watcher.begins(3, 7)
        watcher.ended(Ending("a", MEASURED, seconds=1.5))
        watcher.ended(Ending("b", FAILED, Message("RUN-E-KILLED", "it was killed"), 2.0))
    return stream.getvalue()


def test_a_terminal_sees_a_bar_with_what_is_done_and_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    told = _told(monkeypatch, True, Manner())
    assert "studies" in told and "2/3" in told and "left" in told and "1 failed" in told


def test_a_log_sees_a_line_a_study_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _told(monkeypatch, False, Manner(verbose=True)).splitlines()
    assert lines == ["3 studies to do, 7 done before", "1/3 a measured 1.5 s", "2/3 b failed RUN-E-KILLED 2.0 s"]


@pytest.mark.parametrize(("terminal", "manner"), [(True, Manner(quiet=True)), (False, Manner())])
def test_nobody_is_told_anything_otherwise(monkeypatch: pytest.MonkeyPatch, terminal: bool, manner: Manner) -> None:
    assert _told(monkeypatch, terminal, manner) == ""
