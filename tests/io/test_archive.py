"""Zips: an honest one is read as its folder would be, a dangerous one is refused, and nothing stays behind."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io import archive
from lymphoscope.io.archive import archive_kind, unpacked


def zipped(folder: Path, target: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(target, "w", method) as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder))
    return target


def of_entries(target: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries.items():
            out.writestr(name, content)
    return target


def code(path: Path) -> str:
    with pytest.raises(LymphoscopeError) as caught, unpacked(path):
        pass
    assert caught.value.exit_status == 3
    assert "DOE" not in str(caught.value) and str(path) not in str(caught.value)
    return caught.value.code


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; it must be empty again afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_is_read_as_its_folder(clinic, tmp_path, scratch, method) -> None:
    clinic.pet("DOE JANE/1"), clinic.ct("DOE JANE/2")
    wanted = clinic.load()
    before = {p: p.stat().st_mtime_ns for p in clinic.root.rglob("*")}
    study = clinic.load(zipped(clinic.root, tmp_path / "DOE.zip", method))
    np.testing.assert_array_equal(study.pet.array, wanted.pet.array)
    assert study.uid_hash == wanted.uid_hash and study.ct is not None
    assert list(scratch.iterdir()) == []
    assert {p: p.stat().st_mtime_ns for p in clinic.root.rglob("*")} == before
    assert len(clinic.series(tmp_path / "DOE.zip")) == 2


def test_nothing_stays_when_the_study_is_refused(clinic, tmp_path, scratch) -> None:
    clinic.pet(edit=lambda d, n: n != 5)
    assert clinic.refused(zipped(clinic.root, tmp_path / "x.zip")) == "IO-E-GAP"
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../outside", "a/../../b", "/etc/passwd", "C:\\x", "..\\..\\x", "a/CON", "lpt1.txt", "sub/../x"]
)
def test_paths_that_lead_away(tmp_path, scratch, name) -> None:
    """H 58."""
    assert code(of_entries(tmp_path / "x.zip", {"ok": b"1", name: b"2"})) == "IO-E-ARCHIVE"
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path, kind) -> None:
    """H 58."""
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr(info, "/etc/passwd")
    assert code(tmp_path / "x.zip") == "IO-E-ARCHIVE"


def test_bomb_by_ratio(tmp_path, scratch) -> None:
    """H 57."""
    assert code(of_entries(tmp_path / "x.zip", {"zeros": bytes(8 * 2**20)})) == "IO-E-ARCHIVE"
    assert list(scratch.iterdir()) == []


def test_bomb_by_size(tmp_path, monkeypatch) -> None:
    """H 57: the directory admits it, or lies and the counter notices."""
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    target = of_entries(tmp_path / "x.zip", {"a": os.urandom(2000)})
    assert code(target) == "IO-E-ARCHIVE"
    data = bytearray(target.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(mark) + offset
        data[place : place + 4] = (500).to_bytes(4, "little")
    target.write_bytes(data)
    assert code(target) == "IO-E-ARCHIVE"


def test_too_many_entries(tmp_path, monkeypatch) -> None:
    """H 57."""
    monkeypatch.setattr(archive, "MOST_ENTRIES", 5)
    assert code(of_entries(tmp_path / "x.zip", {str(n): b"" for n in range(6)})) == "IO-E-ARCHIVE"


@pytest.mark.parametrize("name", ["inner.zip", "x.7z", "a/b.rar", "x.tar.gz", "x.TGZ"])
def test_nested(tmp_path, name) -> None:
    """H 57; a compressed NIfTI is an image, not an archive."""
    assert code(of_entries(tmp_path / "x.zip", {name: b"1"})) == "IO-E-ARCHIVE"
    with unpacked(of_entries(tmp_path / "y.zip", {"a.nii.gz": b"1"})) as folder:
        assert [p.name for p in folder.rglob("*.gz")] == ["a.nii.gz"]


def test_encrypted(tmp_path) -> None:
    """H 59."""
    target = of_entries(tmp_path / "x.zip", {"a": b"1234"})
    data = bytearray(target.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    target.write_bytes(data)
    with pytest.raises(LymphoscopeError, match="encrypted"), unpacked(target):
        pass


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"Rar!\x1a\x07\x00", "rar"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x07\x08", "multi-vol"),
    ],
)
def test_other_archives_are_named(clinic, tmp_path, start, kind) -> None:
    """H 59."""
    path = tmp_path / "DOE.bin"
    path.write_bytes(start + bytes(600))
    error = clinic.refusal(path)
    assert error.code == "IO-E-ARCHIVE" and kind in str(error)
    assert archive_kind(path)


def test_damaged_zip(clinic, tmp_path) -> None:
    clinic.pet()
    target = zipped(clinic.root, tmp_path / "x.zip")
    data = bytearray(target.read_bytes())
    target.write_bytes(data[: len(data) // 2])
    assert code(target) == "IO-E-ARCHIVE"
    data[3000:3100] = bytes(100)
    target.write_bytes(data)
    assert code(target) == "IO-E-ARCHIVE"


def test_names_are_ours(tmp_path) -> None:
    """H 60: names that clash, are too long or not text become hashes; plain ones stay; clutter is left out."""
    entries = {
        "DOE^JANE/IM1": b"1", "DOE^JANE/im1": b"2", "x/" + "n" * 200: b"3", "x/ä ö.dcm": b"4", "x/-rf": b"5",
        "x/SUV.nii.gz": b"6", "__MACOSX/x/._a": b"7", "x/.DS_Store": b"8",
    }  # fmt: skip
    with unpacked(of_entries(tmp_path / "x.zip", entries)) as folder:
        files = [p for p in folder.rglob("*") if p.is_file()]
        assert sorted(p.read_bytes() for p in files) == [b"1", b"2", b"3", b"4", b"5", b"6"]
        names = {p.name for p in files}
        assert "IM1" in names and "SUV.nii.gz" in names
        assert all("DOE" not in str(p.relative_to(folder)) and len(p.name) < 101 for p in files)
        assert len({str(p).casefold() for p in files}) == 6
    assert not folder.exists()


def test_empty_zip(clinic, tmp_path) -> None:
    assert clinic.refused(of_entries(tmp_path / "x.zip", {})) == "IO-E-NOTHING"


def test_full_disk_is_said(tmp_path, monkeypatch) -> None:
    """H 66."""
    target = of_entries(tmp_path / "x.zip", {"a": b"1"})

    def full(self: Path, *args: object, **kwargs: object) -> io.IOBase:
        raise OSError(28, "No space left on device DOE")

    monkeypatch.setattr(Path, "open", full)
    assert code(target) == "IO-E-WRITE"
