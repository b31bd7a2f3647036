"""The patient's earlier scans, with the numbers and lesions of them that a person may see."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lymphoscope.app.reading.case import Version
from lymphoscope.app.reading.comparison import Earlier
from lymphoscope.app.reading.followup import ReadScan, followed
from lymphoscope.app.web.access import Person
from lymphoscope.app.web.desk import Desk
from lymphoscope.app.web.index import VersionFact
from lymphoscope.app.web.tables import CaseRow
from lymphoscope.image.followup import Placement


def earlier_scans(case: str, person: Person, desk: Desk) -> list[Earlier]:
    """The first of a patient's earlier scans and the last, or the one there is."""
    rows = desk.index.earlier(case)
    first = [scan_of(rows[0], "Baseline", person, desk)] if len(rows) > 1 else []
    return first + [scan_of(row, "Previous", person, desk) for row in rows[-1:]]


def scan_of(row: CaseRow, name: str, person: Person, desk: Desk) -> Earlier:
    """A scan with the numbers of its last signed version that a person may see, else as it was measured."""
    signed = _signed(row, person, desk)
    if not signed:
        return Earlier(name, desk.told(row.id).record, "as measured, not read")
    with desk.version(row.id, signed, person) as version:
        record = json.loads((version.folder / "report.json").read_bytes())
    return Earlier(name, record, f"signed, {signed}")


def _signed(row: CaseRow, person: Person, desk: Desk) -> str:
    facts = [VersionFact(**v) for v in json.loads(row.versions)]
    return next((v.name for v in reversed(facts) if v.signed and person.may_see(v, facts)), "")


def scan_before(case: str, person: Person, desk: Desk) -> tuple[ReadScan, Placement | str] | None:
    """The lesions of the scan before, and where it lies in this one or why that is not known; None without one."""
    row = desk.index.before(case)
    if row is None:
        return None
    opened, name = desk.case(row.id), _signed(row, person, desk)
    with opened.lock:
        reading = opened.case.version(name).now if name else opened.case.start
    before = opened.case.kept.study.pet
    pet = desk.case(case).case.kept.study.pet
    place = desk.places.of((desk.told(case).digest, desk.told(row.id).digest), pet, before)
    return ReadScan(before, reading), place


def lesions_beside(
    version: Version, found: tuple[ReadScan, Placement | str]
) -> tuple[list[dict[str, Any]] | None, str]:
    """Which lesion of a version is which of the scan before; or None, and why they were not looked for."""
    before, place = found
    if isinstance(place, str):
        return None, place
    return followed(ReadScan(version.case.kept.study.pet, version.now), before, place), ""


def with_lesions(
    scans: list[Earlier], version: Version, found: tuple[ReadScan, Placement | str] | None
) -> list[Earlier]:
    """The earlier scans, the last of them with its lesions."""
    if not scans or found is None:
        return scans
    lesions, apart = lesions_beside(version, found)
    return [*scans[:-1], replace(scans[-1], lesions=lesions, apart=apart)]
