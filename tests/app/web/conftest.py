"""A server in memory over a folder with one case, and people who are logged in to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

import pydicom
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from pydicom.dataset import FileDataset, FileMetaDataset

from lymphoscope.app.web.access import Access
from lymphoscope.app.web.index import Index
from lymphoscope.app.web.server import create_app

PASSWORD = "a long enough password"


class Browser:
    """A logged-in client that sends what the page sends."""

    def __init__(self, app: Any) -> None:
        self.client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        self.case = ""

    def enter(self, login: str, password: str = PASSWORD) -> Browser:
        answer = self.client.post("/login", json={"login": login, "password": password}, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return self.ready()

    def ready(self) -> Browser:
        self.client.headers["x-csrf"] = self.get("/api/me").json()["csrf"]
        self.case = f"/api/cases/{self.get('/api/cases').json()[0]['id']}"
        return self

    def get(self, path: str, **words: Any) -> Any:
        return self.client.get(path, **words)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, json={} if body is None else body, headers=headers)

    def begin(self, **words: str) -> str:
        answer = self.post(f"{self.case}/versions", words)
        assert answer.status_code == 200, answer.text
        return f"{self.case}/versions/{answer.json()['name']}"

    def do(self, version: str, op: str, **words: Any) -> Any:
        tip = self.get(version).json()["tip"]
        return self.post(f"{version}/ops", {"op": op, "words": words}, **{"if-match": tip})

    def sign(self, version: str, **changes: Any) -> Any:
        table = self.get(version).json()
        body = {"head": table["head"], "password": PASSWORD, "name": "L. Reader"} | changes
        return self.post(f"{version}/sign", body, **{"if-match": table["tip"]})


def with_patient(folder: Path, number: str) -> None:
    """What the case folder of a study with DICOM says of the patient."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    named = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    named.PatientID, named.PatientName = number, "DOE^JANE"
    named.save_as(folder / "mip.dcm", enforce_file_format=True)


@pytest.fixture
def cases(read_case: Path, tmp_path: Path) -> Path:
    shutil.copytree(read_case, tmp_path / "cases" / "DOE^JANE <b>1")
    return tmp_path / "cases"


@pytest.fixture
def access(cases: Path) -> Access:
    index = Index(cases)
    index.rebuild()
    made = Access(index, link=True, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for login, role in (
        ("ann", "reader"),
        ("ben", "reader"),
        ("cem", "adjudicator"),
        ("dee", "admin"),
        ("eve", "auditor"),
    ):
        made.add_user(login, f"Dr {login.title()}", role, PASSWORD)
    return made


@pytest.fixture
def app(access: Access) -> Any:
    return create_app(access.index, access)


@pytest.fixture
def browser(app: Any) -> Callable[[], Browser]:
    return lambda: Browser(app)


@pytest.fixture
def ann(browser: Callable[[], Browser]) -> Browser:
    return browser().enter("ann")


@pytest.fixture
def ben(browser: Callable[[], Browser]) -> Browser:
    return browser().enter("ben")
