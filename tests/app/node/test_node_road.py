"""receive → store → quiet → queue → run → send, on loopback with a stand-in for the pipeline."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType

import pytest

from lymphoscope.app.node.pump import Node, running
from lymphoscope.app.node.settings import NodeSettings, settings_of
from lymphoscope.app.node.work import Ended


def test_a_study_goes_in_and_its_results_come_out(node: Node, net: ModuleType, archive, log) -> None:
    datasets = net.small_study()
    net.send(node.port, datasets)
    net.until(lambda: len(archive.got) == 2)
    assert {d.StudyInstanceUID for d in archive.got} == {datasets[0].StudyInstanceUID}
    assert {d.ImageComments for d in archive.got} == {"8"}
    assert [line["object"] for line in net.until(lambda: len(log("sent")) == 2 and log("sent"))] == ["seg", "sr"]


def test_a_second_sending_is_no_second_work(node: Node, net: ModuleType, archive, log) -> None:
    for _ in range(2):
        assert net.send(node.port, net.small_study()) == [0] * 8
        net.until(lambda: len(archive.got) == 2)
    assert not node.wait(1.0)
    assert (len(archive.got), len(log("answered")), len(log("stored"))) == (2, 1, 8)


def test_a_late_slice_makes_a_new_version(node: Node, net: ModuleType, archive, tmp_path: Path) -> None:
    datasets = net.small_study()
    net.send(node.port, datasets[:-1])
    net.until(lambda: len(archive.got) == 2)
    net.send(node.port, datasets)
    net.until(lambda: len(archive.got) == 4)
    assert [d.ImageComments for d in archive.got] == ["7", "7", "8", "8"]
    assert len(set(archive.uids)) == 4
    assert sorted(p.name[-3:] for p in (tmp_path / "node" / "cases").iterdir()) == ["-v1", "-v2"]


def test_two_patients_in_one_association_are_two_studies(node: Node, net: ModuleType, archive) -> None:
    first, second = net.small_study(1), net.small_study(2)
    mixed = [d for pair in zip(first, second, strict=True) for d in pair]
    assert net.send(node.port, mixed) == [0] * 16
    net.until(lambda: len(archive.got) == 4)
    assert {d.PatientID for d in archive.got} == {f"{net.NUMBER}-1", f"{net.NUMBER}-2"}
    assert {d.ImageComments for d in archive.got} == {"8"}


def test_two_patients_under_one_study_uid_are_not_mixed(node: Node, net: ModuleType, archive) -> None:
    first, second = net.small_study(1), net.small_study(2)
    for dataset in second:
        dataset.StudyInstanceUID = first[0].StudyInstanceUID
    net.send(node.port, first + second)
    net.until(lambda: len(archive.got) == 4)
    assert sorted(d.PatientID[-1] + d.ImageComments for d in archive.got) == ["18", "18", "28", "28"]


def test_four_senders_at_once(node: Node, net: ModuleType, archive) -> None:
    threads = [threading.Thread(target=net.send, args=(node.port, net.small_study(k))) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    net.until(lambda: len(archive.got) == 8)
    assert len(set(archive.uids)) == 8


def test_nobody_is_named_in_the_log_or_in_a_file_name(node: Node, net: ModuleType, archive, log, tmp_path: Path, capfd):
    datasets = net.small_study()
    broken = net.small_study(2)[0]
    del broken.StudyInstanceUID
    net.send(node.port, [*datasets, broken])
    net.send(node.port, datasets, caller=net.NAME[:16])
    net.until(lambda: len(log("sent")) == 2)
    names = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")]
    text = (tmp_path / "node.log").read_text() + "\n".join(names) + "".join(capfd.readouterr())
    for secret in (net.NAME, net.NUMBER, "SECRET", "2.25.", "Traceback"):
        assert secret not in text


def test_a_run_that_breaks_down_is_tried_again_then_left(
    tmp_path: Path, net: ModuleType, log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lymphoscope.app.node.pump._PAUSE_S", 0.05)
    runs: list[str] = []

    def broken(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
        runs.append(case.name)
        return Ended("broken", "time")

    words = net.words(tmp_path) | {"work": {"attempts": 2}}
    with running(settings_of(words), broken) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(log("broke-down")) == 2)
        assert not node.wait(0.8)
    assert [line["code"] for line in log("broke-down")] == ["", "NODE-E-WORK"]
    assert len(runs) == 2
    with running(settings_of(words), net.stand_in):
        net.until(lambda: log("answered"))
    assert log("answered")[0]["version"] == 1


def test_a_defect_in_a_step_is_noted_without_data_and_the_node_goes_on(
    tmp_path: Path, net: ModuleType, archive, log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lymphoscope.app.node.pump._PAUSE_S", 0.05)
    faults = iter([ValueError(net.NAME), KeyError(net.NUMBER)])

    def shaky(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
        if fault := next(faults, None):
            raise fault
        return net.stand_in(study, case, settings, stop)

    with running(settings_of(net.words(tmp_path, archive.words)), shaky) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(archive.got) == 2)
    assert [line["kind"] for line in log("failed")] == ["ValueError", "KeyError"]
    assert "SECRET" not in (tmp_path / "node.log").read_text()


def test_two_runs_at_once_do_no_study_twice(tmp_path: Path, net: ModuleType, log) -> None:
    words = net.words(tmp_path) | {"work": {"runs": 3}}
    with running(settings_of(words), net.stand_in) as node:
        for k in range(4):
            net.send(node.port, net.small_study(k, ct=False))
        net.until(lambda: len(log("answered")) >= 4)
        assert not node.wait(0.6)
    assert len(log("run")) == len({line["study"] for line in log("run")}) == 4


def test_a_study_that_cannot_be_begun_keeps_no_other_waiting(
    tmp_path: Path, net: ModuleType, log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lymphoscope.app.node.pump._PAUSE_S", 0.05)
    with running(settings_of(net.words(tmp_path)), net.stand_in) as node:
        net.send(node.port, net.small_study(1)[:1])
        next((tmp_path / "node" / "studies").rglob("*.dcm")).unlink()
        net.send(node.port, net.small_study(2))
        net.until(lambda: log("answered"))
        assert {line["kind"] for line in net.until(lambda: log("failed"))} == {"FileNotFoundError"}
        assert net.send(node.port, net.small_study(1)[:1]) == [0], "sent again it is held again"
        net.until(lambda: len(log("answered")) == 2)
