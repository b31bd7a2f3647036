from __future__ import annotations

import errno
import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.app.node.store import NotUnderstoodError, Store, instance_of, opened
from lymphoscope.core.errors import LymphoscopeError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "node")


@pytest.fixture
def encoded(net: ModuleType) -> list[bytes]:
    return [net._bytes(d).getvalue() for d in net.small_study(slices=3, ct=False)]


def _held(store: Store) -> list[Path]:
    return sorted((store.folder / "studies").rglob("*.dcm"))


def test_what_is_kept_is_on_the_disk_under_names_that_tell_nothing(
    store: Store, encoded: list[bytes], net: ModuleType
) -> None:
    kept = [store.keep(e) for e in encoded]
    assert {k.how for k in kept} == {"new"}
    assert sorted(p.read_bytes() for p in _held(store)) == sorted(encoded)
    assert not any(word in str(p) for p in _held(store) for word in (net.NAME, net.NUMBER, "2.25"))
    assert {store.keep(e).how for e in encoded} == {"same"}


def test_changed_content_takes_the_place_of_the_old(store: Store, net: ModuleType) -> None:
    dataset = net.small_study(slices=3, ct=False)[0]
    first = store.keep(net._bytes(dataset).getvalue())
    dataset.PatientWeight = "81"
    assert store.keep(net._bytes(dataset).getvalue()).how == "changed"
    assert [p.name for p in _held(store)] == store.queue.files(first.study)


def test_two_patients_are_two_studies_though_the_study_uid_is_one(store: Store, net: ModuleType) -> None:
    a, b = net.small_study(slices=3, ct=False)[:2]
    b.PatientID = "SOMEBODY-ELSE"
    assert store.keep(net._bytes(a).getvalue()).study != store.keep(net._bytes(b).getvalue()).study


def test_a_run_sees_the_study_as_it_was(store: Store, encoded: list[bytes]) -> None:
    study = store.keep(encoded[0]).study
    version, job = store.begin(study)
    store.keep(encoded[1])
    assert [p.read_bytes() for p in job.iterdir()] == [encoded[0]]
    store.queue.finish(version, [])
    assert len(list(store.begin(study)[1].iterdir())) == 2


def test_half_files_are_swept_and_whole_ones_noted_that_nobody_was_told_about(
    tmp_path: Path, encoded: list[bytes]
) -> None:
    with opened(tmp_path / "n") as store:
        study = store.keep(encoded[0]).study
        (store.folder / "incoming" / "half").write_bytes(encoded[1][:700])
        (store.folder / "jobs" / "left").mkdir()
        stray = instance_of(encoded[2])
        (store.folder / "studies" / study / stray.file).write_bytes(encoded[2])  # killed before it was noted
    with opened(tmp_path / "n") as store:
        assert sorted(p.read_bytes() for p in _held(store)) == sorted([encoded[0], encoded[2]])
        assert len(store.queue.files(study)) == 2
        assert not list((store.folder / "incoming").iterdir()) + list((store.folder / "jobs").iterdir())


def test_killed_while_content_was_replaced(tmp_path: Path, net: ModuleType) -> None:
    dataset = net.small_study(slices=3, ct=False)[0]
    with opened(tmp_path / "n") as store:
        study = store.keep(net._bytes(dataset).getvalue()).study
        dataset.PatientWeight = "81"
        other = net._bytes(dataset).getvalue()
        (store.folder / "studies" / study / instance_of(other).file).write_bytes(other)
    with opened(tmp_path / "n") as store:
        assert [p.name for p in _held(store)] == store.queue.files(study), "the one that was answered stays"


def test_one_node_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path / "n"), pytest.raises(LymphoscopeError, match="NODE-E-LOCKED"), opened(tmp_path / "n"):
        pass


def test_a_full_disk_leaves_nothing_behind(store: Store, encoded: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.keep(encoded[0])
    assert not list((store.folder / "incoming").iterdir()) + _held(store)
    assert store.queue.due() == []
    assert store.keep(encoded[0]).how == "new"
    with pytest.raises(OSError):
        Store(store.folder, min_free_bytes=1e18).keep(encoded[1])


def test_what_cannot_be_told_from_others_is_not_taken(store: Store, net: ModuleType) -> None:
    dataset = net.small_study(slices=3, ct=False)[0]
    good = net._bytes(dataset).getvalue()
    with pytest.raises(NotUnderstoodError):
        store.keep(good, sop="1.2.3")
    for name in ("StudyInstanceUID", "SOPInstanceUID"):
        other = net._bytes(dataset)
        bad = net.dcmread(other)
        del bad[name]
        with pytest.raises(NotUnderstoodError):
            store.keep(net._bytes(bad).getvalue() if name == "StudyInstanceUID" else good[:200])
    assert not _held(store)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_are_understood_or_refused_and_nothing_else(encoded: list[bytes]) -> None:
    good = encoded[0]

    @given(st.integers(0, len(good) - 1), st.binary(min_size=1, max_size=12), st.integers(0, len(good)))
    @settings(max_examples=200, deadline=None)
    def damaged(at: int, with_bytes: bytes, cut: int) -> None:
        for bad in (good[:at] + with_bytes + good[at + len(with_bytes) :], good[:cut], with_bytes):
            try:
                found = instance_of(bad)
            except NotUnderstoodError:
                continue
            assert len(found.study) == len(found.sop) == 32

    damaged()
