"""The patient's earlier scans, with the numbers of them that a person may see."""

from __future__ import annotations

import json

from lymphoscope.app.reading.comparison import Earlier
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.desk import Desk
from lymphoscope.app.web.index import VersionFact
from lymphoscope.app.web.tables import CaseRow


def earlier_scans(case: str, person: Person, desk: Desk) -> list[Earlier]:
    """The first of a patient's earlier scans and the last, or the one there is."""
    rows = desk.index.earlier(case)
    first = [scan_of(rows[0], "Baseline", person, desk)] if len(rows) > 1 else []
    return first + [scan_of(row, "Previous", person, desk) for row in rows[-1:]]


def scan_of(row: CaseRow, name: str, person: Person, desk: Desk) -> Earlier:
    """A scan with the numbers of its last signed version that a person may see, else as it was measured."""
    facts = [VersionFact(**v) for v in json.loads(row.versions)]
    signed = [v for v in facts if v.signed and person.may_see(v, facts)]
    if not signed:
        return Earlier(name, desk.told(row.id).record, "as measured, not read")
    with desk.version(row.id, signed[-1].name, person) as version:
        record = json.loads((version.folder / "report.json").read_bytes())
    return Earlier(name, record, f"signed, {signed[-1].name}")
