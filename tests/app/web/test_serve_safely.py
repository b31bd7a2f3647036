"""What the server must not do, whoever asks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lymphoscope.app.web import demo, server
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.door import Door
from lymphoscope.app.web.index import Index
from lymphoscope.app.web.server import create_app
from lymphoscope.core.errors import LymphoscopeError


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_link_logs_in_once(browser: Callable[[], Any], access: Access) -> None:
    first, second = browser(), browser()
    link = f"/login?once={access.once}"
    assert code(first.get("/login?once=guess")) == (401, "WEB-E-LOGIN")
    answer = first.get(link, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert first.ready().get("/api/me").json()["login"] == "local"
    assert code(second.get(link)) == (401, "WEB-E-LOGIN")


def test_there_is_no_link_beyond_loopback(cases: Path) -> None:
    index = Index(cases)
    access = Access(index, link=False)
    app = create_app(index, access, frozenset({"reads.example"}), secure=True)
    client = TestClient(app, base_url="https://reads.example")
    assert code(client.get("/login", params={"once": "x"})) == (401, "WEB-E-LOGIN")
    access.add_user("ann", "Dr Ann", "reader", "a long enough password")
    answer = client.post("/login", json={"login": "ann", "password": "a long enough password"}, follow_redirects=False)
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "path", ["/api/me", "/api/cases", "/api/cases/x", "/api/cases/x/versions/v1", "/api/cases/x/pet.nii.gz"]
)
def test_nothing_is_told_to_who_is_not_logged_in(browser: Callable[[], Any], path: str) -> None:
    assert code(browser().get(path)) == (401, "WEB-E-LOGIN")


def test_a_session_ends(ann: Any) -> None:
    ann.client.post("/logout")
    assert code(ann.get("/api/me")) == (401, "WEB-E-LOGIN")


def test_passwords_are_kept_as_hashes_and_guessing_is_slowed(browser: Callable[[], Any], cases: Path) -> None:
    assert b"a long enough" not in (cases / ".lymphoscope-index.sqlite").read_bytes()
    one = browser()
    said = [code(one.client.post("/login", json={"login": "ann", "password": str(n)})) for n in range(12)]
    assert said[0] == (401, "WEB-E-LOGIN")
    assert said[-1] == (429, "WEB-E-RATE")
    nobody = browser().client.post("/login", json={"login": "nobody", "password": "x"})
    assert nobody.status_code in (401, 429)


@pytest.mark.parametrize("wrong", [{"login": "Ann"}, {"login": "local"}, {"role": "king"}, {"password": "short"}])
def test_users_that_cannot_be_are_refused(access: Access, wrong: dict[str, str]) -> None:
    words = {"login": "eve", "name": "Eve", "role": "reader", "password": "a long enough password"} | wrong
    with pytest.raises(LymphoscopeError):
        access.add_user(**words)


def test_a_change_needs_what_only_the_page_knows(ann: Any) -> None:
    del ann.client.headers["x-csrf"]
    assert code(ann.post(f"{ann.case}/versions")) == (403, "WEB-E-RIGHT")
    ann.ready()
    answer = ann.client.post(f"{ann.case}/versions", json={}, headers={"origin": "http://elsewhere.example"})
    assert code(answer) == (403, "WEB-E-HOST")
    assert code(ann.get("/api/me", headers={"host": "elsewhere.example"})) == (421, "WEB-E-HOST")


def test_every_answer_is_fenced(ann: Any) -> None:
    for path in ("/", "/api/me", "/nothing", f"{ann.case}/pet.nii.gz"):
        headers = ann.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert ann.get("/api/me").headers["cache-control"] == "no-store"


PATHS = [
    "/../pyproject.toml", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/vendor/../index.py", "//etc/passwd",
    "/api/cases/..%2f..", "/api/cases/%2e%2e/pet.nii.gz", "/server.py", "/vendor/", "/index.html%00.js",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_reaches_the_disk(ann: Any, path: str) -> None:
    answer = ann.get(path)
    assert answer.status_code in (404, 422), answer.text[:200]
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["pet", "ct", "lesions", "..%2freport", "report.json%00"])
def test_volumes_are_two_names_and_no_file(ann: Any, path: str) -> None:
    assert ann.get(f"{ann.case}/{path}.nii.gz").status_code == (200 if path in ("pet", "ct") else 404)


def test_documents_are_those_of_the_signature(ann: Any) -> None:
    version = ann.begin()
    ann.sign(version)
    assert ann.get(f"{version}/files/report.pdf").content.startswith(b"%PDF")
    for name in ("..%2f..%2freport.json", "study.json", "v1.jsonl", "%2e%2e"):
        assert ann.get(f"{version}/files/{name}").status_code in (404, 422)


def test_large_requests_are_refused_also_when_they_do_not_say_so(ann: Any) -> None:
    version = ann.begin()
    big = b'{"op":"paint","words":{"x":"' + b"a" * (5 * 2**20) + b'"}}'
    headers = {"if-match": "x", "content-type": "application/json"}
    assert ann.client.post(f"{version}/ops", content=big, headers=headers).status_code == 413

    def pieces() -> Any:
        yield from (big[i : i + 65536] for i in range(0, len(big), 65536))

    assert ann.client.post(f"{version}/ops", content=pieces(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'{"op":1}', b'{"op":"remove","words":[]}', b'{"op":"remove","surprise":1}', b"\xff\xfe",
        b'{"op":"grow","words":{"seed":[NaN,0,0]}}', b'{"op":"grow","words":{"seed":[0,0,0],"at":1e999}}',
        b'{"op":"site","words":{"region":1,"site":"\\ud800"}}',
        b'{"op":"remove","words":{"regions":[1]},"reason":"\\u0000"}',
        b'{"op":"' + b"[" * 3000 + b'"}', b'{"op":"remove","words":' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
    ],
)  # fmt: skip
def test_nonsense_is_answered_in_words_and_changes_nothing(ann: Any, body: bytes) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    headers = {"if-match": table["tip"], "content-type": "application/json"}
    answer = ann.client.post(f"{version}/ops", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]
    assert ann.get(version).json()["tip"] == table["tip"]


def test_the_log_names_nobody(ann: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="lymphoscope.web")
    version = ann.begin()
    ann.do(version, "site", region=1, site="DOE^JANE")
    ann.get("/DOE^JANE/secret")
    ann.get("/api/cases/DOE^JANE")
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("lymphoscope"))
    assert "/ops" in text
    for secret in ("DOE", "JANE", "ann", version.split("/")[3]):
        assert secret not in text


def test_hostile_names_come_back_as_text(ann: Any) -> None:
    folders = [row["folder"] for row in ann.get("/api/cases").json()]
    assert folders == ["DOE^JANE <b>1"]
    version = ann.begin()
    region = ann.get(version).json()["rows"][0]["region"]
    ann.do(version, "site", region=region, site="=1+1<script>alert(1)</script>")
    ann.sign(version, impression="<img src=x onerror=alert(1)>")
    page = ann.get(f"{version}/files/report.html").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    for line in ann.get(f"{version}/files/report.csv").text.splitlines():
        assert not any(cell.strip('"').startswith("=") for cell in line.split(","))


def test_an_installation_without_the_viewer_says_so(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PAGE_FILES", {})
    with pytest.raises(LymphoscopeError, match="viewer") as error:
        server.serve(cases, Door(), print)
    assert error.value.code == "USE-E-EXTRA"


def test_the_demonstration_case_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def run(study: Path, case: Path) -> Any:
        asked.append(Path(study))
        assert Path(study).is_file()
        case.mkdir(parents=True)
        (case / "report.json").write_text("{}")
        return type("Outcome", (), {"folder": case})

    monkeypatch.setattr(demo, "run", run)
    assert demo.with_demonstration(tmp_path) == demo.with_demonstration(tmp_path) == tmp_path / demo.CASE
    assert len(asked) == 1
