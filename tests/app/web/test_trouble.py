"""Trouble: readers at once, a full disk, a case changed by hand, a damaged image. Told in words, nothing lost."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.reading import chain
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.server import create_app

from .conftest import Browser, with_patient


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def first(browser: Any, version: str) -> int:
    return next(r["region"] for r in browser.get(version).json()["rows"] if r["counted"])


def folder_of(cases: Path) -> Path:
    return next(p for p in cases.iterdir() if "DOE" in p.name)


def test_of_many_tabs_that_write_at_once_one_wins_each_time_and_nothing_is_mixed(
    app: Any, ann: Any, cases: Path
) -> None:
    version = ann.begin()
    number, tip = first(ann, version), ann.get(version).json()["tip"]
    tabs = [Browser(app) for _ in range(6)]
    for tab in tabs:
        tab.client.cookies, tab.client.headers = ann.client.cookies, ann.client.headers
    said: list[int] = []
    words = {"op": "doubt", "words": {"regions": [number], "doubtful": True}}

    def write(tab: Browser) -> None:
        said.append(tab.post(f"{version}/ops", words, **{"if-match": tip}).status_code)

    threads = [threading.Thread(target=write, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [200, *[412] * 5]
    assert len(chain.read(folder_of(cases) / "reading" / "v1.jsonl")) == 2


def test_two_readers_at_once_have_versions_of_their_own(ann: Any, ben: Any) -> None:
    versions = {}

    def begin(who: Any) -> None:
        versions[id(who)] = who.begin()

    threads = [threading.Thread(target=begin, args=(who,)) for who in (ann, ben)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(versions.values())) == 2
    for who in (ann, ben):
        assert who.do(versions[id(who)], "remove", regions=[first(who, versions[id(who)])]).status_code == 200


def test_a_full_disk_costs_no_act_that_was_saved(ann: Any, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ann.begin()
    number, log = first(ann, version), folder_of(cases) / "reading" / "v1.jsonl"
    ann.do(version, "doubt", regions=[number], doubtful=True)
    before, table = log.read_bytes(), ann.get(version).json()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(chain.os, "fsync", full)
    answer = ann.do(version, "remove", regions=[number])
    assert code(answer) == (507, "IO-E-WRITE")
    assert "No space" in answer.json()["what"] or "full" in answer.json()["what"]
    assert log.read_bytes() == before
    monkeypatch.undo()
    assert ann.get(version).json()["head"] == table["head"]
    assert ann.do(version, "remove", regions=[number]).status_code == 200


def test_a_full_disk_at_signing_leaves_a_draft(ann: Any, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ann.begin()
    tip = ann.get(version).json()["tip"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        assert code(ann.sign(version)) == (507, "IO-E-WRITE")
    assert ann.get(version).json()["tip"] == tip
    assert not ann.get(version).json()["signed"]
    assert ann.sign(version).status_code == 200


@pytest.mark.parametrize(
    ("name", "damage", "wanted"),
    [
        ("pet.nii.gz", lambda b: b[: len(b) // 2], "IO-E-NIFTI"),
        ("pet.nii.gz", lambda b: b"", "IO-E-NIFTI"),
        ("lesions.nii.gz", lambda b: b[:200], "IO-E-NIFTI"),
        ("study.json", lambda b: b"{}", "READ-E-CASE"),
        ("report.json", lambda b: b.replace(b'"lesions_sha256": "', b'"lesions_sha256": "0'), "READ-E-CHANGED"),
    ],
)
def test_a_damaged_or_changed_case_is_refused_in_words(
    access: Access, cases: Path, name: str, damage: Callable[[bytes], bytes], wanted: str
) -> None:
    path = folder_of(cases) / name
    path.write_bytes(damage(path.read_bytes()))
    ann = Browser(create_app(access.index, access)).enter("ann")
    answer = ann.post(f"{ann.case}/versions")
    assert code(answer) == (422, wanted)
    assert "DOE" not in answer.text
    assert code(ann.get(f"{ann.case}/pet.nii.gz")) == (422, wanted)


def test_a_case_measured_again_by_hand_under_a_draft_is_refused(ann: Any, access: Access, cases: Path) -> None:
    version = ann.begin()
    record = folder_of(cases) / "report.json"
    record.write_text(json.dumps(json.loads(record.read_text())))
    later = Browser(create_app(access.index, access)).enter("ann")
    for browser in (ann, later):
        assert code(browser.get(version)) == (422, "READ-E-CHANGED"), "also where the case is open already"
    assert (folder_of(cases) / "reading" / "v1.jsonl").exists()


def course_of(browser: Any, version: str) -> list[dict[str, Any]]:
    told = browser.get(f"{version}/course").json()
    assert told["apart"] == ""
    return told["rows"]


def test_the_scan_before_is_found_by_whose_it_is(ann: Any, access: Access, cases: Path, read_case: Path) -> None:
    other = Path(shutil.copytree(read_case, cases / "later"))
    record = json.loads((other / "report.json").read_bytes())
    record["input"]["scanned"], record["input"]["study_uid_hash"] = "2999-01-01T00:00:00", "f" * 64
    (other / "report.json").write_text(json.dumps(record))
    for folder, number in ((other, "77"), (folder_of(cases), "77")):
        with_patient(folder, number)
    access.index.rebuild()
    rows = {row["folder"]: row["id"] for row in ann.get("/api/cases").json()}
    told = ann.get(f"/api/cases/{rows['later']}/previous").json()
    assert told["id"] == rows["DOE^JANE <b>1"]
    assert told["of"] == "as measured, not read"
    assert told["differs"] == []
    assert ann.get(f"/api/cases/{rows['later']}").json()["previous"] == told["id"]
    ann.case = f"/api/cases/{told['id']}"
    earlier = ann.begin()
    gone, kept = sorted(r["region"] for r in ann.get(earlier).json()["rows"] if r["counted"])
    ann.do(earlier, "remove", regions=[gone])
    ann.case = f"/api/cases/{rows['later']}"
    version = ann.begin()
    assert [row["word"] for row in course_of(ann, version)] == ["persisting", "persisting"], (
        "a draft is not compared with"
    )
    ann.case = f"/api/cases/{told['id']}"
    assert ann.sign(earlier).status_code == 200
    ann.case = f"/api/cases/{rows['later']}"
    words = {row["now"][0]["region"]: row["word"] for row in course_of(ann, version)}
    assert words == {gone: "candidate new – confirm", kept: "persisting"}
    assert ann.do(version, "new", regions=[gone], new=True).status_code == 200
    ann.do(version, "remove", regions=[kept])
    assert code(ann.sign(version, answers={"new_lesion": "no"})) == (422, "READ-E-SIGN")
    ann.sign(version, answers={"new_lesion": "yes"})
    record = ann.get(f"{version}/files/report.json").json()
    (scan,) = record["comparison"]["scans"]
    new, resolved = scan["lesions"]
    assert (new["word"], resolved["word"]) == ("new", "resolved")
    assert resolved["site"]["not_counted"] == [f"L{kept:02d}"]
    assert resolved["site"]["suvmax"] == resolved["before"][0]["suvmax"], "the same scan twice"
    assert record["indices"]["deauville_aid"]["value"] == 5, "a new lesion that the reader confirmed"
    for name in ("report.html", "report.pdf"):
        content = ann.get(f"{version}/files/{name}").content
        assert (
            content.startswith(b"%PDF")
            or f"there now {resolved['site']['shown']}; L{kept:02d} there" in content.decode()
        )
    told = ann.get(f"/api/cases/{rows['later']}/previous").json()
    assert (scan["title"], scan["of"], scan["hard"]) == (f"Previous {told['scanned'][:10]}", told["of"], [])
    assert scan["rows"][2]["delta"] == 0, "one lesion each"
    assert code(ann.get(f"/api/cases/{told['id']}/previous")) == (404, "WEB-E-NOTHERE")
    with_patient(other, "78")
    access.index.rebuild()
    assert ann.get(f"/api/cases/{rows['later']}").json()["previous"] is None
    assert {row.patient for row in access.index.rows()}.isdisjoint({"77", "78"})
    assert ReadCase(folder_of(cases)).names() == ["v1"]
