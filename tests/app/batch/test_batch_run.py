"""A cohort from end to end: a mess of eight studies, killed on the way, taken up again, with no name anywhere."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app import cli

SECRETS = ("BEEBLEBROX", "ZAPHOD", "QX4711Z9")  # as in conftest.py
COMMAND = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()"]
CODES = {"SUV-E-WEIGHT": 1, "IO-E-GAP": 1, "IO-E-TRUNCATED": 1}


def _started(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _batch(tree: Path, out: Path, *words: object) -> tuple[int, dict[str, Any], str]:
    process = _started("batch", tree, "-o", out, "--suv", "--json", "--verbose", *words)
    said, told = process.communicate(timeout=240)
    assert "Traceback" not in said + told
    assert not any(secret in said + told for secret in SECRETS), told
    return process.returncode, json.loads(said), told


def _said(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run a command in this process."""
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    said, told = capfd.readouterr()
    assert "Traceback" not in said + told
    return int(left.value.code or 0), said, told


def _cases(out: Path) -> list[Path]:
    return sorted(p for p in (out / "cases").glob("[!.]*") if p.is_dir())


def _contents(out: Path) -> dict[str, bytes]:
    """Files by name, without the locks that a killed run leaves behind."""
    files = (p for p in sorted(out.rglob("*")) if p.is_file() and not p.name.startswith(".lymphoscope-"))
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def alone(mess: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The whole cohort in one process."""
    out = tmp_path_factory.mktemp("alone") / "out"
    before = _contents(mess)
    status, summary, told = _batch(mess, out, "--workers", 0)
    assert status == 0, told
    assert _contents(mess) == before, "inputs are never written to"
    return out, summary, told


def test_every_study_ends_as_it_should_and_nothing_is_lost(alone) -> None:
    out, summary, told = alone
    assert (summary["studies"], summary["measured"], summary["refused"], summary["failed"]) == (8, 5, 3, 0)
    assert summary["codes"] == CODES
    # the text, the table and the mask; the copy of the zip
    assert (summary["other_files"], summary["copies"], summary["closed_folders"]) == (3, 1, 0)
    assert (summary["done_now"], summary["done_before"], summary["waiting"]) == (8, 0, 0)
    assert len(_cases(out)) == 8 and len(told.splitlines()) == 9
    lines = [json.loads(line) for line in (out / "status.jsonl").read_text().splitlines()]
    assert [line["case"] for line in lines] == [case.name for case in _cases(out)]
    assert sum(line["status"] == "measured" for line in lines) == 5
    assert {line["code"] for line in lines if line["status"] == "refused"} == set(CODES)
    assert not (out / "scratch").exists()


def test_the_table_has_the_numbers_of_the_reports(alone) -> None:
    out, _, _ = alone
    rows = list(csv.DictReader((out / "cohort.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 8
    for row in rows:
        record = json.loads((out / "cases" / row["case"] / "report.json").read_text())
        assert row["status"] == record["status"]
        if row["status"] == "refused":
            assert row["code"] == record["refusal"]["code"] and row["tmtv_ml"] == ""
            continue
        for name, value in record["patient"].items():
            if isinstance(value, float | int):
                column = "n_lesions" if name == "n" else name
                assert float(row[column]) == pytest.approx(value, rel=1e-8), name
        for organ, values in record["reference"].items():
            assert float(row[f"{organ}_mean"]) == pytest.approx(values["mean"], rel=1e-8)
    by_kind = sorted(row["kind"] for row in rows)
    assert by_kind == ["archive", *["dicom"] * 6, "nifti"]
    [split] = [row for row in rows if row["kind"] == "dicom" and row["has_ct"] == "true"]
    assert split["files"] == "48", "PET and CT of one patient lie in two folders"


def test_no_file_names_anybody(alone) -> None:
    out, _, _ = alone
    for name, content in _contents(out).items():
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        for secret in SECRETS:
            assert secret.encode() not in plain and secret not in name, name


def test_the_page_stands_alone_and_leads_to_every_report(alone) -> None:
    out, _, _ = alone
    page = (out / "overview.html").read_text(encoding="utf-8")
    assert "<script" not in page and "http://" not in page and "https://" not in page
    for case in _cases(out):
        assert f'href="cases/{case.name}/report.html"' in page
    for code in CODES:
        assert code in page


@pytest.mark.long
def test_a_killed_batch_goes_on_where_it_was_and_ends_with_the_same_bytes(mess: Path, alone, tmp_path: Path) -> None:
    reference, _, _ = alone
    out = tmp_path / "out"
    process = _started("batch", mess, "-o", out, "--suv", "--workers", 2, "--memory-gb", 2, "--quiet")
    deadline = time.monotonic() + 120
    while len(_cases(out)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = {case.name: case.stat().st_ino for case in _cases(out)}
    assert 2 <= len(finished) < 8, "killed in the middle"
    status, summary, told = _batch(mess, out, "--workers", 2, "--memory-gb", 2)
    assert status == 0, told
    assert summary["done_before"] == len(finished) and summary["done_now"] == 8 - len(finished)
    assert {case.name: case.stat().st_ino for case in _cases(out) if case.name in finished} == finished
    assert _contents(out) == _contents(reference), "one process or two, at once or in two goes"


def test_nothing_is_done_again(mess: Path, alone, capfd: pytest.CaptureFixture[str]) -> None:
    out, _, _ = alone
    before = _contents(out)
    status, said, _ = _said(capfd, "batch", mess, "-o", out, "--suv", "--json")
    summary = json.loads(said)
    assert (status, summary["done_now"], summary["done_before"]) == (0, 0, 8)
    assert _contents(out) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["none", "-o", "out"], "IO-E-PATH"),
        (["tree", "-o", "tree/out"], "USE-E-OUTPUT"),
        (["tree", "-o", "full"], "USE-E-OUTPUT"),
        (["tree", "-o", "out", "--workers", "-1"], "USE-E-VALUE"),
        (["tree", "-o", "out", "--memory-gb", "0"], "USE-E-VALUE"),
        (["tree", "-o", "out", "--method", "suv4"], "suv4.0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    words: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("mine")
    monkeypatch.chdir(tmp_path)
    status, _, told = _said(capfd, "batch", *words)
    assert status in (2, 3) and code in told
    assert not (tmp_path / "out").exists() and (tmp_path / "full" / "thesis.doc").read_text() == "mine"


def test_an_empty_tree_is_an_empty_cohort(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree").mkdir()
    status, said, _ = _said(capfd, "batch", tmp_path / "tree", "-o", tmp_path / "out")
    assert status == 0 and "0 studies" in said and said.splitlines()[-1] == str(tmp_path / "out" / "overview.html")
    assert (tmp_path / "out" / "cohort.csv").read_text().startswith("case,status,code,")
