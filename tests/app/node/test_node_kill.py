"""kill -9 at random moments of receiving, computing and sending: every study is answered once in the end."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

KILLS, STUDIES = 6, 4


@pytest.mark.long
def test_a_node_that_is_killed_again_and_again_answers_every_study_once(
    tmp_path: Path, net: ModuleType, archive, log
) -> None:
    rng = random.Random(7)
    words = net.words(tmp_path, archive.words)
    words["study"] = {"quiet_s": 1.5, "complete_s": 1.0}
    node = net.Killable(words, tmp_path)
    node.start()
    senders = [threading.Thread(target=_insist, args=(net, node.port, net.small_study(k))) for k in range(STUDIES)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        started = len(log("started"))
        net.until(lambda n=started: len(log("started")) >= max(n, 1) and _listening(net, node.port), 30)
        time.sleep(rng.uniform(0.05, 1.6))
        node.end()
        node.start()
    for sender in senders:
        sender.join()
    net.until(lambda: len(set(_whole(archive))) == 2 * STUDIES, 60)
    net.until(lambda: {p.StudyInstanceUID for p in archive.got} and not _waiting(tmp_path), 30)
    node.end(signal.SIGTERM)
    assert log("stopped")
    assert len(set(_whole(archive))) == 2 * STUDIES
    per_study = Counter(d.StudyInstanceUID for d in {d.SOPInstanceUID: d for d in _results(archive)}.values())
    assert set(per_study.values()) == {2}, "one answer (two objects) for each study"


def _insist(net: ModuleType, port: int, datasets: list) -> None:
    """Send as an archive does: again, until every instance was taken."""
    while any(net.send(port, datasets)):
        time.sleep(0.1)


def _listening(net: ModuleType, port: int) -> bool:
    return net.echo(port) == 0


def _results(archive) -> list:
    return [d for d in archive.got if d.ImageComments == "8"]


def _whole(archive) -> list[str]:
    return [str(d.SOPInstanceUID) for d in _results(archive)]


def _waiting(folder: Path) -> int:
    with sqlite3.connect(f"file:{folder / 'node' / 'node.db'}?mode=ro", uri=True) as base:
        return base.execute("SELECT COUNT(*) FROM parcel WHERE state='waiting'").fetchone()[0]
