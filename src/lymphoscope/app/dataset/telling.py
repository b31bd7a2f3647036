"""What a tree came to, written down: a line a study and a page to check for everybody, who is who for the crosswalk."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from lymphoscope.app.batch.table import status_line
from lymphoscope.app.batch.work import FAILED, REFUSED
from lymphoscope.app.dataset.making import PICTURE_FILE
from lymphoscope.app.dataset.metadata import series_table
from lymphoscope.app.dataset.quality import MOST_OUTSIDE
from lymphoscope.app.deid.work import DONE
from lymphoscope.core.errors import Message
from lymphoscope.image.alignment import GOOD_DICE, LEAST_COVERAGE, MOST_SHIFT_MM
from lymphoscope.image.landmarks import MOST_APART_MM, MOST_MISSING
from lymphoscope.io.atomic import writing
from lymphoscope.io.deid.crosswalk import Crosswalk
from lymphoscope.quant.reference import LIVER_RANGE
from lymphoscope.render.record import message_record
from lymphoscope.render.table import cell

CASES, STATUS, PAGE, DISPUTES, SERIES = "cases", "status.jsonl", "check.html", "disagreements.csv", "series.csv"
PEOPLE, LEFT_OUT = "cases.csv", "studies-left-out.csv"
_COLUMNS = (
    ("body_dice", "body Dice", "{:.2f}", lambda v: v < GOOD_DICE),
    ("apart_mm", "centres apart, mm", "{:.1f}", lambda v: v > MOST_SHIFT_MM),
    ("coverage", "CT covers, %", "{:.0%}", lambda v: v < LEAST_COVERAGE),
    ("better_shift", "fits better shifted", "{}", bool),
    ("liver_dome_mm", "liver domes apart, mm", "{:.0f}", lambda v: v > MOST_APART_MM["liver_dome"]),
    ("brain_mm", "brains apart, mm", "{:.0f}", lambda v: v > MOST_APART_MM["brain"]),
    ("bladder_mm", "bladders apart, mm", "{:.0f}", lambda v: v > MOST_APART_MM["bladder"]),
    ("missing", "body not on the CT, %", "{:.0%}", lambda v: v > MOST_MISSING),
    ("liver_suv", "liver SUV", "{:.2f}", lambda v: not LIVER_RANGE[0] <= v <= LIVER_RANGE[1]),
    ("mask_outside", "mask outside the body, %", "{:.0%}", lambda v: v > MOST_OUTSIDE),
    ("mask_ml", "tumour, mL", "{:.1f}", lambda v: not v),
    ("lesions", "lesions", "{}", lambda _: False),
    ("suvmax", "SUVmax", "{:.1f}", lambda _: False),
)


@dataclass(frozen=True)
class Told:
    """What became of one study.

    Attributes:
        name: Of the study in the crosswalk.
        place: Where it lies.
        status: ``done``, ``refused`` or ``failed``.
        record: Its record in the crosswalk.
        reason: Why it is no case, as a record; empty for a case.
    """

    name: str
    place: str
    status: str
    record: Mapping[str, Any] = field(default_factory=dict)
    reason: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, place: str, record: Mapping[str, Any], why: Message | None, failed: bool) -> Told:
        """From a record, overruled by a reason that came up since."""
        if why is not None:
            return cls(name, place, FAILED if failed else REFUSED, record, message_record(why))
        return cls(name, place, str(record["status"]), record, record["refusal"] or {})


def tell(
    told: Sequence[Told], others: Iterable[tuple[str, Message]], alike: Iterable[Any], crosswalk: Crosswalk, work: Path
) -> dict[str, Any]:
    """Write status and page for everybody, and who is who for the crosswalk.

    Args:
        told: Every study, by name.
        others: Path and reason of what is no study to make a case of.
        alike: Pairs of cases that look like one examination, with their correlation.
        crosswalk: Who is who.
        work: Folder of the cases.

    Returns:
        Counts of studies and of codes.
    """
    counts: Counter[str] = Counter({DONE: 0, REFUSED: 0, FAILED: 0})
    counts.update(one.status for one in told)
    left_out = [(one.name, one.place, one.reason) for one in told if one.reason]
    left_out += [("", path, message_record(message)) for path, message in others]
    done = [one.record for one in told if one.status == DONE]
    codes = Counter(str(reason["code"]) for _, _, reason in left_out)
    codes.update(code for record in done for code in record["facts"]["warnings"])
    pairs = [(one.case, other.case, f"{correlation:.3f}") for one, other, correlation in alike]
    if pairs:
        codes["DATA-W-ALIKE"] = len(pairs)
    people = [[cell(r[name]) for name in ("case", "patient", "patient_id", "source")] for r in done]
    crosswalk.write_table(PEOPLE, ("case", "patient", "patient_id", "source"), people)
    rows = [[name, cell(path), str(why["code"]), cell(why["what"])] for name, path, why in left_out]
    crosswalk.write_table(LEFT_OUT, ("study", "source", "code", "why"), rows)
    lines = [_line(one) for one in told] + [status_line("", REFUSED, message_record(m)) for _, m in others]
    disputes = [row for one in told for row in _disputes(one)]
    with writing():
        work.mkdir(parents=True, exist_ok=True)
        (work / STATUS).write_bytes(b"".join(lines))
        (work / DISPUTES).write_text(_csv(disputes), encoding="utf-8")
        (work / SERIES).write_text(series_table(_series(told)), encoding="utf-8")
        (work / PAGE).write_text(_page(done, disputes, pairs), encoding="utf-8")
    return {
        **counts,
        "others": len(left_out) - sum(bool(one.reason) for one in told),
        "codes": dict(sorted(codes.items())),
    }


def _series(told: Sequence[Told]) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    return [(one.record.get("case") or one.name, one.record.get("series") or ()) for one in told]


def _line(one: Told) -> bytes:
    return status_line(one.record.get("case") or one.name, one.status, one.reason)


def _disputes(one: Told) -> list[list[str]]:
    return [
        [one.name, str(f["finding"]), " ".join(map(str, f["centre_lps_mm"])), *map(str, f["ml"]), str(f["dice"])]
        for f in (one.record.get("disputes") or () if one.status == REFUSED else ())
    ]


def _csv(rows: Iterable[Sequence[str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(("study", "finding", "centre_lps_mm", "reader_1_ml", "reader_2_ml", "dice"))
    writer.writerows(rows)
    return stream.getvalue()


def _page(done: Sequence[Mapping[str, Any]], disputes: Sequence[Any], alike: Sequence[Any]) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = files("lymphoscope.app.dataset").joinpath("check.html.j2").read_text(encoding="utf-8")
    cases = sorted((_case(record) for record in done), key=lambda c: (-c["odd"], -len(c["warnings"]), c["name"]))
    heads = [head for _, head, _, _ in _COLUMNS]
    return environment.from_string(source).render(heads=heads, cases=cases, disputes=disputes, alike=alike)


def _case(record: Mapping[str, Any]) -> dict[str, Any]:
    facts, name = record["facts"], record["case"]
    said = [" × ".join(map(str, facts["shape"])) + " voxels"]
    if not facts["marked"]:
        said.append("no mask")
    if moved := facts["registration"]:
        said.append(f"CT moved by {moved['shift_mm']:.1f} mm, {moved['angle_deg']:.1f}°")
        if bent := moved["deformation"]:
            taken = "deformed by up to" if bent["taken"] else "not deformed: found up to"
            volumes = " to ".join(f"{share:.2f}" for share in bent["jacobian"][1:])
            said.append(f"{taken} {bent['shift_mm']:.0f} mm, volumes × {volumes}, information {bent['gain']:+.0%}")
    if read := facts["readers"]:
        said.append(f"{read['readers']} readers, {read['disputed']} of {read['findings']} findings disputed")
    cells = []
    for key, _, form, odd in _COLUMNS:
        value = facts["quality"].get(key)
        cells.append(("–", False) if value is None else (form.format(value), bool(odd(value))))
    return {
        "name": name,
        "cells": cells,
        "odd": sum(odd for _, odd in cells),
        "words": ", ".join(said),
        "warnings": facts["warnings"],
        "picture": f"{CASES}/{name}/{PICTURE_FILE}",
    }
