"""Risks that networks foretold, as columns of a table of patients: only of patients whom they had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.foretelling import read_told
from lymphoscope.learn.run import Run
from lymphoscope.prognosis.table import Table, rows_named


def named(words: Sequence[str]) -> dict[str, Path]:
    """Columns to be made, from words such as ``network=RUN``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    found = {}
    for one in words:
        name, sign, path = one.partition("=")
        if not (name.strip() and sign and path.strip()) or name.strip() in found:
            fix = "Write --risk NAME=RUN, each name once."
            raise LymphoscopeError("USE-E-VALUE", f"{one!r} names no risk", "--risk", fix)
        found[name.strip()] = Path(path.strip())
    return found


def with_risks(table: Table, risks: Mapping[str, Path], patient: str) -> Table:
    """A table with a column for each risk; of several cases of a patient it is the mean.

    Args:
        table: Of patients.
        risks: A run folder, or a table of risks, by the name of the column.
        patient: Column that identifies the patient.

    Raises:
        LymphoscopeError: ``PROG-E-COLUMN`` without such a column; ``PROG-E-TABLE`` where a column has that name already
            or nobody of the table has a risk; ``RUN-E-FOLDER`` where there are no risks.
    """
    if not risks:
        return table
    if not patient:
        fix = "Name the column that identifies patients: --patient COLUMN."
        raise LymphoscopeError("PROG-E-COLUMN", "risks are joined by patient", "--risk", fix)
    columns = dict(table.columns)
    for name, path in risks.items():
        if name in columns:
            raise LymphoscopeError("PROG-E-TABLE", f"it has a column {name!r} already", "row 1", "Name the risk other.")
        told = _unseen(Run(path).risks if path.is_dir() else path)
        column = [told.get(one, "") for one in table.column(patient)]
        if not any(column):
            what = f"no patient of {rows_named(table.rows)} has a risk in {path.name}"
            raise LymphoscopeError("PROG-E-TABLE", what, patient, "Patients are called there as in patients.csv.")
        columns[name] = tuple(column)
    return Table(columns, table.rows)


def _unseen(path: Path) -> dict[str, str]:
    """Risk of each patient whom the network had not been trained on."""
    found: dict[str, list[float]] = {}
    for row in read_told(path):
        if not row.seen:
            found.setdefault(row.patient, []).append(row.risks["risk"])
    return {patient: f"{np.mean(values):.6g}" for patient, values in found.items()}
