"""Clinical scores of every patient of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.app.evaluation.tables import Table, csv_of
from lymphoscope.app.prognosis.run import read_patients
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.io.atomic import writing
from lymphoscope.prognosis.impi import Parameters, hazard_ratio, read_parameters
from lymphoscope.prognosis.score_inputs import INPUTS, METHOD, Facts
from lymphoscope.prognosis.scores import SCORES, Scored, compute
from lymphoscope.prognosis.table import Table as Patients
from lymphoscope.prognosis.table import rows_named

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_IMPI = "impi"


@dataclass(frozen=True)
class Wanted:
    """What is to be scored.

    Attributes:
        scores: Names; all for which the table has a column of every input when empty.
        parameters: IMPI's parameter file, for probabilities.
        force: Replace the file if it is there.
    """

    scores: tuple[str, ...] = ()
    parameters: Path | None = None
    force: bool = False


def score(table: Path, out: Path, wanted: Wanted) -> Mapping[str, Any]:
    """Compute scores, and write the table again with their columns: value, group, and why not where there is none.

    Returns:
        A record: for each score how many patients are in which group.

    Raises:
        LymphoscopeError: ``PROG-E-SCORE`` for an impossible value, with its row; ``PROG-E-TABLE`` where a score has its
            column already; ``PROG-E-*``, ``USE-E-*``, ``IO-E-*``.
    """
    if out.exists() and (not wanted.force or not out.is_file() or out.samefile(table)):
        raise LymphoscopeError("USE-E-OUTPUT", "the output is there already", fix="Give a new file, or --force.")
    patients = read_patients(table)
    parameters = _parameters(wanted.parameters)
    facts = _facts(patients)
    names = wanted.scores or tuple(name for name in SCORES if _computable(name, patients))
    strange = next((name for name in names if name not in SCORES), None)
    if strange is not None:
        raise unknown_name("score", strange, SCORES)
    if not names:
        fix = "Name the columns as the inputs are called: " + ", ".join((*INPUTS, METHOD)) + "."
        raise LymphoscopeError("PROG-E-COLUMN", "no score has all of its inputs in the table", "the header", fix)
    taken = next((name for name in names if name in patients.columns), None)
    if taken is not None:
        fix = "Rename the column, or name other --scores."
        raise LymphoscopeError("PROG-E-TABLE", f"it has a column {taken!r} already", "row 1", fix)
    rows = [{name: texts[place] for name, texts in patients.columns.items()} for place in range(len(facts))]
    found = {name: [_scored(name, fact, row) for fact, row in zip(facts, patients.rows, strict=True)] for name in names}
    for name, scored in found.items():
        for row, one in zip(rows, scored, strict=True):
            row.update(_cells(name, one, parameters))
    with writing():
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(csv_of(list(rows[0]), rows))
    return {"patients": len(rows), "scores": {name: _counted(scored) for name, scored in found.items()}}


def _parameters(path: Path | None) -> Parameters | None:
    if path is None:
        return None
    try:
        return read_parameters(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise LymphoscopeError("IO-E-PATH", "it cannot be read", "the parameter file") from None


def _facts(patients: Patients) -> list[Facts]:
    """What each patient's row tells that scores take; stages also in Roman numerals."""
    columns: dict[str, Sequence[float | str]] = {}
    for name in INPUTS:
        if name in patients.columns:
            texts = patients.columns[name]
            plain = tuple(_ROMAN.get(text.lower(), text) for text in texts) if name == "stage" else texts
            columns[name] = Patients({name: plain}, patients.rows).numbers(name).tolist()
    if METHOD in patients.columns:
        columns[METHOD] = patients.columns[METHOD]
    return [{name: column[place] for name, column in columns.items()} for place in range(len(patients.rows))]


def _computable(name: str, patients: Patients) -> bool:
    needs = {need for item in SCORES[name].items for need in item.needs}
    return all(any(one in patients.columns for one in need.split("|")) for need in needs)


def _scored(name: str, facts: Facts, row: int) -> Scored:
    try:
        return compute(name, facts)
    except LymphoscopeError as error:
        raise LymphoscopeError(error.code, error.message.what, rows_named([row]), error.message.fix) from None


def _cells(name: str, scored: Scored, parameters: Parameters | None) -> dict[str, Any]:
    cells: dict[str, Any] = {name: scored.value}
    if SCORES[name].groups:
        cells[f"{name}_group"] = scored.group or None
    if name == _IMPI:
        cells["impi_hazard_ratio"] = hazard_ratio(scored)
        if parameters:
            survival = parameters.at(scored)
            for years in parameters.survival:
                cells[f"impi_{parameters.endpoint.lower()}_{years:g}_years"] = survival.get(years)
            cells["impi_parameters"] = parameters.version
    return {**cells, f"{name}_why": scored.why or None}


def _counted(scored: Sequence[Scored]) -> dict[str, int]:
    words = (one.group or ("computed" if one.value is not None else one.why) for one in scored)
    return dict(Counter(words))


def counts_table(record: Mapping[str, Any]) -> Table:
    """How many patients are in which group."""
    rows = tuple(
        (SCORES[name].title, group, str(count), SCORES[name].published.get(group, ""))
        for name, counts in record["scores"].items()
        for group, count in sorted(counts.items())
    )
    return Table(
        "Scores: for research and decision support", ("score", "group", "n>", "published outcome, no forecast"), rows
    )
