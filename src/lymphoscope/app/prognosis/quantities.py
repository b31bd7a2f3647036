"""Quantities that a batch measured, as columns of a table of patients."""

from __future__ import annotations

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.table import MISSING, Table, rows_named


def with_quantities(table: Table, measured: Table, key: str) -> Table:
    """A table with the columns of another that it does not have; empty where the other says nothing of a patient.

    Args:
        table: Of patients.
        measured: Such as a batch's cohort.csv: one row a patient, some of them of other patients.
        key: Column of both that identifies the patient.

    Raises:
        LymphoscopeError: ``PROG-E-COLUMN`` without such a column in both; ``PROG-E-PATIENT`` for two rows of one
            patient; ``PROG-E-TABLE`` where they have no patient in common.
    """
    if not key:
        fix = "Name the column of both tables that identifies patients: --patient COLUMN."
        raise LymphoscopeError("PROG-E-COLUMN", "quantities are joined by patient", "--quantities", fix)
    place: dict[str, int] = {}
    for number, patient in enumerate(measured.column(key)):
        if patient in place:
            rows = [measured.rows[place[patient]], measured.rows[number]]
            raise LymphoscopeError("PROG-E-PATIENT", f"{key} is the same in the table of quantities", rows_named(rows))
        if patient.lower() not in MISSING:
            place[patient] = number
    found = [place.get(patient) for patient in table.column(key)]
    if all(number is None for number in found):
        what = f"no patient of {rows_named(table.rows)} is in the table of quantities"
        raise LymphoscopeError("PROG-E-TABLE", what, key, "Patients must be called alike in both.")
    new = {
        name: tuple("" if number is None else texts[number] for number in found)
        for name, texts in measured.columns.items()
        if name not in table.columns
    }
    return Table({**table.columns, **new}, table.rows)
