from __future__ import annotations

import json

import pytest

from lymphoscope.app import doctor


def test_a_machine_that_runs_these_tests_is_healthy() -> None:
    checks = doctor.examine()
    assert doctor.healthy(checks)
    found = {check.subject: check for check in checks}
    assert found["Python"].found.startswith("3.")
    for syntax in ("RLE", "JPEG lossless", "JPEG-LS", "JPEG 2000"):
        assert found[f"decode {syntax}"].status == "ok"
    json.dumps(doctor.as_record(checks), allow_nan=False)


def test_a_missing_package_is_bad_and_a_missing_extra_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: {"numpy": "", "no-such-package": "", "no-such-extra": "node"})
    found = {check.subject: check for check in doctor.examine()}
    assert found["numpy"].status == "ok"
    assert found["no-such-package"].status == "bad"
    assert found["no-such-extra"].status == "absent" and "lymphoscope[node]" in found["no-such-extra"].note
    assert not doctor.healthy(tuple(found.values()))


def test_requirements_are_read_from_the_installation() -> None:
    found = doctor.requirements()
    assert found["numpy"] == found["pydicom"] == ""
    assert found["mirp"] == "radiomics"


def test_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_memory_gb", lambda: 2.0)
    [memory] = [check for check in doctor.examine() if check.subject == "memory"]
    assert memory.status == "bad" and "4 GB" in memory.note
    monkeypatch.setattr(doctor, "_memory_gb", lambda: None)
    assert doctor.healthy(doctor.examine())
