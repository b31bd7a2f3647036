"""Studies sent in as a zip: by an admin only, judged as archives are, measured once, nothing left behind."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.web.uploads import UPLOADED, WAITING


def zipped(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def sent(browser: Any, content: Any, **headers: str) -> Any:
    return browser.client.post("/api/uploads", content=content, headers=headers)


def settled(browser: Any, name: str) -> dict[str, Any]:
    for _ in range(600):
        found = next(u for u in browser.get("/api/uploads").json() if u["id"] == name)
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError("it was never settled")


@pytest.fixture
def dee(browser: Callable[[], Any]) -> Any:
    return browser().enter("dee")


def test_a_study_sent_as_a_zip_becomes_a_case(dee: Any, read_case: Path, cases: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "study"), "zip", read_case.parent / "study"))
    told = sent(dee, archive.read_bytes()).json()
    assert settled(dee, told["id"]) == {"id": told["id"], "state": "done", "code": "", "what": ""}
    found = {row["folder"]: row["status"] for row in dee.get("/api/cases").json()}
    assert found[f"{UPLOADED}/{told['id']}"] == "ready"
    assert (cases / UPLOADED / told["id"] / "seg.dcm").is_file()
    assert list((cases / WAITING).iterdir()) == []
    before = (cases / UPLOADED / told["id"] / "report.json").stat().st_mtime_ns
    assert settled(dee, sent(dee, archive.read_bytes()).json()["id"])["state"] == "done"
    assert (cases / UPLOADED / told["id"] / "report.json").stat().st_mtime_ns == before, "the same is measured once"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped(**{"../../../hurt.dcm": b"x", "/etc/hurt": b"x"}), "IO-E-"),
        (zipped(bomb=b"\0" * 40_000_000), "IO-E-ARCHIVE"),
        (zipped(**{"inner.zip": zipped(a=b"a")}), "IO-E-"),
        (zipped(**{"notes.txt": b"no image"}), "IO-E-NOTHING"),
        (zipped(a=b"a")[:-10], "IO-E-ARCHIVE"),
    ],
    ids=["paths", "bomb", "nested", "text", "cut"],
)
def test_archives_are_judged_by_the_rules_of_all_archives(dee: Any, cases: Path, content: bytes, code: str) -> None:
    name = sent(dee, content).json()["id"]
    state = settled(dee, name)
    record = cases / UPLOADED / name / "report.json"
    said = state["code"] or json.loads(record.read_bytes())["refusal"]["code"]
    assert said.startswith(code)
    assert list((cases / WAITING).iterdir()) == []
    assert not list(cases.parent.rglob("hurt*"))


def test_what_is_no_zip_or_comes_from_others_is_refused_before_it_is_kept(dee: Any, ann: Any, cases: Path) -> None:
    def code(answer: Any) -> tuple[int, str]:
        return answer.status_code, answer.json()["code"]

    assert code(sent(dee, b"Rar!\x1a\x07 and more")) == (422, "IO-E-ARCHIVE")
    assert code(sent(dee, b"")) == (422, "IO-E-ARCHIVE")
    assert code(sent(ann, zipped(a=b"a"))) == (403, "WEB-E-RIGHT")
    assert code(ann.get("/api/uploads")) == (403, "WEB-E-RIGHT")
    assert code(sent(dee, zipped(a=b"a"), **{"x-csrf": "guess"})) == (403, "WEB-E-RIGHT")
    assert code(sent(dee, b"PK", **{"content-length": "99999999999"})) == (413, "WEB-E-SIZE")
    dee.client.app.app.state.most_upload = 1000

    def pieces() -> Any:
        yield from (b"PK\x03\x04" + b"\0" * 500 for _ in range(5))

    assert code(sent(dee, pieces())) == (413, "WEB-E-SIZE")
    assert not list((cases / WAITING).iterdir())
    assert not (cases / UPLOADED).exists()
