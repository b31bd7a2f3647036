"""One window writes a draft: another of the same reader is told, waits, and takes over with a line in the log."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from lymphoscope.app.web import leases
from lymphoscope.app.web.index import now

ONE, TWO = {"x-window": "one"}, {"x-window": "two"}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def doubt(ann: Any, version: str, window: dict[str, str]) -> Any:
    table = ann.get(version).json()
    words = {"op": "doubt", "words": {"regions": [table["rows"][0]["region"]], "doubtful": True}}
    return ann.post(f"{version}/ops", words, **{"if-match": table["tip"]}, **window)


def test_a_second_window_is_told_since_when_and_writes_nothing(ann: Any) -> None:
    version = ann.begin()
    given = ann.post(f"{version}/lease", **ONE).json()
    refused = ann.post(f"{version}/lease", **TWO)
    assert code(refused) == (423, "READ-E-HELD")
    assert f"since {given['since'][11:16]} UTC" in refused.json()["what"]
    for window in (TWO, {}):
        assert code(doubt(ann, version, window)) == (423, "READ-E-HELD")
    assert doubt(ann, version, ONE).status_code == 200
    assert ann.client.delete(f"{version}/lease", headers=TWO).status_code == 200
    assert code(ann.post(f"{version}/lease", **TWO)) == (423, "READ-E-HELD"), "another's lease is not let go of"
    ann.client.delete(f"{version}/lease", headers=ONE)
    assert ann.post(f"{version}/lease", **TWO).status_code == 200
    assert [e["kind"] for e in ann.get(f"{version}/log").json()] == ["begin", "act"], (
        "what was let go is not taken over"
    )


def test_a_window_without_a_sign_of_life_is_taken_over_after_five_minutes_and_not_before(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, began = ann.begin(), now()
    ann.post(f"{version}/lease", **ONE)

    def after(minutes: float) -> None:
        monkeypatch.setattr(leases, "now", lambda: began + timedelta(minutes=minutes))

    after(4.5)
    beat = ann.client.put(f"{version}/lease", headers=ONE).json()
    after(9.0)
    assert code(ann.post(f"{version}/lease", **TWO)) == (423, "READ-E-HELD"), "the sign of life counts"
    after(9.6)
    taken = ann.post(f"{version}/lease", **TWO).json()
    assert taken["since"] > beat["since"]
    assert ann.get(f"{version}/log").json()[-1]["kind"] == "takeover"
    assert code(ann.client.put(f"{version}/lease", headers=ONE)) == (423, "READ-E-HELD")
    assert code(doubt(ann, version, ONE)) == (423, "READ-E-HELD")
    assert doubt(ann, version, TWO).status_code == 200


def test_of_many_windows_at_once_one_is_given_the_lease(ann: Any, app: Any) -> None:
    version = ann.begin()
    case, name = version.split("/")[3], version.split("/")[5]
    said: list[str] = []

    def take(window: str) -> None:
        try:
            app.app.state.desk.leases.take(case, name, window)
            said.append(window)
        except leases.LymphoscopeError as error:
            assert error.code == "READ-E-HELD"

    threads = [threading.Thread(target=take, args=(str(k),)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1


def test_a_lease_is_for_the_reader_and_for_drafts(ann: Any, ben: Any) -> None:
    version = ann.begin()
    assert code(ben.post(f"{version}/lease", **ONE)) == (403, "WEB-E-RIGHT")
    ann.sign(version)
    assert code(ann.post(f"{version}/lease", **ONE)) == (409, "READ-E-SIGNED")
