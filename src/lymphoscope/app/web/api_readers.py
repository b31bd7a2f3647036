"""What concerns more than one reading: two readers of a case, all pairs of readers, and the scan before."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from lymphoscope.app.reading.agreement import agreement_figures, compare
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.api import At, Who
from lymphoscope.app.web.index import VersionFact, reads
from lymphoscope.core.errors import LymphoscopeError

readers = APIRouter(prefix="/api")


@readers.get("/cases/{case}/compare")
def comparison(case: str, a: str, b: str, person: Who, desk: At) -> dict[str, Any]:
    """How two signed versions agree."""
    with desk.version(case, a, person) as one, desk.version(case, b, person) as two:
        return compare(one, two)


@readers.get("/agreement")
def agreement(person: Who, desk: At) -> dict[str, Any]:
    """How two readers agree over all cases that both have signed; for who reads none of them blind."""
    if person.role not in ("adjudicator", "admin"):
        raise LymphoscopeError("WEB-E-RIGHT", "the agreement of readers is for adjudicators")
    pairs = []
    for row in desk.index.rows():
        two = reads([VersionFact(**v) for v in json.loads(row.versions)])[:2]
        if len(two) == 2 and all(v.signed for v in two):
            logs = desk.index.cases / row.folder
            first, second = ReadCase.signed_volumes(logs, [v.name for v in two])
            pairs.append((row.folder, first, second))
    return {"cases": [{"case": name, "a_ml": a, "b_ml": b} for name, a, b in pairs], **asdict(agreement_figures(pairs))}


@readers.get("/cases/{case}/previous")
def previous(case: str, person: Who, desk: At) -> dict[str, Any]:
    """The same patient's scan before, with the numbers of its last version that may be shown, else as measured."""
    row = desk.index.before(case)
    if row is None:
        raise LymphoscopeError("WEB-E-NOTHERE", "no earlier scan of this patient is here")
    versions = [VersionFact(**v) for v in json.loads(row.versions)]
    record, of = _shown(row.id, [v for v in versions if v.signed and person.may_see(v, versions)], person, desk)
    return {
        "id": row.id,
        "scanned": row.scanned,
        "of": of,
        "key_numbers": record["key_numbers"],
        "suv": record["suv"]["shown"],
        "threshold": record["segmentation"]["threshold"],
        "differs": _differs(record, desk.case(case).case.kept.record),
    }


def _shown(case: str, versions: list[VersionFact], person: Person, desk: At) -> tuple[Any, str]:
    if not versions:
        return desk.case(case).case.kept.record, "as measured, not read"
    name = versions[-1].name
    with desk.version(case, name, person) as version:
        return json.loads((version.folder / "report.json").read_bytes()), f"signed, {name}"


def _differs(before: Any, now: Any) -> list[str]:
    """What makes the two scans' numbers not comparable, in words."""
    found = []
    for what, part, name in (
        ("method", "segmentation", "method"),
        ("threshold", "segmentation", "threshold"),
        ("tracer", "suv", "fdg"),
    ):
        if before[part].get(name) != now[part].get(name):
            found.append(f"{what}: {before[part].get(name)} / {now[part].get(name)}")
    uptakes = [record["suv"].get("uptake_min") for record in (before, now)]
    if None not in uptakes and abs(uptakes[0] - uptakes[1]) > 15:
        found.append(f"uptake time: {uptakes[0]:.0f} / {uptakes[1]:.0f} min")
    return found
