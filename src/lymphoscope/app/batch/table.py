"""The cohort as a table: one row a study, every number of the patient, and what became of those without numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lymphoscope.app.batch.find import StudyFiles
from lymphoscope.app.batch.plan import CASES
from lymphoscope.app.batch.work import FAILED, MEASURED, REFUSED, Ending
from lymphoscope.core.errors import Severity
from lymphoscope.render.record import message_record
from lymphoscope.render.table import cell

WAITING = "waiting"
STATUSES = (MEASURED, REFUSED, FAILED, WAITING)
"""What a study can have come to; ``waiting`` is one that an interrupted batch did not get to."""

_FIRST = ("case", "status", "code", "why", "fix", "kind", "files", "warnings")
_FRONT = (
    "tmtv_ml", "tmtv_low_ml", "tmtv_high_ml", "tlg_g", "n_lesions", "n_doubtful", "suvmax", "suvpeak", "dmax_cm",
    "liver_mean",
)  # fmt: skip
_SCAN = (
    "uptake_min", "dose_mbq", "weight_kg", "height_m", "sex", "suv_branch", "overrides",
    "scanned", "manufacturer", "model", "pet_voxel_ml", "has_ct", "study_uid_hash", "same_study_as",
)  # fmt: skip
_HOW = ("method", "threshold", "connectivity", "min_volume_ml")
_APART = {"shown", "missing", "near", "n"}
_REFERENCE = ("mean", "sd", "max", "volume_ml", "method")


@dataclass(frozen=True)
class Row:
    """One study of the cohort.

    Attributes:
        case: Name of its case.
        status: One of `STATUSES`.
        facts: What is known by column: numbers, words, None.
        message: Record of the reason of a study that was refused or failed; empty otherwise.
        warnings: Codes of its warnings, sorted.
    """

    case: str
    status: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def number(self, column: str) -> float | None:
        """A number of a measured study, or None."""
        value = self.facts.get(column)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def rows(studies: Iterable[StudyFiles], endings: Mapping[str, Ending], out: Path) -> tuple[Row, ...]:
    """One row a study, from its case folder, or from how it ended where it has none.

    Args:
        studies: The studies of the tree.
        endings: How those ended that were worked on now, by name.
        out: The output folder of the batch.
    """
    made = [_row(study, endings.get(study.name), out / CASES / study.name) for study in studies]
    return tuple(_with_twins(made))


def _row(study: StudyFiles, ending: Ending | None, case: Path) -> Row:
    about = {"kind": study.kind, "files": len(study.files)}
    if ending is not None and ending.status == FAILED:
        return Row(study.name, FAILED, about, message_record(ending.message) if ending.message else {})
    try:
        record = json.loads((case / "report.json").read_bytes())
    except (OSError, ValueError):
        return Row(study.name, WAITING, about)
    if record["status"] == REFUSED:
        return Row(study.name, REFUSED, about, record["refusal"])
    codes = {m["code"] for m in record["messages"] if m["severity"] == Severity.WARNING.value}
    return Row(study.name, MEASURED, about | _facts(record), {}, tuple(sorted(codes)))


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of one measured study under their columns."""
    patient, suv, scan = record["patient"], record["suv"], record["input"]
    facts: dict[str, Any] = {name: value for name, value in patient.items() if name not in _APART}
    facts["n_lesions"] = patient.get("n")
    facts["n_doubtful"] = sum(row["status"] == "doubtful" for row in (*record["lesions"], *_out(record)))
    facts["removed_ml"] = record["segmentation"]["removed_total"]["volume_ml"]
    tmtv: Mapping[str, Any] = next((row for row in record["key_numbers"] if row["key"] == "tmtv_ml"), {})
    facts["tmtv_low_ml"], facts["tmtv_high_ml"] = tmtv.get("range") or (facts.get("tmtv_ml"),) * 2
    for organ, values in record["reference"].items():
        facts |= {f"{organ}_{name}": values[name] for name in _REFERENCE if name in values}
    facts |= {name: index["value"] for name, index in record["indices"].items()}
    for method, row in record["sensitivity"]["methods"].items():
        facts[f"tmtv_ml {method}"] = row.get("tmtv_ml")
    if doubt := record.get("doubt"):
        facts["network_low_ml"], facts["network_high_ml"] = doubt["tmtv_ml_range"]
        facts["n_unlike_training"] = sum(row["unlike"] for row in doubt["likeness"])
    if "prognosis" in record:
        told = record["prognosis"]
        facts[f"risk {told['endpoint']['name']}"] = told["risk"]
    facts |= {name: suv[name] for name in ("uptake_min", "weight_kg", "height_m", "sex")}
    facts["dose_mbq"] = None if suv["dose_bq"] is None else suv["dose_bq"] / 1e6
    facts["suv_branch"], facts["overrides"] = suv["branch"], len(suv["overrides"])
    facts |= {name: scan[name] for name in ("scanned", "study_uid_hash")}
    facts |= {name: scan["pet"].get(name) for name in ("manufacturer", "model")}
    facts["pet_voxel_ml"], facts["has_ct"] = scan["pet"]["voxel_ml"], scan["ct"] is not None
    return facts | {name: record["segmentation"][name] for name in _HOW}


def _out(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    removed: Sequence[Mapping[str, Any]] = record["segmentation"]["removed"]
    return removed


def _with_twins(made: Iterable[Row]) -> Iterable[Row]:
    """Say which measured cases are of one study, such as a folder and a zip of it; the first is named."""
    first: dict[str, str] = {}
    for row in made:
        uid = row.facts.get("study_uid_hash")
        if not uid:
            yield row
            continue
        twin = first.setdefault(uid, row.case)
        yield Row(
            row.case, row.status, {**row.facts, "same_study_as": None if twin == row.case else twin},
            row.message, row.warnings,
        )  # fmt: skip


def columns(made: Iterable[Row]) -> tuple[str, ...]:
    """Names of the columns: the fixed ones first, then every other number in alphabetical order."""
    fixed = dict.fromkeys((*_FIRST, *_FRONT))
    last = (*_SCAN, *_HOW)
    others = sorted({name for row in made for name in row.facts} - set(fixed) - set(last))
    return (*fixed, *others, *last)


def cohort_csv(made: Sequence[Row]) -> str:
    """The table: commas, CR LF, nine significant digits, and no cell that a spreadsheet would take for a formula."""
    names = columns(made)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([cell(name) for name in names])
    for row in made:
        known = {
            **row.facts, "case": row.case, "status": row.status, "code": row.message.get("code"),
            "why": _why(row.message), "fix": row.message.get("fix"), "warnings": " ".join(row.warnings),
        }  # fmt: skip
        writer.writerow([cell(known.get(name)) for name in names])
    return stream.getvalue()


def status_lines(made: Iterable[Row]) -> bytes:
    """One line of JSON a study: case, status, code and reason."""
    return b"".join(status_line(row.case, row.status, row.message) for row in made)


def status_line(case: str, status: str, message: Mapping[str, Any]) -> bytes:
    """One line of the status file."""
    line = {"case": case, "status": status, "code": message.get("code"), "text": message.get("text")}
    return (json.dumps(line, sort_keys=True, ensure_ascii=True) + "\n").encode()


def _why(message: Mapping[str, Any]) -> str | None:
    where = f" in {message['where']}" if message.get("where") else ""
    return f"{message['what']}{where}" if message else None
