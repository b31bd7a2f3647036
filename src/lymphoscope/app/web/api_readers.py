"""What concerns more than one reading: two readers of a case, all pairs of readers, and the scan before."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from lymphoscope.app.reading.agreement import agreement_figures, compare
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.reading.comparison import differences
from lymphoscope.app.web.api import At, Who
from lymphoscope.app.web.earlier import lesions_beside, scan_before, scan_of
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
    if not person.may("agreement"):
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
    scan = scan_of(row, "Previous", person, desk)
    hard, soft = differences(scan.record, desk.told(case).record)
    return {
        "id": row.id,
        "digest": desk.told(row.id).digest,
        "scanned": row.scanned,
        "of": scan.of,
        "key_numbers": scan.record["key_numbers"],
        "suv": scan.record["suv"]["shown"],
        "threshold": scan.record["segmentation"]["threshold"],
        "differs": hard,
        "notes": soft,
    }


@readers.get("/cases/{case}/versions/{name}/course")
def course(case: str, name: str, person: Who, desk: At) -> dict[str, Any]:
    """What became of the lesions of the scan before, as this version counts them."""
    with desk.version(case, name, person):
        pass  # who may not see the version is told so before anything is looked for
    found = scan_before(case, person, desk)
    if found is None:
        raise LymphoscopeError("WEB-E-NOTHERE", "no earlier scan of this patient is here")
    with desk.version(case, name, person) as version:
        rows, apart = lesions_beside(version, found)
        return {"events": len(version.events), "apart": apart, "rows": rows or []}
