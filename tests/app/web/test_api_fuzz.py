"""The interface against its own OpenAPI description: what fits it and what nearly does; nothing breaks."""

from __future__ import annotations

import random
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from fastapi.routing import APIRoute  # noqa: E402
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402

from lymphoscope.app.web.access import Access  # noqa: E402
from lymphoscope.app.web.api import COOKIE  # noqa: E402
from lymphoscope.app.web.server import create_app  # noqa: E402

FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_what_fits_the_description_and_what_does_not_is_answered_in_words(access: Access, ann: Any) -> None:
    app = create_app(access.index, access, frozenset({"testserver", "localhost"}))
    app.app.state.limit.most = 10**9
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    token = access._begin("dee", "test")
    csrf, version = access.person(token).csrf, ann.begin()
    real = {"case": ann.case.rsplit("/", 1)[1], "name": "v1", "frame": "3", "step": "1"}
    tip, chance, seen = ann.get(version).json()["tip"], random.Random(3), set()

    def called(case: Any) -> None:
        if chance.random() < 0.8:  # else nearly all would end at a case that is not there
            case.path_parameters = {k: real.get(k, v) for k, v in (case.path_parameters or {}).items()}
        headers = {"x-csrf": csrf, **({"if-match": tip} if chance.random() < 0.7 else {})}
        answer = case.call(headers=headers, cookies={COOKIE: token})
        seen.add((case.operation.label, answer.status_code))
        assert answer.status_code < 500, f"{case.operation.label}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 400:
            assert set(answer.json()) == {"code", "what", "where", "fix"}

    for found in schema.get_all_operations():
        operation = found.ok()
        FEW(given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))(called))()
        if operation.method == "post" and operation.body:  # a path that is only a text has nothing that does not fit
            FEW(given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(called))()
    labels = {label for label, _ in seen}
    described = {f"{method.upper()} {path}" for path, found in app.app.openapi()["paths"].items() for method in found}
    assert labels == described, "every path was asked for in every way that it is described"
    hidden = {r.path for r in app.app.routes if isinstance(r, APIRoute) and not r.include_in_schema}
    assert hidden == {"/login", "/logout", "/{name:path}"}, "and no other path is left out of the description"
    assert {200, 404, 422} <= {status for _, status in seen}
    assert ann.get(version).json()["tip"] == tip, "another's version is not changed"
