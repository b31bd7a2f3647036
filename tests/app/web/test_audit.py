"""The audit trail: what is recorded besides reading, its export, and a verifier that sees every change of a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.reading import chain
from lymphoscope.app.web import trail, verb
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.audit import AUDIT_FILE, Audit
from lymphoscope.core.errors import LymphoscopeError

from .conftest import PASSWORD


@pytest.fixture
def chief(ann: Any, browser: Callable[[], Any]) -> Any:
    """An admin, after a reader has read, signed and fetched a report."""
    version = ann.begin()
    region = ann.get(version).json()["rows"][0]["region"]
    tip = ann.get(version).json()["tip"]
    words = {"op": "remove", "words": {"regions": [region]}, "reason": "=1+1, bowel"}
    ann.post(f"{version}/ops", words, **{"if-match": tip})
    ann.do(version, "undo")
    ann.sign(version)
    ann.get(f"{version}/files/report.pdf")
    browser().client.post("/login", json={"login": "ann", "password": "my other password"})
    ann.client.post("/logout")
    return browser().enter("dee")


def test_log_ins_and_exports_are_recorded_by_account_and_without_names(chief: Any, cases: Path) -> None:
    events = chain.read(cases / AUDIT_FILE)
    kinds = [(e["kind"], e["by"]) for e in events if e["kind"] != "user"]
    assert kinds == [
        ("log in", "ann"), ("export", "ann"), ("log-in refused", "nobody"), ("log out", "ann"), ("log in", "dee"),
    ]  # fmt: skip
    assert events[-1]["role"] == "admin"
    written = (cases / AUDIT_FILE).read_text()
    for secret in ("DOE", "JANE", "Dr ", "my other password"):
        assert secret not in written


def test_an_exported_trail_is_verified_without_the_server(
    chief: Any, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("/api/audit", "/api/audit/csv"):
        (tmp_path / "trail").write_bytes(chief.get(path).content)
        verb.verify_audit(tmp_path / "trail")
        told = capsys.readouterr().out.splitlines()
        assert len(told) == 2
        assert all("every link holds" in line for line in told)
    assert [v["wrong"] for v in chief.get("/api/audit/verify").json()] == ["", ""]
    part = chief.get("/api/audit/csv", params={"case": chief.case.rsplit("/", 1)[1]}).content
    (one,) = trail.verify(part)
    assert (one.log.endswith(" v1"), one.events, one.wrong) == (True, 4, "")
    later = chief.get("/api/audit", params={"from": chain.read(cases / AUDIT_FILE)[6]["when"]}).content
    server = next(log for log in trail.verify(later) if log.log == "server")
    assert (server.first, server.wrong) == (6, ""), "a part is verified from where it begins"
    rows = list(csv.DictReader(io.StringIO(chief.get("/api/audit/csv").content.decode("utf-8-sig"))))
    act = next(r for r in rows if r["op"] == "remove")
    assert act["reason"] == "'=1+1, bowel", "a cell is no formula"
    assert json.loads(act["event"])["act"]["reason"] == "=1+1, bowel"
    assert float(act["tmtv_after_ml"]) < float(act["tmtv_before_ml"])
    assert act["mask_after"] == next(r for r in rows if r["op"] == "undo")["mask_before"]


CHANGES = [
    ("csv", lambda text: text.replace("'=1+1, bowel", "bowel", 1), "differs from its event"),
    ("csv", lambda text: text.replace(",ann,reader,log in", ",eve,reader,log in", 1), "differs from its event"),
    ("csv", lambda text: "\r\n".join(r for r in text.split("\r\n") if ",undo," not in r), "not as it was written"),
    ("csv", lambda text: "\r\n".join(r for r in text.split("\r\n") if ",sign," not in r), "missing"),
    ("csv", lambda text: "\r\n".join(r for r in text.split("\r\n") if ",end," not in r), "missing"),
    ("json", lambda text: text.replace("bowel", "liver"), "not as it was written"),
    ("json", lambda text: text.replace('"by": "ann"', '"by": "eve"', 1), "not as it was written"),
]


def test_every_change_of_a_trail_is_seen(chief: Any) -> None:
    kept = {form: chief.get(path).content for form, path in (("csv", "/api/audit/csv"), ("json", "/api/audit"))}
    for form, change, said in CHANGES:
        text = kept[form].decode("utf-8-sig")
        assert change(text) != text
        assert any(said in log.wrong for log in trail.verify(change(text).encode())), (form, said)


def test_the_trail_is_for_an_admin_and_no_other_file_is_one(ann: Any) -> None:
    for path in ("/api/audit", "/api/audit/csv", "/api/audit/verify"):
        assert ann.get(path).status_code == 403
    for content in (b"log,number\n", b"{}", b"\xff\xfe\x00", b"[]\n"):
        with pytest.raises(LymphoscopeError):
            trail.verify(content)


def test_an_auditor_sees_what_was_signed_and_every_log_and_changes_nothing(
    ann: Any, browser: Callable[[], Any], access: Access
) -> None:
    version, draft = ann.begin(), browser().enter("ben").begin()
    assert ann.sign(version).status_code == 200
    eve = browser().enter("eve")
    assert eve.get("/api/me").json()["rights"] == ["agreement", "audit", "names", "others"]
    row = eve.get("/api/cases").json()[0]
    assert ({v["name"]: v["open"] for v in row["versions"]}, row["pair"]) == ({"v1": True, "v2": False}, [])
    table = eve.get(version).json()
    assert (table["by"], table["mine"]) == ("ann", False)
    assert eve.get(f"{version}/log").json()[-1]["kind"] == "sign"
    assert eve.get(f"{version}/files/report.json").status_code == 200
    assert {log["log"].split()[-1] for log in eve.get("/api/audit/verify").json()} == {"server", "v1", "v2"}
    assert b'"kind": "sign"' in eve.get("/api/audit").content
    assert eve.get("/api/agreement").json()["n"] == 0
    assert eve.get(draft).status_code == 403, "what is not signed is its reader's"
    for body in ({}, {"purpose": "adjudicate", "parent": "v1", "other": "v2"}, {"purpose": "reopen", "parent": "v1"}):
        assert eve.post(f"{eve.case}/versions", body).json()["code"] == "WEB-E-RIGHT"
    words = {"op": "remove", "words": {"regions": [table["rows"][0]["region"]]}}
    asked = {"ops": words, "preview": words, "seen": {"regions": [1]}, "reveal": {}, "lease": {}, "draft": {},
             "sign": {"head": table["head"], "password": PASSWORD}}  # fmt: skip
    for path, body in asked.items():
        assert eve.post(f"{version}/{path}", body, **{"if-match": table["tip"]}).json()["code"] == "WEB-E-RIGHT", path
    assert eve.client.post("/api/uploads", content=b"PK").json()["code"] == "WEB-E-RIGHT"
    assert ann.get(version).json()["tip"] == table["tip"]
    assert [e["by"] for e in chain.read(access.audit.path) if e.get("file") == "report.json"] == ["eve"], "it is told"


def test_a_long_log_is_extended_by_its_last_line_alone_and_a_half_written_one_is_cut_off(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for k in range(5):
        audit.note("log in", f"reader{k}")
    whole = audit.path.read_bytes()
    audit.path.write_bytes(whole + b'{"kind":"log in","by":"x')
    audit.note("log out", "reader0")
    assert [e["number"] for e in chain.read(audit.path)] == [0, 1, 2, 3, 4, 5]
    audit.path.write_bytes(whole.replace(b"reader4", b"reader9"))
    with pytest.raises(LymphoscopeError) as error:
        audit.note("log in", "ann")
    assert error.value.code == "READ-E-CHANGED"
