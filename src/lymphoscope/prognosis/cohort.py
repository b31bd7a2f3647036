"""A cohort: patients with their outcome and what may predict it, checked as a colleague would check them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome
from lymphoscope.prognosis.table import MISSING, Table, rows_named

DOUBLINGS = "log2:"
"""Before the name of a column: its logarithm to base 2."""

_MOST_COLUMNS = 3
"""Beside the first, whose gaps are told with their rows."""

_CODED = {"0": 0.0, "1": 1.0, "true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Columns:
    """Which column is what.

    Attributes:
        time: Time to the event or the last contact.
        event: 1 where the event happened, 0 where the patient was censored.
        variables: Numbers that may predict; ``log2:mtv_ml`` takes the logarithm to base 2, so that a hazard ratio is
            that of a doubling.
        groups: Classes that curves are drawn by.
        patient: Identifies the patient; the row does when empty.
    """

    time: str
    event: str
    variables: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    patient: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        plain = (name.removeprefix(DOUBLINGS) for name in self.variables)
        return tuple(dict.fromkeys(filter(None, (self.patient, self.time, self.event, *plain, *self.groups))))


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients of whom all that was asked for is known.

    Attributes:
        rows: Row of each patient in the table, the header being row 1.
        patients: What identifies them.
        outcome: Their outcome.
        values: Of each variable.
        groups: Class of each patient, by column.
        left_out: How many rows were left out, by reason.
    """

    rows: tuple[int, ...]
    patients: tuple[str, ...]
    outcome: Outcome
    values: Mapping[str, Floats]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def cohort_of(table: Table, columns: Columns, complete_cases: bool = False) -> Cohort:
    """Take the patients of a table.

    Args:
        table: The table.
        columns: What each column is.
        complete_cases: Leave patients out (and count them) whose values are missing or whose time is not above 0;
            they stop the analysis otherwise.

    Raises:
        LymphoscopeError: ``PROG-E-*``, naming column and rows.
    """
    for name in columns.all:
        table.column(name)
    time, event = table.numbers(columns.time), _events(table, columns.event)
    values = {name: _variable(table, name) for name in columns.variables}
    groups = {name: table.column(name) for name in columns.groups}
    gaps = {columns.time: np.isnan(time), columns.event: np.isnan(event)}
    gaps |= {name: np.isnan(column) for name, column in values.items()}
    gaps |= {name: np.array([text.lower() in MISSING for text in texts]) for name, texts in groups.items()}
    impossible = ~np.isnan(time) & (time <= 0)
    if not complete_cases:
        _require_complete(table, gaps)
        _require_positive(table, columns.time, impossible)
    keep, left_out = _kept({**{f"{name} is missing": gap for name, gap in gaps.items()},
                            f"{columns.time} is not above 0": impossible})  # fmt: skip
    if not keep.any():
        raise LymphoscopeError("PROG-E-TABLE", "no patient has everything that was asked for")
    patients = table.column(columns.patient) if columns.patient else tuple(str(row) for row in table.rows)
    _require_once(table, patients, columns.patient, keep)
    return Cohort(
        tuple(_chosen(table.rows, keep)), tuple(_chosen(patients, keep)), Outcome.of(time[keep], event[keep]),
        {name: column[keep] for name, column in values.items()},
        {name: tuple(_chosen(texts, keep)) for name, texts in groups.items()}, left_out,
    )  # fmt: skip


def _chosen(items: Sequence, keep: Flags) -> Iterable:  # type: ignore[type-arg]
    return (item for item, kept in zip(items, keep, strict=True) if kept)


def _variable(table: Table, name: str) -> Floats:
    column = table.numbers(name.removeprefix(DOUBLINGS))
    if not name.startswith(DOUBLINGS):
        return column
    odd = list(_chosen(table.rows, column <= 0))
    if odd:
        fix = "Take the column itself, or add a detection limit to it first."
        raise LymphoscopeError("PROG-E-COLUMN", f"{name} has no logarithm of 0 or less", rows_named(odd), fix)
    return np.asarray(np.log2(column), dtype=np.float64)


def _events(table: Table, name: str) -> Floats:
    texts = [text.lower() for text in table.column(name)]
    plain = [_CODED.get(text.removesuffix(".0")) for text in texts]
    events = np.array([math.nan if text in MISSING else -1.0 if code is None else code
                       for text, code in zip(texts, plain, strict=True)])  # fmt: skip
    odd = events == -1.0
    if not odd.any():
        return events
    held = sorted({text.removesuffix(".0") for text in texts if text not in MISSING})
    where = rows_named(list(_chosen(table.rows, odd)))
    if held in (["1", "2"], ["2"]):
        fix = f"If 2 is the event and 1 censored, as in R, subtract 1 from {name}; the other way round, write 0 for 2."
        raise LymphoscopeError("PROG-E-EVENT", f"{name} is coded 1 and 2, not 0 and 1", where, fix)
    shown = ", ".join(held[:4]) + (", …" if len(held) > 4 else "")
    raise LymphoscopeError("PROG-E-EVENT", f"{name} holds {shown}, not 0 and 1", where)


def _require_complete(table: Table, gaps: Mapping[str, Flags]) -> None:
    holes = {name: list(_chosen(table.rows, gap)) for name, gap in gaps.items() if gap.any()}
    if holes:
        (name, rows), *others = holes.items()
        where = [rows_named(rows)]
        where += [f"{other} for {len(found)} in {rows_named(found)}" for other, found in others[:_MOST_COLUMNS]]
        where += [f"{len(others) - _MOST_COLUMNS} more columns too"] if len(others) > _MOST_COLUMNS else []
        what = f"{name} is missing for {len(rows)} of {len(table.rows)} patients"
        raise LymphoscopeError("PROG-E-MISSING", what, "; ".join(where))


def _require_positive(table: Table, name: str, impossible: Flags) -> None:
    if impossible.any():
        rows = list(_chosen(table.rows, impossible))
        what = f"{name} is 0 or less for {len(rows)} patient{'s' * (len(rows) != 1)}"
        fix = "Time runs from the start to the event or the last contact: correct it, or give --complete-cases."
        raise LymphoscopeError("PROG-E-TIME", what, rows_named(rows), fix)


def _kept(reasons: Mapping[str, Flags]) -> tuple[Flags, dict[str, int]]:
    """Who stays, and how many each reason takes of those that the reasons before it left."""
    keep = ~np.zeros_like(next(iter(reasons.values())))
    counts = {}
    for reason, gone in reasons.items():
        counts[reason] = int((keep & gone).sum())
        keep = keep & ~gone
    return keep, {reason: count for reason, count in counts.items() if count}


def _require_once(table: Table, patients: Sequence[str], name: str, keep: Flags) -> None:
    first: dict[str, int] = {}
    for row, patient, kept in zip(table.rows, patients, keep, strict=True):
        if kept and patient in first:
            raise LymphoscopeError("PROG-E-PATIENT", f"{name} is the same", rows_named([first[patient], row]))
        if kept:
            first[patient] = row
