"""A scan beside earlier ones of the same patient: what makes them comparable, and how far their numbers are apart.

Where a hard condition fails (tracer, SUV type, method) both numbers stand and no difference is computed.

Reference: specification of the report, 2.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lymphoscope.core import shown

QUANTITIES = (
    ("tmtv_ml", "TMTV", "mL"),
    ("tlg_g", "TLG", "g"),
    ("n", "Lesions", "1"),
    ("suvpeak", "SUVpeak", "g/mL"),
    ("suvmax", "SUVmax", "g/mL"),
    ("dmax_cm", "Dmax", "cm"),
)
UPTAKE_MIN = 15.0
"""Uptake times further apart than this are warned of, minutes."""

LEAST_ML = 10.0
"""A percentage of a smaller volume says nothing: TMTV and TLG then have their absolute difference alone."""

_VOLUMES = ("tmtv_ml", "tlg_g")
_FRONT = ("tmtv_ml", "tlg_g", "n", "suvpeak")
_REFUSED = "RESP-E-INCOMPATIBLE"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Earlier:
    """An earlier scan.

    Attributes:
        name: ``Baseline`` or ``Previous``.
        record: Its record.
        of: Whose numbers they are, such as ``signed, v1``.
        lesions: Which of its lesions is which of this scan's, as by `lymphoscope.app.reading.followup.followed`; None
            where that was not looked for.
        apart: Why its lesions were not looked for, in words.
    """

    name: str
    record: Record
    of: str
    lesions: Sequence[Mapping[str, Any]] | None = None
    apart: str = ""

    @property
    def title(self) -> str:
        """Name and date."""
        return f"{self.name} {(self.record['input']['scanned'] or 'undated')[:10]}"


def comparison(now: Record, earlier: Sequence[Earlier]) -> dict[str, Any] | None:
    """The block of a record that compares it with earlier scans.

    Args:
        now: The record of this scan.
        earlier: Earlier ones, the first first.

    Returns:
        Per earlier scan what differs (``hard`` forbids differences, ``soft`` is warned of) and the differences; the
        facts beside one another; and the line of page 1. None without an earlier scan.
    """
    if not earlier:
        return None
    scans = [_against(now, one) for one in earlier]
    facts = [
        {"name": name, "values": [read(record) for record in (*(e.record for e in earlier), now)]}
        for name, read in _FACTS.items()
    ]
    return {"scans": scans, "facts": facts, "line": " ".join(_line(scan) for scan in scans)}


def differences(before: Record, now: Record) -> tuple[list[str], list[str]]:
    """What makes two scans' numbers not comparable, in words, and what is to be known about comparing them."""
    hard = [
        f"{name} differ ({_said(before, part, key)} / {_said(now, part, key)})"
        for name, part, key in _HARD
        if before[part].get(key) != now[part].get(key)
    ]
    soft = []
    uptakes = [record["suv"].get("uptake_min") for record in (before, now)]
    if None not in uptakes and abs(uptakes[0] - uptakes[1]) > UPTAKE_MIN:
        soft.append(f"uptake times are {uptakes[0]:.0f} and {uptakes[1]:.0f} min")
    soft += [
        f"{words} ({' / '.join(values)})"
        for words, read in (("scanners differ", _scanner), ("voxels differ", _voxels))
        if len(set(values := [read(record) for record in (before, now)])) > 1
    ]
    return hard, soft


_HARD = (
    ("tracers", "suv", "fdg"),
    ("SUV types", "suv", "type"),
    ("TMTV methods", "segmentation", "method"),
    ("thresholds", "segmentation", "threshold"),
)


def _said(record: Record, part: str, key: str) -> str:
    value = record[part].get("tracer" if key == "fdg" else key)
    return str(value or shown.NONE)


def _scanner(record: Record) -> str:
    pet = record["input"]["pet"]
    return " ".join(str(pet[key]) for key in ("manufacturer", "model") if pet.get(key)) or shown.NONE


def _voxels(record: Record) -> str:
    return str(record["input"]["pet"]["shown"]["voxel_mm"])


def _liver(record: Record) -> str:
    return str((record["reference"].get("liver") or {"shown": {}})["shown"].get("mean", shown.NONE))


_FACTS = {
    "Tracer": lambda r: _said(r, "suv", "fdg"),
    "SUV type": lambda r: _said(r, "suv", "type"),
    "Method": lambda r: _said(r, "segmentation", "method"),
    "Threshold": lambda r: _said(r, "segmentation", "threshold"),
    "Scanner": _scanner,
    "PET voxels": _voxels,
    "Uptake time": lambda r: str(r["suv"]["shown"]["uptake_min"]),
    "Liver SUVmean": _liver,
}


def _against(now: Record, earlier: Earlier) -> dict[str, Any]:
    hard, soft = differences(earlier.record, now)
    then, facts = earlier.record["patient"], earlier.record["input"]
    rows = [_row(key, name, unit, then, now["patient"], not hard) for key, name, unit in QUANTITIES]
    return {
        "title": earlier.title, "of": earlier.of, "scanned": facts["scanned"], "study": facts["study_uid_hash"],
        "hard": hard, "code": _REFUSED if hard else None, "soft": soft, "rows": rows,
        "lesions": None if earlier.lesions is None else [dict(row) for row in earlier.lesions], "apart": earlier.apart,
    }  # fmt: skip


def _row(key: str, name: str, unit: str, then: Record, now: Record, compared: bool) -> dict[str, Any]:
    a, b = then.get(key), now.get(key)
    delta = b - a if compared and a is not None and b is not None else None
    small = key in _VOLUMES and (then.get("tmtv_ml") or 0.0) < LEAST_ML
    percent = 100.0 * delta / a if delta is not None and a and not small else None
    return {
        "key": key, "name": name, "unit": unit, "before": a, "now": b, "delta": delta, "delta_percent": percent,
        "shown": {
            "before": shown.with_unit(a, unit), "now": shown.with_unit(b, unit),
            "delta": shown.change(delta, unit), "delta_percent": shown.change(percent),
        },
    }  # fmt: skip


def _line(scan: Mapping[str, Any]) -> str:
    if scan["hard"]:
        return f"{scan['title']}: not compared, {'; '.join(scan['hard'])} ({_REFUSED})."
    parts = []
    for row in scan["rows"]:
        if row["key"] in _FRONT and row["before"] is not None and row["now"] is not None:
            said = row["shown"]
            percent = f", {said['delta_percent']}" if row["delta_percent"] is not None and row["key"] != "n" else ""
            parts.append(f"{row['name']} {said['before']} → {said['now']} ({said['delta']}{percent})")
    soft = f" Note: {'; '.join(scan['soft'])}." if scan["soft"] else ""
    return f"{scan['title']} ({scan['of']}): {'; '.join(parts)}.{soft}"
