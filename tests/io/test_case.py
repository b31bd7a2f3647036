"""The case folder: whole or not at all, whoever kills it and whatever the disk does."""

from __future__ import annotations

import errno
import gzip
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io import atomic
from lymphoscope.io.case import CASE_FILES, canonical_json, claimed_case, require_apart, write_case

CASE = {name: f"first {name}".encode() for name in CASE_FILES}
NEXT = {name: f"second {name}".encode() for name in CASE_FILES if name != "ct.nii.gz"}
SMALL_CASE = {name: CASE[name] for name in ("study.json", "ct.nii.gz", "run.json")}
SMALL_NEXT = {name: NEXT[name] for name in ("study.json", "run.json")}


def _read(folder: Path) -> dict[str, bytes]:
    """What is in a case, images unpacked."""
    return {p.name: _plain(p) for p in folder.iterdir()}


def _plain(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.name.endswith(".gz") else content


def _hidden(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.name.startswith(".")]


@pytest.fixture(autouse=True)
def synced(monkeypatch) -> list[tuple[int, int]]:
    """Files and folders brought to the disk, as (inode, size), in order; really doing it would only be slow here."""
    seen: list[tuple[int, int]] = []

    def fsync(handle: int) -> None:
        seen.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


@pytest.fixture(params=["renamed", "mounted"])
def out(request, tmp_path: Path, monkeypatch) -> Path:
    """An output folder that can be renamed, and one that cannot because it is a mount point."""
    folder = tmp_path / "out"
    if request.param == "mounted":
        folder.mkdir()
        real = Path.is_mount
        monkeypatch.setattr(Path, "is_mount", lambda self: self == folder.resolve() or real(self))
    return folder


def _code(caught: pytest.ExceptionInfo[LymphoscopeError]) -> str:
    return caught.value.code


# writing


def test_all_files_are_there_and_nothing_else(out: Path) -> None:
    write_case(out, CASE)
    assert _read(out) == CASE
    assert _hidden(out.parent) == []


def test_all_bytes_are_on_the_disk_before_the_name_is_given(out: Path, synced, monkeypatch) -> None:
    before: list[set[tuple[int, int]]] = []
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        before.append(set(synced))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    write_case(out, CASE)
    files = {(p.stat().st_ino, p.stat().st_size) for p in out.iterdir()}
    assert files <= before[0]
    inodes = [inode for inode, _ in synced]
    assert (out if out.is_mount() else out.parent).stat().st_ino in inodes[len(before[0]) :]


def test_same_content_gives_same_bytes(tmp_path: Path) -> None:
    write_case(tmp_path / "a", CASE)
    write_case(tmp_path / "b", CASE)
    for name in CASE:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert (tmp_path / "a" / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


def test_existing_case_is_replaced_only_with_force(out: Path) -> None:
    write_case(out, CASE)
    with pytest.raises(LymphoscopeError) as caught:
        write_case(out, NEXT)
    assert _code(caught) == "USE-E-OUTPUT"
    assert _read(out) == CASE
    write_case(out, NEXT, force=True)
    assert _read(out) == NEXT
    assert _hidden(out.parent) == []


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_case(tmp_path / "a" / "b" / "c", CASE)
    assert _read(tmp_path / "a" / "b" / "c") == CASE


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_case(tmp_path / "link", CASE)
    assert (tmp_path / "link").is_symlink()
    assert _read(tmp_path / "real") == CASE


@pytest.mark.parametrize("stray", ["notes.txt", ".bashrc", "report.html/x", "old/report.json"])
def test_a_folder_with_anything_else_is_never_replaced(stray: str, out: Path) -> None:
    (out / stray).parent.mkdir(parents=True, exist_ok=True)
    (out / stray).write_text("mine")
    for force in (False, True):
        with pytest.raises(LymphoscopeError) as caught:
            write_case(out, CASE, force=force)
        assert _code(caught) == "USE-E-OUTPUT"
        assert (out / stray).read_text() == "mine"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(LymphoscopeError) as caught:
        write_case(tmp_path / "out", CASE, force=True)
    assert _code(caught) == "USE-E-OUTPUT"
    with pytest.raises(LymphoscopeError) as caught:
        write_case(tmp_path / "out" / "case", CASE)
    assert _code(caught) == "IO-E-WRITE"
    assert (tmp_path / "out").read_text() == "mine"


def test_names_are_fixed(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_case(tmp_path / "out", {"../escape": b""})
    assert list(tmp_path.iterdir()) == []


# failure in the middle


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("number", [0, 5, len(NEXT) - 1])
@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (PermissionError(errno.EACCES, "denied"), "writing is not permitted"),
        (KeyboardInterrupt(), None),
    ],
    ids=["full", "denied", "interrupted"],
)
def test_a_failing_write_leaves_what_was_there(out, number, failure, shown, force, monkeypatch) -> None:
    if force:
        write_case(out, CASE)
    real, seen = Path.write_bytes, []

    def write_bytes(self: Path, content: bytes) -> int:
        seen.append(self)
        if len(seen) > number:
            real(self, content[:3])
            raise failure
        return real(self, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(LymphoscopeError if shown else KeyboardInterrupt) as caught:
            write_case(out, NEXT, force=force)
    if shown:
        assert _code(caught) == "IO-E-WRITE"
        assert shown in str(caught.value)
        assert str(out) not in str(caught.value)
    assert (_read(out) if out.exists() else {}) == (CASE if force else {})
    assert _hidden(out.parent) == []
    write_case(out, NEXT, force=force)
    assert _read(out) == NEXT


@pytest.mark.parametrize("step", range(1, 26))
def test_a_failing_rename_leaves_the_old_or_the_new_case(step: int, out: Path, monkeypatch) -> None:
    """Whichever rename fails, the folder holds one whole case."""
    write_case(out, CASE)
    real, seen = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        seen.append(self)
        if len(seen) == step:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        try:
            write_case(out, NEXT, force=True)
        except LymphoscopeError as error:
            assert error.code == "IO-E-WRITE"
            assert _read(out) == CASE
        else:
            assert _read(out) == NEXT
    with claimed_case(out, force=True):
        pass
    assert _hidden(out.parent) == []


def _killed_at(step: int, out: Path) -> bool:
    """Write the second case in another process that dies just before its n-th change of the disk.

    True when it died: nothing after that step ran, no clean-up either.
    """
    child = os.fork()
    if child == 0:
        left = [step]

        def mortal(real):
            def call(*arguments, **keywords):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(1)
                return real(*arguments, **keywords)

            return call

        for owner, name in ((Path, "rename"), (Path, "mkdir"), (Path, "write_bytes"), (Path, "unlink"), (os, "rmdir")):
            setattr(owner, name, mortal(getattr(owner, name)))
        shutil.rmtree = mortal(shutil.rmtree)
        try:
            write_case(out, SMALL_NEXT, force=True)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_a_killed_run_is_mended_by_the_next(out: Path) -> None:
    """Wherever a run is killed, and the next one too while it mends, the one after finds one whole case."""
    died, step = True, 0
    while died:
        step += 1
        for second in (0, 2, 5):
            shutil.rmtree(out, ignore_errors=True)
            write_case(out, SMALL_CASE)
            died = _killed_at(step, out)
            if second:
                _killed_at(second, out)
            with claimed_case(out, force=True) as case:
                found = _read_visible(case.folder)
            assert found in (SMALL_CASE, SMALL_NEXT), (step, second)
            if not died:
                assert found == SMALL_NEXT
            assert _hidden(out.parent) == []
    assert step > 8


def _read_visible(folder: Path) -> dict[str, bytes]:
    return {p.name: _plain(p) for p in folder.iterdir() if not p.name.startswith(".")}


def test_a_really_killed_process_leaves_no_half_case_and_no_lock(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from lymphoscope.io.case import claimed_case
        real = Path.write_bytes
        def slow(self, content):
            print("writing", flush=True)
            real(self, content[: len(content) // 2])
            time.sleep(60)
        Path.write_bytes = slow
        with claimed_case(Path(sys.argv[1])) as case:
            case.write({"run.json": b"{}", "study.json": b"{}"})
        """
    )
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(LymphoscopeError) as caught, claimed_case(out):
        pass
    assert _code(caught) == "IO-E-LOCKED"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not out.exists()
    write_case(out, CASE)
    assert _read(out) == CASE
    assert _hidden(tmp_path) == []


# one writer


def test_a_second_writer_is_refused_and_the_first_goes_on(out: Path) -> None:
    with claimed_case(out) as case:
        with pytest.raises(LymphoscopeError) as caught:
            write_case(out, NEXT, force=True)
        assert _code(caught) == "IO-E-LOCKED"
        case.write(CASE)
    assert _read(out) == CASE
    write_case(out, NEXT, force=True)
    assert _read(out) == NEXT


def test_two_folders_side_by_side_do_not_hinder_each_other(tmp_path: Path) -> None:
    with claimed_case(tmp_path / "a") as a, claimed_case(tmp_path / "b") as b:
        a.write(CASE)
        b.write(NEXT)
    assert (_read(tmp_path / "a"), _read(tmp_path / "b")) == (CASE, NEXT)


def _race(folder: str, number: int, queue) -> None:
    try:
        write_case(Path(folder), {"run.json": str(number).encode() * 1000}, force=True)
        queue.put("written")
    except LymphoscopeError as error:
        queue.put(error.code)


def test_many_processes_on_one_folder_leave_one_whole_case(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    writers = [context.Process(target=_race, args=(str(tmp_path / "out"), n, queue)) for n in range(8)]
    for writer in writers:
        writer.start()
    outcomes = {queue.get(timeout=30) for _ in writers}
    for writer in writers:
        writer.join()
    assert outcomes <= {"written", "IO-E-LOCKED"}
    assert "written" in outcomes
    content = (tmp_path / "out" / "run.json").read_bytes()
    assert content == content[:1] * 1000
    assert _hidden(tmp_path) == []


def test_without_file_locks_of_the_system_the_lock_still_holds(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(atomic, "fcntl", None)
    with claimed_case(tmp_path / "out"):
        with pytest.raises(LymphoscopeError) as caught, claimed_case(tmp_path / "out"):
            pass
        assert _code(caught) == "IO-E-LOCKED"
    write_case(tmp_path / "out", CASE)
    assert _read(tmp_path / "out") == CASE


def test_a_claim_without_a_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="study"), claimed_case(tmp_path / "out"):
        raise ValueError("the study was refused")
    assert list(tmp_path.iterdir()) == []


def test_a_parent_without_permission_is_refused(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "denied", str(tmp_path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LymphoscopeError) as caught:
        write_case(tmp_path / "out", CASE)
    assert _code(caught) == "IO-E-WRITE"
    assert str(tmp_path) not in str(caught.value)


# input and output apart


@pytest.mark.parametrize(
    ("out", "study", "apart"),
    [
        ("study", "study", False),
        ("study/out", "study", False),
        ("study/a/../out", "study", False),
        (".", "study", False),
        ("other", "study", True),
        ("study-out", "study", True),
        ("link/out", "study", False),
    ],
)
def test_output_and_input_must_be_apart(out: str, study: str, apart: bool, tmp_path: Path) -> None:
    (tmp_path / "study" / "a").mkdir(parents=True)
    (tmp_path / "study" / "slice.dcm").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "study")
    if apart:
        require_apart(tmp_path / out, tmp_path / study)
        return
    with pytest.raises(LymphoscopeError) as caught:
        write_case(tmp_path / out, CASE, force=True, inputs=[tmp_path / study])
    assert _code(caught) == "USE-E-OUTPUT"
    assert str(tmp_path) not in str(caught.value)
    assert sorted(p.name for p in (tmp_path / "study").iterdir()) == ["a", "slice.dcm"]


def test_output_beside_a_zip_is_fine(tmp_path: Path) -> None:
    (tmp_path / "study.zip").write_bytes(b"PK")
    write_case(tmp_path / "out", CASE, inputs=[tmp_path / "study.zip"])
    with pytest.raises(LymphoscopeError):
        write_case(tmp_path, CASE, force=True, inputs=[tmp_path / "study.zip"])


# canonical JSON


def test_json_is_sorted_rounded_and_honest_about_the_unknown() -> None:
    record = {
        "b": 1 / 3,
        "a": [np.float32(0.1), np.int64(3), np.array([1.0, np.nan])],
        "z": float("inf"),
        "none": None,
        "zero": -0.0,
        "big": 123456789012.0,
        "int": 12345678901234567890,
        "when": datetime(2024, 3, 1, 9, 0, 0),
        "truth": True,
        3: "µ",
    }
    found = canonical_json(record)
    assert json.loads(found) == {
        "3": "µ",
        "a": [0.100000001, 3, [1.0, None]],
        "b": 0.333333333,
        "big": 123456789000.0,
        "int": 12345678901234567890,
        "none": None,
        "truth": True,
        "when": "2024-03-01T09:00:00",
        "z": None,
        "zero": 0.0,
    }
    assert found.endswith(b"\n")
    assert b"-0.0" not in found
    assert "µ".encode() in found
    assert canonical_json(dict(reversed(record.items()))) == found


def test_json_writes_enums_as_their_values_and_refuses_what_it_does_not_know() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert json.loads(canonical_json({Colour.RED: (Colour.RED,)})) == {"red": ["red"]}
    with pytest.raises(TypeError):
        canonical_json({"x": object()})
    with pytest.raises(TypeError):
        canonical_json({"x": {1, 2}})


def test_json_survives_names_that_are_no_text() -> None:
    assert json.loads(canonical_json({"x": "a\udcff"})) == {"x": "a\udcff"}


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(_leaves, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(), c, max_size=4)))
@settings(max_examples=100, deadline=None)
def test_json_is_a_fixed_point(value: object) -> None:
    """What was written and read is written the same again."""
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_json_keeps_nine_digits(number: float) -> None:
    assert json.loads(canonical_json(number)) == pytest.approx(number, rel=5.0001e-9, abs=0)
