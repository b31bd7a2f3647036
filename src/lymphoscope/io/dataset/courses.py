"""Which cases of a data set are scans of one patient, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lymphoscope.core.course import Course
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.cases import Entry


def in_order(cases: Mapping[str, Entry], days: Mapping[str, float]) -> dict[str, Entry]:
    """The cases, each knowing the scans of its patient before it.

    Args:
        cases: By id.
        days: On which day each was made, by id; of whom no scan has one, nothing is known of the order.

    Raises:
        LymphoscopeError: ``DATA-E-COURSE`` where a patient has a scan with a day and one without, or two on one day.
    """
    found = dict(cases)
    for course in courses(list(cases.values()), days):
        known: tuple[Entry, ...] = ()
        for entry in course.scans:
            found[entry.id] = replace(entry, earlier=known)
            known = (found[entry.id], *known)
    return found


def courses(cases: Sequence[Entry], days: Mapping[str, float]) -> list[Course[Entry]]:
    """The courses of the patients whose scans have days.

    Raises:
        LymphoscopeError: As for `in_order`.
    """
    scans: dict[str, list[Entry]] = {}
    for entry in cases:
        scans.setdefault(entry.patient, []).append(entry)
    followed = {patient: own for patient, own in scans.items() if any(entry.id in days for entry in own)}
    for own in followed.values():
        without = [entry.id for entry in own if entry.id not in days]
        if without:
            what = "the patient has other scans with a date, and this one has none"
            raise LymphoscopeError("DATA-E-COURSE", what, f"case {without[0]}")
    return [Course.of(patient, [(days[entry.id], entry) for entry in own]) for patient, own in followed.items()]
