"""DICOMweb against a stub that answers as it is told; test_node_orthanc has the real thing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from lymphoscope.app.node.settings import Destination, Source
from lymphoscope.app.node.store import Store
from lymphoscope.app.node.web import pull, push
from lymphoscope.core.errors import LymphoscopeError

FAILED = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xA900]}}]}}


class Stub(ThreadingHTTPServer):
    """Answers every POST with a status; GET with what is in `pages` by path, else 404."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.answer = 200, {}
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say(self.server.status, "application/dicom+json", json.dumps(self.server.answer).encode())

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        kind, body = self.server.pages.get(path, ("text/plain", b""))
        self._say(200 if path in self.server.pages else 404, kind, body)

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def file(tmp_path: Path, net: ModuleType) -> Path:
    path = tmp_path / "seg.dcm"
    path.write_bytes(net._bytes(net.small_study()[0]).getvalue())
    return path


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {}, ""),
        (202, FAILED, "status A900"),
        (409, {}, "http 409"),
        (401, {}, "http 401"),
        (429, {}, "unreachable"),
        (503, {}, "unreachable"),
    ],
)
def test_answers_to_stow(stub: Stub, file: Path, status: int, body: dict, said: str) -> None:
    stub.status, stub.answer = status, body
    assert list(push([file], Destination("web", url=stub.url))) == [(file, said)]


def test_nobody_there(file: Path, net: ModuleType) -> None:
    destination = Destination("web", url=f"http://127.0.0.1:{net.free_port()}")
    assert list(push([file], destination)) == [(file, "unreachable")]


def test_user_and_password_are_those_of_the_configuration(
    stub: Stub, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "password").write_text("open sesame\n")
    words = Destination("web", url=stub.url, user="me", password_file=str(tmp_path / "password"))
    list(push([file], words))
    list(push([file], Destination("web", url=stub.url)))
    assert [asked[1] for asked in stub.asked] == ["Basic bWU6b3BlbiBzZXNhbWU=", None]
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        list(push([file], Destination("web", url=stub.url, user="me", password_file=str(tmp_path / "absent"))))


def _listed(**tags: str) -> dict:
    return {tag: {"vr": "LO", "Value": [value]} for tag, value in tags.items()}


def test_a_study_that_cannot_be_fetched_keeps_no_other_waiting(stub: Stub, tmp_path: Path, net: ModuleType) -> None:
    dataset = net.small_study()[0]
    sop = str(dataset.SOPInstanceUID)
    studies = [_listed(**{"0020000D": uid, "00201208": "1"}) for uid in ("1.1", "1.2")]
    body = net._bytes(dataset).getvalue()
    multipart = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--x--"
    stub.pages = {
        "/studies": ("application/dicom+json", json.dumps(studies).encode()),
        "/studies/1.2/series": (
            "application/dicom+json",
            json.dumps([_listed(**{"0020000E": "1.3", "00080060": "PT"}), _listed(**{"00080060": "SEG"})]).encode(),
        ),
        "/studies/1.2/series/1.3/instances": (
            "application/dicom+json",
            json.dumps([_listed(**{"00080018": sop})]).encode(),
        ),
        f"/studies/1.2/series/1.3/instances/{sop}": (
            'multipart/related; type="application/dicom"; boundary=x',
            multipart,
        ),
    }
    store, source = Store(tmp_path / "node"), Source("web", stub.url)
    assert [kept.how for kept in pull(source, store, date(2026, 1, 2))] == ["new"]
    assert "StudyDate=20251231-20260103" in stub.asked[0][0]
    before = len(stub.asked)
    assert list(pull(source, store, date(2026, 1, 2))) == []
    again = [path for path, _ in stub.asked[before:]]
    assert any("/studies/1.1/" in path for path in again), "it is asked for again"
    assert not any("/studies/1.2/" in path for path in again), "nothing has changed there"
